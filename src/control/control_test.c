/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The config from text to typed tree, against a schema like the router's own: what is accepted, the position
 * and sentence of each mistake, bombs and large files against the clock, and the value parsers.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/tree.h"
#include "control/value.h"
#include "control/yaml.h"

/* Limits are for a plain build; sanitizers make everything several times slower. */
#if defined(__SANITIZE_ADDRESS__)
#define SLOWER 10
#else
#define SLOWER 1
#endif

static const char *const modes[] = {"routed", "bridged", NULL};
static const char *const verdicts[] = {"blackhole", "reject", NULL};

static const struct schema address_item = {.type = SCHEMA_IFADDR, .help = "An address."};
static const struct schema interface_fields[] = {
	{.key = "port", .type = SCHEMA_NAME, .refers = "ports", .help = "The port."},
	{.key = "mtu", .type = SCHEMA_INT, .min = 68, .max = 9216, .help = "Largest packet."},
	{.key = "mode", .type = SCHEMA_ENUM, .words = modes, .help = "What it does."},
	{.key = "enabled", .type = SCHEMA_BOOL, .help = "Whether it is up."},
	{.key = "addresses", .type = SCHEMA_LIST, .item = &address_item, .max = 4, .help = "Its addresses."},
	{.key = "description", .type = SCHEMA_STRING, .max = 20, .help = "For people."},
	{.key = "mac", .type = SCHEMA_MAC, .help = "Its MAC address."},
	{.key = "shape", .type = SCHEMA_RATE, .min = 1000, .help = "Rate limit."},
	{0},
};
static const struct schema port_fields[] = {
	{.key = "device", .type = SCHEMA_STRING, .required = true, .help = "PCI address."},
	{0},
};
static const struct schema via_types[] = {
	{.type = SCHEMA_ADDRESS, .help = "A gateway."},
	{.type = SCHEMA_ENUM, .words = verdicts, .help = "No next hop."},
	{.type = SCHEMA_NAME, .refers = "interfaces", .help = "An interface."},
	{0},
};
static const struct schema route_fields[] = {
	{.key = "prefix", .type = SCHEMA_PREFIX, .required = true, .help = "Destination."},
	{.key = "via",
		.type = SCHEMA_ANY_OF,
		.alternatives = via_types,
		.required = true,
		.help = "Next hop."},
	{.key = "metric", .type = SCHEMA_INT, .help = "Lower is better."},
	{0},
};
static const struct schema route_item = {.type = SCHEMA_MAP, .fields = route_fields, .help = "A route."};
static const struct schema memory_fields[] = {
	{.key = "buffers", .type = SCHEMA_SIZE, .min = 1024, .max = 2ull << 30, .help = "Packet memory."},
	{.key = "timeout", .type = SCHEMA_DURATION, .max = 3600000000000, .help = "Idle time."},
	{0},
};
static const struct schema network_fields[] = {
	{.key = "ports", .type = SCHEMA_NAMED, .fields = port_fields, .help = "Ports."},
	{.key = "interfaces",
		.type = SCHEMA_NAMED,
		.fields = interface_fields,
		.max = 15,
		.help = "Interfaces."},
	{.key = "routes", .type = SCHEMA_LIST, .item = &route_item, .help = "Routes."},
	{0},
};
static const struct schema system_fields[] = {
	{.key = "memory", .type = SCHEMA_MAP, .fields = memory_fields, .help = "Memory."},
	{.key = "hostname", .type = SCHEMA_NAME, .help = "Its name."},
	{0},
};

static unsigned checks_called;

static void check_network(const struct node *root, struct diag *d)
{
	checks_called++;
	NODE_EACH (n, node_get(root, "interfaces"))
		if (node_u64(n, "mtu", 1500) == 666)
			diag_node(d, node_get(n, "mtu"), NULL, "the check of the part refuses this");
}

static struct schema_part network_part = {.fields = network_fields, .check = check_network};
static struct schema_part system_part = {.fields = system_fields};
SCHEMA_REGISTER(network_part)
SCHEMA_REGISTER(system_part)

static struct node *parse(const char *text, size_t len, struct diag *d)
{
	struct node *root;

	*d = (struct diag){.file = "test.yaml", .source = text, .source_len = len};
	root = yaml_read(text, len, d);
	if (root != NULL && schema_check(root, d) != 0) {
		node_free(root);
		root = NULL;
	}
	return root;
}

static double now(void)
{
	struct timespec t;

	/* Of this process: others on the machine do not count. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct node *parse_good(const char *text)
{
	struct diag d;
	struct node *root = parse(text, strlen(text), &d);

	if (root == NULL)
		diag_print(&d, stderr);
	assert_non_null(root);
	assert_int_equal(d.total, 0);
	return root;
}

static void test_good_documents(void **state)
{
	static const char *const good[] = {
		"",
		"# nothing\n",
		"---\n",
		"{}\n",
		"--- {}\n...\n",
		"hostname: r1",
		"hostname: \"r1\"\n",
		"interfaces: {}\nroutes: []\n",
		"routes:\n- prefix: ::/0\n  via: reject\n",
		"interfaces: {a: {addresses: [fe80::1/64, 169.254.0.1/16, 10.0.0.0/31, 10.0.0.1/32]}}\n",
		"interfaces: {a: {description: \"\"}, 9x.y-z_: {description: 'true'}}\n",
		"%YAML 1.2\n---\nhostname: r1\n",
		"hostname: r1\r\nroutes: []\r\n",
		"\xef\xbb\xbfhostname: r1\n",
		"memory: {buffers: 2G, timeout: 0}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		node_free(parse_good(good[i]));
}

static void test_a_good_document_is_typed(void **state)
{
	struct node *root = parse_good("ports: {p0: {device: '0000:01:00.0'}}\n"
				       "interfaces:\n"
				       "  lan0:\n"
				       "    port: p0\n"
				       "    mtu: 9000\n"
				       "    mode: bridged\n"
				       "    enabled: true\n"
				       "    addresses: [192.0.2.1/24, 2001:db8::1/64]\n"
				       "    mac: 02:00:00:00:00:0A\n"
				       "    shape: 20Mbit\n"
				       "memory: {buffers: 512M, timeout: 200ms}\n"
				       "routes:\n"
				       "- {prefix: 0.0.0.0/0, via: 192.0.2.254}\n"
				       "- {prefix: 198.51.100.0/24, via: lan0}\n");
	const struct node *lan = node_get(node_get(root, "interfaces"), "lan0");
	const struct node *memory = node_get(root, "memory"), *second = node_get(lan, "addresses")->last;
	char buf[PREFIX_STRLEN];

	(void)state;
	assert_int_equal(node_u64(lan, "mtu", 0), 9000);
	assert_int_equal(node_u64(lan, "mode", 9), 1);
	assert_true(node_bool(lan, "enabled", false));
	assert_int_equal(node_get(lan, "mac")->value.mac[5], 10);
	assert_int_equal(node_u64(lan, "shape", 0), 20000000);
	assert_int_equal(node_u64(memory, "buffers", 0), 512u << 20);
	assert_int_equal(node_u64(memory, "timeout", 0), 200000000);
	assert_string_equal(prefix_format(&second->value.prefix, buf), "2001:db8::1/64");
	assert_int_equal(second->line, 8);
	assert_int_equal(second->column, 31);
	assert_int_equal(lan->key_line, 3);
	assert_int_equal(lan->key_column, 3);
	assert_int_equal(node_get(node_get(root, "routes")->child, "via")->value.prefix.len, 32);
	node_free(root);
}

/* A text, where its first error is, a part of the sentence, and a part of the hint. */
struct mistake {
	const char *yaml;
	unsigned line, column;
	const char *says, *hint;
};

#define IFACE "interfaces:\n  lan0:\n    "

static const struct mistake mistakes[] = {
	/* Not YAML, or YAML that a config may not use. */
	{"a: [1, 2\n", 2, 1, "did not find expected ',' or ']' while parsing a flow sequence", ""},
	{"a: 'x\n", 2, 1, "not valid YAML: found unexpected end of stream", ""},
	{"a:\n\tb: 1\n", 2, 1, "not valid YAML", "indent with spaces"},
	{"a: b: c\n", 1, 5, "mapping values are not allowed", ""},
	{"hostname: r1\n x\xff: 1\n", 2, 3, "not valid YAML: invalid leading UTF-8", ""},
	{"hostname: r1\n---\nhostname: r2\n", 2, 1, "second document", ""},
	{"hostname: &a r1\n", 1, 11, "the anchor '&a'", ""},
	{"interfaces: &i {}\n", 1, 13, "the anchor '&i'", ""},
	{"hostname: *a\n", 1, 11, "the alias '*a'", ""},
	{"*a : x\n", 1, 1, "the alias '*a'", ""},
	{"hostname: !!str r1\n", 1, 11, "the tag 'tag:yaml.org,2002:str'", ""},
	{"routes: !x []\n", 1, 9, "the tag '!x'", ""},
	{IFACE "<<: {}\n", 3, 5, "merge key", ""},
	{"hostname: a\nroutes: []\nhostname: b\n", 3, 1,
		"'hostname' is here twice: the first is at line 1, column 1", ""},
	{"? [a, b]\n: c\n", 1, 3, "not a list", "quotes"},
	{"hostname: {{ name }}\n", 1, 12, "not a map", "quotes"},
	{"? \n: x\n", 1, 2, "a key is missing", ""},
	{"routes: [{prefix: ::/0}]\n", 1, 19, "not valid YAML",
		"put quotes around text that begins with a colon"},
	{"hostname: \"a\\0b\"\n", 1, 11, "may not contain the character", ""},
	{"- a\n- b\n", 1, 1, "must be a map of keys such as 'interfaces:', not a list", ""},
	{"hello\n", 1, 1, "not a single value", ""},
	/* Keys. */
	{"interfacse: {}\n", 1, 1, "'interfacse' is not a key of the config", "did you mean 'interfaces'?"},
	{"nothing-like-it: 1\n", 1, 1, "is not a key", "known here: ports interfaces routes memory hostname"},
	{IFACE "adresses: []\n", 3, 5, "'adresses' is not a key of 'lan0'", "did you mean 'addresses'?"},
	{"ports:\n  p0: {}\n", 2, 3, "'p0' needs the key 'device'", ""},
	{"routes:\n- prefix: 10.0.0.0/8\n", 2, 3, "'routes' needs the key 'via'", ""},
	{"interfaces:\n  'lan 0': {}\n", 2, 3, "'lan 0' in 'interfaces' must be a name of at most 15", ""},
	{"interfaces:\n  sixteen-letters-: {}\n", 2, 3, "at most 15 letters", ""},
	{"interfaces:\n  -lan: {}\n", 2, 3, "begins with a letter", ""},
	/* Kinds. */
	{"interfaces:\n- lan0\n", 2, 1, "'interfaces' needs a map of names, not a list", ""},
	{"interfaces:\n", 1, 1, "nothing is written there", "{}"},
	{"interfaces:\n  lan0:\n", 2, 3, "'lan0' needs a map such as {port: ...}", "{}"},
	{IFACE "addresses: 10.0.0.1/24\n", 3, 16, "needs a list", "write [10.0.0.1/24]"},
	{IFACE "mtu: [1500]\n", 3, 10, "needs a whole number from 68 to 9216, not a list", ""},
	{IFACE "description:\n", 3, 5, "nothing is written there", "\"\""},
	{"memory: 5\n", 1, 9, "'memory' needs a map such as {buffers: ...}, not a single value", ""},
	{"routes: [10.0.0.0/8]\n", 1, 10, "'routes' needs a map such as {prefix: ...}", ""},
	/* Values. */
	{IFACE "mtu: abc\n", 3, 10, "'mtu' needs a whole number from 68 to 9216, not 'abc'", ""},
	{IFACE "mtu: 67\n", 3, 10, "from 68 to 9216, not '67'", ""},
	{IFACE "mtu: 99999999999999999999\n", 3, 10, "from 68 to 9216", ""},
	{IFACE "mtu: -1\n", 3, 10, "from 68 to 9216, not '-1'", ""},
	{IFACE "mtu: '1500'\n", 3, 10, "quotes make it text", "write 1500 without quotes"},
	{IFACE "enabled: yes\n", 3, 14, "needs true or false, not 'yes'", "write true or false"},
	{IFACE "enabled: 'true'\n", 3, 14, "quotes make it text", "write true without quotes"},
	{IFACE "mode: ruoted\n", 3, 11, "needs routed or bridged, not 'ruoted'", "did you mean 'routed'?"},
	{IFACE "description: 'a text longer than twenty'\n", 3, 18, "text of 0 to 20 characters, not 25", ""},
	{IFACE "mac: 02:00:00:00:00\n", 3, 10, "needs a MAC address", ""},
	{IFACE "shape: 20mbit\n", 3, 12, "needs a rate in bit/s of at least 1kbit", ""},
	{IFACE "addresses: [10.0.0.1]\n", 3, 17, "needs the length", "did you mean '10.0.0.1/24'?"},
	{IFACE "addresses: [10.0.0.0/24]\n", 3, 17, "is the address of the network itself", ""},
	{IFACE "addresses: [10.0.0.255/24]\n", 3, 17, "broadcast", ""},
	{IFACE "addresses: [127.0.0.1/8]\n", 3, 17, "not an address that a host can have", ""},
	{IFACE "addresses: [10.0.0.1/33]\n", 3, 17, "needs an interface address such as", ""},
	{IFACE "addresses: [1.0.0.1/8, 1.0.0.2/8, 1.0.0.3/8, 1.0.0.4/8, 1.0.0.5/8]\n", 3, 16, "at most 4",
		""},
	{IFACE "port: p1\nports:\n  p0: {device: x}\n", 3, 11, "'port' names 'p1', which is not in 'ports'",
		"'p0'"},
	{IFACE "port: p1\n", 3, 11, "which is not in 'ports'", ""},
	{"routes: [{prefix: 10.1.2.3/8, via: reject}]\n", 1, 19, "bits set", "did you mean '10.0.0.0/8'?"},
	{"routes: [{prefix: 10.0.0/8, via: reject}]\n", 1, 19, "needs a network such as", ""},
	{"routes: [{prefix: '::/0', via: rejcet}]\n", 1, 32, "needs blackhole or reject",
		"did you mean 'reject'?"},
	{"routes: [{prefix: '::/0', via: '::1/64'}]\n", 1, 32, "needs an IPv4 or IPv6 address",
		"write ::1 without"},
	{"routes: [{prefix: '::/0', via: 'a b'}]\n", 1, 32, "192.0.2.1, or blackhole or reject, or a name",
		""},
	{"routes: [{prefix: '::/0', via: wan}]\n", 1, 32, "'wan', which is not in 'interfaces'", ""},
	{"memory: {buffers: 3G}\n", 1, 19, "needs a size from 1K to 2G, not '3G'", ""},
	{"memory: {timeout: 30}\n", 1, 19, "needs a duration from 0 to 1h",
		"write the unit too, such as 30s"},
	{IFACE "mtu: 666\n", 3, 10, "the check of the part refuses this", ""},
};

static void test_each_mistake_has_its_place_and_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		const struct mistake *m = &mistakes[i];
		struct diag d;
		struct node *root = parse(m->yaml, strlen(m->yaml), &d);
		const struct diag_entry *e = &d.entry[0];

		if (root != NULL || d.count == 0 || e->line != m->line || e->column != m->column ||
			strstr(e->text, m->says) == NULL || strstr(e->hint, m->hint) == NULL) {
			diag_print(&d, stderr);
			fail_msg("expected %u:%u '%s' hint '%s' for:\n%s", m->line, m->column, m->says,
				m->hint, m->yaml);
		}
	}
}

static void test_all_mistakes_are_reported_at_once(void **state)
{
	static const char text[] = IFACE "mtu: 1\n    mode: x\n    mac: y\nroute: []\n";
	struct diag d;
	unsigned before = checks_called;

	(void)state;
	assert_null(parse(text, strlen(text), &d));
	assert_int_equal(d.total, 4);
	assert_int_equal(d.entry[3].line, 6);
	assert_int_equal(checks_called, before); /* a part never sees a tree with wrong types */
}

static char *repeat(const char *head, const char *unit, size_t times, size_t *len)
{
	size_t unit_len = strlen(unit), at = strlen(head);
	char *text = malloc(at + times * unit_len + 1);

	assert_non_null(text);
	memcpy(text, head, at);
	for (size_t i = 0; i < times; i++, at += unit_len)
		memcpy(text + at, unit, unit_len);
	text[at] = '\0';
	*len = at;
	return text;
}

static void test_bombs_end_at_once(void **state)
{
	static const struct {
		const char *head, *unit;
		size_t times;
		const char *says;
	} bombs[] = {
		{"a: ", "[", 100000, "nested deeper than 32"},
		{"a: ", "[", 50, "nested deeper than 32"},
		{"", "{a: ", 100000, "nested deeper than 32"},
		{"a:\n ", "- ", 100000, "nested deeper than 32"},
		{"", "? ", 100000, "a key must be a word"},
		{"a: ", "{", 100000, "a key must be a word"},
		{"a: [", "*x, ", 10000, "the alias '*x'"},
		{"a: ", "&x ", 10000, "the anchor '&x'"},
		{"", "a: 1\n", 100000, "'a' is here twice"},
		{"", "--- a\n", 100000, "second document"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
		size_t len;
		char *text = repeat(bombs[i].head, bombs[i].unit, bombs[i].times, &len);
		double start = now(), took;
		struct diag d;

		assert_null(parse(text, len, &d));
		took = now() - start;
		if (took > 0.2 * SLOWER || strstr(d.entry[0].text, bombs[i].says) == NULL)
			fail_msg("bomb %zu took %.3f s: %s", i, took, d.entry[0].text);
		free(text);
	}
}

static void test_100k_keys_and_routes_are_read_in_time(void **state)
{
	const size_t size = 16u << 20;
	char *text = malloc(size);
	struct node *root;
	double start;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	len += (size_t)snprintf(text, size, "interfaces:\n  lan0: {}\nroutes:\n");
	for (unsigned i = 0; i < 100000; i++)
		len += (size_t)snprintf(text + len, size - len, "- prefix: %u.%u.%u.0/24\n  via: %s\n",
			1 + i / 65536, i / 256 % 256, i % 256, i % 2 == 0 ? "192.0.2.1" : "lan0");
	start = now();
	root = parse_good(text);
	assert_true(now() - start < 0.5 * SLOWER);
	node_free(root);
	len = (size_t)snprintf(text, size, "ports:\n");
	for (unsigned i = 0; i < 100000; i++)
		len += (size_t)snprintf(text + len, size - len, "  p%u: {device: x}\n", i);
	len += (size_t)snprintf(text + len, size - len, "interfaces:\n");
	for (unsigned i = 0; i < 50000; i++)
		len += (size_t)snprintf(text + len, size - len, "  i%u: {port: p%u}\n", i, 99999 - i);
	start = now();
	root = parse_good(text);
	assert_true(now() - start < 0.8 * SLOWER);
	node_free(root);
	free(text);
}

static void write_file(char *path, const char *text, off_t size)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	if (size > 0)
		assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void test_a_file_is_loaded(void **state)
{
	char path[] = "/tmp/weir-control-XXXXXX", *text;
	struct diag d;
	struct node *root;

	(void)state;
	write_file(path, "hostname: r1\n", 0);
	root = config_load(path, &d, &text);
	unlink(path);
	assert_non_null(root);
	assert_string_equal(node_text(root, "hostname", ""), "r1");
	assert_string_equal(text, "hostname: r1\n");
	node_free(root);
	free(text);
}

static void test_files_that_are_refused(void **state)
{
	char big[] = "/tmp/weir-control-XXXXXX", wrong[] = "/tmp/weir-control-XXXXXX", *text;
	double start = now();
	struct diag d;

	(void)state;
	write_file(big, "hostname: r1\n", 17 << 20);
	assert_null(config_load(big, &d, &text));
	unlink(big);
	assert_null(text);
	assert_non_null(strstr(d.entry[0].text, "more than the limit of 16777216"));
	assert_null(config_load("/nonexistent/weir.yaml", &d, &text));
	assert_string_equal(d.entry[0].text, "cannot read the config: No such file or directory");
	assert_int_equal(d.entry[0].line, 0);
	assert_null(config_load("/proc/self/fdinfo", &d, &text));
	assert_non_null(strstr(d.entry[0].text, "no file whose name ends in .yaml"));
	assert_null(config_load("/dev/zero", &d, &text));
	assert_non_null(strstr(d.entry[0].text, "not a device"));
	assert_true(now() - start < 0.2);
	write_file(wrong, "hostnam: r1\n", 0);
	assert_null(config_load(wrong, &d, &text));
	unlink(wrong);
	assert_int_equal(d.entry[0].column, 1);
	assert_non_null(d.source);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_documents),
		cmocka_unit_test(test_a_good_document_is_typed),
		cmocka_unit_test(test_each_mistake_has_its_place_and_sentence),
		cmocka_unit_test(test_all_mistakes_are_reported_at_once),
		cmocka_unit_test(test_bombs_end_at_once),
		cmocka_unit_test(test_100k_keys_and_routes_are_read_in_time),
		cmocka_unit_test(test_a_file_is_loaded),
		cmocka_unit_test(test_files_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
