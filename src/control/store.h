/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The state directory: every config that was applied, numbered, with who, when and why. Each is one file that
 * is itself a config file, its first line a comment with the facts:
 *
 *   000012.yaml          was in force for good; the one with the highest number is the last confirmed config
 *   000013.pending.yaml  waits for its confirmation
 *   000013.undone.yaml   was taken back, or not confirmed when weir ended
 *
 * A file is written under another name, synced, renamed, and the directory is synced: after a crash at any
 * moment there is the old state or the new one. Without a directory everything is kept in memory.
 *
 * Thread-safety: none; control thread only. Another process on the same directory is kept out by a lock.
 */
#ifndef WEIR_CONTROL_STORE_H
#define WEIR_CONTROL_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define STORE_KEPT 50                    /* entries; the oldest go first */
#define STORE_BYTES (UINT64_C(64) << 20) /* of all texts, the two newest confirmed ones excepted */
#define STORE_MESSAGE_MAX 256

enum store_state { STORE_CONFIRMED, STORE_PENDING, STORE_UNDONE };
extern const char *const store_state_words[3]; /* confirmed, pending, undone */

struct store_entry {
	uint32_t id;
	enum store_state state;
	int64_t time; /* seconds since 1970 */
	uint32_t uid;
	char user[33];
	char message[STORE_MESSAGE_MAX];
	char source[256];  /* file or request it came from */
	char summary[80];  /* "1 added, 0 changed, 0 removed" against the one before */
	char startup[256]; /* path of the startup file then, may be empty */
	char checksum[17]; /* of the startup files then, see store_checksum() */
	size_t size;       /* of the text */
	char *text;        /* kept in memory only without a directory */
};

struct store;

/* Opens (and creates) a directory; NULL: in memory. Leftovers of a crash are put right: what was pending
 * becomes undone. NULL with a sentence; -EBUSY in e->code when another process has it. */
struct store *store_open(const char *dir, struct err *e);
void store_close(struct store *s);
const char *store_directory(const struct store *s); /* NULL: in memory */

/* Entries, newest first. */
unsigned store_count(const struct store *s);
const struct store_entry *store_at(const struct store *s, unsigned i);
const struct store_entry *store_find(const struct store *s, uint32_t id); /* or NULL */
/* The last confirmed one, NULL if there is none. */
const struct store_entry *store_last(const struct store *s);
/* The config text of an entry (malloc). NULL with a sentence. */
char *store_text(const struct store *s, uint32_t id, size_t *len, struct err *e);

/* Adds an entry (state CONFIRMED or PENDING; id, size and text are filled in) and returns its id. When it
 * returns, the entry is on the disk. 0 with a sentence: nothing was added. */
uint32_t store_put(
	struct store *s, const struct store_entry *like, const char *text, size_t len, struct err *e);
/* Pending becomes confirmed / undone. 0, or a negative errno with a sentence. */
int store_settle(struct store *s, uint32_t id, enum store_state state, struct err *e);

/* 64 bits as text; equal texts have equal sums. Continue with the sum so far, begin with 0. */
uint64_t store_sum(uint64_t so_far, const void *bytes, size_t len);

#endif
