/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A whole router in the test's process: one worker, four ports whose transmit queues are lists, a clock that
 * the test sets. Frames are built with packet/builder.h; what comes out is parsed and its lengths and
 * checksums are verified before a test sees it. lab_close() checks that no packet was lost uncounted and no
 * buffer leaked.
 *
 * The MAC address of port n is 02:00:00:00:00:1n (lab_mac), of host x on the wire 02:aa:00:00:xx:xx
 * (host_mac).
 */
#ifndef WEIR_TESTS_HARNESS_H
#define WEIR_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet/addr.h"
#include "packet/builder.h"
#include "pipeline/weir.h"

#define LAB_PORTS 4
#define LAB_FRAMES 8192 /* a port keeps */
#define SECONDS(n) ((uint64_t)(n)*UINT64_C(1000000000))
#define MILLIS(n) ((uint64_t)(n)*UINT64_C(1000000))

/* A frame that came out. Offsets are from its start. */
struct seen {
	uint8_t *data;
	uint32_t len;
	uint8_t ntags;
	uint16_t tpid[2], vlan[2], type;
	uint32_t l3, l4, end; /* end: of the IP packet */
	uint8_t family, proto, ttl;
	char src[ADDR_STRLEN], dst[ADDR_STRLEN];
	bool fragment, more;
	uint32_t frag_offset, frag_id; /* bytes */
};

struct lab_port {
	struct rte_mbuf *frame[LAB_FRAMES];
	unsigned first, count;
	unsigned refuse_after; /* frames accepted before the queue is full; UINT32_MAX */
	struct seen last;
};

struct lab {
	struct weir *w;
	struct rte_mempool *pool;
	uint64_t now;
	unsigned pool_free; /* before the test */
	struct lab_port port[LAB_PORTS];
	uint64_t told[REASON_MAX]; /* drops lab_drops() has reported */
	uint64_t received;
	unsigned workers;    /* of the router lab_open() makes; 1 unless a test's setup says more */
	bool random_payload; /* transport checksums of what comes out are not verified */
	char last_reason[64];
	struct build b; /* scratch for tests */
};
extern struct lab lab;

/* Two subnets with a known host each: host 2 on interface a (port 0), host 3 on interface b (port 1). `extra`
 * is put into the map of interface b. */
#define LAB_TWO_NETS(extra)                                                                                  \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"                                  \
	"  b: {port: p1, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]" extra "}\n"                         \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: a, address: \"fe80::2\", mac: \"02:aa:00:00:00:02\"}\n"                             \
	"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"

/* The same for IPv4 alone: interface b may have an MTU that is too small for IPv6. */
#define LAB_TWO_NETS4(extra)                                                                                 \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"                                  \
	"  b: {port: p1, addresses: [10.0.1.1/24]" extra "}\n"                                               \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"

/* EAL and the pool; for cmocka_run_group_tests. */
int lab_group_setup(void **state);
/* Opens with four ports and no interfaces. / Checks the invariants and ends the router. */
int lab_open(void **state);
int lab_close(void **state);
#define lab_test(f) cmocka_unit_test_setup_teardown(f, lab_open, lab_close)

/* Applies a config ("ports:" is put before it), brings all links up the first time, waits out duplicate
 * address detection and throws the announcements away. */
void lab_config(const char *yaml);
/* Applies and nothing else: 0 or the negative errno of weir_apply(). Fails the test when the schema objects.
 */
int lab_apply(const char *yaml, struct err *e);

/* Runs control thread and worker until both are idle. */
void lab_step(void);
/* Lets time pass, stopping at every timer. */
void lab_advance(uint64_t ns);

/* Ends the packet being built (lab.b) and sends it in by a port. */
void inject(unsigned port);
/* The same in segments of `first`, `rest`, `rest` ... bytes. */
void inject_split(unsigned port, uint16_t first, uint16_t rest);
/* Gives the worker frames as one burst (mbufs belong to it then). */
void inject_burst(unsigned port, struct rte_mbuf **pkts, uint16_t n);
/* The same, received by another worker than the first. */
void inject_burst_on(unsigned worker, unsigned port, struct rte_mbuf **pkts, uint16_t n);

/* The oldest frame of a port that no test looked at, parsed and verified; fails when there is none. Valid
 * until the next call for the port. */
const struct seen *expect_frame(unsigned port);
void expect_silence(void); /* nothing waits on any port */
unsigned lab_waiting(unsigned port);
void lab_discard(void); /* forgets everything that came out */

/* Packets that ended with this reason since the last call for it. Fails for an unknown name. */
uint64_t lab_drops(const char *reason);
/* Exactly one packet ended with this reason and nothing came out. */
void expect_drop(const char *reason);
/* An ICMP or ICMPv6 error with these values and our address `src` came out of the port to `dst`. */
const struct seen *expect_icmp(
	unsigned port, const char *src, const char *dst, uint8_t type, uint8_t code, uint32_t info);

const uint8_t *lab_mac(unsigned port);
const uint8_t *host_mac(unsigned host);
/* Begins lab.b with a frame to the port from a host. */
void begin_from(unsigned port, unsigned host);
/* ... and an IP header. */
void begin_ip(unsigned port, unsigned host, const char *src, const char *dst);

uint64_t lab_random(void);

#endif
