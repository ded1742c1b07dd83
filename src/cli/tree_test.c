/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tree of verbs: every row is a grammar, and what people write becomes the request it should.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cli/body.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/syntax.h"
#include "cli/verbs.h"

#define WORDS_MAX 64

static int split(char *line, char **word)
{
	int n = 0;

	for (char *w = strtok(line, " "); w != NULL && n < WORDS_MAX; w = strtok(NULL, " "))
		word[n++] = w;
	return n;
}

/* --- every row --- */

static unsigned rows;

static void each(const struct verb *table, void (*fn)(const struct verb *v))
{
	for (const struct verb *v = table; v->word != NULL; v++) {
		rows++;
		fn(v);
		if (v->sub != NULL)
			each(v->sub, fn);
	}
}

static void check_row(const struct verb *v)
{
	struct syntax s;
	struct err e = {0};

	if (syntax_compile(&s, v->args, &e) != 0)
		fail_msg("%s %s: %s", v->word, v->args, e.text);
	assert_true((v->sub == NULL) != (v->run == NULL));
	assert_true(strlen(v->help) > 10 && v->help[strlen(v->help) - 1] == '.');
}

/* A word that is what is wanted, for walks through grammars. */
static void sample(const struct want *w, char *buf, size_t size)
{
	struct err e = {0};

	if (w->type == NULL) {
		snprintf(buf, size, "%.*s", (int)w->len, w->text);
		return;
	}
	snprintf(buf, size, "%s", w->type->example != NULL ? w->type->example : "name");
	if (w->type->valid != NULL && (w->type->example == NULL || !w->type->valid(buf, &e)))
		fail_msg("type %s needs an example in types.c that its check takes: %s", w->type->name,
			e.text);
}

/* Is it among the offers, for "?" (types by name) and for TAB (keywords)? */
static bool offered(const struct offers *o, const char *text)
{
	for (unsigned i = 0; i < o->count; i++)
		if (strcmp(o->list[i].text, text) == 0)
			return true;
	return false;
}

/* A command line that grows. */
struct typed {
	char *word[WORDS_MAX + 8];
	int count;
};

static const struct cli alone = {.socket = "/nonexistent/weir.sock", .shell = true};

/* Parsing says what may come next: "?" must say the same, and TAB propose every keyword. */
static void check_offers(const struct typed *t, const struct matcher *m)
{
	struct want wants[WANTS_MAX];
	unsigned n = matcher_offers(m, wants);
	struct offers help, words;

	complete(&alone, t->count, (char **)(uintptr_t)t->word, "", COMPLETE_HELP, &help);
	complete(&alone, t->count, (char **)(uintptr_t)t->word, "", COMPLETE_WORDS, &words);
	assert_int_equal(help.wrong, -1);
	assert_true(help.end == matcher_end(m));
	for (unsigned i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof text, "%.*s", (int)wants[i].len, wants[i].text);
		if (!offered(&help, text) || (wants[i].type == NULL && !offered(&words, text)))
			fail_msg("%s %s: '%s' is not offered", t->word[1], t->word[2], text);
	}
	for (unsigned i = 0; i < help.count; i++)
		assert_true(help.list[i].help == NULL || strlen(help.list[i].help) > 3);
	offers_free(&help);
	offers_free(&words);
}

/* The words so far are a command exactly when the matcher says that they may end. */
static void check_read(const struct typed *t, int first, const struct verb *v, const struct matcher *m)
{
	struct words a = {.count = t->count, .at = first, .word = (char **)(uintptr_t)t->word};
	struct args args;
	struct err e = {0};
	int rc = args_read(&args, v, &a, &e);

	if ((rc == 0) != matcher_end(m))
		fail_msg("%s %s: %s", t->word[1], v->args, e.text);
	if (rc == 0)
		assert_int_equal(args.count, t->count - first);
	args_free(&args);
}

/* One random walk: whatever the matcher offers it takes, as what it was offered. */
static void walk_once(const struct verb *v, const struct syntax *s, struct typed *t)
{
	struct matcher m;
	struct want wants[WANTS_MAX], took;
	struct err e = {0};
	int first = t->count;
	char text[WORDS_MAX][64];

	matcher_start(&m, s);
	for (unsigned step = 0; step < 30; step++) {
		unsigned n = matcher_wants(&m, wants);
		const struct want *w = n != 0 ? &wants[(unsigned)rand() % n] : NULL;

		if (v->run != verb_help)
			check_offers(t, &m);
		check_read(t, first, v, &m);
		if (w == NULL)
			break;
		sample(w, text[step], sizeof text[step]);
		if (matcher_step(&m, text[step], &took, &e) != 0)
			fail_msg("%s %s: '%s' was offered: %s", v->word, v->args, text[step], e.text);
		assert_true(took.len == w->len && memcmp(took.text, w->text, w->len) == 0);
		t->word[t->count++] = text[step];
	}
	t->count = first;
}

/* The help of a verb explains every word of its grammar that is offered. */
static void check_help(const struct verb *v, const struct syntax *s)
{
	struct want wants[WANTS_MAX];
	unsigned n = syntax_words(s, wants);
	char *text = NULL, line[80];
	size_t size;
	FILE *f = open_memstream(&text, &size);

	help_verb(f, v, "weir x");
	fclose(f);
	for (unsigned i = 0; i < n; i++) {
		snprintf(line, sizeof line, "\n  %.*s ", (int)wants[i].len, wants[i].text);
		if (!wants[i].quiet && strstr(text, line) == NULL)
			fail_msg("%s: no help for '%s'", v->word, line + 3);
	}
	assert_non_null(strstr(text, v->help));
	free(text);
}

static void walk_table(const struct verb *table, struct typed *t)
{
	for (const struct verb *v = table; v->word != NULL; v++) {
		struct syntax s;
		struct err e = {0};

		t->word[t->count++] = (char *)(uintptr_t)v->word;
		if (v->sub != NULL) {
			walk_table(v->sub, t);
		} else {
			assert_int_equal(syntax_compile(&s, v->args, &e), 0);
			check_help(v, &s);
			/* The socket does not exist, but asking costs: fewer walks where names are live. */
			for (unsigned turn = 0; turn < 20 && (v->flags & VERB_OWN_WORDS) == 0; turn++)
				walk_once(v, &s, t);
		}
		t->count--;
	}
}

static void test_rows(void **state)
{
	struct typed t = {.word = {(char[]){"weir"}}, .count = 1};

	rows = 0;
	each(verb_root, check_row);
	assert_true(rows > 30);
	walk_table(verb_root, &t);
}

/* --- grammars that are none --- */

static void test_bad_grammars(void **state)
{
	static const char *const bad[] = {
		"[vrf VRF", "vrf VRF]", "NOTYPE", "nokeyword", "{via | dev", "[vrf VRF] }"};

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct syntax s;
		struct err e = {0};

		if (syntax_compile(&s, bad[i], &e) != -EINVAL)
			fail_msg("accepted: %s", bad[i]);
	}
}

static void test_text(void **state)
{
	char buf[128];

	assert_string_equal(syntax_text("A {b C} {d E}", buf, sizeof buf), "A b C d E");
	assert_string_equal(syntax_text("(q) a/x/y B... (z [r]) c | d (e)", buf, sizeof buf), "a B... c\nd");
	assert_string_equal(syntax_text("{a | b} {c {d | e} [f]}... {g}", buf, sizeof buf),
		"{a | b} {c {d | e} [f]}... g");
	assert_string_equal(syntax_text(NULL, buf, sizeof buf), "");
}

/* --- lines --- */

static const struct {
	const char *line, *json; /* json: NULL means refused, and `sentence` is in the error */
	const char *sentence;
} lines[] = {
	{"route add 10.0.0.0/8 via 10.0.1.2", "{'prefix':'10.0.0.0/8','via':[{'address':'10.0.1.2'}]}"},
	{"route add default via 10.0.1.2 dev wan",
		"{'prefix':'0.0.0.0/0','via':[{'address':'10.0.1.2','interface':'wan'}]}"},
	{"route add default via 2001:db8::1", "{'prefix':'::/0','via':[{'address':'2001:db8::1'}]}"},
	{"-6 route add default dev wan", "{'prefix':'::/0','via':[{'interface':'wan'}]}"},
	{"route add 192.0.2.1 dev wan weight 2",
		"{'prefix':'192.0.2.1','via':[{'interface':'wan','weight':2}]}"},
	{"route add 10.0.0.0/8 vrf red distance 7 via 10.0.1.2",
		"{'prefix':'10.0.0.0/8','vrf':'red','distance':7,'via':[{'address':'10.0.1.2'}]}"},
	{"route add 10.0.0.0/8 via 10.0.1.2 metric 9",
		"{'prefix':'10.0.0.0/8','distance':9,'via':[{'address':'10.0.1.2'}]}"},
	{"route add 10.0.0.0/8 nexthop via 10.0.1.2 dev a weight 1 nexthop via 10.0.2.2 dev b weight 3",
		"{'prefix':'10.0.0.0/8','via':[{'address':'10.0.1.2','interface':'a','weight':1},"
		"{'address':'10.0.2.2','interface':'b','weight':3}]}"},
	{"route add 10.0.0.0/8 via 10.0.1.2 via 10.0.2.2",
		"{'prefix':'10.0.0.0/8','via':[{'address':'10.0.1.2'},{'address':'10.0.2.2'}]}"},
	{"route add 10.0.0.0/8 dev a dev b",
		"{'prefix':'10.0.0.0/8','via':[{'interface':'a'},{'interface':'b'}]}"},
	{"route add 10.0.0.0/8 nexthop dev a nexthop via 10.0.2.2",
		"{'prefix':'10.0.0.0/8','via':[{'interface':'a'},{'address':'10.0.2.2'}]}"},
	{"route add blackhole 10.0.0.0/8", "{'prefix':'10.0.0.0/8','type':'blackhole'}"},
	{"route add unreach default vrf red", "{'prefix':'0.0.0.0/0','type':'unreachable','vrf':'red'}"},
	{"route add 10.0.0.0/8 via inet6 fe80::1 dev a",
		"{'prefix':'10.0.0.0/8','via':[{'address':'fe80::1','interface':'a'}]}"},
	{"route add", NULL, "more is needed here: PREFIX, 'blackhole'"},
	{"route add 10.0.0.0/33 via 10.0.1.2", NULL, "'10.0.0.0/33' is not a prefix such as"},
	{"route add 10.0.0.0/8 via", NULL, "ADDRESS is missing: an IPv4 or IPv6 address"},
	{"route add 10.0.0.0/8 via x", NULL, "'x' is not an IPv4 or IPv6 address"},
	{"route add 10.0.0.0/8 weight 3", NULL, "'weight' is not expected here"},
	{"route add 10.0.0.0/8 dev a weight 0", NULL, "is not a number from 1 to 256"},
	{"route add 10.0.0.0/8 dev a weight 257", NULL, "is not a number from 1 to 256"},
	{"route add 10.0.0.0/8 dev a weight -1", NULL, "is not a number from 1 to 256"},
	{"route add 10.0.0.0/8 dev a weight 1 weight 2", NULL, "'weight' is given twice"},
	{"route add 10.0.0.0/8 vrf a vrf b", NULL, "'vrf' is given twice"},
	{"route add 10.0.0.0/8 dev a table 5", NULL, "'table' is not expected"},
	{"route add 10.0.0.0/8 dev \xff", NULL, "UTF-8"},
	{"route delete 10.0.0.0/8 vrf red", "{'prefix':'10.0.0.0/8','vrf':'red'}"},
	{"route delete blackhole 10.0.0.0/8", "{'prefix':'10.0.0.0/8'}"},
	{"route delete 10.0.0.0/8 via 10.0.1.2", NULL, "'via' is not expected"},
	{"neighbor add 10.0.1.2 lladdr 02:00:00:00:00:01 dev lan",
		"{'address':'10.0.1.2','mac':'02:00:00:00:00:01','interface':'lan'}"},
	{"neighbor add 10.0.1.2 dev lan ll 02:00:00:00:00:01",
		"{'address':'10.0.1.2','mac':'02:00:00:00:00:01','interface':'lan'}"},
	{"neighbor add 10.0.1.2 dev lan", NULL, "more is needed here: 'lladdr'"},
	{"neighbor add 10.0.1.2 lladdr 02:00:00:00:00:01", NULL, "more is needed here: 'dev'"},
	{"neighbor add 10.0.1.2 lladdr 02:00 dev lan", NULL, "'02:00' is not of the form"},
	{"neighbor add 10.0.1.2/24 dev lan", NULL, "is not an IPv4 or IPv6 address"},
	{"neighbor delete fe80::1 dev lan", "{'address':'fe80::1','interface':'lan'}"},
	{"neighbor delete fe80::1 lladdr 02:00:00:00:00:01 dev lan", NULL, "'lladdr' is not expected"},
	{"neighbor flush", "{'flush':true}"},
	{"neighbor flush dev lan", "{'flush':true,'interface':'lan'}"},
	{"neighbor flush all", NULL, "'all' is not expected"},
	{"address add 10.0.0.1/24 dev lan", "{'address':'10.0.0.1/24','interface':'lan'}"},
	{"address add 10.0.0.1 dev lan", NULL, "is not ADDRESS/LENGTH"},
	{"address add 10.0.0.1/24", NULL, "more is needed here: 'dev'"},
	{"address add 10.0.0.1/24 dev", NULL, "IFACE is missing: name of an interface"},
};

static json_t *body_of(const char *path, const struct args *a, uint8_t family, struct err *e)
{
	if (strncmp(path, "route", 5) == 0)
		return body_route(a, family, e);
	if (strcmp(path, "neighbor flush") == 0)
		return body_flush(a, e);
	return path[0] == 'n' ? body_neighbor(a, e) : body_address(a, e);
}

/* Words to the body of the request; NULL with a sentence. */
static json_t *read_line(char *line, struct err *e)
{
	char *word[WORDS_MAX], *name = (char[]){"weir"}, path[64];
	struct words a = {.word = word};
	struct cli c = {0};
	const struct verb *v, *table = verb_root;
	struct args args = {0};
	json_t *body = NULL;
	int n;

	word[0] = name;
	n = split(line, word + 1);
	assert_int_equal(words_globals(n + 1, word, "replay", &c, &a, e), 0);
	snprintf(path, sizeof path, "%s %s", a.word[0], a.word[1]);
	while (table != NULL) {
		v = verb_find(table, words_take(&a), "weir", e);
		assert_non_null(v);
		table = v->sub;
	}
	if (args_read(&args, v, &a, e) == 0)
		body = body_of(path, &args, c.family, e);
	args_free(&args);
	return body;
}

static void check_line(size_t i)
{
	char line[256], expected[512];
	struct err e = {0};
	json_t *got, *want;

	snprintf(line, sizeof line, "%s", lines[i].line);
	got = read_line(line, &e);
	if (lines[i].json == NULL) {
		if (got != NULL || strstr(e.text, lines[i].sentence) == NULL)
			fail_msg("%s: %s", lines[i].line, e.text);
		return;
	}
	if (got == NULL)
		fail_msg("%s: %s", lines[i].line, e.text);
	snprintf(expected, sizeof expected, "%s", lines[i].json);
	for (char *c = expected; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	want = json_loads(expected, 0, NULL);
	assert_non_null(want);
	if (!json_equal(got, want))
		fail_msg("%s: %s", lines[i].line, json_dumps(got, JSON_COMPACT));
	json_decref(got);
	json_decref(want);
}

static void test_lines(void **state)
{
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		check_line(i);
}

/* What "--" hides from the grammar, and options with "=". */
static void test_options(void **state)
{
	const struct verb *run = &verb_root[0];
	char *word[] = {"--config=x y", "--", "-l", "1", "-v", "--config=z"};
	struct words a = {.count = 6, .word = word};
	struct args args;
	struct err e = {0};

	assert_int_equal(args_read(&args, run, &a, &e), 0);
	assert_string_equal(args_value(&args, "FILE"), "x y");
	assert_string_equal(args_after(&args, "--config"), "x y");
	assert_false(args_have(&args, "-v"));
	assert_int_equal(args.count, 7);
	args_free(&args);
}

/* --- completion --- */

static const struct {
	const char *line; /* the last word is the one that is being written */
	const char *offers;
} completions[] = {
	{"weir sh", "shell show"}, {"weir sh int", "interfaces"}, /* the words before may be short */
	{"weir show v", "version vrfs"}, {"weir route add b", "blackhole"},
	{"weir route add 10.0.0.0/8 v", "via vrf"},
	{"weir route add 10.0.0.0/8 via 10.0.0.1 vrf red d", "dev distance"}, {"weir route add d", "default"},
	{"weir -j -s /x show p", "pipeline ports"},
	{"weir show ports --", "--file --force --help --json --no-pager --socket --version --watch --xstats"},
	{"weir show ports --xstats --x", ""}, {"weir help route ", "add delete get replace show"},
	{"weir bogus ", ""}, {"weir route bogus ", ""}, {"weir -s /nonexistent-fo", ""}, {"weir e", "exit"},
	{"weir doc", ""}, /* hidden */
};

static void test_completion(void **state)
{
	for (unsigned i = 0; i < sizeof completions / sizeof completions[0]; i++) {
		char line[256], got[256] = "", *word[WORDS_MAX], *last;
		struct offers o;
		int n;

		snprintf(line, sizeof line, "%s", completions[i].line);
		last = strrchr(line, ' ');
		*last++ = '\0';
		n = split(line, word);
		complete(&alone, n, word, last, COMPLETE_WORDS, &o);
		for (unsigned k = 0; k < o.count; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", k != 0 ? " " : "",
				o.list[k].text);
		if (strcmp(got, completions[i].offers) != 0)
			fail_msg("%s: %s", completions[i].line, got);
		offers_free(&o);
	}
}

static void test_files(void **state)
{
	char folder[] = "/tmp/weir-complete-XXXXXX", path[128], *word[] = {"weir", "config", "check"};
	struct offers o;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/one.yaml", folder);
	fclose(fopen(path, "w"));
	snprintf(path, sizeof path, "%s/other", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/.hidden", folder);
	fclose(fopen(path, "w"));
	snprintf(path, sizeof path, "%s/", folder);
	complete(&alone, 3, word, path, COMPLETE_WORDS, &o);
	assert_int_equal(o.count, 2);
	assert_true(o.files);
	assert_string_equal(o.list[0].text + strlen(folder), "/one.yaml");
	assert_string_equal(o.list[1].text + strlen(folder), "/other/");
	offers_free(&o);
	snprintf(path, sizeof path, "rm -r %s", folder);
	assert_int_equal(system(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_bad_grammars),
		cmocka_unit_test(test_text), cmocka_unit_test(test_lines), cmocka_unit_test(test_options),
		cmocka_unit_test(test_completion), cmocka_unit_test(test_files)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
