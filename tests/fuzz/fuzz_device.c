/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a configuration says about the machine: a port's device, which becomes arguments of a DPDK driver, and
 * lists of CPUs. The first byte chooses.
 */
#include <stdlib.h>
#include <string.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"
#include "runtime/priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void device(const char *text, unsigned queues)
{
	static struct port p;
	struct err e = {0};

	memset(&p, 0, sizeof p);
	snprintf(p.wish.name, sizeof p.wish.name, "p");
	snprintf(p.unique, sizeof p.unique, "p");
	snprintf(p.wish.device, sizeof p.wish.device, "%s", text);
	if (device_translate(&p, queues, &e) != 0 ? e.text[0] == '\0'
						  : strlen(p.devargs) + 1 > sizeof p.devargs)
		abort();
}

static void cpus(const char *text, size_t size)
{
	static struct diag d;
	static struct settings s;
	struct err e = {0};
	struct node *tree;

	d = (struct diag){.file = "fuzz", .source = text, .source_len = size};
	tree = yaml_read(text, size, &d);
	if (tree != NULL && d.total == 0 && schema_check(tree, &d) == 0 && settings_read(tree, &s, &e) == 0 &&
		(s.workers == 0 || s.workers > WORKER_MAX))
		abort();
	node_free(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);

	if (size > 1 && (data[0] & 1) != 0)
		cpus((const char *)data + 1, size - 1);
	else if (text != NULL && text[0] != '\0')
		device(text + 1, (unsigned)data[0] / 16 + 1);
	free(text);
	return 0;
}
