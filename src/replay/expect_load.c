/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Expectations: {"packets": [{"n": 1, "input": "lan", "verdict": "dropped", "reason": "x"}, ...],
 * "drops": {"reason": count}, "outputs": {"PORT": "golden.pcapng"}, "ports": [{"port": "p1", "packets": 5}],
 * "summary": {"held": 0}}. Every part and every member of a packet but its n is optional; only what is there
 * is compared. A report is such a document; what it says of files and times is passed over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/diag.h"
#include "replay/expect_priv.h"

const char *const expect_texts[] = {"input", "verdict", "reason", "out", "interface", "rules", NULL};

static const char *const parts[] = {"packets", "drops", "outputs", "ports", "summary", "inputs", NULL};
static const char *const members[] = {
	"n", "timestamp", "input", "verdict", "reason", "out", "interface", "rules", NULL};

static bool is_one_of(const char *key, const char *const *known)
{
	for (; *known != NULL; known++)
		if (strcmp(key, *known) == 0)
			return true;
	return false;
}

/* `where`: what the key is a member of. */
static int check_keys(
	const struct expect *x, const char *where, json_t *object, const char *const *known, struct err *e)
{
	const char *key, *near;
	json_t *value;

	json_object_foreach(object, key, value)
	{
		if (is_one_of(key, known))
			continue;
		near = diag_nearest(key, known);
		return err_set(e, EINVAL, "%s: %s'%s' cannot be expected%s%s%s", x->path, where, key,
			near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
			near != NULL ? "'?" : "");
	}
	return 0;
}

static int check_packet(const struct expect *x, size_t i, json_t *p, struct err *e)
{
	char where[48];
	json_t *t;

	snprintf(where, sizeof where, "packets[%zu].", i);
	if (!json_is_object(p) || json_integer_value(json_object_get(p, "n")) < 1)
		return err_set(e, EINVAL, "%s: packets[%zu] needs a number n, counted from 1", x->path, i);
	for (const char *const *key = expect_texts; *key != NULL; key++) {
		t = json_object_get(p, *key);
		if (t != NULL && !json_is_string(t) && !json_is_null(t))
			return err_set(e, EINVAL, "%s: %s%s must be a string, or null for none", x->path,
				where, *key);
	}
	return check_keys(x, where, p, members, e);
}

static int check_count(
	const struct expect *x, const char *where, const char *key, json_t *value, struct err *e)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0)
		return 0;
	return err_set(e, EINVAL, "%s: %s.%s must be a count", x->path, where, key);
}

static int check_ports(const struct expect *x, struct err *e)
{
	json_t *p;
	size_t i;

	json_array_foreach(x->ports, i, p)
	{
		if (!json_is_string(json_object_get(p, "port")))
			return err_set(e, EINVAL, "%s: ports[%zu] needs the name of a port", x->path, i);
		if (check_count(x, "ports", "packets", json_object_get(p, "packets"), e) != 0)
			return -e->code;
	}
	return 0;
}

static int check_maps(const struct expect *x, struct err *e)
{
	const char *key;
	json_t *value;

	json_object_foreach(x->drops, key, value)
	{
		if (check_count(x, "drops", key, value, e) != 0)
			return -e->code;
	}
	json_object_foreach(x->summary, key, value)
	{
		if (strcmp(key, "reasons") != 0 && check_count(x, "summary", key, value, e) != 0)
			return -e->code;
	}
	json_object_foreach(x->outputs, key, value)
	{
		if (!json_is_string(value))
			return err_set(
				e, EINVAL, "%s: outputs.%s must be the path of a capture", x->path, key);
	}
	return 0;
}

static int check_members(const struct expect *x, struct err *e)
{
	json_t *p;
	size_t i;

	if (x->packets != NULL && !json_is_array(x->packets))
		return err_set(e, EINVAL, "%s: packets must be a list", x->path);
	if (x->ports != NULL && !json_is_array(x->ports))
		return err_set(e, EINVAL, "%s: ports must be a list", x->path);
	if (x->drops != NULL && !json_is_object(x->drops))
		return err_set(e, EINVAL, "%s: drops must map reasons to counts", x->path);
	if (x->outputs != NULL && !json_is_object(x->outputs))
		return err_set(e, EINVAL, "%s: outputs must map ports to captures", x->path);
	if (x->summary != NULL && !json_is_object(x->summary))
		return err_set(e, EINVAL, "%s: summary must map words to counts", x->path);
	if (check_maps(x, e) != 0 || check_ports(x, e) != 0)
		return -e->code;
	json_array_foreach(x->packets, i, p)
	{
		if (check_packet(x, i, p, e) != 0)
			return -e->code;
	}
	return 0;
}

static int check(struct expect *x, struct err *e)
{
	if (!json_is_object(x->root))
		return err_set(e, EINVAL, "%s: the document must be an object", x->path);
	x->packets = json_object_get(x->root, "packets");
	x->drops = json_object_get(x->root, "drops");
	x->outputs = json_object_get(x->root, "outputs");
	x->ports = json_object_get(x->root, "ports");
	x->summary = json_object_get(x->root, "summary");
	if (check_keys(x, "", x->root, parts, e) != 0)
		return -e->code;
	return check_members(x, e);
}

struct expect *expect_load(const char *path, struct err *e)
{
	struct expect *x = calloc(1, sizeof *x);
	json_error_t why;

	if (x == NULL) {
		err_set(e, ENOMEM, "not enough memory to read %s", path);
		return NULL;
	}
	x->path = path;
	x->root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (x->root != NULL && check(x, e) == 0)
		return x;
	if (x->root == NULL && why.line > 0)
		err_set(e, EINVAL, "%s:%d:%d: %s", path, why.line, why.column, why.text);
	else if (x->root == NULL)
		err_set(e, EINVAL, "%s", why.text); /* names the file itself */
	expect_free(x);
	return NULL;
}

void expect_free(struct expect *x)
{
	if (x == NULL)
		return;
	for (unsigned i = 0; i < DIFFERENCES_SHOWN; i++)
		free(x->d.text[i]);
	json_decref(x->root);
	free(x->row);
	free(x);
}

bool expect_wants_rows(const struct expect *x)
{
	return x->packets != NULL && json_array_size(x->packets) != 0;
}

const char *golden_path(const struct expect *x, const char *name, char *buf, size_t size)
{
	const char *slash = strrchr(x->path, '/');

	if (name[0] == '/' || slash == NULL)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%.*s/%s", (int)(slash - x->path), x->path, name);
	return buf;
}

bool expect_reads(const struct expect *x, const char *path)
{
	char golden[4096];
	struct stat a, b;
	const char *key;
	json_t *value;

	if (stat(path, &a) != 0)
		return false;
	json_object_foreach(x->outputs, key, value)
	{
		golden_path(x, json_string_value(value), golden, sizeof golden);
		if (stat(golden, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
			return true;
	}
	return false;
}
