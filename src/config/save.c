/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `weir config save`: the operator's files stay as they are; what they lack goes into one more file that is
 * read after them. Joining files can add and replace, so what was removed has to be removed by the operator.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/priv.h"
#include "control/identity.h"
#include "control/tree_print.h"

struct lack {
	struct err *e;
	const struct config_files *files; /* where nodes of the startup files are */
	unsigned count;                   /* objects that are added or replaced */
};

static int join(struct lack *l, const struct schema *s, const char *name, const struct node *base,
	const struct node *want, struct node *out);

/* --- refusal --- */

static int must_edit(struct lack *l, const struct node *n, const char *what, const char *name)
{
	const char *file = n->file < l->files->count ? l->files->item[n->file].file : "the startup file";

	return err_set(l->e, EEXIST,
		"%s %s is in %s, line %u, and does not run any more: remove it there first. Nothing was "
		"saved",
		what, name, file, n->key_line != 0 ? n->key_line : n->line);
}

/* --- what the files lack --- */

static int add_copy(struct lack *l, struct node *out, const struct node *n)
{
	struct node *copy = node_copy(n);

	if (copy != NULL && node_append(out, copy, n->key) == 0) {
		l->count++;
		return 0;
	}
	node_free(copy);
	return err_set(l->e, ENOMEM, "not enough memory to save the configuration");
}

static bool differs(const struct schema *s, const struct node *a, const struct node *b)
{
	char x[CANONICAL_MAX], y[CANONICAL_MAX];

	if (a->kind == NODE_SCALAR && b->kind == NODE_SCALAR)
		return strcmp(canonical(s, a, x), canonical(s, b, y)) != 0;
	return !node_same(a, b);
}

/* A list whose items have an identity: new and changed items; a list without is replaced by nothing. */
static int join_list(struct lack *l, const struct schema *s, const char *name, const struct node *base,
	const struct node *want, struct node *out)
{
	struct identity_index old = {0}, new = {0};
	char text[256];
	int rc = 0;

	if (identity_build(&old, s, base) != 0 || identity_build(&new, s, want) != 0)
		rc = err_set(l->e, ENOMEM, "not enough memory to save the configuration");
	NODE_EACH (c, base) {
		if (rc != 0 || identity_find(&new, c) != NULL)
			continue;
		identity_text(s, c, text, sizeof text);
		rc = must_edit(l, c, name, text);
	}
	NODE_EACH (c, want) {
		const struct node *was = rc == 0 ? identity_find(&old, c) : c;

		if (rc == 0 && (was == NULL || differs(s->item, was, c)))
			rc = add_copy(l, out, c);
	}
	identity_free(&old);
	identity_free(&new);
	return rc;
}

/* Below a key that both have. Puts a node into `out` only when something is lacking. */
static int join_child(struct lack *l, const struct schema *s, const struct node *base,
	const struct node *want, struct node *out)
{
	struct node *below;
	int rc;

	if (want->kind == NODE_SCALAR || base->kind != want->kind ||
		(want->kind == NODE_LIST && !identity_known(s, want)))
		return differs(s, base, want) ? add_copy(l, out, want) : 0;
	below = node_new(want->kind, NULL);
	if (below == NULL)
		return err_set(l->e, ENOMEM, "not enough memory to save the configuration");
	rc = want->kind == NODE_LIST ? join_list(l, s, want->key, base, want, below)
				     : join(l, s, want->key, base, want, below);
	if (rc == 0 && below->count != 0 && node_append(out, below, want->key) == 0)
		return 0;
	node_free(below);
	return rc;
}

/* `s` NULL: the root. Entries of a map by name have the fields of the map. */
static int join(struct lack *l, const struct schema *s, const char *name, const struct node *base,
	const struct node *want, struct node *out)
{
	const bool named = s != NULL && s->type == SCHEMA_NAMED;
	const struct schema entry = {.type = SCHEMA_MAP, .fields = s != NULL ? s->fields : NULL};

	NODE_EACH (c, base)
		if (node_get(want, c->key) == NULL)
			return must_edit(l, c, name != NULL ? name : "section", c->key);
	NODE_EACH (c, want) {
		const struct node *was = node_get(base, c->key);
		const struct schema *f = s == NULL ? schema_top(c->key)
					 : named   ? &entry
						   : schema_field(s, c->key);
		int rc = 0;

		if (was != NULL)
			rc = join_child(l, f, was, c, out);
		else if (c->kind == NODE_SCALAR || c->count != 0) /* an empty list says as much as none */
			rc = add_copy(l, out, c);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* --- the file --- */

static int cannot(const char *path, struct err *e)
{
	int code = errno;

	return err_set(e, code, "%s cannot be written: %s", path, strerror(code));
}

static void directory_of(const char *path, char *buf, size_t size)
{
	snprintf(buf, size, "%s", path);
	*strrchr(buf, '/') = '\0'; /* the name of the saved file always has a directory */
}

static int sync_directory(const char *dir, struct err *e)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) != 0)
		rc = cannot(dir, e);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* A new file: who may write in the directory does not choose, by a link, what is written to. */
static FILE *open_new(const char *path)
{
	int fd;
	FILE *f;

	unlink(path); /* of a save that a crash interrupted */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	f = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (fd >= 0 && f == NULL)
		close(fd);
	return f;
}

static int write_tree(const char *path, const struct node *tree, struct err *e)
{
	char temporary[4200], dir[4200];
	FILE *f;
	int rc = 0;

	directory_of(path, dir, sizeof dir);
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return cannot(dir, e);
	snprintf(temporary, sizeof temporary, "%s.new", path);
	f = open_new(temporary);
	if (f == NULL)
		return cannot(temporary, e);
	fputs("# SPDX-License-Identifier: BSD-3-Clause\n# Written by 'weir config save': what was changed "
	      "while "
	      "weir ran. It may be edited, and is replaced by the next save.\n",
		f);
	tree_print_yaml(tree, f);
	if (fflush(f) != 0 || ferror(f) || fsync(fileno(f)) != 0)
		rc = cannot(temporary, e);
	if (fclose(f) != 0 && rc == 0)
		rc = cannot(temporary, e);
	if (rc == 0 && rename(temporary, path) != 0)
		rc = cannot(path, e);
	if (rc != 0)
		unlink(temporary);
	return rc == 0 ? sync_directory(dir, e) : rc;
}

/* Nothing is lacking: a file from an earlier save goes. */
static int remove_saved(const char *path, struct err *e)
{
	char dir[4200];

	if (unlink(path) != 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : cannot(path, e);
	directory_of(path, dir, sizeof dir);
	return sync_directory(dir, e);
}

/* --- the whole --- */

static void leave_out(struct config_files *f, const char *name)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < f->count; i++) {
		if (strcmp(f->item[i].file, name) != 0) {
			f->item[kept++] = f->item[i];
			continue;
		}
		free((void *)(uintptr_t)f->item[i].file);
		free((void *)(uintptr_t)f->item[i].text);
	}
	f->count = kept;
}

/* The startup files without the saved one. */
static struct node *base_tree(
	const struct config_service *c, const char *saved, struct config_files *f, struct err *e)
{
	struct diag *d = calloc(1, sizeof *d);
	struct node *tree = NULL;

	if (d != NULL && config_files_read(c->path, f, d) == 0) {
		leave_out(f, saved);
		tree = config_parse(f, d);
	}
	if (tree == NULL)
		err_set(e, EINVAL, "%s is not valid: %s. Nothing was saved", c->path,
			d != NULL && d->count != 0 ? d->entry[0].text : "not enough memory");
	free(d);
	return tree;
}

struct node *config_service_startup(const struct config_service *c, struct config_files *f, struct diag *d)
{
	*f = (struct config_files){0};
	if (c->path == NULL) {
		*d = (struct diag){.file = "startup"};
		diag_add(d, 0, 0, NULL, "weir was started without a config file");
		return NULL;
	}
	return config_files_read(c->path, f, d) == 0 ? config_parse(f, d) : NULL;
}

/* The files now say what runs: what was changed by hand is config from now on. */
static int adopt(struct config_service *c, const struct txn_request *q, struct err *e)
{
	struct diag *d = calloc(1, sizeof *d);
	struct txn_request r = *q;
	struct config_files f = {0};
	struct node *tree = d != NULL ? config_service_startup(c, &f, d) : NULL;
	int rc = -EINVAL;

	if (r.message == NULL)
		r.message = "save";
	r.source = c->path;
	if (tree == NULL)
		err_set(e, EINVAL, "%s was saved and is not valid: %s", c->path,
			d != NULL && d->count != 0 ? d->entry[0].text : "not enough memory");
	else
		rc = config_service_apply(c, tree, &r, NULL, e);
	if (rc != 0)
		node_free(tree);
	config_files_free(&f);
	free(d);
	return rc;
}

static int save_lack(struct config_service *c, const struct node *running, const char *path, unsigned *saved,
	struct err *e)
{
	struct config_files f = {0};
	struct node *base = base_tree(c, path, &f, e), *out = node_new(NODE_MAP, NULL);
	struct lack l = {.e = e, .files = &f};
	int rc = base != NULL ? 0 : -e->code;

	if (rc == 0 && out == NULL)
		rc = err_set(e, ENOMEM, "not enough memory to save the configuration");
	if (rc == 0)
		rc = join(&l, NULL, NULL, base, running, out);
	if (rc == 0)
		rc = out->count != 0 ? write_tree(path, out, e) : remove_saved(path, e);
	*saved = l.count;
	node_free(base);
	node_free(out);
	config_files_free(&f);
	return rc;
}

int config_service_save(struct config_service *c, const struct txn_request *q, char *path, size_t size,
	unsigned *saved, struct err *e)
{
	const struct node *running;
	struct node *own;
	int rc;

	if (c->path == NULL)
		return err_set(
			e, ENOENT, "weir was started without a config file: there is nowhere to save to");
	if (txn_waiting(c->txn) != 0)
		return err_set(
			e, EBUSY, "a configuration waits for confirmation: confirm it or roll it back first");
	config_saved_path(c->path, path, size);
	running = config_service_effective(c, &own);
	if (running == NULL)
		return err_set(e, ENOMEM, "not enough memory to save the configuration");
	rc = save_lack(c, running, path, saved, e);
	node_free(own);
	return rc == 0 ? adopt(c, q, e) : rc;
}
