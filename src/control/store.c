/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "control/store_priv.h"

#define NAME_MAX_LEN 40
#define TEXT_MAX (32u << 20)

const char *const store_state_words[3] = {"confirmed", "pending", "undone"};
static const char *const suffixes[3] = {".yaml", ".pending.yaml", ".undone.yaml"};

struct store {
	char *dir; /* NULL: in memory */
	int dir_fd, lock_fd;
	struct store_entry *entry; /* oldest first */
	unsigned count, room;
	uint32_t next_id;
};

/* --- small parts --- */

static void name_of(uint32_t id, enum store_state state, char name[static NAME_MAX_LEN])
{
	snprintf(name, NAME_MAX_LEN, "%06" PRIu32 "%s", id, suffixes[state]);
}

static int cannot(const struct store *s, const char *what, const char *name, struct err *e)
{
	int code = errno;

	return err_set(e, code, "%s/%s cannot be %s: %s", s->dir, name, what, strerror(code));
}

/* --- the list --- */

static struct store_entry *new_entry(struct store *s)
{
	if (s->count == s->room) {
		unsigned room = s->room * 2 + 16;
		struct store_entry *more = realloc(s->entry, room * sizeof *more);

		if (more == NULL)
			return NULL;
		s->entry = more;
		s->room = room;
	}
	s->entry[s->count] = (struct store_entry){0};
	return &s->entry[s->count];
}

unsigned store_count(const struct store *s)
{
	return s->count;
}

const struct store_entry *store_at(const struct store *s, unsigned i)
{
	return i < s->count ? &s->entry[s->count - 1 - i] : NULL;
}

const struct store_entry *store_find(const struct store *s, uint32_t id)
{
	for (unsigned i = 0; i < s->count; i++)
		if (s->entry[i].id == id)
			return &s->entry[i];
	return NULL;
}

const struct store_entry *store_last(const struct store *s)
{
	for (unsigned i = s->count; i > 0; i--)
		if (s->entry[i - 1].state == STORE_CONFIRMED)
			return &s->entry[i - 1];
	return NULL;
}

const char *store_directory(const struct store *s)
{
	return s->dir;
}

static void forget(struct store *s, unsigned i)
{
	char name[NAME_MAX_LEN];

	name_of(s->entry[i].id, s->entry[i].state, name);
	if (s->dir != NULL)
		unlinkat(s->dir_fd, name, 0);
	free(s->entry[i].text);
	memmove(&s->entry[i], &s->entry[i + 1], (s->count - i - 1) * sizeof s->entry[0]);
	s->count--;
}

/* The oldest entry that may go: not what is pending, not the two newest confirmed ones. */
static int oldest(const struct store *s)
{
	unsigned confirmed = 0;

	for (unsigned i = 0; i < s->count; i++)
		confirmed += s->entry[i].state == STORE_CONFIRMED;
	for (unsigned i = 0; i < s->count; i++)
		if (s->entry[i].state == STORE_UNDONE ||
			(s->entry[i].state == STORE_CONFIRMED && confirmed > 2))
			return (int)i;
	return -1;
}

static void prune(struct store *s)
{
	for (;;) {
		uint64_t bytes = 0;
		int i = oldest(s);

		for (unsigned k = 0; k < s->count; k++)
			bytes += s->entry[k].size;
		if (i < 0 || (s->count <= STORE_KEPT && bytes <= STORE_BYTES))
			return;
		forget(s, (unsigned)i);
	}
}

/* --- opening --- */

/* Id and state from a file name; false when it is not one of ours. */
static bool parse_name(const char *name, uint32_t *id, enum store_state *state)
{
	char *end;
	unsigned long v = name[0] >= '0' && name[0] <= '9' ? strtoul(name, &end, 10) : 0;

	if (v == 0 || v > UINT32_MAX - 1)
		return false;
	for (unsigned i = 0; i < 3; i++)
		if (strcmp(end, suffixes[i]) == 0) {
			*id = (uint32_t)v;
			*state = (enum store_state)i;
			return true;
		}
	return false;
}

static void read_entry(struct store *s, const char *name, uint32_t id, enum store_state state)
{
	char line[STORE_HEADER_MAX];
	struct store_entry *n = new_entry(s);
	int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, line, sizeof line) : -1;
	const char *end = got > 0 ? memchr(line, '\n', (size_t)got) : NULL;
	struct stat st;

	if (n != NULL && end != NULL && fstat(fd, &st) == 0 &&
		store_parse_header(line, (size_t)(end - line), n)) {
		n->id = id;
		n->state = state;
		n->size = (size_t)st.st_size - (size_t)(end + 1 - line);
		s->count++;
	} else {
		log_warning("%s/%s is not readable and is not used", s->dir, name);
	}
	if (fd >= 0)
		close(fd);
	if (id >= s->next_id)
		s->next_id = id + 1;
}

static int by_id(const void *a, const void *b)
{
	const struct store_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static int read_directory(struct store *s, struct err *e)
{
	DIR *d = opendir(s->dir);
	const struct dirent *at;

	if (d == NULL)
		return cannot(s, "read", "", e);
	while ((at = readdir(d)) != NULL) {
		enum store_state state;
		uint32_t id;

		if (parse_name(at->d_name, &id, &state))
			read_entry(s, at->d_name, id, state);
		else if (strcmp(at->d_name, "new") == 0) /* of a write that a crash interrupted */
			unlinkat(s->dir_fd, at->d_name, 0);
	}
	closedir(d);
	if (s->count != 0)
		qsort(s->entry, s->count, sizeof s->entry[0], by_id);
	return 0;
}

static void settle_leftovers(struct store *s)
{
	for (unsigned i = 0; i < s->count; i++) {
		struct err e = {0};

		if (s->entry[i].state != STORE_PENDING)
			continue;
		log_warning("configuration %" PRIu32 " was not confirmed before weir ended and is not used",
			s->entry[i].id);
		if (store_settle(s, s->entry[i].id, STORE_UNDONE, &e) != 0)
			log_warning("%s", e.text);
	}
}

static int make_directories(const char *dir, struct err *e)
{
	char path[1024];

	if ((size_t)snprintf(path, sizeof path, "%s/", dir) >= sizeof path)
		return err_set(e, ENAMETOOLONG, "the path of the state directory is too long");
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0750) != 0 && errno != EEXIST)
			return err_set(e, errno, "the state directory %s cannot be created: %s", path,
				strerror(errno));
		*slash = '/';
	}
	return 0;
}

static int open_directory(struct store *s, struct err *e)
{
	int rc = make_directories(s->dir, e);

	if (rc != 0)
		return rc;
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return cannot(s, "opened", "", e);
	s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0)
		return cannot(s, "opened", "lock", e);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, EBUSY,
			"another weir keeps its state in %s; stop it, or name another directory with --state",
			s->dir);
	return read_directory(s, e);
}

struct store *store_open(const char *dir, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);

	if (s != NULL) {
		s->dir_fd = s->lock_fd = -1;
		s->next_id = 1;
		s->dir = dir != NULL ? strdup(dir) : NULL;
	}
	if (s == NULL || (dir != NULL && s->dir == NULL)) {
		free(s);
		err_set(e, ENOMEM, "not enough memory for the history of configurations");
		return NULL;
	}
	if (dir != NULL && open_directory(s, e) != 0) {
		store_close(s);
		return NULL;
	}
	settle_leftovers(s);
	return s;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->count; i++)
		free(s->entry[i].text);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	free(s->entry);
	free(s->dir);
	free(s);
}

/* --- writing --- */

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -1;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int sync_directory(struct store *s, struct err *e)
{
	return fsync(s->dir_fd) == 0 ? 0 : cannot(s, "synced", "", e);
}

static int write_file(
	struct store *s, const char *name, const char *header, const char *text, size_t len, struct err *e)
{
	int fd = openat(s->dir_fd, "new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640), rc = 0;

	if (fd < 0)
		return cannot(s, "written", name, e);
	if (write_all(fd, header, strlen(header)) != 0 || write_all(fd, text, len) != 0 || fsync(fd) != 0)
		rc = cannot(s, "written", name, e);
	if (close(fd) != 0 && rc == 0)
		rc = cannot(s, "written", name, e);
	if (rc == 0 && renameat(s->dir_fd, "new", s->dir_fd, name) != 0)
		rc = cannot(s, "written", name, e);
	if (rc != 0) {
		unlinkat(s->dir_fd, "new", 0);
		return rc;
	}
	rc = sync_directory(s, e);
	if (rc != 0)
		unlinkat(s->dir_fd, name, 0);
	return rc;
}

static int keep_text(struct store *s, struct store_entry *n, const char *text, size_t len, struct err *e)
{
	char name[NAME_MAX_LEN], *header;
	int rc;

	if (s->dir == NULL) {
		n->text = malloc(len + 1);
		if (n->text == NULL)
			return err_set(e, ENOMEM, "not enough memory to keep the configuration");
		memcpy(n->text, text, len);
		n->text[len] = '\0';
		return 0;
	}
	header = store_header(n);
	if (header == NULL)
		return err_set(e, ENOMEM, "not enough memory to keep the configuration");
	name_of(n->id, n->state, name);
	rc = write_file(s, name, header, text, len, e);
	free(header);
	return rc;
}

uint32_t store_put(
	struct store *s, const struct store_entry *like, const char *text, size_t len, struct err *e)
{
	struct store_entry *n = new_entry(s);

	if (n == NULL) {
		err_set(e, ENOMEM, "not enough memory for the history of configurations");
		return 0;
	}
	*n = *like;
	n->id = s->next_id;
	n->size = len;
	n->text = NULL;
	if (keep_text(s, n, text, len, e) != 0)
		return 0;
	s->next_id++;
	s->count++;
	prune(s);
	return s->next_id - 1;
}

int store_settle(struct store *s, uint32_t id, enum store_state state, struct err *e)
{
	struct store_entry *n = (struct store_entry *)(uintptr_t)store_find(s, id);
	char from[NAME_MAX_LEN], to[NAME_MAX_LEN];
	int rc;

	if (n == NULL)
		return err_set(e, ENOENT, "there is no configuration %" PRIu32 " in the history", id);
	name_of(id, n->state, from);
	name_of(id, state, to);
	if (s->dir != NULL) {
		if (renameat(s->dir_fd, from, s->dir_fd, to) != 0)
			return cannot(s, "renamed", from, e);
		rc = sync_directory(s, e);
		if (rc != 0) {
			(void)renameat(s->dir_fd, to, s->dir_fd, from);
			return rc;
		}
	}
	n->state = state;
	return 0;
}

/* --- reading --- */

static char *read_text(const struct store *s, const struct store_entry *n, size_t *len, struct err *e)
{
	char name[NAME_MAX_LEN], *text, *body;
	size_t have = 0;
	struct stat st;
	ssize_t got = 1;
	int fd;

	name_of(n->id, n->state, name);
	fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > TEXT_MAX) {
		cannot(s, "read", name, e);
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	while (text != NULL && (got > 0 || (got < 0 && errno == EINTR)) && have < (size_t)st.st_size) {
		got = read(fd, text + have, (size_t)st.st_size - have);
		have += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	/* A part of a config may be a config as well: it must be all of it. */
	body = text != NULL && have == (size_t)st.st_size ? memchr(text, '\n', have) : NULL;
	if (body == NULL) {
		free(text);
		err_set(e, EIO, "%s/%s cannot be read", s->dir, name);
		return NULL;
	}
	*len = have - (size_t)(body + 1 - text);
	memmove(text, body + 1, *len);
	text[*len] = '\0';
	return text;
}

char *store_text(const struct store *s, uint32_t id, size_t *len, struct err *e)
{
	const struct store_entry *n = store_find(s, id);
	char *copy;

	if (n == NULL) {
		err_set(e, ENOENT, "there is no configuration %" PRIu32 " in the history", id);
		return NULL;
	}
	if (s->dir != NULL)
		return read_text(s, n, len, e);
	copy = strdup(n->text);
	*len = n->size;
	if (copy == NULL)
		err_set(e, ENOMEM, "not enough memory to read configuration %" PRIu32, id);
	return copy;
}
