/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The engine: order of stages, timers and buckets against plain oracles, flow hashes, the ways packets start
 * again and their bounds, counters, and configurations that are refused. A stage of the test's own, in a
 * place no feature uses, does to packets what a test asks for.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "pipeline/simd.h"

/* --- the test's own stage --- */

static void (*hook)(struct worker *w, struct burst *b, unsigned slot);
static unsigned hooked;

static void hook_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		hooked++;
		hook(w, b, (unsigned)i);
	}
}

static struct stage stage_hook = {
	.name = "hook", .help = "the test's", .id = STAGE_POLICER_IN, .run = hook_run};
STAGE_REGISTER(stage_hook)

/* Two nets; everything that comes in by interface a passes the hook. */
static void open_hooked(void (*fn)(struct worker *, struct burst *, unsigned))
{
	struct generation *g;

	lab_config(LAB_TWO_NETS(""));
	hook = fn;
	hooked = 0;
	g = generation_clone(lab.w->gen);
	g->iface[generation_iface(g, "a")->id]->in = STAGE_BIT(STAGE_POLICER_IN);
	weir_publish(lab.w, g);
}

static void send_through(void)
{
	begin_ip(0, 2, "10.0.0.2", "10.0.1.3");
	build_udp(&lab.b, 1, 2);
	inject(0);
}

/* --- stages --- */

static void a_stage_in_the_wrong_place_is_refused(void **state)
{
	static const struct {
		const char *what;
		uint64_t after, before, next;
		const char *says; /* NULL: accepted */
	} rows[] = {
		{"no wishes", 0, 0, 0, NULL},
		{"forward only", STAGE_BIT(STAGE_PARSE), STAGE_BIT(STAGE_ROUTE), STAGE_BIT(STAGE_ROUTE),
			NULL},
		{"after a later one", STAGE_BIT(STAGE_TX), 0, 0, "must run after 'tx'"},
		{"before an earlier one", 0, STAGE_BIT(STAGE_PARSE), 0, "must run before 'parse'"},
		{"sends back", 0, 0, STAGE_BIT(STAGE_PARSE), "sends packets back to 'parse'"},
		{"sends to itself", 0, 0, STAGE_BIT(STAGE_POLICER_IN), "sends packets back to 'hook'"},
		{"sends to nobody", 0, 0, STAGE_BIT(STAGE_QOS), "which nobody registered"},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct err e = {0};
		int rc;

		stage_hook.after = rows[i].after;
		stage_hook.before = rows[i].before;
		stage_hook.next = rows[i].next;
		rc = stages_init(&e);
		if ((rc == 0) != (rows[i].says == NULL) || (rc != 0 && strstr(e.text, rows[i].says) == NULL))
			fail_msg("%s: %d %s", rows[i].what, rc, e.text);
	}
	stage_hook.after = stage_hook.before = stage_hook.next = 0;
	assert_int_equal(stages_init(NULL), 0);
}

static void masks_agree_with_a_loop(void **state)
{
	static uint8_t a[BURST_SIZE] __rte_cache_aligned;
	static uint16_t b[BURST_SIZE] __rte_cache_aligned;

	for (unsigned round = 0; round < 10000; round++) {
		uint64_t want8 = 0, want16 = 0;
		uint16_t v = (uint16_t)(lab_random() % 3 * 255);

		for (unsigned i = 0; i < BURST_SIZE; i++) {
			a[i] = (uint8_t)(lab_random() % 3 * 255);
			b[i] = (uint16_t)(lab_random() % 3 * 255);
			want8 |= (uint64_t)(a[i] == (uint8_t)v) << i;
			want16 |= (uint64_t)(b[i] == v) << i;
		}
		assert_int_equal(mask_eq8(a, (uint8_t)v), want8);
		assert_int_equal(mask_eq16(b, v), want16);
	}
}

static void lengths_agree_with_a_loop(void **state)
{
	static uint16_t len[BURST_SIZE] __rte_cache_aligned;

	for (unsigned round = 0; round < 10000; round++) {
		uint64_t slots = lab_random() & lab_random(), sum = 0;
		uint16_t longest = 0;
		struct lengths l;

		for (unsigned i = 0; i < BURST_SIZE; i++) {
			len[i] = (uint16_t)(lab_random() % 32768);
			if ((slots >> i & 1) == 0)
				continue;
			sum += len[i];
			longest = RTE_MAX(longest, len[i]);
		}
		l = lengths_of(len, slots);
		assert_int_equal(l.sum, sum);
		assert_int_equal(l.longest, longest);
	}
}

/* --- timers --- */

#define TIMERS 300
static struct timer timers[TIMERS];
static uint64_t due[TIMERS], order[TIMERS], serial; /* the oracle: 0 = not pending */
static unsigned fired;

static void fire(struct weir *w, struct timer *t)
{
	unsigned i = (unsigned)(t - timers);

	assert_true(due[i] != 0 && due[i] <= w->now);
	for (unsigned k = 0; k < TIMERS; k++) /* nothing that is due comes after it */
		assert_false(due[k] != 0 && (due[k] < due[i] || (due[k] == due[i] && order[k] < order[i])));
	due[i] = 0;
	fired++;
	if (lab_random() % 8 == 0) { /* timers set timers */
		due[i] = w->now + 1 + lab_random() % 50;
		order[i] = ++serial;
		timer_set(w, t, due[i]);
	}
}

static void timers_fire_in_order_whatever_is_set_and_cancelled(void **state)
{
	for (unsigned i = 0; i < TIMERS; i++)
		timers[i].fn = fire;
	for (unsigned round = 0; round < 30000; round++) {
		unsigned i = (unsigned)(lab_random() % TIMERS);

		switch (lab_random() % 4) {
		case 0:
			timer_cancel(lab.w, &timers[i]);
			due[i] = 0;
			break;
		case 1:
			lab.now += lab_random() % 20;
			weir_control(lab.w, lab.now);
			for (unsigned k = 0; k < TIMERS; k++)
				assert_true(due[k] == 0 || due[k] > lab.now);
			break;
		default:
			due[i] = lab.now + lab_random() % 100;
			order[i] = ++serial;
			assert_int_equal(timer_set(lab.w, &timers[i], due[i]), 0);
		}
	}
	assert_true(fired > 1000);
	for (unsigned i = 0; i < TIMERS; i++)
		timer_cancel(lab.w, &timers[i]);
	assert_int_equal(lab.w->timer_count, 0);
}

/* --- buckets --- */

/* Over a second of asking every `step` ns, `rate` packets pass besides the burst. */
static void buckets_keep_their_rate_however_often_they_are_asked(void **state)
{
	static const struct {
		uint32_t rate, burst;
		uint64_t step;
	} rows[] = {{1000, 100, 1500}, {1000, 100, 1999}, {1, 1, 300}, {20000, 1024, 700}, {7, 3, 1000003},
		{1000000, 50, 999}, {1000, 1, MILLIS(1)}};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct bucket t = {0};
		uint64_t now = SECONDS(5), end = now + SECONDS(1), passed = 0;

		for (; now < end; now += rows[i].step)
			passed += bucket_take(&t, now, rows[i].rate, rows[i].burst);
		if (passed + 1 < rows[i].burst + rows[i].rate * 99ull / 100 ||
			passed > rows[i].burst + rows[i].rate + 1)
			fail_msg("%lu passed of %u + %u", passed, rows[i].burst, rows[i].rate);
	}
}

static void buckets_are_bounded(void **state)
{
	struct bucket t = {0};
	unsigned n = 0;

	while (bucket_take(&t, SECONDS(1), 1000, 10))
		n++;
	assert_int_equal(n, 10);
	while (bucket_take(&t, SECONDS(100000), 1000, 10))
		n++;
	assert_int_equal(n, 20);
	while (bucket_take(&t, SECONDS(2), 1000, 10)) /* the clock was set back */
		n++;
	assert_int_equal(n, 30);
	assert_false(bucket_take(&t, SECONDS(3), 0, 10));
}

/* --- flow hash --- */

static uint32_t hash_of(const char *src, const char *dst, uint16_t sport, uint16_t dport, bool fragment)
{
	struct burst *b = &lab.w->worker[0]->burst;
	uint32_t h;

	build_begin(&lab.b);
	build_ip(&lab.b, src, dst);
	build_udp(&lab.b, sport, dport);
	build_end(&lab.b);
	b->pkt[0] = build_mbuf(&lab.b, lab.pool, 0, 0);
	b->l3[0] = 0;
	b->family[0] = strchr(src, ':') != NULL ? FAMILY_V6 : FAMILY_V4;
	b->l4[0] = b->family[0] == FAMILY_V6 ? 40 : 20;
	b->proto[0] = 17;
	b->flags[0] = fragment ? SLOT_FRAGMENT : 0;
	b->hashed = 0;
	h = burst_hash(b, 0);
	assert_true(h != 0 && b->hash[0] == h);
	rte_pktmbuf_free(b->pkt[0]);
	return h;
}

static void both_directions_of_a_flow_hash_alike(void **state)
{
	static const char *const pair[2][2] = {
		{"10.0.0.2", "10.0.1.3"}, {"2001:db8::1", "fe80:1:2:3:4:5:6:7"}};
	unsigned same = 0;

	for (unsigned i = 0; i < 1000; i++) {
		const char *const *p = pair[i % 2];
		uint16_t x = (uint16_t)lab_random(), y = (uint16_t)lab_random();

		assert_int_equal(hash_of(p[0], p[1], x, y, false), hash_of(p[1], p[0], y, x, false));
		assert_int_equal(hash_of(p[0], p[1], x, y, true), hash_of(p[1], p[0], 1, 2, true));
		same += hash_of(p[0], p[1], x, y, false) == hash_of(p[0], p[1], x, (uint16_t)(y + 1), false);
	}
	assert_true(same < 3);
}

/* --- starting again --- */

static void again(struct worker *w, struct burst *b, unsigned slot)
{
	worker_reinject(w, b, slot, STAGE_POLICER_IN);
}

static void nowhere(struct worker *w, struct burst *b, unsigned slot)
{
	b->need[STAGE_ROUTE] &= ~slot_bit(slot);
}

static void a_packet_that_a_stage_forgets_is_counted(void **state)
{
	open_hooked(nowhere);
	send_through();
	expect_drop("no-stage");
}

static void a_packet_starts_again_a_limited_number_of_times(void **state)
{
	open_hooked(again);
	send_through();
	expect_drop("inject-loop");
	assert_int_equal(hooked, NOTE_MAX_HOPS + 1);
}

static struct note noted;

static void once_more(struct worker *w, struct burst *b, unsigned slot)
{
	noted = *burst_save_note(b, slot);
	if (b->hops[slot] == 0)
		worker_reinject(w, b, slot, STAGE_POLICER_IN);
	else
		b->need[STAGE_ROUTE] |= slot_bit(slot);
}

static void a_packet_that_starts_again_keeps_its_state(void **state)
{
	struct note first;

	open_hooked(once_more);
	begin_ip(0, 2, "10.0.0.2", "10.0.1.3");
	build_udp(&lab.b, 1, 2);
	build_end(&lab.b);
	hook = once_more;
	inject(0);
	first = noted;
	assert_int_equal(hooked, 2);
	assert_int_equal(first.hops, 1);
	assert_int_equal(first.dst4, 0x0a000103);
	assert_int_equal(first.l3, 14);
	assert_int_equal(first.l4, 34);
	assert_int_equal(first.proto, 17);
	assert_int_equal(first.family, FAMILY_V4);
	assert_int_equal(expect_frame(1)->ttl, 63);
}

static void full_rings_refuse_and_count(void **state)
{
	const struct reason *why = reason_get(1);
	struct rte_mbuf *m;

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < INJECT_SIZE + 10; i++) {
		m = worker_alloc(lab.w->worker[0]);
		note_of(m)->reason = why->id;
		assert_int_equal(worker_originate(lab.w->worker[0], m, STAGE_DROP), i < INJECT_SIZE);
	}
	assert_int_equal(lab_drops("inject-full"), 10);
	lab_step();
	assert_int_equal(lab_drops(why->name), INJECT_SIZE);
	for (unsigned i = 0; i < 4095 + 10; i++) {
		m = weir_alloc(lab.w);
		note_of(m)->reason = why->id;
		weir_send(lab.w, m, STAGE_DROP, true);
	}
	assert_int_equal(lab_drops("inbox-full"), 10);
	lab_step();
	assert_int_equal(lab_drops(why->name), 4095);
}

static void the_way_to_the_control_thread_is_limited(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < PUNT_BURST + 7; i++) {
		begin_from(0, 7);
		build_arp(&lab.b, 1, host_mac(7), 0x0a000007, lab_mac(0), 0x0a000001);
		inject(0);
	}
	assert_int_equal(lab_drops("punt-rate"), 7);
	assert_int_equal(lab_drops("arp-handled"), PUNT_BURST);
}

/* --- deferred work --- */

static unsigned deferred_runs, deferred_last;

static void note_deferred(void *arg)
{
	unsigned i = (unsigned)(uintptr_t)arg;

	deferred_last = i;
	deferred_runs++;
}

static void more_deferred_work_than_fits_is_done_all_the_same(void **state)
{
	deferred_runs = 0;
	for (unsigned i = 0; i < DEFER_MAX + 100; i++)
		weir_defer(lab.w, note_deferred, (void *)(uintptr_t)i);
	assert_true(deferred_runs >= 100);
	lab_step();
	assert_int_equal(deferred_runs, DEFER_MAX + 100);
	assert_int_equal(deferred_last, DEFER_MAX - 1);
}

/* --- counters --- */

static void cleared_counters_start_at_zero(void **state)
{
	struct counters c = {.iface = calloc(IFACE_MAX, sizeof(struct iface_counters))};
	uint16_t a;

	lab_config(LAB_TWO_NETS(""));
	a = generation_iface(lab.w->gen, "a")->id;
	weir_counters_clear(lab.w);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 5; i++)
			send_through();
		begin_ip(0, 2, "10.0.0.2", "203.0.113.1");
		inject(0);
		weir_counters(lab.w, &c);
		assert_int_equal(c.received, 6);
		assert_int_equal(c.iface[a].rx_packets, 6);
		assert_int_equal(c.iface[a].drops, 1);
		assert_int_equal(c.iface[a].tx_packets, 1);
		weir_counters_clear(lab.w);
		weir_counters(lab.w, &c);
		for (unsigned i = 0; i < REASON_MAX; i++)
			assert_int_equal(c.reason[i], 0);
		assert_int_equal(c.received + c.transmitted + c.originated + c.bursts, 0);
		assert_int_equal(c.iface[a].rx_packets + c.iface[a].rx_bytes, 0);
		lab.received = 0;
	}
	free(c.iface);
}

/* --- refused configurations --- */

static void a_refused_configuration_changes_nothing(void **state)
{
	static char many[4096];
	const struct generation *g;

	lab_config(LAB_TWO_NETS("") "routes: [{prefix: 203.0.113.0/24, via: [{address: 10.0.1.3}]}]\n");
	g = lab.w->gen;
	strcpy(many, LAB_TWO_NETS(""));
	for (unsigned i = 0; i < 17; i++) /* more neighbours than the limit: the neighbours say no */
		sprintf(many + strlen(many),
			"  - {interface: b, address: 10.0.1.%u, mac: \"02:00:00:00:01:%02x\"}\n", 50 + i, i);
	strcat(many, "neighbor: {limit: 16, probes: 9}\nicmp: {echo: false}\n");
	for (unsigned i = 0; i < 2; i++) {
		struct err e = {0};

		assert_true(lab_apply(i == 0 ? LAB_TWO_NETS(", mtu: 9000") : many, &e) != 0);
		assert_true(e.text[0] != '\0');
		assert_ptr_equal(lab.w->gen, g);
		lab_step();
		expect_silence();
		begin_ip(0, 2, "10.0.0.2", "203.0.113.1");
		build_udp(&lab.b, 1, 2);
		inject(0);
		expect_frame(1);
		begin_ip(0, 2, "10.0.0.2", "10.0.0.1");
		build_icmp(&lab.b, 8, 0, 1);
		inject(0);
		expect_frame(0);
		expect_silence();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(a_stage_in_the_wrong_place_is_refused),
		cmocka_unit_test(masks_agree_with_a_loop),
		cmocka_unit_test(lengths_agree_with_a_loop),
		lab_test(timers_fire_in_order_whatever_is_set_and_cancelled),
		cmocka_unit_test(buckets_keep_their_rate_however_often_they_are_asked),
		cmocka_unit_test(buckets_are_bounded),
		lab_test(both_directions_of_a_flow_hash_alike),
		lab_test(a_packet_that_a_stage_forgets_is_counted),
		lab_test(a_packet_starts_again_a_limited_number_of_times),
		lab_test(a_packet_that_starts_again_keeps_its_state),
		lab_test(full_rings_refuse_and_count),
		lab_test(the_way_to_the_control_thread_is_limited),
		lab_test(more_deferred_work_than_fits_is_done_all_the_same),
		lab_test(cleared_counters_start_at_zero),
		lab_test(a_refused_configuration_changes_nothing),
	};

	return cmocka_run_group_tests_name("pipeline", tests, lab_group_setup, NULL);
}
