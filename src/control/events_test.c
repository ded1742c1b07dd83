/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The event ring: order, escapes, listeners that fall behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/events.h"

static struct weir *const here = (struct weir *)(uintptr_t)64, *const other = (struct weir *)(uintptr_t)128;
static unsigned woken;

static void wake(void *ctx)
{
	woken++;
}

static int open_bus(void **state)
{
	woken = 0;
	return events_open(here, wake, NULL);
}

static int close_bus(void **state)
{
	events_close();
	return 0;
}

static void test_fields(void **state)
{
	uint64_t next = 1, missed;
	const struct event_entry *e;
	json_t *doc;

	event_publish(here, "link", EV_TEXT("port", "a\"\n"), EV_U64("speed", 7), EV_BOOL("up", true),
		EV_TEXT("none", NULL));
	e = events_read(&next, &missed);
	assert_non_null(e);
	assert_string_equal(e->type, "link");
	doc = json_loads(e->json, JSON_REJECT_DUPLICATES, NULL);
	assert_int_equal(json_integer_value(json_object_get(doc, "id")), 1);
	assert_string_equal(json_string_value(json_object_get(doc, "port")), "a\"\n");
	assert_int_equal(json_integer_value(json_object_get(doc, "speed")), 7);
	assert_true(json_is_true(json_object_get(doc, "up")));
	assert_true(json_is_null(json_object_get(doc, "none")));
	assert_int_equal(strlen(json_string_value(json_object_get(doc, "time"))), 24);
	assert_null(strchr(e->json, '\n'));
	json_decref(doc);
	assert_null(events_read(&next, &missed));
	assert_int_equal(woken, 1);
}

/* A listener that reads late gets what is kept and the number of those that are gone. */
static void test_falls_behind(void **state)
{
	uint64_t next = 1, missed, seen = 0;

	for (unsigned i = 0; i < EVENTS_KEPT + 10; i++)
		event_publish(here, "tick", EV_U64("n", i));
	assert_int_equal(events_read(&next, &missed)->id, 11);
	assert_int_equal(missed, 10);
	while (events_read(&next, &missed) != NULL) {
		assert_int_equal(missed, 0);
		seen++;
	}
	assert_int_equal(seen, EVENTS_KEPT - 1);
	assert_int_equal(next, events_next_id());
}

static void test_other_instances_and_closed(void **state)
{
	uint64_t next = 1, missed;

	event_publish(other, "link", EV_U64("n", 1));
	assert_null(events_read(&next, &missed));
	events_close();
	event_publish(here, "link", EV_U64("n", 1));
	assert_int_equal(woken, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fields, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_falls_behind, open_bus, close_bus),
		cmocka_unit_test_setup_teardown(test_other_instances_and_closed, open_bus, close_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
