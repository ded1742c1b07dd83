/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The API over a real socket: documents, changes, and requests no client should send.
 */
#include "api/api_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/server.h"

static void expect(
	const char *method, const char *target, const char *body, unsigned status, const char *part)
{
	struct answer a = ask(method, target, body);

	if (a.status != status || (part != NULL && strstr(a.text, part) == NULL))
		fail_msg("%s %s %s: expected %u with '%s', got: %.600s", method, target,
			body != NULL ? body : "", status, part != NULL ? part : "", a.text);
	assert_non_null(a.doc);
	if (status >= 400)
		assert_true(json_is_string(json_object_get(a.doc, "error")));
	answer_free(&a);
}

#define PORTS "ports: {a: {device: none}, b: {device: none}}\n"

static void apply(const char *yaml, unsigned status, const char *part)
{
	char file[] = "/tmp/weir-api-config-XXXXXX", body[128];
	int fd = mkstemp(file);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
	close(fd);
	snprintf(body, sizeof body, "{\"path\":\"%s\"}", file);
	expect("POST", "/v1/config/apply", body, status, part);
	unlink(file);
}

static int start(void **state)
{
	server_start();
	apply(PORTS "interfaces:\n"
		    "  lan: {port: a, addresses: [10.0.1.1/24, \"2001:db8:1::1/64\"]}\n"
		    "  wan: {port: b, addresses: [10.0.2.1/24]}\n",
		200, "\"ok\":true");
	return 0;
}

static int stop(void **state)
{
	server_stop();
	return 0;
}

static const struct {
	const char *target;
	unsigned status;
	const char *part;
} gets[] = {
	{"/v1/version", 200, "\"config\":\"/etc/weir/?.yaml\""},
	{"/v1/interfaces", 200, "\"name\":\"lan\""},
	{"/v1/interfaces", 200, "{\"address\":\"10.0.1.1/24\",\"state\":\""},
	{"/v1/ports", 200, "\"link\":\"down\""},
	{"/v1/ports?xstats=1", 200, "odd\\\"name\\n"},
	{"/v1/routes", 200, "\"prefix\":\"10.0.1.0/24\""},
	{"/v1/routes?vrf=default&family=6", 200, "2001:db8:1::/64"},
	{"/v1/routes?vrf=nope", 404, "there is no VRF 'nope'"},
	{"/v1/routes?family=5", 400, "neither 4 nor 6"},
	{"/v1/routes?limit=0", 400, "1 to 10000"},
	{"/v1/routes?limit=10001", 400, "1 to 10000"},
	{"/v1/routes?limit=-1", 400, "1 to 10000"},
	{"/v1/routes?after=%ff%00x", 400, "is not a prefix"},
	{"/v1/route?address=10.0.1.7", 200, "\"via\":[{\"address\":null,\"interface\":\"lan\""},
	{"/v1/route?address=10.0.1.1", 200, "\"type\":\"local\""},
	{"/v1/route?address=192.0.2.1", 404, "no route to 192.0.2.1"},
	{"/v1/route?address=x", 400, "is not an IPv4 or IPv6 address"},
	{"/v1/route", 400, "is not an IPv4 or IPv6 address"},
	{"/v1/neighbors", 200, "\"totals\""},
	{"/v1/stages", 200, "\"cycles_per_packet\":0.000"},
	{"/v1/pipeline", 200, "\"name\":\"parse\""},
	{"/v1/drops", 200, "\"totals\":{\"received\":0"},
	{"/v1/drops?all=1", 200, "\"reason\":\"shutdown\""},
	{"/v1/workers", 200, "\"busy_ratio\":0.250"},
	{"/v1/memory", 200, "\"total_bytes\":4096"},
	{"/v1/vrfs", 200, "\"interfaces\":[\"lan\",\"wan\"]"},
	{"/v1/rotes", 404, "did you mean /v1/route"},
	{"/", 404, "there is no /"},
	{"/v1/routes/", 404, NULL},
	{"/v1/../v1/version", 404, NULL},
	{"/v1/config/apply", 405, "it takes POST"},
};

static void test_documents(void **state)
{
	for (size_t i = 0; i < sizeof gets / sizeof gets[0]; i++)
		expect("GET", gets[i].target, NULL, gets[i].status, gets[i].part);
}

static void test_methods(void **state)
{
	struct answer a = ask("HEAD", "/v1/version", NULL);

	assert_int_equal(a.status, 200);
	assert_null(a.doc);
	answer_free(&a);
	expect("PATCH", "/v1/routes", "{}", 405, "Allow: DELETE, GET, POST, PUT");
	expect("POST", "/v1/version", "{}", 405, "it takes GET");
	expect("OPTIONS", "/v1/version", NULL, 405, NULL);
}

static const struct {
	const char *method, *target, *body;
	unsigned status;
	const char *part;
} changes[] = {
	{"POST", "/v1/routes", "{\"prefix\":\"192.0.2.0/24\",\"via\":[{\"address\":\"10.0.2.9\"}]}", 200,
		NULL},
	{"GET", "/v1/route?address=192.0.2.1", NULL, 200, "\"address\":\"10.0.2.9\",\"interface\":\"wan\""},
	{"POST", "/v1/routes", "{\"prefix\":\"192.0.2.0/24\",\"via\":[{\"address\":\"10.0.2.9\"}]}", 409,
		NULL},
	{"PUT", "/v1/routes", "{\"prefix\":\"192.0.2.0/24\",\"type\":\"blackhole\"}", 200, NULL},
	{"GET", "/v1/route?address=192.0.2.1", NULL, 200, "\"type\":\"blackhole\""},
	{"DELETE", "/v1/routes", "{\"prefix\":\"192.0.2.0/24\"}", 200, NULL},
	{"DELETE", "/v1/routes", "{\"prefix\":\"192.0.2.0/24\"}", 404, "there is no static route"},
	{"DELETE", "/v1/routes", "{\"prefix\":\"10.0.1.0/24\"}", 404, NULL},
	{"POST", "/v1/routes", "", 400, "'prefix' is missing"},
	{"POST", "/v1/routes", "{\"prefix\":\"192.0.2.1/24\"}", 400, "did you mean '192.0.2.0/24'"},
	{"POST", "/v1/routes", "{\"prefix\":\"192.0.2.0/24\"}", 400, "no next hop"},
	{"POST", "/v1/routes", "{\"prefix\":7}", 400, "'prefix' must be text"},
	{"POST", "/v1/routes", "{\"prefx\":\"::/0\"}", 400, "did you mean 'prefix'"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"via\":{}}", 400, "must be a list"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"via\":[1]}", 400, "must be an object"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"via\":[{}]}", 400, "needs 'address'"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"via\":[{\"interface\":\"x\"}]}", 404,
		"no interface 'x'"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"via\":[{\"interface\":\"wan\",\"weight\":0}]}", 400,
		"1 to 256"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"type\":\"magic\"}", 400, "'magic'"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"vrf\":\"x\",\"type\":\"prohibit\"}", 404,
		"no VRF 'x'"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"distance\":256,\"type\":\"prohibit\"}", 400,
		"1 to 255"},
	{"POST", "/v1/routes", "{\"prefix\":\"::/0\",\"prefix\":\"::/0\"}", 400, "not JSON"},
	{"POST", "/v1/routes", "[]", 400, "must be a JSON object"},
	{"POST", "/v1/routes", "{\"a\":", 400, "the body is not JSON: line 1"},
	{"POST", "/v1/routes", "[[[[[[[[[[[[[[[[[[[[", 400, "nests deeper"},
	{"POST", "/v1/routes", "{\"prefix\":\"\\u0000\"}", 400, NULL},
	{"POST", "/v1/neighbors",
		"{\"interface\":\"lan\",\"address\":\"10.0.1.9\",\"mac\":\"02:00:00:00:00:99\"}", 200, NULL},
	{"GET", "/v1/neighbors", NULL, 200, "\"mac\":\"02:00:00:00:00:99\",\"state\":\"permanent\""},
	{"POST", "/v1/neighbors",
		"{\"interface\":\"lan\",\"address\":\"10.0.1.9\",\"mac\":\"02:00:00:00:00:98\"}", 409, NULL},
	{"PUT", "/v1/neighbors",
		"{\"interface\":\"lan\",\"address\":\"10.0.1.9\",\"mac\":\"02:00:00:00:00:98\"}", 200, NULL},
	{"POST", "/v1/neighbors", "{\"interface\":\"lan\",\"address\":\"10.0.1.9\",\"mac\":\"02:00\"}", 400,
		"'mac' needs a MAC address"},
	{"POST", "/v1/neighbors", "{\"address\":\"10.0.1.9\"}", 400, "'interface' is missing"},
	{"DELETE", "/v1/neighbors", "{\"flush\":1}", 400, "true or false"},
	{"DELETE", "/v1/neighbors", "{\"flush\":true}", 200, NULL},
	{"DELETE", "/v1/neighbors", "{\"interface\":\"lan\",\"address\":\"10.0.1.9\"}", 200, NULL},
	{"DELETE", "/v1/neighbors", "{\"interface\":\"lan\",\"address\":\"10.0.1.9\"}", 404, NULL},
	{"DELETE", "/v1/neighbors", "{}", 400, "'interface' is missing"},
	{"POST", "/v1/addresses", "{\"interface\":\"wan\",\"address\":\"10.0.9.1/24\"}", 200, NULL},
	{"GET", "/v1/routes", NULL, 200, "\"10.0.9.0/24\""},
	{"POST", "/v1/addresses", "{\"interface\":\"wan\",\"address\":\"10.0.9.1/24\"}", 409, NULL},
	{"PUT", "/v1/addresses", "{\"interface\":\"wan\",\"address\":\"10.0.9.1/24\"}", 200, NULL},
	{"DELETE", "/v1/addresses", "{\"interface\":\"wan\",\"address\":\"10.0.9.1/24\"}", 200, NULL},
	{"DELETE", "/v1/addresses", "{\"interface\":\"wan\",\"address\":\"10.0.9.1/24\"}", 404, NULL},
	{"POST", "/v1/addresses", "{\"interface\":\"wan\",\"address\":\"224.0.0.1/24\"}", 400, NULL},
	{"POST", "/v1/addresses", "{\"interface\":\"nope\",\"address\":\"10.0.9.1/24\"}", 404,
		"no interface 'nope'"},
	{"POST", "/v1/counters/clear", NULL, 200, "\"ok\":true"},
	{"POST", "/v1/config/apply", "{\"path\":\"relative\"}", 400, "absolute"},
	{"POST", "/v1/config/apply", "{\"path\":\"/nonexistent/x.yaml\"}", 422, "nothing was changed"},
};

static void test_changes(void **state)
{
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
		expect(changes[i].method, changes[i].target, changes[i].body, changes[i].status,
			changes[i].part);
}

static void test_config_errors(void **state)
{
	apply(PORTS "interfaces:\n  lan: {prt: a}\n", 422, "\"line\":3,\"column\":9");
	apply(PORTS "interfaces:\n  lan: {prt: a}\n", 422, "did you mean 'port'?");
	apply("interfaces: [\n", 422, "\"rendered\":");
	apply(PORTS "interfaces:\n  lan: {port: nowhere}\n", 422, NULL);
	expect("GET", "/v1/interfaces", NULL, 200, "\"name\":\"wan\"");
}

/* Every route exactly once, in order, whatever the page size. */
static void test_pages(void **state)
{
	unsigned count = 0, pages = 0;
	char body[96], target[96] = "/v1/routes?limit=7&family=4", last[64] = "";

	for (unsigned i = 0; i < 100; i++) {
		snprintf(body, sizeof body, "{\"prefix\":\"100.64.%u.0/24\",\"type\":\"blackhole\"}", i);
		expect("POST", "/v1/routes", body, 200, NULL);
	}
	for (;; pages++) {
		struct answer a = ask("GET", target, NULL);
		const json_t *list = json_object_get(a.doc, "routes"), *next = json_object_get(a.doc, "next");

		assert_true(json_is_array(list) && next != NULL);

		for (size_t i = 0; i < json_array_size(list); i++) {
			const char *p = json_string_value(json_object_get(json_array_get(list, i), "prefix"));

			assert_string_not_equal(p, last);
			snprintf(last, sizeof last, "%s", p);
			count += strncmp(p, "100.64.", 7) == 0;
		}
		if (json_is_null(next)) {
			answer_free(&a);
			break;
		}
		snprintf(target, sizeof target, "/v1/routes?limit=7&family=4&after=%s",
			json_string_value(next));
		answer_free(&a);
	}
	assert_int_equal(count, 100);
	assert_true(pages >= 14);
}

/* received + originated = transmitted + ended + held, also after a clear with a packet under way. */
static void test_clear_keeps_the_sum(void **state)
{
	struct weir *w = server_weir();
	struct answer a;
	const json_t *t;

	w->counters.received += 5;
	w->counters.transmitted += 3;
	w->held += 2;
	expect("POST", "/v1/counters/clear", NULL, 200, NULL);
	w->counters.transmitted += 1;
	w->held -= 1;
	a = ask("GET", "/v1/drops", NULL);
	t = json_object_get(a.doc, "totals");
	assert_int_equal(json_integer_value(json_object_get(t, "received")) +
				 json_integer_value(json_object_get(t, "originated")),
		json_integer_value(json_object_get(t, "transmitted")) +
			json_integer_value(json_object_get(t, "ended")) +
			json_integer_value(json_object_get(t, "held")));
	answer_free(&a);
	w->counters.transmitted += 1;
	w->held -= 1;
}

static const char *const garbage[] = {
	"\r\n\r\n",
	"GET\r\n\r\n",
	"GET /v1/version\r\n\r\n",
	"GET /v1/version HTTP/9.9\r\n\r\n",
	"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	"GET /v1/version HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
	"POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}",
	"POST /v1/routes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	"POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
	"GET /v1/routes?%%%=&&&=%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
	"GET /v1/version HTTP/1.1\r\n: x\r\n\r\n",
};

static void test_garbage(void **state)
{
	char *long_header = malloc(1 << 20);

	for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
		struct answer a = ask_raw(garbage[i], strlen(garbage[i]), 1);

		/* 0: closed without an answer, or still waiting for the rest (until API_TIMEOUT_SECONDS) */
		assert_true(a.status == 0 || a.status == 200 || a.status >= 400);
		answer_free(&a);
	}
	memset(long_header, 'a', 1 << 20);
	memcpy(long_header, "GET /", 5);
	for (unsigned i = 0; i < 2; i++) {
		struct answer a = ask_raw(long_header, 1 << 20, 5);

		assert_true(a.status == 0 || a.status >= 400);
		answer_free(&a);
		memcpy(long_header, "GET / HTTP/1.1\r\nX: ", 19);
	}
	free(long_header);
	expect("GET", "/v1/version", NULL, 200, NULL);
}

static void test_huge_body(void **state)
{
	size_t len = (17u << 20);
	char *body = malloc(len + 1);
	struct answer a;

	memset(body, ' ', len);
	body[len] = '\0';
	a = ask("POST", "/v1/routes", body);
	assert_int_equal(a.status, 413);
	answer_free(&a);
	body[len - (2u << 20)] = '\0'; /* 15 MiB of spaces are only bad JSON */
	expect("POST", "/v1/routes", body, 400, "not JSON");
	free(body);
}

/* Idle and half-sent connections do not keep others out, however many: those that do least make room. */
static void test_many_connections(void **state)
{
	enum { MANY = 3 * API_CONNECTIONS };
	int fd[MANY];
	char byte;

	for (unsigned i = 0; i < MANY; i++) {
		fd[i] = dial(5);
		/* EPIPE: it has made room already */
		send(fd[i], i % 2 == 0 ? "POST /v1/ro" : "GET", i % 2 == 0 ? 11 : 3, MSG_NOSIGNAL);
		if (i % 16 == 0)
			expect("GET", "/v1/version", NULL, 200, NULL);
	}
	expect("GET", "/v1/version", NULL, 200, NULL);
	for (unsigned i = 0; i < 100 && api_stats.open > API_PER_CLIENT; i++)
		usleep(20000); /* those that were told to go are going */
	assert_true(api_stats.open <= API_PER_CLIENT);
	assert_true(api_stats.closed_for_room >= MANY - API_PER_CLIENT - 1);
	assert_int_equal(recv(fd[0], &byte, 1, 0), 0);
	for (unsigned i = 0; i < MANY; i++)
		close(fd[i]);
	for (unsigned i = 0; i < 2 * API_CONNECTIONS; i++)
		expect("GET", "/v1/version", NULL, 200, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_config_errors),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_clear_keeps_the_sum),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_huge_body),
		cmocka_unit_test(test_many_connections),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
