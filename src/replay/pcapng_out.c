/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pcapng writer: blocks are put together in a large buffer in this machine's byte order.
 */
#include "replay/pcapng_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER (2u << 20)
#define EPB_HEAD 28
#define EPB_OVERHEAD 32

struct pcapng_out {
	int fd;
	uint8_t *buffer;
	size_t fill;
	uint32_t len; /* of the packet being written */
	uint64_t packets;
	char *path;
	struct err why; /* the first error; nothing is written after it */
};

static void flush(struct pcapng_out *o)
{
	size_t done = 0;

	while (done < o->fill && o->why.code == 0) {
		ssize_t n = write(o->fd, o->buffer + done, o->fill - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err_set(&o->why, errno, "%s cannot be written: %s", o->path, strerror(errno));
	}
	o->fill = 0;
}

static void put(struct pcapng_out *o, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > BUFFER - o->fill) {
		size_t part = BUFFER - o->fill;

		memcpy(o->buffer + o->fill, p, part);
		o->fill = BUFFER;
		flush(o);
		p += part;
		len -= part;
	}
	memcpy(o->buffer + o->fill, p, len);
	o->fill += len;
}

static void put32(struct pcapng_out *o, uint32_t v)
{
	put(o, &v, sizeof v);
}

static void put_padding(struct pcapng_out *o, uint32_t len)
{
	static const uint8_t zero[4];

	put(o, zero, -len & 3u);
}

static void put_option(struct pcapng_out *o, uint16_t code, const void *data, uint16_t len)
{
	put(o, &code, sizeof code);
	put(o, &len, sizeof len);
	put(o, data, len);
	put_padding(o, len);
}

/* Section header without options (no operating system, no program), then the interface. */
static void put_headers(struct pcapng_out *o, const char *ifname)
{
	const uint32_t section[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1 /* 1.0 */, UINT32_MAX, UINT32_MAX, 28};
	uint16_t name = (uint16_t)strlen(ifname);
	uint32_t block = 20 + 4 + ((name + 3u) & ~3u) + 8 + 4;
	const uint8_t nanoseconds = 9;

	put(o, section, sizeof section);
	put32(o, 1);
	put32(o, block);
	put32(o, 1); /* LINKTYPE_ETHERNET, reserved */
	put32(o, 0); /* no snapshot length */
	put_option(o, 2, ifname, name);
	put_option(o, 9, &nanoseconds, 1);
	put32(o, 0); /* opt_endofopt */
	put32(o, block);
}

struct pcapng_out *pcapng_out_open(const char *path, const char *ifname, struct err *e)
{
	struct pcapng_out *o = calloc(1, sizeof *o);

	if (o != NULL)
		*o = (struct pcapng_out){.fd = -1, .buffer = malloc(BUFFER), .path = strdup(path)};
	if (o == NULL || o->buffer == NULL || o->path == NULL) {
		err_set(e, ENOMEM, "not enough memory to write %s", path);
		pcapng_out_close(o, NULL);
		return NULL;
	}
	o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (o->fd < 0) {
		err_set(e, errno, "%s cannot be created: %s", path, strerror(errno));
		pcapng_out_close(o, NULL);
		return NULL;
	}
	put_headers(o, ifname);
	return o;
}

void pcapng_out_begin(struct pcapng_out *o, uint64_t ns, uint32_t len)
{
	const uint32_t padded = (len + 3u) & ~3u;
	const uint32_t head[] = {6, EPB_OVERHEAD + padded, 0, (uint32_t)(ns >> 32), (uint32_t)ns, len, len};

	_Static_assert(sizeof head == EPB_HEAD, "the head of an enhanced packet block");
	o->len = len;
	o->packets++;
	put(o, head, sizeof head);
}

void pcapng_out_bytes(struct pcapng_out *o, const void *data, uint32_t len)
{
	put(o, data, len);
}

void pcapng_out_end(struct pcapng_out *o)
{
	put_padding(o, o->len);
	put32(o, EPB_OVERHEAD + ((o->len + 3u) & ~3u));
}

uint64_t pcapng_out_packets(const struct pcapng_out *o)
{
	return o->packets;
}

int pcapng_out_close(struct pcapng_out *o, struct err *e)
{
	int rc = 0;

	if (o == NULL)
		return 0;
	if (o->fd >= 0) {
		flush(o);
		if (close(o->fd) != 0)
			err_set(&o->why, errno, "%s cannot be written: %s", o->path, strerror(errno));
	}
	if (o->why.code != 0)
		rc = err_set(e, o->why.code, "%s", o->why.text);
	free(o->buffer);
	free(o->path);
	free(o);
	return rc;
}
