/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which config a start uses: see README.md for the rules.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "control/yaml.h"

void config_checksum(const char *path, char buf[static 17])
{
	struct diag *d = calloc(1, sizeof *d);
	struct config_files f = {0};
	uint64_t sum = 0;

	snprintf(buf, 17, "-");
	if (d == NULL)
		return;
	if (config_files_read(path, &f, d) == 0) {
		for (unsigned i = 0; i < f.count; i++) {
			sum = store_sum(sum, f.item[i].file, strlen(f.item[i].file) + 1);
			sum = store_sum(sum, f.item[i].text, f.item[i].len);
		}
		snprintf(buf, 17, "%016" PRIx64, sum);
	}
	config_files_free(&f);
	free(d);
}

static struct node *load_files(const char *path)
{
	struct diag *d = calloc(1, sizeof *d);
	char *text = NULL;
	struct node *tree = d != NULL ? config_load(path, d, &text) : NULL;

	if (tree == NULL && d != NULL)
		diag_print(d, stderr);
	free(text);
	free(d);
	return tree;
}

static struct node *load_last(struct store *s, const struct store_entry *last)
{
	struct diag *d = calloc(1, sizeof *d);
	struct err e = {0};
	size_t len = 0;
	char *text = store_text(s, last->id, &len, &e), name[64];
	struct config_files f = {0};
	struct node *tree = NULL;

	snprintf(name, sizeof name, "configuration %" PRIu32, last->id);
	if (text == NULL)
		log_error("%s", e.text);
	else if (d != NULL && config_files_add(&f, name, text, len) == 0) {
		tree = config_parse(&f, d);
		if (tree == NULL)
			diag_print(d, stderr);
	}
	config_files_free(&f);
	free(text);
	free(d);
	return tree;
}

/* Without -c: an edited startup file is newer than the last confirmed config, otherwise that one counts. */
static struct node *choose(const char *path, struct store *s, const struct store_entry *last)
{
	char sum[17];
	struct node *tree;

	config_checksum(path, sum);
	if (access(path, F_OK) == 0 && strcmp(sum, last->checksum) != 0) {
		tree = load_files(path);
		if (tree != NULL) {
			log_notice(
				"%s was changed since configuration %" PRIu32 " and is used", path, last->id);
			return tree;
		}
		log_error("%s was changed and is wrong: configuration %" PRIu32
			  ", the last confirmed one, is "
			  "used",
			path, last->id);
	} else {
		log_notice("configuration %" PRIu32 ", the last confirmed one, is used", last->id);
	}
	return load_last(s, last);
}

struct node *config_choose(
	const char *path, const char *standard, struct store *store, const char **used, struct err *e)
{
	const struct store_entry *last = store != NULL ? store_last(store) : NULL;
	struct node *tree;

	*used = path;
	if (path == NULL)
		*used = last != NULL && last->startup[0] != '\0' ? last->startup : standard;
	tree = path != NULL || last == NULL ? load_files(*used) : choose(*used, store, last);
	if (tree == NULL)
		err_set(e, EINVAL, "%s was refused", *used);
	return tree;
}
