/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Trees as text and JSON and back, merge patches, and configs of several files.
 */
#include "control/control_test.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/load.h"
#include "control/tree_json.h"
#include "control/tree_print.h"

/* --- printing --- */

static const char *const texts[] = {
	"",
	"interfaces: {}\nroutes: []\n",
	"interfaces: {a: {mtu: 1500, description: \"true\"}, \"1\": {description: 'null'}}\n",
	"interfaces: {a: {description: \"a 'b' \\\"c\\\" \\\\ \\t \\x01 \\u2028 \\ufeff end \"}}\n",
	"interfaces: {a: {description: '# : - ? & * ! | > % @ `'}, b: {description: \"\"}}\n",
	"interfaces: {a: {description: \"\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x98\x80\"}, b: {description: '  spaces "
	" '}}\n",
	"interfaces: {a: {description: 1.5}, b: {description: \"1.5\"}, c: {description: 10.0.0.1}, d: "
	"{description: "
	"\"0x10\"}}\n",
	"interfaces: {a: {addresses: [10.0.0.1/24, '2001:db8::1/64', 10.1.0.1/24, 10.2.0.1/24, 10.3.0.1/24, "
	"10.4.0.1/24, 10.5.0.1/24, 10.6.0.1/24]}}\n",
	"routes: [{prefix: 10.0.0.0/8, via: [{address: 10.0.0.1}, {address: '::1', weight: 3}]}, {prefix: "
	"::/0}]\n",
	"timers: {stale: 90s, memory: 2G}\nhops: [{}, {weight: 2}]\n",
};

static void test_yaml_reads_back(void **state)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *source = strdup(texts[i]), *text;
		struct node *n, *again;
		size_t len;

		/* "::/0" needs quotes between brackets. */
		if (strstr(source, "prefix: ::/0") != NULL)
			memcpy(strstr(source, "{prefix: ::/0}"), "{prefix: '::'}", 14);
		n = read_tree(source);
		text = tree_yaml(n, &len);
		assert_non_null(text);
		assert_int_equal(len, strlen(text));
		again = read_tree(text);
		if (!node_same(n, again))
			fail_msg("%s\nbecame\n%s", source, text);
		node_free(n);
		node_free(again);
		free(text);
		free(source);
	}
}

static void test_json_reads_back(void **state)
{
	static struct diag d;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct node *n, *again;
		json_t *j, *parsed;
		char *text;
		size_t len;

		if (strstr(texts[i], "::/0") != NULL)
			continue;
		n = read_tree(texts[i]);
		j = json_from_tree(n);
		text = tree_json(n, &len);
		parsed = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(parsed);
		if (!json_equal(j, parsed))
			fail_msg("%s", text);
		d = (struct diag){0};
		again = tree_from_json(j, &d);
		assert_true(node_same(n, again));
		assert_int_equal(schema_check(again, &d), 0);
		node_free(n);
		node_free(again);
		json_decref(j);
		json_decref(parsed);
		free(text);
	}
}

static void test_yaml_is_readable(void **state)
{
	struct node *n = read_tree("routes: [{prefix: 10.0.0.0/8, via: [{address: 10.0.0.1}]}]\n"
				   "interfaces: {a: {mtu: 1500, addresses: [10.0.0.1/24]}, b: {}}\n"
				   "timers: {stale: 90s}\n");
	size_t len;
	char *text = tree_yaml(n, &len);

	assert_string_equal(text, "routes:\n"
				  "  - {prefix: 10.0.0.0/8, via: [{address: 10.0.0.1}]}\n"
				  "interfaces:\n"
				  "  a: {mtu: 1500, addresses: [10.0.0.1/24]}\n"
				  "  b: {}\n"
				  "timers: {stale: 90s}\n");
	node_free(n);
	free(text);
}

/* --- mistakes in JSON --- */

static void test_mistakes_in_json_have_pointers(void **state)
{
	static const struct {
		const char *json, *where, *says;
	} rows[] = {
		{"{\"interfaces\": {\"a\": {\"mtu\": 67}}}", "/interfaces/a/mtu", "from 68 to 9600"},
		{"{\"interfaces\": {\"a\": {\"mtu\": \"1500\"}}}", "/interfaces/a/mtu",
			"quotes make it text"},
		{"{\"interfaces\": {\"a\": {\"mtu\": null}}}", "/interfaces/a/mtu",
			"nothing is written there"},
		{"{\"interfaces\": {\"a/b~c\": {}}}", "/interfaces/a~1b~0c", "letter or digit"},
		{"{\"routes\": [{\"prefix\": \"::/0\"}, {\"via\": []}]}", "/routes/1",
			"needs the key 'prefix'"},
		{"{\"routes\": {}}", "/routes", "needs a list"},
		{"{\"nope\": 1}", "/nope", "is not a key of the config"},
		{"{\"interfaces\": {\"a\": {\"enabled\": 1.5}}}", "/interfaces/a/enabled", "true or false"},
	};
	static struct diag d;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *j = json_loads(rows[i].json, 0, NULL);
		struct node *n;

		d = (struct diag){.file = "body"};
		n = tree_from_json(j, &d);
		assert_non_null(n);
		assert_int_not_equal(schema_check(n, &d), 0);
		if (strcmp(d.entry[0].where, rows[i].where) != 0 ||
			strstr(d.entry[0].text, rows[i].says) == NULL)
			fail_msg("%s: %s: %s", rows[i].json, d.entry[0].where, d.entry[0].text);
		node_free(n);
		json_decref(j);
	}
}

static void test_json_bombs(void **state)
{
	static struct diag d;
	json_t *j = json_array(), *nul = json_stringn("a\0b", 3);

	for (unsigned i = 0; i < 40; i++)
		j = json_pack("[o]", j);
	assert_null(tree_from_json(j, &d));
	assert_non_null(strstr(d.entry[0].text, "nested deeper"));
	d = (struct diag){0};
	assert_null(tree_from_json(nul, &d));
	assert_non_null(strstr(d.entry[0].text, "character"));
	json_decref(j);
	json_decref(nul);
}

/* The examples of RFC 7396 appendix A. */
static void test_merge_patch(void **state)
{
	static const char *const rows[][3] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
		{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *target = json_loads(rows[i][0], 0, NULL), *patch = json_loads(rows[i][1], 0, NULL);
		json_t *want = json_loads(rows[i][2], 0, NULL), *before = json_deep_copy(target);
		json_t *got = json_merge_patch(target, patch);

		if (!json_equal(got, want))
			fail_msg("row %zu", i);
		assert_true(json_equal(target, before));
		json_decref(target);
		json_decref(patch);
		json_decref(want);
		json_decref(before);
		json_decref(got);
	}
}

/* --- several files --- */

static char dir[] = "/tmp/weir-load-XXXXXX";

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

static int make_dir(void **state)
{
	char path[128];

	strcpy(dir, "/tmp/weir-load-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/conf.d", dir);
	return mkdir(path, 0755);
}

static int remove_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static struct diag load_diag;

static struct node *load(const char *name)
{
	char path[128], *text = NULL;
	struct node *n;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	n = config_load(path, &load_diag, &text);
	if (n == NULL && load_diag.count == 0)
		fail_msg("neither a tree nor a mistake");
	free(text);
	return n;
}

static void test_files_are_joined(void **state)
{
	struct node *n, *want;

	put("weir.yaml",
		"interfaces: {a: {mtu: 1400, addresses: [10.0.0.1/24]}}\n"
		"routes: [{prefix: 10.1.0.0/16}, {prefix: 10.2.0.0/16}]\nhops: [{weight: 1}, {weight: 2}]\n");
	put("conf.d/20-b.yaml", "interfaces: {a: {mtu: 1300}, b: {mtu: 1200}}\n");
	put("conf.d/10-a.yaml",
		"interfaces: {a: {mtu: 1350, addresses: [10.0.0.1/24, 10.0.1.1/24]}}\n"
		"routes: [{prefix: 10.3.0.0/16}, {vrf: default, prefix: 10.1.0.0/16, via: [{address: "
		"10.0.0.9}]}]\nhops: [{weight: 7}]\n");
	put("conf.d/.hidden.yaml", "nonsense\n");
	put("conf.d/90-old.yaml~", "nonsense\n");
	n = load("weir.yaml");
	want = read_tree(
		"interfaces: {a: {mtu: 1300, addresses: [10.0.0.1/24, 10.0.1.1/24]}, b: {mtu: 1200}}\n"
		"routes: [{vrf: default, prefix: 10.1.0.0/16, via: [{address: 10.0.0.9}]}, {prefix: "
		"10.2.0.0/16}, {prefix: 10.3.0.0/16}]\nhops: [{weight: 7}]\n");
	if (n == NULL)
		diag_print(&load_diag, stderr);
	assert_true(node_same(n, want));
	node_free(n);
	node_free(want);
}

static void test_mistakes_keep_their_file(void **state)
{
	char path[128], *text, *printed = NULL;
	size_t len;
	FILE *f;

	put("weir.yaml", "interfaces: {a: {mtu: 1400}}\n");
	put("conf.d/10.yaml", "interfaces:\n  b: {mtu: 1}\n");
	put("conf.d/20.yaml", "interfaces:\n\n  a: {mtuu: 1}\n");
	snprintf(path, sizeof path, "%s/weir.yaml", dir);
	assert_null(config_load(path, &load_diag, &text));
	assert_int_equal(load_diag.total, 2);
	f = open_memstream(&printed, &len);
	diag_print(&load_diag, f);
	fclose(f);
	assert_non_null(strstr(printed, "conf.d/10.yaml:2:12: error: 'mtu' needs"));
	assert_non_null(strstr(printed, "  b: {mtu: 1}\n"));
	assert_non_null(strstr(printed, "conf.d/20.yaml:3:7: error: 'mtuu' is not a key"));
	free(printed);
	free(text);
	put("conf.d/20.yaml", "interfaces: {a: [}\n");
	assert_null(load("weir.yaml"));
	assert_int_equal(load_diag.entry[0].file, 2);
}

static void test_a_directory_is_its_files(void **state)
{
	struct node *n;

	put("conf.d/10.yaml", "timers: {stale: 5s}\n");
	put("conf.d/05.yaml", "timers: {stale: 9s, memory: 1G}\n");
	n = load("conf.d");
	assert_non_null(n);
	assert_string_equal(node_text(node_get(n, "timers"), "stale", ""), "5s");
	assert_string_equal(node_text(node_get(n, "timers"), "memory", ""), "1G");
	node_free(n);
}

static void test_what_cannot_be_read(void **state)
{
	char path[128];

	assert_null(load("nothing.yaml"));
	assert_non_null(strstr(load_diag.entry[0].text, "No such file"));
	put("weir.yaml", "");
	snprintf(path, sizeof path, "%s/conf.d/10.yaml", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_null(load("weir.yaml"));
	assert_non_null(strstr(load_diag.entry[0].text, "conf.d/10.yaml must be a regular file"));
	rmdir(path);
	/* 16 MiB in all, not each. */
	for (char c = '1'; c <= '3'; c++) {
		snprintf(path, sizeof path, "%s/conf.d/%c.yaml", dir, c);
		put(path + strlen(dir) + 1, "{}\n");
		assert_int_equal(truncate(path, 6 << 20), 0);
	}
	assert_null(load("weir.yaml"));
	assert_non_null(strstr(load_diag.entry[0].text, "in all"));
}

static void test_where_saved_goes(void **state)
{
	char path[256], want[256];

	config_saved_path("/etc/weir/weir.yaml", path, sizeof path);
	assert_string_equal(path, "/etc/weir/conf.d/90-saved.yaml");
	config_saved_path("weir.yaml", path, sizeof path);
	assert_string_equal(path, "./conf.d/90-saved.yaml");
	config_saved_path("/weir.yaml", path, sizeof path);
	assert_string_equal(path, "/conf.d/90-saved.yaml");
	config_saved_path(dir, path, sizeof path);
	snprintf(want, sizeof want, "%s/90-saved.yaml", dir);
	assert_string_equal(path, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_reads_back),
		cmocka_unit_test(test_json_reads_back),
		cmocka_unit_test(test_yaml_is_readable),
		cmocka_unit_test(test_mistakes_in_json_have_pointers),
		cmocka_unit_test(test_json_bombs),
		cmocka_unit_test(test_merge_patch),
		cmocka_unit_test_setup_teardown(test_files_are_joined, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_mistakes_keep_their_file, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_a_directory_is_its_files, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_read, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_where_saved_goes, make_dir, remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
