/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the capture reader: the bytes, and one parser per format.
 */
#ifndef WEIR_REPLAY_CAPTURE_PRIV_H
#define WEIR_REPLAY_CAPTURE_PRIV_H

#include <stdbool.h>
#include <string.h>

#include "replay/capture.h"

#define CAPTURE_INTERFACES 65536 /* per section; more are refused */

/* An interface of a pcapng section. */
struct capture_iface {
	uint16_t link;
	uint32_t snaplen;   /* 0: no limit */
	uint8_t resolution; /* if_tsresol */
	int64_t offset;     /* seconds, if_tsoffset */
};

/* A window of the file. Parsers ask with capture_need() before they look. */
struct capture {
	const uint8_t *data; /* the window: `len` bytes from offset `base` of the file, parsed up to `at` */
	size_t len, at;
	uint64_t base;
	struct gzFile_s *file; /* NULL: all is in memory */
	uint8_t *buffer;       /* holds the window */
	size_t room;
	uint64_t size; /* of the file as it lies there, 0 if not known */
	bool end;      /* nothing is behind the window */
	char *name;
	bool swapped;     /* the other byte order than this machine's */
	bool nanoseconds; /* pcap */
	int (*next)(struct capture *c, struct capture_frame *f, struct err *e);
	struct capture_iface *iface; /* pcapng, of the current section */
	uint32_t iface_count, iface_room;
	uint64_t last_ns; /* packets without a timestamp take the one before */
	int failed;       /* negative errno once the file made no sense */
	char warning[256];
	struct err why; /* of `failed`, and of a read that failed */
};

static inline uint16_t capture_u16(const struct capture *c, size_t at)
{
	uint16_t v;

	memcpy(&v, c->data + at, sizeof v);
	return c->swapped ? __builtin_bswap16(v) : v;
}

static inline uint32_t capture_u32(const struct capture *c, size_t at)
{
	uint32_t v;

	memcpy(&v, c->data + at, sizeof v);
	return c->swapped ? __builtin_bswap32(v) : v;
}

/* Bytes of the window not parsed yet; after capture_need() failed: of the file. */
static inline size_t capture_left(const struct capture *c)
{
	return c->len - c->at;
}

/* Reads on until `n` bytes are there; false at the end of the file. */
bool capture_fill(struct capture *c, size_t n);

/* True when `n` bytes are at c->at. Moves the window: pointers into it and c->at change. */
static inline bool capture_need(struct capture *c, size_t n)
{
	return __builtin_expect(capture_left(c) >= n, 1) || capture_fill(c, n);
}

/* capture_open() with a window that starts with this many bytes, so that tests can move it often. */
struct capture *capture_open_window(const char *path, size_t window, struct err *e);

/* The file ends here although more was announced: remembers it and returns 0 (the end). */
int capture_cut(struct capture *c, const char *what);
/* "NAME: offset N: ..." and -EBADMSG. */
int capture_bad(struct capture *c, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* capture_pcap.c, capture_pcapng.c: at the start of a file whose `magic` matched. 0 or a negative errno. */
bool pcap_magic(uint32_t magic, bool *swapped, bool *nanoseconds);
int pcap_begin(struct capture *c, struct err *e);
int pcapng_begin(struct capture *c, struct err *e);

#endif
