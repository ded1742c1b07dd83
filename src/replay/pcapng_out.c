/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pcapng writer: blocks are put together in the writer's buffer, in this machine's byte order.
 */
#include "replay/pcapng_out.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replay/writer.h"

#define EPB_HEAD 28
#define EPB_OVERHEAD 32

struct pcapng_out {
	struct writer w;
	uint32_t interfaces;
	uint64_t packets;
};

static_assert(EPB_OVERHEAD + PCAPNG_OUT_FRAME_MAX <= WRITER_BUFFER, "any packet is written in one piece");

static void put32(struct pcapng_out *o, uint32_t v)
{
	writer_put(&o->w, &v, sizeof v);
}

static void put_option(struct pcapng_out *o, uint16_t code, const void *data, uint16_t len)
{
	static const uint8_t zero[4];

	writer_put(&o->w, &code, sizeof code);
	writer_put(&o->w, &len, sizeof len);
	writer_put(&o->w, data, len);
	writer_put(&o->w, zero, -(unsigned)len & 3u);
}

uint32_t pcapng_out_interface(struct pcapng_out *o, const char *ifname)
{
	uint16_t name = (uint16_t)strlen(ifname);
	uint32_t block = 20 + 4 + ((name + 3u) & ~3u) + 8 + 4;
	const uint8_t nanoseconds = 9;

	put32(o, 1);
	put32(o, block);
	put32(o, 1); /* LINKTYPE_ETHERNET, reserved */
	put32(o, 0); /* no snapshot length */
	put_option(o, 2, ifname, name);
	put_option(o, 9, &nanoseconds, 1);
	put32(o, 0); /* opt_endofopt */
	put32(o, block);
	return o->interfaces++;
}

struct pcapng_out *pcapng_out_open(const char *path, const char *ifname, struct err *e)
{
	/* Without options (no operating system, no program), so that the bytes are always the same. */
	static const uint32_t section[] = {
		0x0a0d0d0a, 28, 0x1a2b3c4d, 1 /* 1.0 */, UINT32_MAX, UINT32_MAX, 28};
	struct pcapng_out *o = calloc(1, sizeof *o);

	if (o == NULL) {
		err_set(e, ENOMEM, "not enough memory to write %s", path);
		return NULL;
	}
	if (writer_open(&o->w, path, e) != 0) {
		free(o);
		return NULL;
	}
	writer_put(&o->w, section, sizeof section);
	pcapng_out_interface(o, ifname);
	return o;
}

uint8_t *pcapng_out_packet(struct pcapng_out *o, uint32_t interface, uint64_t ns, uint32_t len)
{
	const uint32_t padded = (len + 3u) & ~3u, block = EPB_OVERHEAD + padded;
	const uint32_t head[] = {6, block, interface, (uint32_t)(ns >> 32), (uint32_t)ns, len, len};
	uint8_t *p;

	static_assert(sizeof head == EPB_HEAD, "the head of an enhanced packet block");
	assert(len <= PCAPNG_OUT_FRAME_MAX);
	o->packets++;
	p = writer_take(&o->w, block);
	memcpy(p, head, sizeof head);
	if (padded != len)
		memset(p + EPB_HEAD + padded - 4, 0, 4); /* the caller writes over what is no padding */
	memcpy(p + EPB_HEAD + padded, &block, sizeof block);
	return p + EPB_HEAD;
}

uint64_t pcapng_out_packets(const struct pcapng_out *o)
{
	return o->packets;
}

bool pcapng_out_failed(const struct pcapng_out *o)
{
	return o->w.why.code != 0;
}

int pcapng_out_close(struct pcapng_out *o, struct err *e)
{
	int rc;

	if (o == NULL)
		return 0;
	rc = writer_close(&o->w, e);
	free(o);
	return rc;
}
