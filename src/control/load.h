/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A config from files: one file with the conf.d beside it, or a directory. FILE comes first, then
 * conf.d/NAME.yaml in the order of the names; a directory is its own *.yaml in that order. Later files add to
 * earlier ones: maps are joined key by key, single values are replaced, lists are appended to, and an item
 * with the identity of an earlier one (a route by VRF and prefix) takes its place. Lists whose items have no
 * identity are replaced as a whole. Positions keep their file.
 *
 * Thread-safety: none.
 */
#ifndef WEIR_CONTROL_LOAD_H
#define WEIR_CONTROL_LOAD_H

#include "control/diag.h"
#include "control/tree.h"

#define CONFIG_FILES_MAX 256

struct config_files {
	struct diag_source *item; /* names and texts are malloc */
	unsigned count;
};

/* Reads the files of a path: 0, or -EINVAL with entries in d. More than CONFIG_BYTES_MAX in all is refused,
 * without reading it. Free in either case. */
int config_files_read(const char *path, struct config_files *f, struct diag *d);
/* Adds a text under a name. 0 or -ENOMEM. */
int config_files_add(struct config_files *f, const char *name, const char *text, size_t len);
void config_files_free(struct config_files *f);

/* Parses, joins and schema-checks: the tree, or NULL with entries in d, which points into f then. Starts d
 * afresh. */
struct node *config_parse(const struct config_files *f, struct diag *d);

/* The name of the file `config save` writes: conf.d/90-saved.yaml beside a file, 90-saved.yaml in a
 * directory. */
void config_saved_path(const char *path, char *buf, size_t size);

/* Joins `from` into `into` as above; `from` is emptied and still the caller's. 0 or -ENOMEM (then `into` is
 * of no use). */
int tree_merge(struct node *into, struct node *from);

#endif
