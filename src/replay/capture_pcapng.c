/* SPDX-License-Identifier: BSD-3-Clause
 *
 * pcapng (draft-ietf-opsawg-pcapng): blocks of type, length, body and the length again. A section header sets
 * the byte order and forgets the interfaces; unknown blocks are skipped.
 */
#include <errno.h>
#include <stdlib.h>

#include "replay/capture_priv.h"

enum {
	BLOCK_INTERFACE = 1,
	BLOCK_OLD_PACKET = 2,
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
};
#define BLOCK_SECTION 0x0a0d0d0au
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_OVERHEAD 12 /* type and both lengths */
#define BLOCK_MAX (16u << 20)
#define NS_PER_S UINT64_C(1000000000)

enum { OPTION_END = 0, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

/* Units of the interface to ns since 1970, saturating at 0 and CAPTURE_NS_MAX. */
static uint64_t to_ns(const struct capture_iface *i, uint64_t units)
{
	unsigned digits = i->resolution & 0x7f;
	__int128 ns = units;

	if (i->resolution & 0x80) {
		ns = digits < 96 ? ns * (__int128)NS_PER_S >> digits : 0;
	} else {
		for (; digits < 9; digits++)
			ns *= 10;
		for (; digits > 9 && ns != 0; digits--)
			ns /= 10;
	}
	ns += (__int128)i->offset * (__int128)NS_PER_S;
	if (ns < 0)
		return 0;
	return ns > (__int128)CAPTURE_NS_MAX ? CAPTURE_NS_MAX : (uint64_t)ns;
}

/* --- blocks that describe --- */

/* `end`: where the block's trailing length starts. Options that run over it are ignored. */
static void read_options(const struct capture *c, size_t at, size_t end, struct capture_iface *i)
{
	uint32_t high, low;

	while (end - at >= 4) {
		uint16_t code = capture_u16(c, at), len = capture_u16(c, at + 2);

		at += 4;
		if (code == OPTION_END || end - at < len)
			return;
		if (code == OPTION_TSRESOL && len == 1)
			i->resolution = c->data[at];
		if (code == OPTION_TSOFFSET && len == 8) {
			high = capture_u32(c, c->swapped ? at : at + 4);
			low = capture_u32(c, c->swapped ? at + 4 : at);
			i->offset = (int64_t)((uint64_t)high << 32 | low);
		}
		if (end - at < ((len + 3u) & ~3u))
			return;
		at += (len + 3u) & ~3u;
	}
}

static int add_interface(struct capture *c, uint32_t block, struct err *e)
{
	struct capture_iface *grown;
	uint32_t room;

	if (block < 20)
		return capture_bad(c, e, "an interface description of %u bytes is too short", block);
	if (c->iface_count == CAPTURE_INTERFACES)
		return capture_bad(c, e, "more than %d interfaces", CAPTURE_INTERFACES);
	if (c->iface_count == c->iface_room) {
		room = c->iface_room != 0 ? c->iface_room * 2 : 4;
		grown = realloc(c->iface, room * sizeof *grown);
		if (grown == NULL)
			return err_set(e, ENOMEM, "not enough memory to read %s", c->name);
		c->iface = grown;
		c->iface_room = room;
	}
	grown = &c->iface[c->iface_count++];
	*grown = (struct capture_iface){
		.link = capture_u16(c, c->at + 8), .snaplen = capture_u32(c, c->at + 12), .resolution = 6};
	read_options(c, c->at + 16, c->at + block - 4, grown);
	return 0;
}

/* The byte order is known (c->swapped) and the whole block is there. */
static int begin_section(struct capture *c, uint32_t block, struct err *e)
{
	if (block < 28)
		return capture_bad(c, e, "a section header of %u bytes is too short", block);
	if (capture_u16(c, c->at + 12) != 1)
		return capture_bad(
			c, e, "pcapng version %u is not known; 1.0 is", capture_u16(c, c->at + 12));
	c->iface_count = 0;
	return 0;
}

/* --- blocks with packets --- */

static const struct capture_iface *interface_of(struct capture *c, uint32_t id, struct err *e)
{
	if (id >= c->iface_count) {
		capture_bad(
			c, e, "a packet of interface %u, but %u are described before it", id, c->iface_count);
		return NULL;
	}
	if (c->iface[id].link != CAPTURE_LINK_ETHERNET) {
		capture_bad(c, e,
			"a packet of link type %u; only Ethernet (%d) can be replayed. Capture on an "
			"Ethernet interface "
			"and not on 'any'",
			c->iface[id].link, CAPTURE_LINK_ETHERNET);
		return NULL;
	}
	return &c->iface[id];
}

/* `head`: bytes from the block's start to the data. */
static int set_data(struct capture *c, struct capture_frame *f, uint32_t block, uint32_t head, uint32_t len,
	struct err *e)
{
	if (len > CAPTURE_FRAME_MAX || len > block - head - 4)
		return capture_bad(
			c, e, "a packet of %u bytes does not fit its block of %u bytes", len, block);
	f->data = c->data + c->at + head;
	f->len = len;
	return 1;
}

/* Enhanced packet blocks and their predecessor differ in how they write the interface's number. */
static int read_packet(
	struct capture *c, struct capture_frame *f, uint32_t type, uint32_t block, struct err *e)
{
	const struct capture_iface *i;

	if (block < 32)
		return capture_bad(c, e, "a packet block of %u bytes is too short", block);
	i = interface_of(
		c, type == BLOCK_ENHANCED ? capture_u32(c, c->at + 8) : capture_u16(c, c->at + 8), e);
	if (i == NULL)
		return -EBADMSG;
	f->ns = to_ns(i, (uint64_t)capture_u32(c, c->at + 12) << 32 | capture_u32(c, c->at + 16));
	f->wire_len = capture_u32(c, c->at + 24);
	return set_data(c, f, block, 28, capture_u32(c, c->at + 20), e);
}

/* No timestamp, and the captured length follows from the snapshot length. */
static int read_simple(struct capture *c, struct capture_frame *f, uint32_t block, struct err *e)
{
	const struct capture_iface *i;
	uint32_t len;

	if (block < 16)
		return capture_bad(c, e, "a packet block of %u bytes is too short", block);
	i = interface_of(c, 0, e);
	if (i == NULL)
		return -EBADMSG;
	f->wire_len = len = capture_u32(c, c->at + 8);
	if (i->snaplen != 0 && i->snaplen < len)
		len = i->snaplen;
	f->ns = c->last_ns;
	return set_data(c, f, block, 12, len, e);
}

/* --- blocks --- */

/* Sets the byte order at a section header; false when the file ends before it can be known. */
static int read_order(struct capture *c, struct err *e)
{
	uint32_t order;

	memcpy(&order, c->data + c->at + 8, sizeof order);
	if (order != BYTE_ORDER_MAGIC && __builtin_bswap32(order) != BYTE_ORDER_MAGIC)
		return capture_bad(c, e, "a section header without its byte-order mark; the file is damaged");
	c->swapped = order != BYTE_ORDER_MAGIC;
	return 0;
}

/* Length of the block at c->at: > 0 and complete, 0 at the end of the file, or negative. */
static int64_t block_length(struct capture *c, struct err *e)
{
	uint32_t len;

	if (!capture_need(c, BLOCK_OVERHEAD))
		return capture_left(c) == 0 ? 0 : capture_cut(c, "a block");
	if (capture_u32(c, c->at) == BLOCK_SECTION && read_order(c, e) != 0)
		return -EBADMSG;
	len = capture_u32(c, c->at + 4);
	if (len < BLOCK_OVERHEAD || len % 4 != 0 || len > BLOCK_MAX)
		return capture_bad(c, e, "a block of %u bytes cannot be; the file is damaged", len);
	if (!capture_need(c, len))
		return capture_cut(c, "a block");
	if (capture_u32(c, c->at + len - 4) != len)
		return capture_bad(c, e, "a block says %u bytes at its start and %u at its end", len,
			capture_u32(c, c->at + len - 4));
	return len;
}

/* 1: a packet, 0: something else, negative: error. */
static int read_block(struct capture *c, struct capture_frame *f, uint32_t block, struct err *e)
{
	uint32_t type = capture_u32(c, c->at);

	switch (type) {
	case BLOCK_SECTION:
		return begin_section(c, block, e);
	case BLOCK_INTERFACE:
		return add_interface(c, block, e);
	case BLOCK_ENHANCED:
	case BLOCK_OLD_PACKET:
		return read_packet(c, f, type, block, e);
	case BLOCK_SIMPLE:
		return read_simple(c, f, block, e);
	default:
		return 0;
	}
}

static int next(struct capture *c, struct capture_frame *f, struct err *e)
{
	for (;;) {
		int64_t block = block_length(c, e);
		int rc;

		if (block <= 0)
			return (int)block;
		rc = read_block(c, f, (uint32_t)block, e);
		if (rc < 0)
			return rc;
		c->at += (size_t)block;
		if (rc == 0)
			continue;
		c->last_ns = f->ns;
		return 1;
	}
}

int pcapng_begin(struct capture *c, struct err *e)
{
	if (!capture_need(c, 28))
		return capture_bad(c, e, "the file ends within its section header");
	c->next = next;
	return read_order(c, e);
}
