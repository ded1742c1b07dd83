/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A neighbour of a multipath route that stops answering: its flows move, no others, and come back with it.
 * Gateways are played by the test, which answers neighbour solicitations for those that are alive.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/route/route.h"

#define FLOWS 240
#define GATEWAYS 3
#define FIRST 30 /* host number of the first gateway */

static bool v6, alive[GATEWAYS];
static uint8_t place[FLOWS]; /* gateway + 1 a flow came out to, 0 = none */

static const char config[] =
	LAB_TWO_NETS("") "routes:\n"
			 "  - {prefix: 198.51.100.0/24, via: [{address: 10.0.1.30}, {address: 10.0.1.31, "
			 "weight: 2}, {address: 10.0.1.32}]}\n"
			 "  - {prefix: \"2001:db8:f::/48\", via: [{address: \"2001:db8:b::1e\"}, {address: "
			 "\"2001:db8:b::1f\", weight: 2}, "
			 "{address: \"2001:db8:b::20\"}]}\n";

static void answer(bool six, const uint8_t *target)
{
	unsigned g = target[six ? 15 : 3] - FIRST;
	char text[64];

	if (g >= GATEWAYS || !alive[g])
		return;
	if (six) {
		snprintf(text, sizeof text, "2001:db8:b::%x", FIRST + g);
		begin_ip(1, FIRST + g, text, "2001:db8:b::1");
		build_nd(&lab.b, 136, 0x60, text, host_mac(FIRST + g));
	} else {
		begin_from(1, FIRST + g);
		build_arp(&lab.b, 2, host_mac(FIRST + g), 0x0a000100 + FIRST + g, lab_mac(1), 0x0a000101);
	}
	inject(1);
}

/* Everything that waits on port 1: solicitations are answered, packets say where their flow goes. */
static unsigned look(void)
{
	unsigned asked = 0;

	while (lab_waiting(1) != 0) {
		const struct seen *s = expect_frame(1);
		bool six = s->family == FAMILY_V6;
		uint8_t target[16];

		if (s->type == 0x0806 && s->data[s->l3 + 7] == 1) {
			memcpy(target, s->data + s->l3 + 24, 4);
		} else if (six && s->proto == 58 && s->data[s->l4] == 135) {
			memcpy(target, s->data + s->l4 + 8, 16);
		} else {
			if (s->proto == 17)
				place[s->data[s->l4 + 2] << 8 | s->data[s->l4 + 3]] =
					(uint8_t)(s->data[5] - FIRST + 1);
			continue;
		}
		asked++;
		answer(six, target);
	}
	return asked;
}

static void send_flows(unsigned n)
{
	for (uint16_t f = 0; f < n; f++) {
		begin_ip(0, 2, v6 ? "2001:db8:a::2" : "10.0.0.2", v6 ? "2001:db8:f::9" : "198.51.100.9");
		build_udp(&lab.b, 1, f);
		inject(0);
	}
}

/* Time passes with some packets of every path every second. */
static void serve(unsigned seconds)
{
	for (unsigned i = 0; i < 2 * seconds; i++) {
		if (i % 2 == 0)
			send_flows(40);
		look();
		lab_advance(MILLIS(500));
		look();
	}
}

static void where(uint8_t out[FLOWS])
{
	memset(place, 0, sizeof place);
	send_flows(FLOWS);
	look();
	memcpy(out, place, sizeof place);
}

static unsigned at(const uint8_t p[FLOWS], unsigned gateway)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += p[i] == gateway + 1;
	return n;
}

static unsigned failed_paths(void)
{
	struct route_totals t;

	route_totals(lab.w, &t);
	return t.failed_paths;
}

static void forget_drops(void)
{
	lab_drops("route-unreachable");
	lab_drops("neighbor-queue-full");
	lab_discard();
}

static void begin(bool six)
{
	v6 = six;
	memset(alive, true, sizeof alive);
	lab_config(config);
	serve(10);
	forget_drops();
}

static void a_dead_next_hop_loses_its_flows_and_gets_them_back(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		uint8_t before[FLOWS], dead[FLOWS], after[FLOWS];

		begin(six != 0);
		assert_int_equal(failed_paths(), 0);
		where(before);
		assert_in_range(at(before, 1), FLOWS * 2 / 5, FLOWS * 3 / 5);
		alive[1] = false;
		serve(50);
		assert_int_equal(failed_paths(), 1);
		assert_int_equal(lab_drops("route-unreachable"), 0); /* what waited took the other paths */
		forget_drops();
		where(dead);
		assert_int_equal(at(dead, 0) + at(dead, 2), FLOWS);
		for (unsigned i = 0; i < FLOWS; i++)
			assert_true(before[i] == 2 || dead[i] == before[i]);
		assert_true(at(dead, 0) > at(before, 0) + 20 && at(dead, 2) > at(before, 2) + 20);
		alive[1] = true;
		serve(8);
		assert_int_equal(failed_paths(), 0);
		where(after);
		for (unsigned i = 0; i < FLOWS; i++)
			assert_true(after[i] == dead[i] || after[i] == 2);
		assert_in_range(at(after, 1), FLOWS * 2 / 5, FLOWS * 3 / 5);
		forget_drops();
	}
}

static void without_any_next_hop_the_sender_is_told(void **state)
{
	for (unsigned six = 0; six < 2; six++) {
		uint8_t before[FLOWS], after[FLOWS];

		begin(six != 0);
		where(before);
		memset(alive, false, sizeof alive);
		serve(60);
		assert_int_equal(failed_paths(), GATEWAYS); /* of this family: the other carries nothing */
		forget_drops();
		where(after);
		assert_int_equal(at(after, 0) + at(after, 1) + at(after, 2), 0);
		assert_int_equal(lab_drops("route-unreachable"), FLOWS);
		lab_discard();
		alive[2] = true; /* the first that is back takes them all */
		serve(8);
		forget_drops();
		where(after);
		assert_int_equal(at(after, 2), FLOWS);
		memset(alive, true, sizeof alive);
		serve(8);
		where(after);
		for (unsigned i = 0; i < GATEWAYS; i++)
			assert_in_range(
				at(after, i), FLOWS * (i == 1 ? 2 : 1) / 5, FLOWS * (i == 1 ? 3 : 2) / 5);
		forget_drops();
	}
}

/* A route over neighbours that failed before begins without them; when it goes, nobody asks for them any
 * more. */
static void failed_neighbours_are_left_out_from_the_start(void **state)
{
	struct route_spec spec = {.source = ROUTE_STATIC, .via_count = 2};
	struct err e = {0};
	uint8_t places[FLOWS];

	begin(false);
	alive[1] = false;
	serve(50);
	forget_drops();
	assert_int_equal(prefix_parse("198.51.100.9/32", &spec.prefix), 0);
	assert_int_equal(ipaddr_parse("10.0.1.31", &spec.via[0].address), 0);
	assert_int_equal(ipaddr_parse("10.0.1.32", &spec.via[1].address), 0);
	assert_int_equal(route_add(lab.w, &spec, false, &e), 0);
	assert_int_equal(failed_paths(), 2);
	where(places);
	assert_int_equal(at(places, 2), FLOWS);
	assert_int_equal(route_del(lab.w, 0, ROUTE_STATIC, &spec.prefix, &e), 0);
	assert_int_equal(failed_paths(), 1);
	assert_int_equal(lab_apply(LAB_TWO_NETS(""), &e), 0);
	assert_int_equal(failed_paths(), 0);
	lab_advance(SECONDS(10));
	lab_discard();
	lab_advance(SECONDS(100));
	assert_int_equal(look(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(a_dead_next_hop_loses_its_flows_and_gets_them_back),
		lab_test(without_any_next_hop_the_sender_is_told),
		lab_test(failed_neighbours_are_left_out_from_the_start),
	};

	return cmocka_run_group_tests_name("group", tests, lab_group_setup, NULL);
}
