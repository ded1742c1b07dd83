/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes that concern many routes: none of them takes a turn longer than a part of the routes, and nothing
 * is given back that a route still leads to.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/rib.h"
#include "table/fib4.h"

#define ROUTES 20000u
#define OBJECT 7

static struct ipaddr gateway(unsigned host)
{
	struct ipaddr a;
	char text[32];

	snprintf(text, sizeof text, "10.0.%u.%u", host / 100, host % 100);
	assert_int_equal(ipaddr_parse(text, &a), 0);
	return a;
}

static struct prefix net(unsigned i)
{
	struct prefix p = {.addr.family = FAMILY_V4, .len = 24};

	p.addr.bytes[0] = (uint8_t)(20 + (i >> 16));
	p.addr.bytes[1] = (uint8_t)(i >> 8);
	p.addr.bytes[2] = (uint8_t)i;
	return p;
}

static void put_via(struct route_spec *s, unsigned host)
{
	s->via[s->via_count++] = (struct route_via){.address = gateway(host),
		.iface = generation_iface(lab.w->gen, host / 100 == 0 ? "a" : "b")->id,
		.weight = 1,
		.onlink = true};
}

static struct route_spec spec_of(unsigned i, uint32_t object)
{
	return (struct route_spec){.prefix = net(i),
		.source = ROUTE_KERNEL,
		.distance = 20,
		.protocol = 186,
		.metric = 10,
		.object = object};
}

/* Hosts are 100 * net + number; 0 ends the list. */
static void fill_routes(uint32_t object, const unsigned hosts[])
{
	struct err e = {0};

	for (unsigned i = 0; i < ROUTES; i++) {
		struct route_spec s = spec_of(i, object);

		for (unsigned k = 0; hosts[k] != 0; k++)
			put_via(&s, hosts[k]);
		assert_int_equal(route_feed_add(lab.w, &s, ROUTE_FRONT, 0, &e), 0);
	}
	route_feed_done(lab.w);
}

/* The slot the forwarding table itself has for a network. */
static uint16_t in_fib(unsigned i)
{
	struct prefix p = net(i);

	return fib4_lookup(lab.w->vrf[0].fib4, ipaddr_to_v4(&p.addr) | 9);
}

/* The slot of a neighbour. */
static uint16_t slot_of(unsigned host)
{
	struct ipaddr a = gateway(host);
	uint16_t nh = neigh_nexthop(lab.w, generation_iface(lab.w->gen, host / 100 == 0 ? "a" : "b")->id, &a);

	neigh_nexthop_put(lab.w, nh);
	return nh;
}

static bool leads_to(unsigned i, unsigned host)
{
	return in_fib(i) == slot_of(host);
}

static const unsigned *new_hosts; /* NULL: the object is gone */

static bool fill_object(void *ctx, struct route_spec *spec)
{
	for (unsigned k = 0; new_hosts != NULL && new_hosts[k] != 0; k++)
		put_via(spec, new_hosts[k]);
	return new_hosts != NULL;
}

static bool change(const unsigned hosts[])
{
	new_hosts = hosts;
	return route_feed_object(lab.w, ROUTE_KERNEL, 0, OBJECT, fill_object, NULL);
}

/* Parts of about as many routes as a turn may take. */
static unsigned turns_until_settled(void)
{
	unsigned n = 0;

	while (!route_settled(lab.w)) {
		n++;
		weir_control(lab.w, lab.now);
	}
	return n;
}

static uint64_t routes_now(void)
{
	return route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[0];
}

static int open_router(void **state)
{
	int rc = lab_open(state);

	lab_config(LAB_TWO_NETS(""));
	return rc;
}

static int close_router(void **state)
{
	route_feed_forget(lab.w, ROUTE_KERNEL, 0);
	route_settle(lab.w);
	assert_int_equal(routes_now(), 0);
	assert_int_equal(in_fib(0), 0);
	assert_int_equal(lab.w->route->release_count, 0);
	return lab_close(state);
}

static void an_object_changes_in_parts(void **state)
{
	fill_routes(OBJECT, (const unsigned[]){103, 0});
	assert_true(leads_to(0, 103) && leads_to(ROUTES - 1, 103));
	assert_true(change((const unsigned[]){104, 0}));
	assert_false(route_settled(lab.w));
	assert_true(leads_to(0, 104));
	assert_true(leads_to(ROUTES - 1, 103)); /* not yet, and its slot is still that neighbour's */
	assert_true(turns_until_settled() >= 2);
	for (unsigned i = 0; i < ROUTES; i++)
		assert_true(leads_to(i, 104));
	assert_int_equal(routes_now(), ROUTES);
}

static void an_object_goes_in_parts(void **state)
{
	fill_routes(OBJECT, (const unsigned[]){103, 0});
	assert_true(change(NULL));
	assert_int_equal(in_fib(0), 0);
	assert_true(leads_to(ROUTES - 1, 103));
	turns_until_settled();
	assert_int_equal(routes_now(), 0);
	assert_int_equal(in_fib(ROUTES - 1), 0);
}

/* Each route follows to where the object is in the end. */
static void changes_that_come_meanwhile(void **state)
{
	fill_routes(OBJECT, (const unsigned[]){103, 0});
	for (unsigned k = 0; k < 5; k++) {
		assert_true(change((const unsigned[]){104 + k, 0}));
		weir_control(lab.w, lab.now);
	}
	weir_link_set(lab.w, 1, false); /* ... and the link of all of them */
	weir_link_set(lab.w, 1, true);
	turns_until_settled();
	for (unsigned i = 0; i < ROUTES; i++)
		assert_true(leads_to(i, 108));
}

/* A route that is added again while the old one waits to go stays. */
static void added_again_meanwhile(void **state)
{
	struct err e = {0};
	struct route_spec s = spec_of(ROUTES - 1, OBJECT);

	fill_routes(OBJECT, (const unsigned[]){103, 0});
	assert_true(change(NULL));
	put_via(&s, 104);
	assert_int_equal(route_feed_add(lab.w, &s, ROUTE_FRONT, 0, &e), 0);
	assert_true(leads_to(ROUTES - 1, 104));
	turns_until_settled();
	assert_int_equal(routes_now(), 1);
	assert_true(leads_to(ROUTES - 1, 104));
}

/* Who is in the buckets of the group a network leads to; bit k: host 103 + k. */
static unsigned members(unsigned i)
{
	const struct nexthop *g = &lab.w->nht.nh[in_fib(i)];
	unsigned who = 0;

	for (uint32_t b = 0; b <= g->bucket_mask; b++)
		for (unsigned k = 0; k < 3; k++)
			who |= lab.w->nht.bucket[g->bucket_base + b] == slot_of(103 + k) ? 1u << k : 0;
	return who;
}

static void flows_of_a_group_change_at_once(void **state)
{
	uint16_t before;

	fill_routes(OBJECT, (const unsigned[]){103, 104, 0});
	before = in_fib(ROUTES - 1);
	assert_int_equal(members(ROUTES - 1), 3);
	assert_true(change((const unsigned[]){104, 105, 0}));
	assert_int_equal(in_fib(ROUTES - 1), before); /* the route has not followed */
	assert_int_equal(members(ROUTES - 1), 6);     /* its flows have */
	turns_until_settled();
	assert_int_not_equal(in_fib(ROUTES - 1), before);
	assert_int_equal(members(ROUTES - 1), 6);
}

static void a_link_takes_all_routes_along(void **state)
{
	uint16_t b = generation_iface(lab.w->gen, "b")->id;

	fill_routes(0, (const unsigned[]){103, 0});
	assert_true(route_feed_link(lab.w, b, true));
	assert_false(route_feed_link(lab.w, b, true));
	route_feed_links(lab.w);
	assert_int_equal(in_fib(0), 0);
	assert_true(in_fib(ROUTES - 1) != 0 && lab.w->route->release_count != 0);
	turns_until_settled();
	assert_int_equal(in_fib(ROUTES - 1), 0);
	assert_true(route_feed_link(lab.w, b, false));
	route_feed_links(lab.w);
	turns_until_settled();
	assert_true(leads_to(ROUTES - 1, 103));
}

/* Its number must not be another feed's before its routes are gone. */
static void a_feed_is_forgotten(void **state)
{
	fill_routes(0, (const unsigned[]){103, 0});
	route_feed_forget(lab.w, ROUTE_KERNEL, 0);
	assert_true(route_feed_is_going(lab.w, ROUTE_KERNEL, 0));
	assert_true(leads_to(ROUTES - 1, 103));
	turns_until_settled();
	assert_false(route_feed_is_going(lab.w, ROUTE_KERNEL, 0));
	assert_int_equal(routes_now(), 0);
}

/* An interface that a configuration has no more: no route leads there when the commit is through. */
static void a_commit_without_the_interface(void **state)
{
	fill_routes(0, (const unsigned[]){103, 0});
	lab_config("interfaces:\n  a: {port: p0, addresses: [10.0.0.1/24]}\n");
	for (unsigned i = 0; i < ROUTES; i++)
		assert_int_equal(in_fib(i), 0);
}

#define router_test(f) cmocka_unit_test_setup_teardown(f, open_router, close_router)

int main(void)
{
	const struct CMUnitTest tests[] = {
		router_test(an_object_changes_in_parts),
		router_test(an_object_goes_in_parts),
		router_test(changes_that_come_meanwhile),
		router_test(added_again_meanwhile),
		router_test(flows_of_a_group_change_at_once),
		router_test(a_link_takes_all_routes_along),
		router_test(a_feed_is_forgotten),
		router_test(a_commit_without_the_interface),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
