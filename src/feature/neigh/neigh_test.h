/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the neighbour tests share: host 2 behind interface a talks to a peer on interface b that is resolved.
 */
#ifndef WEIR_FEATURE_NEIGH_TEST_H
#define WEIR_FEATURE_NEIGH_TEST_H

#include "harness.h"

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh_priv.h"
#include "feature/route/route.h"

#define PEER 9 /* the host that is to be resolved, on port 1 */
#define OTHER 10

static bool v6;

static inline const char *us(void)
{
	return v6 ? "2001:db8:b::1" : "10.0.1.1";
}

static inline const char *peer(void)
{
	return v6 ? "2001:db8:b::9" : "10.0.1.9";
}

static inline struct ipaddr address(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, &a), 0);
	return a;
}

static inline struct neigh *entry_of(const char *text)
{
	struct ipaddr a = address(text);
	const struct iface *ifc = generation_iface(lab.w->gen, "b");

	return ifc != NULL ? neigh_find(lab.w, ifc->id, &a) : NULL;
}

static inline void expect_state(enum neigh_nud state)
{
	const struct neigh *n = entry_of(peer());

	assert_non_null(n);
	assert_string_equal(neigh_nud_names[n->state], neigh_nud_names[state]);
}

/* A UDP packet from host 2 through the router. */
static inline void send_to(const char *dst, uint16_t sport)
{
	begin_ip(0, 2, v6 ? "2001:db8:a::2" : "10.0.0.2", dst);
	build_udp(&lab.b, sport, 1);
	inject(0);
}

static inline void expect_delivery(unsigned host)
{
	const struct seen *s = expect_frame(1);

	assert_int_equal(s->proto, 17);
	assert_memory_equal(s->data, host_mac(host), 6);
}

static inline void expect_solicit(bool unicast)
{
	const struct seen *s = expect_frame(1);
	struct ipaddr target = address(peer());
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	assert_memory_equal(s->data + 6, lab_mac(1), 6);
	if (v6) {
		uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 9};

		assert_int_equal(s->data[s->l4], 135);
		assert_int_equal(s->ttl, 255);
		assert_string_equal(s->src, us());
		assert_string_equal(s->dst, unicast ? peer() : "ff02::1:ff00:9");
		assert_memory_equal(s->data + s->l4 + 8, target.bytes, 16);
		assert_memory_equal(s->data, unicast ? host_mac(PEER) : group, 6);
	} else {
		assert_int_equal(s->type, 0x0806);
		assert_memory_equal(s->data + s->l3, "\0\1\10\0\6\4\0\1", 8);
		assert_memory_equal(s->data + s->l3 + 24, target.bytes, 4);
		assert_memory_equal(s->data, unicast ? host_mac(PEER) : all, 6);
	}
}

/* A neighbour advertisement about the peer; flags of RFC 4861 4.4; host 0: without link-layer address. */
static inline void advertise(uint8_t flags, unsigned host)
{
	begin_ip(1, host != 0 ? host : PEER, peer(), flags & 0x40 ? us() : "ff02::1");
	build_nd(&lab.b, 136, flags, peer(), host != 0 ? host_mac(host) : NULL);
	inject(1);
}

static inline void arp(uint16_t op, unsigned host, uint32_t spa, uint32_t tpa)
{
	begin_from(1, host);
	build_arp(&lab.b, op, host_mac(host), spa, lab_mac(1), tpa);
	inject(1);
}

/* The answer to a solicitation. */
static inline void answer(void)
{
	if (v6)
		advertise(0x60, PEER);
	else
		arp(2, PEER, 0x0a000109, 0x0a000101);
}

static inline void both_families(const char *yaml, void (*fn)(void))
{
	lab_config(yaml);
	for (unsigned i = 0; i < 2; i++) {
		v6 = i != 0;
		fn();
		lab_discard();
	}
}

static inline void resolve(void)
{
	send_to(peer(), 1);
	answer();
	lab_discard();
	expect_state(NEIGH_REACHABLE);
}

#endif
