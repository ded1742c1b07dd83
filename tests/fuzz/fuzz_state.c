/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The state directory: a file of the history holds anything, and so does a second one that waits for its
 * confirmation. The store opens, lists what is readable, recalls it or says why not, and goes on writing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/diag.h"
#include "control/schema.h"
#include "control/transaction.h"
#include "control/yaml.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/dev/shm/weir-fuzz-state-XXXXXX";
static const char *const names[] = {"000001.yaml", "000002.pending.yaml", "000002.undone.yaml", "000003.yaml",
	"000004.yaml", "lock", "new"};

static void need(bool ok)
{
	if (!ok)
		abort();
}

static void clear(void)
{
	char path[128];

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static void forget(void)
{
	clear();
	rmdir(dir);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	need(mkdtemp(dir) != NULL);
	atexit(forget);
	log_set_level(LOG_ERROR);
	return 0;
}

static void put(const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "we");
	need(f != NULL && fwrite(data, 1, size, f) == size && fclose(f) == 0);
}

static int prepare(void *ctx, const struct node *next, struct err *e)
{
	return 0;
}
static void commit(void *ctx, const struct node *next)
{
}
static void abort_none(void *ctx)
{
}

/* Everything that can be asked of it, and one more entry. */
static void use(struct store *s)
{
	static const struct txn_ops ops = {.prepare = prepare, .commit = commit, .abort = abort_none};
	static const char text[] = "icmp: {echo: false}\n";
	static struct diag d;
	struct txn_request q = {.user = "fuzz"};
	struct err e = {0};
	struct txn *t = txn_new(&ops, NULL, s);
	struct node *tree;

	need(t != NULL);
	for (unsigned i = 0; i < store_count(s); i++) {
		struct err why = {0};
		struct node *old = txn_recall(t, store_at(s, i)->id, &why);

		need(old != NULL || why.text[0] != '\0');
		need(store_at(s, i)->state != STORE_PENDING);
		node_free(old);
	}
	d = (struct diag){.file = "fuzz", .source = text, .source_len = sizeof text - 1};
	tree = yaml_read(text, sizeof text - 1, &d);
	need(tree != NULL && schema_check(tree, &d) == 0 && txn_start(t, tree, &q, &e) == 0);
	need(store_last(s) != NULL && store_last(s)->id == txn_id(t));
	if (txn_rollback(t, 1, 0, &q, NULL, &e) != 0)
		need(e.text[0] != '\0');
	txn_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size != 0 ? memchr(data, 0, size) : NULL;
	const size_t first = nul != NULL ? (size_t)(nul - data) : size;
	struct err e = {0};
	struct store *s;

	clear();
	put(names[0], data, first);
	if (nul != NULL)
		put(names[1], nul + 1, size - first - 1);
	s = store_open(dir, &e);
	need(s != NULL);
	use(s);
	return 0;
}
