/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `device:` of a port in the operator's words to what DPDK probes: short forms for the kernel's interfaces,
 * TAP, capture files, memif and nothing at all; PCI addresses and device arguments are passed through.
 */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "runtime/priv.h"

#define AF_XDP_HEADROOM 256 /* XDP_PACKET_HEADROOM of the kernel */
#define MTU_FRAME_2K 1900   /* largest MTU whose frames fit AF_PACKET's default slot with its own headers */

/* Each writes p->devargs from what follows the colon; -EINVAL with a sentence. */
typedef int (*translate_fn)(struct port *p, const char *rest, unsigned queues, struct err *e);

static int fits(struct port *p, int n, struct err *e)
{
	if (n >= 0 && (size_t)n < sizeof p->devargs)
		return 0;
	return err_set(e, ENAMETOOLONG, "port '%s': its device is too long", p->wish.name);
}

static int take_netdev(struct port *p, const char *name, struct err *e)
{
	if (strlen(name) >= IFNAMSIZ || if_nametoindex(name) == 0)
		return err_set(e, ENODEV,
			"port '%s': there is no network interface '%s' in this network namespace",
			p->wish.name, name);
	snprintf(p->netdev, sizeof p->netdev, "%s", name);
	return 0;
}

/* A slot must hold the frame and the kernel's header of up to 66 bytes, and the driver wants it to fit a
 * packet buffer. The driver steps from slot to slot without regard to blocks, so a large slot is whole pages,
 * one a block; of those there are a quarter, so that the ring takes about the same memory. */
static int from_af_packet(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	bool jumbo = p->wish.mtu > MTU_FRAME_2K;
	unsigned wanted = RTE_MAX(p->wish.rx_desc, p->wish.tx_desc); /* the driver has one number for both */
	unsigned slot = jumbo ? RTE_ALIGN_CEIL(p->wish.mtu + 26u + 66u, 4096u) : 2048,
		 block = jumbo ? slot : 4096;
	int n;

	if (take_netdev(p, rest, e) != 0)
		return -ENODEV;
	p->min_room = (uint16_t)slot;
	n = snprintf(p->devargs, sizeof p->devargs,
		"net_af_packet_%s,iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u", p->unique, rest,
		queues > 16 ? 16 : queues, slot, block, RTE_ALIGN_CEIL(jumbo ? wanted / 4 : wanted, 64u));
	return fits(p, n, e);
}

/* The kernel writes a frame into the buffer behind room of its own, and drops what does not fit then. */
static int from_af_xdp(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	if (take_netdev(p, rest, e) != 0)
		return -ENODEV;
	p->min_room = (uint16_t)RTE_ALIGN_CEIL(p->wish.mtu + 26u + AF_XDP_HEADROOM, 64u);
	return fits(p,
		snprintf(p->devargs, sizeof p->devargs,
			"net_af_xdp_%s,iface=%s,start_queue=0,queue_count=1,busy_budget=0", p->unique, rest),
		e);
}

static int from_tap(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	if (strlen(rest) == 0 || strlen(rest) >= IFNAMSIZ)
		return err_set(e, EINVAL,
			"port '%s': '%s' is no name for a TAP interface (1 to 15 characters)", p->wish.name,
			rest);
	return fits(p, snprintf(p->devargs, sizeof p->devargs, "net_tap_%s,iface=%s", p->unique, rest), e);
}

/* pcap:IN,OUT; either may be empty. */
static int from_pcap(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	const char *comma = strchr(rest, ',');
	int in = comma != NULL ? (int)(comma - rest) : (int)strlen(rest);
	const char *out = comma != NULL ? comma + 1 : "";

	if (in == 0 && out[0] == '\0')
		return err_set(
			e, EINVAL, "port '%s': write pcap:IN,OUT with at least one file", p->wish.name);
	return fits(p,
		snprintf(p->devargs, sizeof p->devargs, "net_pcap_%s%s%.*s%s%s", p->unique,
			in != 0 ? ",rx_pcap=" : "", in, rest, out[0] != '\0' ? ",tx_pcap=" : "", out),
		e);
}

/* memif:SOCKET; we listen, the peer connects. memif-client:SOCKET the other way round. */
static int memif(struct port *p, const char *rest, const char *role, struct err *e)
{
	if (rest[0] == '\0')
		return err_set(e, EINVAL, "port '%s': write memif:SOCKET with the path of its control socket",
			p->wish.name);
	return fits(p,
		snprintf(p->devargs, sizeof p->devargs, "net_memif_%s,role=%s,socket=%s,socket-abstract=no%s",
			p->unique, role, rest, strcmp(role, "client") == 0 ? ",zero-copy=no" : ""),
		e);
}

static int from_memif(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	return memif(p, rest, "server", e);
}

static int from_memif_client(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	return memif(p, rest, "client", e);
}

static int from_null(struct port *p, const char *rest, unsigned queues, struct err *e)
{
	return fits(p, snprintf(p->devargs, sizeof p->devargs, "net_null_%s,no-rx=1", p->unique), e);
}

static const struct {
	const char *word;
	bool argument;
	translate_fn fn;
} forms[] = {
	{"af_packet", true, from_af_packet},
	{"af_xdp", true, from_af_xdp},
	{"tap", true, from_tap},
	{"pcap", true, from_pcap},
	{"memif", true, from_memif},
	{"memif-client", true, from_memif_client},
	{"null", false, from_null},
};

/* 0000:3b:00.0 or 3b:00.0 */
static bool is_pci(const char *s)
{
	static const char *const shapes[] = {"xxxx:xx:xx.x", "xx:xx.x"};

	for (unsigned i = 0; i < RTE_DIM(shapes); i++) {
		const char *f = shapes[i], *p = s;

		while (*f != '\0' && (*f == 'x' ? isxdigit((unsigned char)*p) != 0 : *f == *p))
			f++, p++;
		if (*f == '\0' && (*p == '\0' || *p == ','))
			return true;
	}
	return false;
}

static int pass_through(struct port *p, const char *d, struct err *e)
{
	p->pci = is_pci(d);
	if (!p->pci && strchr(d, '_') == NULL)
		return err_set(e, EINVAL,
			"port '%s': device '%s' is neither a PCI address (0000:3b:00.0), nor DPDK device "
			"arguments "
			"(net_...), nor one of af_xdp:IF, af_packet:IF, tap:NAME, pcap:IN,OUT, memif:SOCKET, "
			"null",
			p->wish.name, d);
	return fits(p, snprintf(p->devargs, sizeof p->devargs, "%s", d), e);
}

int device_translate(struct port *p, unsigned queues, struct err *e)
{
	const char *d = p->wish.device;

	for (unsigned i = 0; i < RTE_DIM(forms); i++) {
		size_t n = strlen(forms[i].word);

		if (strncmp(d, forms[i].word, n) != 0)
			continue;
		if (forms[i].argument && d[n] == ':')
			return forms[i].fn(p, d + n + 1, queues, e);
		if (!forms[i].argument && d[n] == '\0')
			return forms[i].fn(p, "", queues, e);
	}
	return pass_through(p, d, e);
}
