/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of sessions share: host 2 is behind interface a, host 3 behind b; both interfaces keep
 * sessions.
 */
#ifndef WEIR_FEATURE_SESSION_TEST_H
#define WEIR_FEATURE_SESSION_TEST_H

#include "harness.h"

#include <string.h>

#include "feature/session/key.h"
#include "feature/session/session_priv.h"
#include "pipeline/shard.h"

#define NETS                                                                                                 \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, sessions: true, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"                  \
	"  b: {port: p1, sessions: true, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]}\n"                  \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"

static const char *const addr[2][2] = {{"10.0.0.2", "10.0.1.3"}, {"2001:db8:a::2", "2001:db8:b::3"}};

/* Begins a packet from a's host to b's, or back. */
static inline void begin(bool v6, bool back)
{
	begin_ip(back, back ? 3 : 2, addr[v6][back], addr[v6][!back]);
}

static inline void send_udp(bool v6, bool back, uint16_t client, uint16_t server)
{
	begin(v6, back);
	build_udp(&lab.b, back ? server : client, back ? client : server);
	build_payload(&lab.b, 10);
	inject(back);
}

static inline void send_tcp(bool back, uint16_t client, uint8_t flags, uint32_t seq, uint32_t ack)
{
	begin(false, back);
	build_tcp(&lab.b, back ? 80 : client, back ? client : 80);
	build_set(&lab.b, 4, 4, seq);
	build_set(&lab.b, 8, 4, ack);
	build_set(&lab.b, 13, 1, flags);
	build_set(&lab.b, 14, 2, 1000);
	inject(back);
}

static inline void passes(bool back)
{
	expect_frame(!back);
	expect_silence();
}

static inline uint64_t sessions(void)
{
	struct session_totals t;

	session_totals(lab.w, &t);
	return t.sessions;
}

static inline uint64_t in_state(enum session_state s)
{
	struct session_totals t;

	session_totals(lab.w, &t);
	return t.state[s];
}

/* Time passes for the workers, too. */
static inline void wait(uint64_t ns)
{
	for (unsigned i = 0; i < 100; i++)
		lab_advance(ns / 100);
}

static inline void connect_tcp(uint16_t client)
{
	send_tcp(false, client, TCP_SYN, 100, 0);
	send_tcp(true, client, TCP_SYN | TCP_ACK, 500, 101);
	send_tcp(false, client, TCP_ACK, 101, 501);
	lab_discard();
}

static inline void send_echo(bool v6, bool back, bool reply, uint16_t id)
{
	begin(v6, back);
	build_icmp(&lab.b, v6 ? (reply ? 129 : 128) : (reply ? 0 : 8), 0, (uint32_t)id << 16 | 1);
	inject(back);
}

#endif
