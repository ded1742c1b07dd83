/* SPDX-License-Identifier: BSD-3-Clause
 *
 * YAML reader: libyaml events into a tree. One document, no anchors, aliases, tags or merge keys, depth 32,
 * 16 MiB, duplicate keys are errors. Never types a scalar: the schema does.
 */
#ifndef WEIR_CONTROL_YAML_H
#define WEIR_CONTROL_YAML_H

#include <stddef.h>

#include "control/diag.h"
#include "control/tree.h"

#define CONFIG_BYTES_MAX (16u << 20)
#define CONFIG_DEPTH_MAX 32
#define CONFIG_NODES_MAX 3000000u /* maps, lists and values: they take far more memory than their text */

/* Root map of the text, or NULL with entries in d (d->file/source set by the caller). */
struct node *yaml_read(const char *text, size_t len, struct diag *d);

/* Reads, parses and schema-checks a file, or several: see control/load.h. The tree, or NULL with entries in
 * d. *text_out (malloc) begins with the first file's text, backs d->sources and must outlive d (NULL when
 * nothing could be read). Starts d afresh. */
struct node *config_load(const char *path, struct diag *d, char **text_out);

#endif
