/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Following packets to their end: the order they are told in, and that each is told once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/track.h"

#define MANY (4 * TRACK_WINDOW)
#define PACKET(n)                                                                                            \
	(struct track_row)                                                                                   \
	{                                                                                                    \
		.n = (n)                                                                                     \
	}

struct buffer {
	struct rte_mbuf m;
	uint8_t priv[WEIR_MBUF_PRIV];
};

static struct {
	struct track_row row[MANY];
	size_t count;
} told;

static void tell(void *ctx, const struct track_row *row)
{
	assert_true(told.count < MANY);
	told.row[told.count++] = *row;
}

static void start(struct track *t, uint32_t held_max)
{
	told.count = 0;
	assert_int_equal(track_start(t, held_max, tell, NULL), 0);
}

static void begin(struct track *t, struct buffer *b, uint64_t n)
{
	memset(b, 0, sizeof *b);
	track_begin(t, &b->m, &PACKET(n));
}

static void expect_told(size_t i, uint64_t n, uint16_t port_plus_1, uint16_t reason)
{
	assert_true(i < told.count);
	assert_int_equal(told.row[i].n, n);
	assert_int_equal(told.row[i].port_plus_1, port_plus_1);
	assert_int_equal(told.row[i].reason, reason);
}

static void packets_are_told_in_the_order_they_came(void **state)
{
	struct buffer a, b, c;
	struct track t;

	start(&t, 4);
	begin(&t, &a, 1);
	begin(&t, &b, 2);
	begin(&t, &c, 3);
	track_ended(&t, &b.m, 7);
	track_turn(&t);
	assert_int_equal(told.count, 0);
	track_sent(&t, &a.m, 4);
	track_turn(&t);
	assert_int_equal(told.count, 2);
	track_finish(&t);
	assert_int_equal(told.count, 3);
	expect_told(0, 1, 5, 0);
	expect_told(1, 2, 0, 7);
	expect_told(2, 3, 0, 0); /* held */
	track_free(&t);
}

static void segments_share_an_end_and_the_first_end_counts(void **state)
{
	struct buffer a, b, made;
	struct track t;

	memset(&made, 0, sizeof made);
	start(&t, 4);
	begin(&t, &a, 1);
	begin(&t, &b, 2);
	a.m.next = &b.m;
	track_sent(&t, &made.m, 1); /* weir's own: not followed */
	track_ended(&t, &a.m, 3);
	track_sent(&t, &a.m, 1); /* its buffer again */
	track_finish(&t);
	assert_int_equal(told.count, 2);
	expect_told(0, 1, 0, 3);
	expect_told(1, 2, 0, 3);
	track_free(&t);
}

static void a_packet_that_is_held_long_does_not_hold_up_the_others(void **state)
{
	struct buffer held[2], b;
	struct track t;

	start(&t, 2);
	begin(&t, &held[0], 1);
	begin(&t, &held[1], 2);
	for (uint64_t n = 3; n < MANY; n++) {
		begin(&t, &b, n);
		track_sent(&t, &b.m, 0);
		if (n == MANY / 2)
			track_ended(&t, &held[1].m, 9);
	}
	assert_true(told.count > MANY - TRACK_WINDOW);
	expect_told(0, 3, 1, 0);
	track_finish(&t);
	assert_int_equal(told.count, MANY - 1);
	expect_told(MANY - 2, MANY - 1, 1, 0);
	track_free(&t);
}

/* Any order of ends (ids are the packets' numbers here): each packet once, with its own end or held. */
static void each_packet_is_told_once(void **state)
{
	static struct buffer pool[300];
	static uint16_t want[MANY + 1], seen[MANY + 1];
	bool busy[300] = {false};
	struct track t;

	srandom(1);
	start(&t, 300);
	for (uint64_t n = 1; n < MANY; n++) {
		size_t i = (size_t)random() % (n % 1000 < 500 ? 300 : 10);

		if (busy[i])
			track_ended(&t, &pool[i].m, want[arrival_of(&pool[i].m)->id]);
		begin(&t, &pool[i], n);
		busy[i] = true;
		want[n] = (uint16_t)(1 + random() % 50);
	}
	track_finish(&t);
	assert_int_equal(told.count, MANY - 1);
	for (size_t i = 0; i < told.count; i++) {
		assert_int_equal(seen[told.row[i].n]++, 0);
		assert_true(told.row[i].reason == 0 || told.row[i].reason == want[told.row[i].n]);
	}
	track_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_told_in_the_order_they_came),
		cmocka_unit_test(segments_share_an_end_and_the_first_end_counts),
		cmocka_unit_test(a_packet_that_is_held_long_does_not_hold_up_the_others),
		cmocka_unit_test(each_packet_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
