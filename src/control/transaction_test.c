/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Transactions on a router that only remembers what it was told, and the history on a real directory: every
 * step fails in turn, and the process dies at every step in turn.
 */
#include "control/control_test.h"
#include "control/fault_test.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "control/transaction.h"

/* --- a router --- */

struct router {
	char runs[64], staged[64]; /* description of interface a */
	bool refuse;
	unsigned prepared, committed, aborted;
	char news[96]; /* what was told last */
};

static const char *name_in(const struct node *cfg)
{
	return node_text(node_get(node_get(cfg, "interfaces"), "a"), "description", "-");
}

static int prepare(void *ctx, const struct node *next, struct err *e)
{
	struct router *r = ctx;

	if (r->refuse)
		return err_set(e, ENOSPC, "the table is full");
	assert_string_equal(r->staged, ""); /* never two at a time */
	snprintf(r->staged, sizeof r->staged, "%s", name_in(next));
	r->prepared++;
	return 0;
}

static void commit(void *ctx, const struct node *next)
{
	struct router *r = ctx;

	assert_string_equal(r->staged, name_in(next));
	strcpy(r->runs, r->staged);
	r->staged[0] = '\0';
	r->committed++;
}

static void give_back(void *ctx)
{
	struct router *r = ctx;

	r->staged[0] = '\0';
	r->aborted++;
}

static void told(void *ctx, const struct txn_news *n)
{
	struct router *r = ctx;

	snprintf(r->news, sizeof r->news, "%s %u before %u by %s, %u changed, %u s", txn_fate_words[n->fate],
		n->id, n->before, n->asked != NULL ? n->asked->user : "nobody",
		n->diff != NULL ? config_diff_total(n->diff) : 0, n->confirm_within);
}

static const struct txn_ops ops = {.prepare = prepare, .commit = commit, .abort = give_back, .told = told};

/* --- life --- */

static char dir[32];
static struct router router;
static struct txn *txn;

static struct txn_request by(const char *user, uint32_t confirm)
{
	return (struct txn_request){.uid = 1000,
		.user = user,
		.message = "why",
		.source = "test.yaml",
		.confirm_within = confirm};
}

static struct node *named(const char *name)
{
	char text[128];

	snprintf(text, sizeof text, "interfaces: {a: {description: %s}}\n", name);
	return read_tree(text);
}

static void begin(const char *name)
{
	struct txn_request q = by("root", 0);
	struct err e = {0};
	struct store *s = store_open(dir[0] != '\0' ? dir : NULL, &e);

	if (s == NULL)
		fail_msg("%s", e.text);
	router = (struct router){0};
	strcpy(router.runs, name);
	txn = txn_new(&ops, &router, s);
	txn_tick(txn, 1000);
	if (txn_start(txn, named(name), &q, &e) != 0)
		fail_msg("%s", e.text);
}

static int apply(const char *name, uint32_t confirm, struct err *e)
{
	struct txn_request q = by("alice", confirm);
	struct node *n = named(name);
	int rc = txn_apply(txn, n, &q, NULL, e);

	if (rc != 0)
		node_free(n);
	assert_string_equal(router.staged, "");
	assert_string_equal(name_in(txn_running(txn)), router.runs);
	return rc;
}

static int in_memory(void **state)
{
	log_set_level(LOG_ERROR);
	dir[0] = '\0';
	begin("one");
	return 0;
}

static int on_disk(void **state)
{
	log_set_level(LOG_ERROR);
	strcpy(dir, "/tmp/weir-txn-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	begin("one");
	return 0;
}

static int end(void **state)
{
	char command[64];

	fault_countdown = -1;
	txn_free(txn);
	txn = NULL;
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return dir[0] != '\0' ? system(command) : 0;
}

static void runs(const char *name, uint32_t id)
{
	assert_string_equal(router.runs, name);
	assert_int_equal(txn_id(txn), id);
}

/* --- tests --- */

static void test_apply(void **state)
{
	const struct store_entry *n;

	assert_int_equal(apply("two", 0, NULL), 0);
	runs("two", 2);
	n = store_at(txn_store(txn), 0);
	assert_int_equal(n->state, STORE_CONFIRMED);
	assert_int_equal(n->uid, 1000);
	assert_string_equal(n->user, "alice");
	assert_string_equal(n->message, "why");
	assert_string_equal(n->source, "test.yaml");
	assert_string_equal(n->summary, "0 added, 1 changed, 0 removed");
	/* The same again is applied and not remembered. */
	assert_int_equal(apply("two", 60, NULL), 0);
	runs("two", 2);
	assert_int_equal(txn_waiting(txn), 0);
	assert_int_equal(router.committed, 2);
}

static void test_refusals_change_nothing(void **state)
{
	struct txn_request q = by("alice", 0);
	struct node *n = read_tree("timers: {memory: 2G}\n");
	struct err e = {0};

	router.refuse = true;
	assert_int_equal(apply("two", 0, &e), -ENOSPC);
	assert_string_equal(e.text, "the table is full");
	router.refuse = false;
	e = (struct err){0};
	assert_int_equal(txn_apply(txn, n, &q, NULL, &e), -EBUSY);
	assert_non_null(strstr(e.text, "'timers memory' cannot change while weir runs"));
	node_free(n);
	q.if_match = 7;
	n = named("two");
	e = (struct err){0};
	assert_int_equal(txn_apply(txn, n, &q, NULL, &e), -ESTALE);
	q.if_match = 0;
	q.confirm_within = TXN_CONFIRM_MAX + 1;
	assert_int_equal(txn_apply(txn, n, &q, NULL, NULL), -EINVAL);
	node_free(n);
	runs("one", 1);
	assert_int_equal(router.committed, 0);
	assert_int_equal(store_count(txn_store(txn)), 1);
}

static void test_confirm(void **state)
{
	struct txn_request q = by("bob", 0);
	struct err e = {0};

	assert_int_equal(txn_confirm(txn, &q, &e), -ENOENT);
	assert_int_equal(apply("two", 60, NULL), 0);
	assert_int_equal(txn_waiting(txn), 60);
	assert_string_equal(router.news, "applied 2 before 1 by alice, 1 changed, 60 s");
	txn_tick(txn, 1059);
	assert_int_equal(txn_waiting(txn), 1);
	e = (struct err){0};
	assert_int_equal(apply("three", 0, &e), -EBUSY);
	assert_non_null(strstr(e.text, "configuration 2 of alice waits for confirmation (1 s left)"));
	assert_int_equal(txn_confirm(txn, &q, NULL), 0);
	assert_string_equal(router.news, "confirmed 2 before 2 by bob, 0 changed, 0 s");
	txn_tick(txn, 2000);
	runs("two", 2);
	assert_int_equal(apply("three", 0, NULL), 0);
}

static void test_not_confirmed(void **state)
{
	assert_int_equal(apply("two", 60, NULL), 0);
	runs("two", 2);
	txn_tick(txn, 1060);
	runs("one", 1);
	assert_string_equal(router.news, "expired 1 before 2 by nobody, 1 changed, 0 s");
	assert_int_equal(txn_waiting(txn), 0);
	assert_int_equal(store_find(txn_store(txn), 2)->state, STORE_UNDONE);
	assert_int_equal(apply("three", 0, NULL), 0);
	runs("three", 3);
}

/* When there is no room to go back, it is tried every second until there is. */
static void test_not_confirmed_and_no_room(void **state)
{
	log_set_level(LOG_ERROR);
	assert_int_equal(apply("two", 60, NULL), 0);
	router.refuse = true;
	txn_tick(txn, 1060);
	runs("two", 2);
	txn_tick(txn, 1060);
	router.refuse = false;
	txn_tick(txn, 1061);
	runs("one", 1);
}

static void test_rollback(void **state)
{
	struct txn_request q = by("bob", 0);
	struct config_diff done;
	struct err e = {0};

	assert_int_equal(txn_rollback(txn, 0, 0, &q, NULL, &e), -ENOENT);
	assert_int_equal(apply("two", 0, NULL), 0);
	assert_int_equal(apply("three", 0, NULL), 0);
	q.message = NULL;
	assert_int_equal(txn_rollback(txn, 2, 0, &q, NULL, NULL), 0);
	runs("one", 4);
	assert_string_equal(store_at(txn_store(txn), 0)->message, "rollback to 1");
	assert_int_equal(txn_rollback(txn, 1, 0, &q, &done, NULL), 0);
	runs("three", 5);
	assert_int_equal(done.total[DIFF_CHANGE], 1);
	assert_string_equal(done.item[0].after, "three");
	config_diff_free(&done);
	assert_int_equal(txn_rollback(txn, 0, 2, &q, NULL, NULL), 0);
	runs("two", 6);
	e = (struct err){0};
	assert_int_equal(txn_rollback(txn, 0, 99, &q, NULL, &e), -ENOENT);
	/* What waits goes first. */
	assert_int_equal(apply("four", 60, NULL), 0);
	e = (struct err){0};
	assert_int_equal(txn_rollback(txn, 2, 0, &q, NULL, &e), -EBUSY);
	assert_int_equal(txn_rollback(txn, 0, 0, &q, &done, NULL), 0);
	runs("two", 6);
	assert_string_equal(done.item[0].before, "four");
	assert_string_equal(router.news, "taken-back 6 before 7 by bob, 1 changed, 0 s");
	config_diff_free(&done);
}

static void test_the_history_survives(void **state)
{
	char text[64];

	assert_int_equal(apply("two", 0, NULL), 0);
	assert_int_equal(apply("three", 60, NULL), 0);
	txn_free(txn);
	begin("two");
	runs("two", 2); /* three was not confirmed; two is what ran: nothing new to remember */
	assert_int_equal(store_find(txn_store(txn), 3)->state, STORE_UNDONE);
	assert_string_equal(store_find(txn_store(txn), 2)->user, "alice");
	txn_free(txn);
	begin("five");
	runs("five", 4);
	for (unsigned i = 0; i < STORE_KEPT + 5; i++) {
		snprintf(text, sizeof text, "n%u", i);
		assert_int_equal(apply(text, 0, NULL), 0);
	}
	assert_int_equal(store_count(txn_store(txn)), STORE_KEPT);
	assert_null(store_find(txn_store(txn), 1));
}

static void test_a_directory_has_one_owner(void **state)
{
	struct err e = {0};

	assert_null(store_open(dir, &e));
	assert_int_equal(e.code, EBUSY);
	e = (struct err){0};
	assert_null(store_open("/proc/nothing/here", &e));
	assert_int_not_equal(e.code, 0);
}

/* What is not ours in the directory is left alone; what is broken is not used. */
static void test_strange_files(void **state)
{
	static const char *const names[] = {
		"000007.yaml", "notes.txt", "000000.yaml", "-1.yaml", "9.yaml.bak"};
	char path[128];
	FILE *f;

	txn_free(txn);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		f = fopen(path, "w");
		fputs("no header here\n", f);
		fclose(f);
	}
	begin("one");
	runs("one", 1);
	assert_int_equal(apply("two", 0, NULL), 0);
	runs("two", 8); /* numbers are not used twice */
	assert_int_equal(store_count(txn_store(txn)), 2);
}

enum step { STEP_APPLY, STEP_APPLY_CONFIRM, STEP_CONFIRM, STEP_UNDO, STEPS };

static int take_step(enum step step)
{
	struct txn_request q = by("bob", 0);

	switch (step) {
	case STEP_APPLY:
		return apply("two", 0, NULL);
	case STEP_APPLY_CONFIRM:
		return apply("two", 60, NULL);
	case STEP_CONFIRM:
		return txn_confirm(txn, &q, NULL);
	default:
		return txn_rollback(txn, 0, 0, &q, NULL, NULL);
	}
}

static void fresh_directory(void)
{
	char command[64];

	fault_countdown = -1;
	txn_free(txn);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
	begin("one");
}

/* Every system call of every step fails in turn: what runs and what the next start finds agree. */
static void test_every_write_may_fail(void **state)
{
	for (enum step step = 0; step < STEPS; step++)
		for (int at = 0;; at++) {
			const char *was = step < STEP_CONFIRM ? "one" : "two";
			int rc;

			fresh_directory();
			if (step >= STEP_CONFIRM)
				assert_int_equal(apply("two", 60, NULL), 0);
			fault_countdown = at;
			rc = take_step(step);
			if (fault_countdown >= 0)
				break; /* there was no such call: all were tried */
			if (rc != 0)
				assert_string_equal(router.runs, was);
			else
				assert_string_equal(router.runs, step == STEP_UNDO ? "one" : "two");
			/* It works the next time. */
			if (rc != 0) {
				assert_int_equal(take_step(step), 0);
				assert_string_equal(router.runs, step == STEP_UNDO ? "one" : "two");
			}
		}
}

static const char *last_confirmed(void)
{
	static char text[64];
	struct err e = {0};
	struct store *s = store_open(dir, &e);
	const struct store_entry *last = s != NULL ? store_last(s) : NULL;
	size_t len;
	char *yaml;
	struct node *n;

	assert_non_null(last);
	yaml = store_text(s, last->id, &len, &e);
	assert_non_null(yaml);
	n = read_tree(yaml);
	snprintf(text, sizeof text, "%s", name_in(n));
	node_free(n);
	free(yaml);
	store_close(s);
	return text;
}

/* The process dies at every system call of every step: the next start finds the old config or the new one. */
static void test_every_moment_may_be_the_last(void **state)
{
	static const char *const allowed[STEPS][2] = {
		{"one", "two"}, {"one", "one"}, {"one", "two"}, {"one", "one"}};

	for (enum step step = 0; step < STEPS; step++) {
		for (int at = 0;; at++) {
			int status;
			pid_t child;

			fresh_directory();
			if (step >= STEP_CONFIRM)
				assert_int_equal(apply("two", 60, NULL), 0);
			child = fork();
			if (child == 0) {
				fault_dies = true;
				fault_countdown = at;
				_exit(take_step(step) == 0 ? 0 : 1);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_true(
				WIFEXITED(status) && (WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0));
			txn_free(txn);
			txn = NULL;
			if (strcmp(last_confirmed(), allowed[step][0]) != 0 &&
				strcmp(last_confirmed(), allowed[step][1]) != 0)
				fail_msg(
					"step %d died at call %d: '%s' is found", step, at, last_confirmed());
			/* What was answered is kept. */
			if (WEXITSTATUS(status) == 0)
				assert_string_equal(last_confirmed(), allowed[step][1]);
			if (WEXITSTATUS(status) == 0)
				break;
		}
	}
	begin("one");
}

#define ON(where, test) cmocka_unit_test_setup_teardown(test, where, end)
#define BOTH(test) ON(in_memory, test), ON(on_disk, test)

int main(void)
{
	const struct CMUnitTest tests[] = {BOTH(test_apply), ON(in_memory, test_refusals_change_nothing),
		BOTH(test_confirm), BOTH(test_not_confirmed), ON(in_memory, test_not_confirmed_and_no_room),
		BOTH(test_rollback), ON(on_disk, test_the_history_survives),
		ON(on_disk, test_a_directory_has_one_owner), ON(on_disk, test_strange_files),
		ON(on_disk, test_every_write_may_fail), ON(on_disk, test_every_moment_may_be_the_last)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
