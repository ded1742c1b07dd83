/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Link-layer input and output: the vector code that recognises plain packets against its scalar reference,
 * VLAN and QinQ tags to interfaces and back, MAC filter, order and refusals of transmission.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/ethernet/plain.h"
#ifdef __AVX2__
#include "feature/ethernet/plain_avx2.h"
#endif
#include "avx512.h"
#include "feature/ethernet/plain_avx512.h"

/* --- plain packets --- */

static uint8_t any_of(const uint8_t *values, size_t n)
{
	return values[lab_random() % n];
}

/* Breaks a few bytes of the headers; most packets keep a right checksum, so that something else decides. */
static void mutate(uint8_t *p, uint16_t *len, bool v6)
{
	static const uint8_t nasty[] = {0, 1, 2, 0x45, 0x46, 0x40, 0x20, 0x3f, 127, 224, 223, 255, 8, 6, 14,
		20, 46, 0x60, 0xfc, 0xfe};

	for (unsigned n = (unsigned)(lab_random() % 4); n > 0; n--) {
		unsigned at = (unsigned)(lab_random() % (v6 ? 56 : 40));

		p[at] = lab_random() % 2 ? any_of(nasty, sizeof nasty)
					 : (uint8_t)(p[at] ^ 1 << lab_random() % 8);
	}
	if (lab_random() % 4 == 0)
		*len = (uint16_t)(20 + lab_random() % 80);
	if (!v6 && lab_random() % 4 != 0) {
		uint16_t sum;

		p[24] = p[25] = 0;
		sum = (uint16_t)~build_sum(p + 14, 20, 0);
		p[24] = (uint8_t)(sum >> 8);
		p[25] = (uint8_t)sum;
	}
}

static void begin_plain(bool v6)
{
	static const uint8_t protos[] = {6, 17, 58, 50, 47, 4, 41, 0, 43, 44, 51, 60, 59, 132};
	bool far = lab_random() % 2;

	if (v6)
		begin_ip(0, 2, "2001:db8:a::2", far ? "fd00::1" : "2001:db8:b::3");
	else
		begin_ip(0, 2, "10.0.0.2", far ? "223.255.255.1" : "10.0.1.3");
	build_udp(&lab.b, (uint16_t)lab_random(), 2);
	build_payload(&lab.b, (uint16_t)(lab_random() % 40));
	build_end(&lab.b);
	if (v6 && lab_random() % 2)
		lab.b.data[20] = any_of(protos, sizeof protos);
}

static void fill(struct rte_mbuf *m, bool v6)
{
	uint16_t len;

	begin_plain(v6);
	if (lab_random() % 3 == 0) /* padded to the minimum, or a bit beyond it */
		build_payload(&lab.b, lab_random() % 20);
	len = (uint16_t)lab.b.len;
	mutate(lab.b.data, &len, v6);
	rte_pktmbuf_reset(m);
	memset(rte_pktmbuf_mtod(m, uint8_t *), 0x55, 256);
	memcpy(rte_pktmbuf_append(m, len), lab.b.data, RTE_MIN(len, lab.b.len));
}

typedef struct plain_found (*plain_fn)(struct burst *b, unsigned n, const uint8_t mac[6]);

/* What the slots of both bursts are said to be, and what was noted about them. */
static void expect_same(const struct plain_found *f, const struct plain_found *s, const struct burst *fast,
	const struct burst *slow)
{
	if (f->v4 != s->v4 || f->v6 != s->v6)
		fail_msg("scalar code took IPv4 %lx, IPv6 %lx, vector code %lx, %lx", s->v4, s->v6, f->v4,
			f->v6);
	assert_int_equal(f->frames.sum, s->frames.sum);
	assert_int_equal(f->frames.longest, s->frames.longest);
	BURST_EACH (i, s->v4 | s->v6) {
		assert_ptr_equal(fast->data[i], slow->data[i]);
		assert_int_equal(fast->len[i], slow->len[i]);
		assert_int_equal(fast->hop[i], slow->hop[i]);
		assert_int_equal(fast->proto[i], slow->proto[i]);
	}
	BURST_EACH (i, s->v4)
		assert_int_equal(fast->dst4[i], slow->dst4[i]);
}

static void compare_with_scalar(plain_fn vector)
{
	static struct burst b, c;
	uint64_t v4 = 0, v6 = 0;

	for (unsigned i = 0; i < BURST_SIZE; i++)
		b.pkt[i] = c.pkt[i] = rte_pktmbuf_alloc(lab.pool);
	for (unsigned round = 0; round < 100000 / 32; round++) {
		unsigned n = 1 + (unsigned)(lab_random() % BURST_SIZE), mix = (unsigned)(lab_random() % 3);
		struct plain_found slow, fast;

		for (unsigned i = 0; i < n; i++)
			fill(b.pkt[i], mix == 1 || (mix == 2 && lab_random() % 2));
		slow = plain_scalar(&b, n, lab_mac(0));
		fast = vector(&c, n, lab_mac(0));
		expect_same(&fast, &slow, &c, &b);
		v4 += (unsigned)__builtin_popcountll(slow.v4);
		v6 += (unsigned)__builtin_popcountll(slow.v6);
	}
	assert_true(v4 > 10000); /* the mutations do not break everything */
	assert_true(v6 > 5000);
	for (unsigned i = 0; i < BURST_SIZE; i++)
		rte_pktmbuf_free(b.pkt[i]);
}

static void avx2_and_scalar_code_say_the_same(void **state)
{
#ifdef __AVX2__
	compare_with_scalar(plain_avx2);
#else
	skip();
#endif
}

static void avx512_and_scalar_code_say_the_same(void **state)
{
	compare_with_scalar(plain_avx512);
}

/* Sends the built frame as it is, or in VLAN 7; says what comes out behind (nothing: 0 bytes). An error of
 * ours comes from the interface's own address, so only that there is one counts. */
static unsigned send_way(bool tagged, uint8_t out[256], uint16_t *len)
{
	const struct seen *s;
	struct rte_mbuf *m;
	unsigned count;

	if (tagged) {
		memmove(lab.b.data + 16, lab.b.data + 12, lab.b.len - 12);
		memcpy(lab.b.data + 12, "\201\0\0\7", 4);
		lab.b.len += 4;
	}
	m = build_mbuf(&lab.b, lab.pool, 0, 0);
	inject_burst(0, &m, 1);
	count = lab_waiting(1);
	*len = 0;
	if (count == 1) {
		s = expect_frame(1);
		*len = s->proto == 1 || s->proto == 58 ? 0 : (uint16_t)s->end;
		memcpy(out, s->data, *len);
	}
	lab_discard();
	return count;
}

/* A tagged frame is never taken for plain: with and without a tag the same packet must have the same fate. */
static void the_short_way_agrees_with_the_long_way(void **state)
{
	static const char nets[] =
		"interfaces:\n"
		"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"
		"  t: {parent: a, vlan: 7, addresses: [10.0.7.1/24, \"2001:db8:7::1/64\"]}\n"
		"  b: {port: p1, addresses: [10.0.1.2/31, \"2001:db8:b::2/127\"]}\n"
		"neighbors:\n"
		"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"
		"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"
		"routes:\n"
		"  - {prefix: 0.0.0.0/0, via: [{address: 10.0.1.3}]}\n"
		"  - {prefix: \"::/0\", via: [{address: \"2001:db8:b::3\"}]}\n";
	unsigned forwarded[2] = {0};

	lab_config(nets);
	lab.random_payload = true;
	for (unsigned round = 0; round < 6000; round++) {
		static uint8_t plain[256], tagged[256];
		bool v6 = round % 2;
		uint16_t len[2];
		unsigned out[2];

		begin_plain(v6);
		len[0] = (uint16_t)lab.b.len;
		mutate(lab.b.data, &len[0], v6);
		memcpy(lab.b.data, lab_mac(0), 6);
		memcpy(lab.b.data + 12, v6 ? "\x86\xdd" : "\10\0", 2);
		out[0] = send_way(false, plain, &len[0]);
		out[1] = send_way(true, tagged, &len[1]);
		assert_int_equal(out[0], out[1]);
		assert_int_equal(len[0], len[1]);
		assert_memory_equal(plain, tagged, len[0]);
		forwarded[v6] += len[0] != 0;
	}
	assert_true(forwarded[0] > 1000);
	assert_true(forwarded[1] > 500);
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
	for (unsigned i = 1; i < lab.w->gen->iface_limit; i++)
		lab.w->gen->iface[i]->redirects = false; /* some leave by the port they came by */
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

/* A frame of a routing daemon, as the twins' thread hands it over. */
static void hand_urgent(void)
{
	struct rte_mbuf *m = weir_alloc(lab.w);

	memset(rte_pktmbuf_append(m, 60), 0x42, 60);
	note_of(m)->oif = generation_iface(lab.w->gen, "b")->id;
	note_of(m)->flags = SLOT_ORIGINATED;
	weir_send(lab.w, m, STAGE_TX, true);
}

static unsigned send_urgent(uint64_t now)
{
	return worker_drain_urgent(lab.w->worker[0], weir_generation(lab.w), now);
}

static void urgent_frames_wait_for_a_full_queue(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	lab.port[1].refuse_after = 0;
	hand_urgent();
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(send_urgent(lab.now + i * URGENT_PATIENCE / 20), 1);
	assert_int_equal(lab_drops("tx-full"), 0);
	lab.port[1].refuse_after = UINT32_MAX;
	assert_int_equal(send_urgent(lab.now + URGENT_PATIENCE / 2), 1);
	assert_int_equal(lab_waiting(1), 1);
	assert_int_equal(send_urgent(lab.now + URGENT_PATIENCE / 2), 0);
	lab_discard();
}

static void urgent_frames_do_not_wait_for_ever(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	lab.port[1].refuse_after = 0;
	hand_urgent();
	assert_int_equal(send_urgent(lab.now), 1);
	assert_int_equal(send_urgent(lab.now + URGENT_PATIENCE), 1);
	assert_int_equal(send_urgent(lab.now + URGENT_PATIENCE), 0);
	assert_int_equal(lab_drops("tx-full"), 1);
	lab.port[1].refuse_after = UINT32_MAX;
	expect_silence();
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
		lab_test(avx2_and_scalar_code_say_the_same),
		lab_test(avx512_and_scalar_code_say_the_same),
		lab_test(the_short_way_agrees_with_the_long_way),
		lab_test(tags_lead_to_interfaces_and_back),
		lab_test(packets_are_forwarded_into_tags),
		lab_test(frames_are_filtered_by_address),
		lab_test(packets_leave_in_the_order_they_came),
		lab_test(what_a_port_refuses_is_counted),
		lab_test(urgent_frames_wait_for_a_full_queue),
		lab_test(urgent_frames_do_not_wait_for_ever),
		lab_test(a_port_that_is_gone_is_not_sent_to),
	};

	return cmocka_run_group_tests_name("ethernet", tests, lab_group_setup, NULL);
}
