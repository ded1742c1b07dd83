/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The classic format: 24 bytes of header, then packets with 16 bytes before each.
 */
#include <errno.h>

#include "replay/capture_priv.h"

#define FILE_HEADER 24
#define PACKET_HEADER 16
#define MAGIC_US 0xa1b2c3d4u
#define MAGIC_NS 0xa1b23c4du

bool pcap_magic(uint32_t magic, bool *swapped, bool *nanoseconds)
{
	uint32_t other = __builtin_bswap32(magic);

	*swapped = other == MAGIC_US || other == MAGIC_NS;
	*nanoseconds = magic == MAGIC_NS || other == MAGIC_NS;
	return *swapped || *nanoseconds || magic == MAGIC_US;
}

static int next(struct capture *c, struct capture_frame *f, struct err *e)
{
	uint32_t len, fraction;

	if (!capture_need(c, PACKET_HEADER))
		return capture_left(c) == 0 ? 0 : capture_cut(c, "the header of a packet");
	len = capture_u32(c, c->at + 8);
	if (len > CAPTURE_FRAME_MAX)
		return capture_bad(c, e, "a packet of %u bytes cannot be; the file is damaged", len);
	if (!capture_need(c, PACKET_HEADER + (size_t)len))
		return capture_cut(c, "a packet");
	fraction = capture_u32(c, c->at + 4);
	f->ns = capture_u32(c, c->at) * UINT64_C(1000000000) +
		(c->nanoseconds ? fraction : fraction * UINT64_C(1000));
	f->len = len;
	f->wire_len = capture_u32(c, c->at + 12);
	f->data = c->data + c->at + PACKET_HEADER;
	c->at += PACKET_HEADER + (size_t)len;
	return 1;
}

int pcap_begin(struct capture *c, struct err *e)
{
	uint32_t link;

	if (!capture_need(c, FILE_HEADER))
		return capture_bad(c, e, "the file ends within its header of %d bytes", FILE_HEADER);
	if (capture_u16(c, 4) != 2)
		return capture_bad(c, e, "pcap version %u is not known; 2.4 is", capture_u16(c, 4));
	link = capture_u32(c, 20) & 0xffff; /* the upper half says whether frames carry an FCS */
	if (link != CAPTURE_LINK_ETHERNET)
		return capture_bad(c, e,
			"the link type is %u; only Ethernet (%d) can be replayed. Capture on an Ethernet "
			"interface and "
			"not on 'any'",
			link, CAPTURE_LINK_ETHERNET);
	c->at = FILE_HEADER;
	c->next = next;
	return 0;
}
