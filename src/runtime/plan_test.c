/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who polls what: for every number of workers and queues each queue has exactly one worker, every transmit
 * ring somebody fills has an owner that empties it, and on the way between two plans nothing is polled that
 * moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/priv.h"

#define PORTS 4

static struct pool pool;
static struct runtime runtime = {.pool = {&pool}};
static struct port ports[2][PORTS]; /* two generations of them */

/* Rings are only compared. */
static struct rte_ring *ring_of(unsigned set, unsigned port, unsigned queue)
{
	return (struct rte_ring *)(uintptr_t)(0x1000 + set * 4096 + port * 256 + queue);
}

static void lay_out(
	struct layout *l, unsigned set, unsigned workers, const uint16_t rx[PORTS], const uint16_t tx[PORTS])
{
	memset(l, 0, sizeof *l);
	l->set.workers = workers;
	for (uint16_t i = 0; i < PORTS; i++) {
		struct port *p = &ports[set][i];

		if (rx[i] == 0)
			continue;
		*p = (struct port){.slot = i,
			.id = (uint16_t)(10 * (set + 1) + i),
			.rx_queues = rx[i],
			.tx_queues = tx[i],
			.started = true,
			.interrupts = i % 2 == 0};
		for (uint16_t q = 0; q < tx[i]; q++)
			p->shared[q] =
				(struct shared_tx){.ring = ring_of(set, i, q), .id = p->id, .queue = q};
		l->port[i] = p;
	}
}

static unsigned pollers_of(const struct plan *plan, unsigned workers, uint16_t id, uint16_t queue)
{
	unsigned n = 0;

	for (unsigned w = 0; w < workers; w++)
		for (unsigned i = 0; i < plan[w].rx_count; i++)
			n += plan[w].rx[i].id == id && plan[w].rx[i].queue == queue;
	return n;
}

static bool empties(const struct plan *plan, const struct rte_ring *ring)
{
	for (unsigned i = 0; i < plan->tx_count; i++)
		if (plan->tx[i]->ring == ring)
			return true;
	return false;
}

static uint16_t random_queues(unsigned most)
{
	return (uint16_t)(1 + (unsigned)rand() % most);
}

static void every_queue_has_one_worker_and_every_ring_an_owner(void **state)
{
	for (unsigned round = 0; round < 3000; round++) {
		unsigned workers = random_queues(8);
		uint16_t rx[PORTS], tx[PORTS];
		struct plan plan[8];
		struct layout l;

		for (unsigned i = 0; i < PORTS; i++) {
			rx[i] = rand() % 5 == 0 ? 0 : random_queues(8);
			tx[i] = random_queues(8);
		}
		lay_out(&l, 0, workers, rx, tx);
		for (unsigned w = 0; w < workers; w++)
			plan_fill(&plan[w], &runtime, &l, w);
		PORT_EACH(p, &l)
		{
			for (uint16_t q = 0; q < p->rx_queues; q++)
				assert_int_equal(pollers_of(plan, workers, p->id, q), 1);
			for (unsigned w = 0; w < workers; w++) {
				const struct way *way = &plan[w].way[p->slot];

				assert_true(way->port == p && way->queue < p->tx_queues);
				assert_int_equal(way->shared != NULL, w >= p->tx_queues);
				if (way->shared != NULL)
					assert_true(empties(&plan[way->shared->queue], way->shared->ring));
			}
		}
	}
}

static void a_port_with_enough_queues_gives_each_worker_its_own(void **state)
{
	struct layout l;

	lay_out(&l, 0, 3, (const uint16_t[PORTS]){3, 1, 6, 2}, (const uint16_t[PORTS]){3, 1, 3, 2});
	for (uint16_t q = 0; q < 3; q++)
		assert_int_equal(plan_queue_worker(&l, l.port[0], q), q);
	for (uint16_t q = 0; q < 6; q++)
		assert_int_equal(plan_queue_worker(&l, l.port[2], q), q % 3);
	/* The others' queues are dealt out: 1 of port 1, then 2 of port 3. */
	assert_int_equal(plan_queue_worker(&l, l.port[1], 0), 0);
	assert_int_equal(plan_queue_worker(&l, l.port[3], 0), 1);
	assert_int_equal(plan_queue_worker(&l, l.port[3], 1), 2);
}

static bool polls(const struct plan *plan, const struct rx_queue *q)
{
	for (unsigned i = 0; i < plan->rx_count; i++)
		if (plan->rx[i].id == q->id && plan->rx[i].queue == q->queue)
			return true;
	return false;
}

/* From 3 workers to 2, one port goes, one changes its device, one comes. */
static void on_the_way_nothing_is_polled_that_moves(void **state)
{
	struct plan from[3], to[3], way[3];
	struct layout a, b;

	lay_out(&a, 0, 3, (const uint16_t[PORTS]){3, 2, 1, 0}, (const uint16_t[PORTS]){1, 2, 1, 0});
	lay_out(&b, 1, 2, (const uint16_t[PORTS]){3, 2, 0, 1}, (const uint16_t[PORTS]){1, 2, 0, 1});
	b.port[0] = a.port[0]; /* the same device */
	for (unsigned w = 0; w < 3; w++) {
		plan_fill(&from[w], &runtime, &a, w);
		plan_fill(&to[w], &runtime, &b, w);
		from[w].cpu = (int)w;
		plan_between(&way[w], &from[w], &to[w], false);
		assert_true(way[w].serial != from[w].serial && way[w].serial != to[w].serial);
		assert_int_equal(way[w].cpu, w);
		for (unsigned i = 0; i < way[w].rx_count; i++)
			assert_true(polls(&from[w], &way[w].rx[i]) && polls(&to[w], &way[w].rx[i]));
		for (unsigned i = 0; i < from[w].rx_count; i++)
			assert_int_equal(polls(&way[w], &from[w].rx[i]), polls(&to[w], &from[w].rx[i]));
		for (unsigned i = 0; i < from[w].tx_count; i++)
			assert_true(empties(&way[w], from[w].tx[i]->ring));
		assert_ptr_equal(way[w].way[1].port, b.port[1]);
		assert_ptr_equal(way[w].way[2].port, a.port[2]);
		assert_ptr_equal(way[w].way[3].port, b.port[3]);
		plan_between(&way[w], &from[w], &to[w], true);
		assert_int_equal(way[w].rx_count, 0);
	}
	assert_int_equal(to[2].rx_count, 0); /* it goes */
}

static void a_port_is_taken_out_of_a_plan(void **state)
{
	struct plan plan;
	struct layout l;

	lay_out(&l, 0, 1, (const uint16_t[PORTS]){2, 2, 1, 0}, (const uint16_t[PORTS]){1, 1, 1, 0});
	plan_fill(&plan, &runtime, &l, 0);
	assert_int_equal(plan.rx_count, 5);
	plan_deafen(&plan, l.port[0]);
	assert_int_equal(plan.rx_count, 3);
	assert_ptr_equal(plan.way[0].port, l.port[0]);
	plan_without(&plan, l.port[1]);
	assert_int_equal(plan.rx_count, 1);
	assert_int_equal(plan.rx[0].id, l.port[2]->id);
	assert_null(plan.way[1].port);
}

static void a_device_that_does_not_run_is_left_alone(void **state)
{
	struct plan plan;
	struct layout l;

	lay_out(&l, 0, 1, (const uint16_t[PORTS]){2, 2, 0, 0}, (const uint16_t[PORTS]){1, 1, 0, 0});
	l.port[1]->started = false;
	plan_fill(&plan, &runtime, &l, 0);
	assert_int_equal(plan.rx_count, 2);
	assert_null(plan.way[1].port);
}

static void busy_polling_needs_a_cpu_of_its_own(void **state)
{
	struct layout l = {.set = {.workers = 2, .shared_cpu = {false, true}}};
	struct plan plan;

	for (unsigned w = 0; w < 2; w++) {
		plan_fill(&plan, &runtime, &l, w);
		assert_int_equal(plan.polling, w == 0 ? POLLING_BUSY : POLLING_ADAPTIVE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_queue_has_one_worker_and_every_ring_an_owner),
		cmocka_unit_test(a_port_with_enough_queues_gives_each_worker_its_own),
		cmocka_unit_test(on_the_way_nothing_is_polled_that_moves),
		cmocka_unit_test(a_port_is_taken_out_of_a_plan),
		cmocka_unit_test(a_device_that_does_not_run_is_left_alone),
		cmocka_unit_test(busy_polling_needs_a_cpu_of_its_own),
	};

	return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
