/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests: a configuration from its text.
 */
#ifndef WEIR_CONTROL_READ_TEST_H
#define WEIR_CONTROL_READ_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"

/* A checked tree; fails the test when there is none. */
static inline struct node *read_tree(const char *text)
{
	static struct diag d;
	struct node *n;

	d = (struct diag){.file = "test", .source = text, .source_len = strlen(text)};
	n = yaml_read(text, strlen(text), &d);
	if (n == NULL || schema_check(n, &d) != 0) {
		diag_print(&d, stderr);
		fail_msg("not a good config:\n%s", text);
	}
	return n;
}

/* Errors of a config as one text; how many. */
static inline unsigned errors_of(const char *yaml, char *text, size_t size)
{
	struct diag d = {.file = "test", .source = yaml, .source_len = strlen(yaml)};
	struct node *root = yaml_read(yaml, strlen(yaml), &d);
	FILE *f = fmemopen(text, size, "w");

	assert_non_null(root);
	schema_check(root, &d);
	diag_print(&d, f);
	fclose(f);
	node_free(root);
	return d.total;
}

#endif
