/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flows and their owners: the hash against DPDK's Toeplitz, both directions and what belongs to a flow, and
 * three workers in one process that hand packets over.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_thash.h>

#define WORKERS 3
#define AFFINITY ", flow-affinity: true"
/* Interfaces that keep flows on both sides. */
#define TWO_SIDES                                                                                            \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, addresses: [10.0.0.1/16, \"2001:db8:a::1/64\"]" AFFINITY "}\n"                      \
	"  b: {port: p1, addresses: [10.1.0.1/16, \"2001:db8:b::1/64\"]" AFFINITY "}\n"                      \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: b, address: 10.1.0.3, mac: \"02:aa:00:00:00:03\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"

/* --- what left, by worker and port --- */

static struct way {
	unsigned worker, port, count;
	uint32_t mark[4096]; /* last 4 bytes of each frame */
} ways[WORKERS][LAB_PORTS];

static uint16_t record(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct way *y = ctx;

	for (uint16_t i = 0; i < n; i++) {
		uint32_t mark;

		memcpy(&mark, rte_pktmbuf_mtod_offset(pkts[i], uint8_t *, pkts[i]->data_len - 4), 4);
		assert_true(y->count < RTE_DIM(y->mark));
		y->mark[y->count++] = mark;
		rte_pktmbuf_free(pkts[i]);
	}
	return n;
}

static void forget(void)
{
	for (unsigned w = 0; w < WORKERS; w++)
		for (unsigned p = 0; p < LAB_PORTS; p++)
			ways[w][p] = (struct way){.worker = w, .port = p};
}

static int open_three(void **state)
{
	int rc;

	lab.workers = WORKERS;
	rc = lab_open(state);
	lab.workers = 1;
	for (unsigned w = 0; rc == 0 && w < WORKERS; w++)
		for (unsigned p = 0; p < LAB_PORTS; p++) {
			lab.w->worker[w]->tx[p].send = record;
			lab.w->worker[w]->tx[p].ctx = &ways[w][p];
		}
	return rc;
}
#define three_test(f) cmocka_unit_test_setup_teardown(f, open_three, lab_close)

static void config(const char *yaml)
{
	forget(); /* room for what the interfaces say when they start */
	lab_config(yaml);
	forget();
}

static unsigned senders(unsigned port)
{
	unsigned n = 0;

	for (unsigned w = 0; w < WORKERS; w++)
		n += ways[w][port].count != 0;
	return n;
}

static unsigned sent_by_all(unsigned port)
{
	unsigned n = 0;

	for (unsigned w = 0; w < WORKERS; w++)
		n += ways[w][port].count;
	return n;
}

/* The one worker that sent frames of a port. */
static unsigned sender(unsigned port)
{
	unsigned w = 0;

	assert_int_equal(senders(port), 1);
	while (w < WORKERS - 1 && ways[w][port].count == 0)
		w++;
	return w;
}

static struct rte_mbuf *finished(uint32_t mark)
{
	struct rte_mbuf *m;

	build_bytes(&lab.b, &mark, sizeof mark);
	build_end(&lab.b);
	m = build_mbuf(&lab.b, lab.pool, 0, 0);
	assert_non_null(m);
	return m;
}

static void send_on(unsigned worker, unsigned port)
{
	struct rte_mbuf *m = finished(0);

	inject_burst_on(worker, port, &m, 1);
}

/* --- hash --- */

static void the_hash_is_the_one_of_network_cards(void **state)
{
	uint8_t key[44];

	for (unsigned i = 0; i < sizeof key; i++)
		key[i] = i % 2 == 0 ? SHARD_KEY >> 8 : SHARD_KEY & 0xff;
	for (unsigned round = 0; round < 20000; round++) {
		uint32_t tuple[9], words = round % 2 == 0 ? 3 : 9, card;
		uint16_t fold = 0, own;

		for (unsigned i = 0; i < words; i++) {
			tuple[i] = (uint32_t)lab_random();
			fold ^= (uint16_t)(tuple[i] >> 16 ^ tuple[i]);
		}
		card = rte_softrss(tuple, words, key);
		own = shard_toeplitz(fold);
		assert_int_equal(card, (uint32_t)own << 16 | own);
	}
}

static void different_flows_have_different_owners(void **state)
{
	unsigned hits[SHARD_BUCKETS] = {0};
	struct shard_map m;

	for (unsigned port = 1024; port < 1024 + 128 * 100; port++)
		hits[shard_toeplitz((uint16_t)(0x0a00 ^ 0x1234 ^ port)) % SHARD_BUCKETS]++;
	for (unsigned i = 0; i < SHARD_BUCKETS; i++)
		assert_true(hits[i] > 50 && hits[i] < 200);
	for (unsigned n = 1; n <= WORKER_MAX; n++) {
		struct worker *none[WORKER_MAX] = {NULL};
		unsigned of[WORKER_MAX] = {0};

		shard_map_fill(&m, none, n);
		for (unsigned i = 0; i < SHARD_BUCKETS; i++)
			of[m.owner[i]]++;
		for (unsigned w = 0; w < WORKER_MAX; w++)
			assert_true(w < n ? of[w] >= SHARD_BUCKETS / n && of[w] <= SHARD_BUCKETS / n + 1
					  : of[w] == 0);
	}
}

/* --- three workers --- */

static void packets_stay_where_flows_are_not_kept(void **state)
{
	config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < 200; i++) {
		begin_ip(0, 2, "10.0.0.2", "10.0.1.3");
		build_udp(&lab.b, (uint16_t)lab_random(), 53);
		send_on(2, 0);
	}
	assert_int_equal(sender(1), 2);
	assert_int_equal(ways[2][1].count, 200);
}

static const struct pair {
	const char *a, *b;
} pairs[] = {{"10.0.0.2", "10.1.0.3"}, {"2001:db8:a::2", "2001:db8:b::3"}};

static void both_directions_pass_one_worker_whatever_queue_they_came_by(void **state)
{
	unsigned owned[WORKERS] = {0};

	config(TWO_SIDES);
	for (unsigned i = 0; i < 300; i++) {
		const struct pair *p = &pairs[i % 2];
		uint16_t x = (uint16_t)lab_random(), y = (uint16_t)lab_random();

		forget();
		for (unsigned on = 0; on < WORKERS; on++) {
			begin_ip(0, 2, p->a, p->b);
			(i % 3 == 0 ? build_tcp : build_udp)(&lab.b, x, y);
			send_on(on, 0);
			begin_ip(1, 3, p->b, p->a);
			(i % 3 == 0 ? build_tcp : build_udp)(&lab.b, y, x);
			send_on(on, 1);
		}
		assert_int_equal(sender(0), sender(1));
		assert_int_equal(ways[sender(0)][0].count + ways[sender(0)][1].count, 2 * WORKERS);
		owned[sender(0)]++;
	}
	for (unsigned w = 0; w < WORKERS; w++)
		assert_true(owned[w] > 50);
}

/* An ICMP error of a router on the way, about a packet of the flow from b to a. */
static void build_error(const struct pair *p, uint16_t x, uint16_t y)
{
	static struct build inner;
	bool v4 = p == &pairs[0];

	build_begin(&inner);
	build_ip(&inner, p->b, p->a);
	build_udp(&inner, y, x);
	build_payload(&inner, 8);
	build_end(&inner);
	begin_ip(0, 2, v4 ? "10.0.77.7" : "2001:db8:a::77", p->b);
	build_icmp(&lab.b, v4 ? 11 : 3, 0, 0);
	build_bytes(&lab.b, inner.data, v4 ? 28 : inner.len);
}

static void an_icmp_error_goes_where_the_flow_is(void **state)
{
	config(TWO_SIDES);
	for (unsigned i = 0; i < 200; i++) {
		const struct pair *p = &pairs[i % 2];
		uint16_t x = (uint16_t)lab_random(), y = (uint16_t)lab_random();

		forget();
		begin_ip(0, 2, p->a, p->b);
		build_udp(&lab.b, x, y);
		send_on(i % WORKERS, 0);
		build_error(p, x, y);
		send_on((i + 1) % WORKERS, 0);
		assert_int_equal(ways[sender(1)][1].count, 2);
	}
}

static void cut_off_icmp_errors_do_no_harm(void **state)
{
	config(TWO_SIDES);
	for (unsigned family = 0; family < 2; family++)
		for (unsigned keep = 0; keep < 56; keep++) {
			struct rte_mbuf *m;

			build_error(&pairs[family], 1, 2);
			lab.b.len = 14 + (family == 0 ? 28 : 48);
			build_payload(&lab.b, keep);
			build_end(&lab.b);
			m = build_mbuf(&lab.b, lab.pool, 0, 0);
			inject_burst_on(keep % WORKERS, 0, &m, 1);
		}
	assert_int_equal(sent_by_all(1), 112);
}

static void fragments_of_a_datagram_meet(void **state)
{
	unsigned owned[WORKERS] = {0};

	config(TWO_SIDES);
	for (unsigned i = 0; i < 90; i++) {
		char src[2][32];

		forget();
		snprintf(src[0], sizeof src[0], "10.0.1.%u", i + 1);
		snprintf(src[1], sizeof src[1], "2001:db8:a::%x", 0x100 + i);
		for (unsigned part = 0; part < 6; part++) {
			begin_ip(0, 2, src[i % 2], pairs[i % 2].b);
			build_fragment(&lab.b, i, (uint16_t)(part * 2), part < 5);
			if (part == 0)
				build_udp(&lab.b, (uint16_t)lab_random(), (uint16_t)lab_random());
			else
				build_payload(&lab.b, 8);
			build_payload(&lab.b, 4);
			send_on(part % WORKERS, 0);
		}
		assert_int_equal(ways[sender(1)][1].count, 6);
		owned[sender(1)]++;
	}
	for (unsigned w = 0; w < WORKERS; w++)
		assert_true(owned[w] > 0);
}

/* Bursts of many flows; a flow comes by one queue, as network cards do it. */
static void order_within_a_flow_is_kept(void **state)
{
	enum { FLOWS = 50, BURSTS = 100 };
	uint32_t sent[FLOWS] = {0}, seen[FLOWS] = {0};
	unsigned left = 0;

	config(TWO_SIDES);
	for (unsigned round = 0; round < BURSTS; round++) {
		struct rte_mbuf *pkts[BURST_SIZE];
		unsigned on = round % WORKERS, n = 1 + (unsigned)lab_random() % BURST_SIZE;

		for (unsigned i = 0; i < n; i++) {
			unsigned flow = (unsigned)(lab_random() % (FLOWS / WORKERS)) * WORKERS + on;

			begin_ip(0, 2, "10.0.0.2", "10.1.0.3");
			build_udp(&lab.b, (uint16_t)(1000 + flow * 7), 53);
			pkts[i] = finished(flow << 16 | ++sent[flow]);
			left++;
		}
		inject_burst_on(on, 0, pkts, (uint16_t)n);
	}
	for (unsigned w = 0; w < WORKERS; w++)
		for (unsigned i = 0; i < ways[w][1].count; i++) {
			uint32_t mark = ways[w][1].mark[i];

			assert_int_equal(mark & 0xffff, ++seen[mark >> 16]);
			left--;
		}
	assert_int_equal(left, 0);
	assert_int_equal(senders(1), WORKERS);
}

/* --- when it does not go well --- */

/* A flow that worker 0 receives and worker 1 owns. */
static void begin_foreign(void)
{
	for (uint16_t port = 1;; port++) {
		unsigned h = shard_toeplitz(0x0a00 ^ 0x0002 ^ 0x0a01 ^ 0x0003 ^ 53 ^ port) % SHARD_BUCKETS;

		if (lab.w->shard.owner[h] != 1)
			continue;
		begin_ip(0, 2, "10.0.0.2", "10.1.0.3");
		build_udp(&lab.b, port, 53);
		return;
	}
}

/* Received by worker 0 and nobody else runs. */
static void receive_only(void)
{
	struct rte_mbuf *m = finished(0);

	lab.received++;
	worker_receive(lab.w->worker[0], weir_generation(lab.w), 0, &m, 1, lab.now);
}

static void a_full_inbox_is_counted(void **state)
{
	config(TWO_SIDES);
	for (unsigned i = 0; i < 4095 + 20; i++) {
		begin_foreign();
		receive_only();
	}
	assert_int_equal(lab_drops("shard-full"), 20);
	assert_int_equal(lab.w->worker[0]->wake, 1 << 1);
	lab_step();
	assert_int_equal(ways[1][1].count, 4095);
}

static void an_interface_that_went_away_is_counted(void **state)
{
	struct err e = {0};

	config(TWO_SIDES);
	begin_foreign();
	receive_only();
	assert_int_equal(lab_apply("interfaces:\n  b: {port: p1, addresses: [10.1.0.1/16]}\n", &e), 0);
	lab_step();
	assert_int_equal(lab_drops("shard-interface-gone"), 1);
}

static void a_flow_that_got_another_owner_goes_on_to_it(void **state)
{
	struct generation *g;

	config(TWO_SIDES);
	begin_foreign();
	receive_only();
	memset(lab.w->shard.owner, 2, sizeof lab.w->shard.owner);
	g = generation_clone(lab.w->gen);
	weir_publish(lab.w, g);
	lab_step();
	assert_int_equal(sender(1), 2);
	shard_map_fill(&lab.w->shard, lab.w->worker, 1);
	weir_publish(lab.w, generation_clone(lab.w->gen));
	forget();
	begin_ip(0, 2, "10.0.0.2", "10.1.0.3");
	build_udp(&lab.b, 77, 53);
	send_on(2, 0);
	assert_int_equal(sender(1), 2); /* with one worker nothing moves */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_the_one_of_network_cards),
		cmocka_unit_test(different_flows_have_different_owners),
		three_test(packets_stay_where_flows_are_not_kept),
		three_test(both_directions_pass_one_worker_whatever_queue_they_came_by),
		three_test(an_icmp_error_goes_where_the_flow_is),
		three_test(cut_off_icmp_errors_do_no_harm),
		three_test(fragments_of_a_datagram_meet),
		three_test(order_within_a_flow_is_kept),
		three_test(a_full_inbox_is_counted),
		three_test(an_interface_that_went_away_is_counted),
		three_test(a_flow_that_got_another_owner_goes_on_to_it),
	};

	return cmocka_run_group_tests_name("shard", tests, lab_group_setup, NULL);
}
