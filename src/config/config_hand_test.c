/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes by hand beside a configuration, saving them, and what there is no memory for.
 */
#include "config/config_test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/overlay.h"
#include "control/tree_print.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"

/* --- changes by hand --- */

static char *running_yaml(void)
{
	struct node *own;
	size_t len;
	char *text = tree_yaml(config_service_effective(lab.w->config, &own), &len);

	node_free(own);
	return text;
}

static void expect_running(const char *part, bool there)
{
	char *text = running_yaml();

	if ((strstr(text, part) != NULL) != there)
		fail_msg("'%s' is %s in\n%s", part, there ? "not" : "still", text);
	free(text);
}

static void add_route(const char *prefix, const char *via)
{
	struct route_spec s = {.source = ROUTE_STATIC, .via_count = 1};
	struct err e = {0};

	assert_int_equal(prefix_parse(prefix, &s.prefix), 0);
	assert_int_equal(ipaddr_parse(via, &s.via[0].address), 0);
	if (route_add(lab.w, &s, true, &e) != 0)
		fail_msg("%s", e.text);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void changes_by_hand_are_config(void **state)
{
	struct prefix address = prefix_of("10.77.0.1/24"), gone = prefix_of("192.0.2.0/24"), own;
	struct ipaddr host;

	begin(NULL);
	must_apply(base);
	assert_false(overlay_any(lab.w, txn_running(config_service_txn(lab.w->config))));
	add_route("203.0.113.0/24", "10.0.1.3");
	assert_int_equal(iface_address_add(lab.w, "a", &address, NULL), 0);
	ipaddr_parse("10.0.0.50", &host);
	assert_int_equal(neigh_add(lab.w, generation_iface(lab.w->gen, "a")->id, &host, host_mac(9), true,
				 true, false, NULL),
		0);
	assert_int_equal(route_del(lab.w, 0, ROUTE_STATIC, &gone, NULL), 0);
	own = prefix_of("2001:db8:b::1/64");
	assert_int_equal(iface_address_del(lab.w, "b", &own, NULL), 0);
	expect_running("203.0.113.0/24", true);
	expect_running("10.77.0.1/24", true);
	expect_running("10.0.0.50", true);
	expect_running("192.0.2.0/24", false);
	expect_running("2001:db8:b::1/64", false);
	/* An apply brings back what it says and keeps what was added. */
	must_apply(base);
	expect_running("203.0.113.0/24", true);
	expect_running("10.77.0.1/24", true);
	expect_running("10.0.0.50", true);
	expect_running("192.0.2.0/24", true);
	expect_running("2001:db8:b::1/64", true);
	/* What it has no room for goes. */
	must_apply(PORTS "interfaces:\n  a: {port: p0, addresses: [10.0.0.1/24]}\n"
			 "  e: {port: p3, addresses: [10.77.0.9/24]}\n");
	expect_running("10.77.0.1/24", false);
	expect_running("203.0.113.0/24", true);
	finish();
}

/* --- saving --- */

static char dir[] = "/tmp/weir-config-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void saved_files_say_what_runs(void **state)
{
	struct txn_request q = by("alice");
	struct prefix address = prefix_of("10.77.0.1/24"), gone = prefix_of("192.0.2.0/24");
	char path[128], saved[256], command[64];
	struct err e = {0};
	unsigned n = 0;

	strcpy(dir, "/tmp/weir-config-XXXXXX");
	assert_non_null(mkdtemp(dir));
	put("weir.yaml", base);
	snprintf(path, sizeof path, "%s/weir.yaml", dir);
	begin(path);
	must_apply(base);
	add_route("203.0.113.0/24", "10.0.1.3");
	add_route("198.51.100.0/24", "10.0.1.3"); /* instead of the config's */
	assert_int_equal(iface_address_add(lab.w, "a", &address, NULL), 0);
	if (config_service_save(lab.w->config, &q, saved, sizeof saved, &n, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(n, 3);
	assert_false(overlay_any(lab.w, txn_running(config_service_txn(lab.w->config))));
	expect_running("203.0.113.0/24", true);
	/* Deleted by hand: it goes from the saved file, but not from the operator's. */
	add_route("203.0.114.0/24", "10.0.1.3");
	assert_int_equal(config_service_save(lab.w->config, &q, saved, sizeof saved, &n, &e), 0);
	gone = prefix_of("203.0.113.0/24");
	assert_int_equal(route_del(lab.w, 0, ROUTE_STATIC, &gone, NULL), 0);
	assert_int_equal(config_service_save(lab.w->config, &q, saved, sizeof saved, &n, &e), 0);
	assert_int_equal(n, 3);
	expect_running("203.0.113.0/24", false);
	gone = prefix_of("192.0.2.0/24");
	assert_int_equal(route_del(lab.w, 0, ROUTE_STATIC, &gone, NULL), 0);
	assert_int_equal(config_service_save(lab.w->config, &q, saved, sizeof saved, &n, &e), -EEXIST);
	assert_non_null(strstr(e.text, "routes 192.0.2.0/24 is in"));
	/* Nothing is lacking: the file goes. */
	must_apply(base);
	e = (struct err){0};
	if (config_service_save(lab.w->config, &q, saved, sizeof saved, &n, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(n, 0);
	assert_int_equal(access(saved, F_OK), -1);
	finish();
	snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

/* --- memory --- */

static void too_much_memory_is_refused(void **state)
{
	struct config_plan *p = calloc(1, sizeof *p);
	struct node *n;
	struct err e = {0};
	char text[4096];

	begin(NULL);
	must_apply(base);
	snprintf(text, sizeof text, "%sdataplane: {table-memory: 16M}\n", base);
	assert_int_equal(apply(text, &e), 0); /* nothing grows */
	snprintf(text, sizeof text, "%sdataplane: {table-memory: 16M}\nneighbor: {limit: 30000}\n", base);
	n = read_tree(text);
	assert_int_equal(config_service_plan(lab.w->config, n, p), 0);
	assert_true(p->after.total > p->before.total);
	assert_non_null(strstr(p->refusal, "dataplane.table-memory is 16 MB"));
	assert_non_null(strstr(p->refusal, "the most is for "));
	config_plan_free(p);
	node_free(n);
	assert_int_equal(apply(text, &e), -ENOMEM);
	free(p);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(changes_by_hand_are_config),
		lab_test(saved_files_say_what_runs),
		lab_test(too_much_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
