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

struct capture {
	const uint8_t *data;
	size_t len, at;
	size_t dropped; /* pages before this offset were given back */
	char *name;
	bool mapped;
	bool swapped;     /* the other byte order than this machine's */
	bool nanoseconds; /* pcap */
	int (*next)(struct capture *c, struct capture_frame *f, struct err *e);
	struct capture_iface *iface; /* pcapng, of the current section */
	uint32_t iface_count, iface_room;
	uint64_t last_ns; /* packets without a timestamp take the one before */
	int failed;       /* negative errno once the file made no sense */
	char warning[256];
	struct err why; /* of `failed` */
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

/* Bytes not read yet. */
static inline size_t capture_left(const struct capture *c)
{
	return c->len - c->at;
}

/* The file ends here although more was announced: remembers it and returns 0 (the end). */
int capture_cut(struct capture *c, const char *what);
/* "NAME: offset N: ..." and -EBADMSG. */
int capture_bad(struct capture *c, struct err *e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* capture_pcap.c, capture_pcapng.c: the header is there when `magic` matched. 0 or a negative errno. */
bool pcap_magic(uint32_t magic, bool *swapped, bool *nanoseconds);
int pcap_begin(struct capture *c, struct err *e);
int pcapng_begin(struct capture *c, struct err *e);

#endif
