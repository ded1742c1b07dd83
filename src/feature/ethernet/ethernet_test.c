/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Link-layer input and output: the vector code that recognises plain packets against its scalar reference,
 * VLAN and QinQ tags to interfaces and back, MAC filter, order and refusals of transmission.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/ethernet/fast4.h"

/* --- plain packets --- */

static void mutate(uint8_t *p, uint16_t *len)
{
	static const uint8_t nasty[] = {
		0, 1, 2, 0x45, 0x46, 0x40, 0x20, 0x3f, 127, 224, 223, 255, 8, 6, 14, 20, 46};

	for (unsigned n = (unsigned)(lab_random() % 4); n > 0; n--) {
		unsigned at = (unsigned)(lab_random() % 40);

		p[at] = lab_random() % 2 ? nasty[lab_random() % sizeof nasty]
					 : (uint8_t)(p[at] ^ 1 << lab_random() % 8);
	}
	if (lab_random() % 4 == 0)
		*len = (uint16_t)(20 + lab_random() % 80);
	if (lab_random() % 4 != 0) { /* most keep a right checksum, so that something else decides */
		uint16_t sum;

		p[24] = p[25] = 0;
		sum = (uint16_t)~build_sum(p + 14, 20, 0);
		p[24] = (uint8_t)(sum >> 8);
		p[25] = (uint8_t)sum;
	}
}

#ifdef __AVX512BW__
static void fill(struct rte_mbuf *m)
{
	uint16_t payload = (uint16_t)(lab_random() % 40), len;

	begin_ip(0, 2, "10.0.0.2", lab_random() % 2 ? "10.0.1.3" : "223.255.255.1");
	build_udp(&lab.b, (uint16_t)lab_random(), 2);
	build_payload(&lab.b, payload);
	build_end(&lab.b);
	if (lab_random() % 3 == 0) /* padded to the minimum, or a bit beyond it */
		build_payload(&lab.b, lab_random() % 20);
	len = (uint16_t)lab.b.len;
	mutate(lab.b.data, &len);
	rte_pktmbuf_reset(m);
	memset(rte_pktmbuf_mtod(m, uint8_t *), 0x55, 256);
	memcpy(rte_pktmbuf_append(m, len), lab.b.data, RTE_MIN(len, lab.b.len));
}

static void vector_and_scalar_code_say_the_same(void **state)
{
	static struct burst b, c;
	uint64_t plain = 0;

	for (unsigned i = 0; i < BURST_SIZE; i++)
		b.pkt[i] = c.pkt[i] = rte_pktmbuf_alloc(lab.pool);
	for (unsigned round = 0; round < 100000 / 32; round++) {
		unsigned n = 1 + (unsigned)(lab_random() % BURST_SIZE);
		uint64_t bytes[2] = {0}, ok[2];

		for (unsigned i = 0; i < n; i++)
			fill(b.pkt[i]);
		ok[0] = fast4_scalar(&b, n, lab_mac(0), &bytes[0]);
		ok[1] = fast4_avx512(&c, n, lab_mac(0), &bytes[1]);
		if (ok[0] != ok[1])
			fail_msg("of %u packets scalar took %lx, vector %lx", n, ok[0], ok[1]);
		assert_int_equal(bytes[0], bytes[1]);
		BURST_EACH (i, ok[0]) {
			assert_int_equal(b.dst4[i], c.dst4[i]);
			assert_int_equal(b.proto[i], c.proto[i]);
		}
		plain += (unsigned)__builtin_popcountll(ok[0]);
	}
	assert_true(plain > 10000); /* the mutations do not break everything */
	for (unsigned i = 0; i < BURST_SIZE; i++)
		rte_pktmbuf_free(b.pkt[i]);
}
#else
static void vector_and_scalar_code_say_the_same(void **state)
{
	skip();
}
#endif

/* A tagged frame is never taken for plain: with and without a tag the same packet must have the same fate. */
static void the_short_way_agrees_with_the_long_way(void **state)
{
	static const char nets[] = "interfaces:\n"
				   "  a: {port: p0, addresses: [10.0.0.1/24]}\n"
				   "  t: {parent: a, vlan: 7, addresses: [10.0.7.1/24]}\n"
				   "  b: {port: p1, addresses: [10.0.1.2/31]}\n"
				   "neighbors:\n"
				   "  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"
				   "routes: [{prefix: 0.0.0.0/0, via: [{address: 10.0.1.3}]}]\n";

	lab_config(nets);
	lab.random_payload = true;
	for (unsigned round = 0; round < 3000; round++) {
		static uint8_t plain[256], tagged[256];
		uint16_t len;
		unsigned out[2];
		struct rte_mbuf *m;

		begin_ip(0, 2, "10.0.0.2", "10.0.1.3");
		build_udp(&lab.b, 1, 2);
		build_payload(&lab.b, 18 + lab_random() % 40);
		build_end(&lab.b);
		len = (uint16_t)lab.b.len;
		mutate(lab.b.data, &len);
		memcpy(lab.b.data, lab_mac(0), 6);
		memcpy(lab.b.data + 6, host_mac(2), 6);
		memcpy(lab.b.data + 12, "\10\0", 2);
		for (unsigned way = 0; way < 2; way++) {
			if (way == 1) {
				memmove(lab.b.data + 16, lab.b.data + 12, lab.b.len - 12);
				memcpy(lab.b.data + 12, "\201\0\0\7", 4);
				lab.b.len += 4;
			}
			m = build_mbuf(&lab.b, lab.pool, 0, 0);
			inject_burst(0, &m, 1);
			out[way] = lab_waiting(1);
			if (out[way] == 1) {
				const struct seen *s = expect_frame(1);

				/* An error of ours comes from the interface's own address. */
				len = s->proto == 1 ? 0 : (uint16_t)s->end;
				memcpy(way ? tagged : plain, s->data, len);
			}
			lab_discard();
		}
		assert_int_equal(out[0], out[1]);
		if (out[0] == 1)
			assert_memory_equal(plain, tagged, len);
	}
}

/* --- tags --- */

#define TAGGED                                                                                               \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, addresses: [10.0.0.1/24]}\n"                                                        \
	"  v7: {parent: a, vlan: 7, addresses: [10.0.7.1/24]}\n"                                             \
	"  v8: {parent: a, vlan: 8, inner-vlan: 9, addresses: [10.0.8.1/24]}\n"                              \
	"  s7: {parent: a, vlan: 7, tpid: 802.1ad, addresses: [10.0.9.1/24]}\n"                              \
	"  sq: {parent: s7, vlan: 20, addresses: [10.0.10.1/24]}\n"                                          \
	"  off: {parent: a, vlan: 99, enabled: false, addresses: [10.0.99.1/24]}\n"

/* The host says where it is. */
static void introduce(const char *host_text, const char *us_text, const uint16_t tag[][2], unsigned n)
{
	struct ipaddr us, host;

	begin_from(0, 2);
	for (unsigned k = 0; k < n; k++)
		build_vlan(&lab.b, tag[k][0], tag[k][1]);
	ipaddr_parse(us_text, &us);
	ipaddr_parse(host_text, &host);
	build_arp(&lab.b, 1, host_mac(2), ipaddr_to_v4(&host), lab_mac(0), ipaddr_to_v4(&us));
	inject(0);
	lab_discard();
}

static void tags_lead_to_interfaces_and_back(void **state)
{
	static const struct {
		const char *what, *us, *host;
		unsigned n;
		uint16_t tag[3][2]; /* TPID, VLAN */
		const char *reason; /* NULL: the echo is answered with the same tags */
	} rows[] = {
		{"untagged", "10.0.0.1", "10.0.0.2", 0, {{0}}, NULL},
		{"priority tag", "10.0.0.1", "10.0.0.2", 1, {{0x8100, 0}}, NULL},
		{"VLAN 7", "10.0.7.1", "10.0.7.2", 1, {{0x8100, 7}}, NULL},
		{"VLAN 8 in 9", "10.0.8.1", "10.0.8.2", 2, {{0x8100, 8}, {0x8100, 9}}, NULL},
		{"service VLAN 7", "10.0.9.1", "10.0.9.2", 1, {{0x88a8, 7}}, NULL},
		{"service VLAN 7, customer 20", "10.0.10.1", "10.0.10.2", 2, {{0x88a8, 7}, {0x8100, 20}},
			NULL},
		{"unknown VLAN", "10.0.0.1", "10.0.0.2", 1, {{0x8100, 10}}, "ether-no-interface"},
		{"unknown service VLAN", "10.0.0.1", "10.0.0.2", 1, {{0x88a8, 10}}, "ether-no-interface"},
		{"outer VLAN without the inner one", "10.0.8.1", "10.0.8.2", 1, {{0x8100, 8}},
			"ether-no-interface"},
		{"wrong inner VLAN", "10.0.8.1", "10.0.8.2", 2, {{0x8100, 8}, {0x8100, 10}},
			"ether-no-interface"},
		{"three tags", "10.0.8.1", "10.0.8.2", 3, {{0x8100, 8}, {0x8100, 9}, {0x8100, 1}},
			"ether-unknown-type"},
		{"disabled", "10.0.99.1", "10.0.99.2", 1, {{0x8100, 99}}, "interface-disabled"},
	};

	lab_config(TAGGED);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct seen *s;

		introduce(rows[i].host, rows[i].us, rows[i].tag, rows[i].n);
		lab_drops(rows[i].reason != NULL ? rows[i].reason : "arp-handled");
		begin_from(0, 2);
		for (unsigned k = 0; k < rows[i].n; k++)
			build_vlan(&lab.b, rows[i].tag[k][0], rows[i].tag[k][1] | (k == 0 ? 0xe000 : 0));
		build_ip(&lab.b, rows[i].host, rows[i].us);
		build_icmp(&lab.b, 8, 0, 1);
		build_payload(&lab.b, 40);
		inject(0);
		if (rows[i].reason != NULL) {
			if (lab_drops(rows[i].reason) != 1)
				fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
			expect_silence();
			continue;
		}
		s = expect_frame(0);
		if (s->ntags != (rows[i].tag[0][1] == 0 ? 0 : rows[i].n))
			fail_msg("%s: answered with %u tags", rows[i].what, s->ntags);
		for (unsigned k = 0; k < s->ntags; k++) {
			assert_int_equal(s->tpid[k], rows[i].tag[k][0]);
			assert_int_equal(s->vlan[k], rows[i].tag[k][1]);
		}
		assert_string_equal(s->src, rows[i].us);
		expect_silence();
	}
}

static void packets_are_forwarded_into_tags(void **state)
{
	static const char nets[] =
		"interfaces:\n"
		"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"
		"  b: {port: p1}\n"
		"  q: {parent: b, vlan: 8, inner-vlan: 9, addresses: [10.0.8.1/24, \"2001:db8:8::1/64\"]}\n"
		"neighbors:\n"
		"  - {interface: q, address: 10.0.8.3, mac: \"02:aa:00:00:00:03\"}\n"
		"  - {interface: q, address: \"2001:db8:8::3\", mac: \"02:aa:00:00:00:03\"}\n";

	lab_config(nets);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		const struct seen *s;

		begin_ip(0, 2, v6 ? "2001:db8:a::2" : "10.0.0.2", v6 ? "2001:db8:8::3" : "10.0.8.3");
		build_udp(&lab.b, 1, 2);
		build_payload(&lab.b, 1400);
		inject(0);
		s = expect_frame(1);
		assert_int_equal(s->ntags, 2);
		assert_int_equal(s->vlan[0], 8);
		assert_int_equal(s->vlan[1], 9);
		assert_int_equal(s->ttl, 63);
		assert_memory_equal(s->data, host_mac(3), 6);
		assert_int_equal(s->len, lab.b.len + 8);
	}
}

/* --- MAC addresses --- */

static void frames_are_filtered_by_address(void **state)
{
	static const struct {
		const char *what;
		uint8_t dst[6], src[6];
		uint16_t type;
		const char *reason; /* NULL: forwarded */
	} rows[] = {
		{"to us", {2, 0, 0, 0, 0, 0x10}, {2, 0xaa, 0, 0, 0, 2}, 0x86dd, NULL},
		{"to another port's address", {2, 0, 0, 0, 0, 0x11}, {2, 0xaa, 0, 0, 0, 2}, 0x86dd,
			"ether-wrong-mac"},
		{"to somebody", {2, 9, 9, 9, 9, 9}, {2, 0xaa, 0, 0, 0, 2}, 0x86dd, "ether-wrong-mac"},
		{"to all", {255, 255, 255, 255, 255, 255}, {2, 0xaa, 0, 0, 0, 2}, 0x86dd,
			"route-link-broadcast"},
		{"to a group", {0x33, 0x33, 0, 0, 0, 1}, {2, 0xaa, 0, 0, 0, 2}, 0x86dd,
			"route-link-broadcast"},
		{"from a group", {2, 0, 0, 0, 0, 0x10}, {3, 0xaa, 0, 0, 0, 2}, 0x86dd, "ether-bad-source"},
		{"from nobody", {2, 0, 0, 0, 0, 0x10}, {0}, 0x86dd, "ether-bad-source"},
		{"from ourselves", {2, 0, 0, 0, 0, 0x10}, {2, 0, 0, 0, 0, 0x10}, 0x86dd, "ether-bad-source"},
		{"an unknown type", {2, 0, 0, 0, 0, 0x10}, {2, 0xaa, 0, 0, 0, 2}, 0x88cc,
			"ether-unknown-type"},
		{"an 802.3 length", {2, 0, 0, 0, 0, 0x10}, {2, 0xaa, 0, 0, 0, 2}, 46, "ether-unknown-type"},
	};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		build_begin(&lab.b);
		build_ether(&lab.b, rows[i].dst, rows[i].src);
		build_set(&lab.b, 12, 2, rows[i].type);
		build_ip(&lab.b, "2001:db8:a::2", "2001:db8:b::3");
		build_udp(&lab.b, 1, 2);
		inject(0);
		if (rows[i].reason == NULL)
			expect_frame(1);
		else if (lab_drops(rows[i].reason) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		expect_silence();
	}
	for (uint16_t len = 1; len < 18; len++) {
		struct rte_mbuf *m;

		begin_from(0, 2);
		build_vlan(&lab.b, 0x8100, 7);
		build_end(&lab.b);
		lab.b.len = len;
		m = build_mbuf(&lab.b, lab.pool, 0, 0);
		inject_burst(0, &m, 1);
		assert_int_equal(lab_drops("ether-short"), 1);
	}
}

/* --- output --- */

/* `n` packets in one burst; every third to interface a's own subnet when `mixed`. */
static void send_burst(unsigned n, bool mixed)
{
	struct rte_mbuf *m[BURST_SIZE];

	for (unsigned i = 0; i < n; i++) {
		bool v6 = mixed && i % 2;

		if (mixed && i % 3 == 0)
			begin_ip(0, 2, v6 ? "2001:db8:a::9" : "10.0.0.9", v6 ? "2001:db8:a::2" : "10.0.0.2");
		else
			begin_ip(0, 2, v6 ? "2001:db8:a::2" : "10.0.0.2", v6 ? "2001:db8:b::3" : "10.0.1.3");
		build_udp(&lab.b, (uint16_t)i, 2);
		build_payload(&lab.b, 10 + i);
		build_end(&lab.b);
		m[i] = build_mbuf(&lab.b, lab.pool, 0, 0);
	}
	inject_burst(0, m, (uint16_t)n);
}

static void packets_leave_in_the_order_they_came(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned n = 1; n <= BURST_SIZE; n++)
		for (unsigned mixed = 0; mixed < 2; mixed++) {
			send_burst(n, mixed != 0);
			for (unsigned i = 0; i < n; i++) {
				const struct seen *s = expect_frame(mixed && i % 3 == 0 ? 0 : 1);

				assert_int_equal(s->data[s->l4 + 1], i);
			}
			expect_silence();
		}
}

static void what_a_port_refuses_is_counted(void **state)
{
	for (unsigned mixed = 0; mixed < 2; mixed++)
		for (unsigned room = 0; room < 40; room += 7) {
			uint16_t b;
			uint64_t before, out = mixed ? 40 - 14 : 40;

			lab_config(LAB_TWO_NETS(""));
			b = generation_iface(lab.w->gen, "b")->id;
			before = lab.w->worker[0]->counters.iface[b].tx_packets;
			lab.port[1].refuse_after = room;
			send_burst(40, mixed != 0);
			lab.port[1].refuse_after = UINT32_MAX;
			assert_int_equal(lab_waiting(1), RTE_MIN(room, out));
			assert_int_equal(lab_drops("tx-full"), out - RTE_MIN(room, out));
			assert_int_equal(
				lab.w->worker[0]->counters.iface[b].tx_packets - before, RTE_MIN(room, out));
			lab_discard();
		}
}

static void a_port_that_is_gone_is_not_sent_to(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	lab.w->worker[0]->tx[1].send = NULL;
	send_burst(10, false);
	assert_int_equal(lab_drops("tx-no-port"), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(vector_and_scalar_code_say_the_same),
		lab_test(the_short_way_agrees_with_the_long_way),
		lab_test(tags_lead_to_interfaces_and_back),
		lab_test(packets_are_forwarded_into_tags),
		lab_test(frames_are_filtered_by_address),
		lab_test(packets_leave_in_the_order_they_came),
		lab_test(what_a_port_refuses_is_counted),
		lab_test(a_port_that_is_gone_is_not_sent_to),
	};

	return cmocka_run_group_tests_name("ethernet", tests, lab_group_setup, NULL);
}
