/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The captures of a run, merged by timestamp.
 */
#include <errno.h>
#include <string.h>

#include "control/diag.h"
#include "control/tree.h"
#include "feature/iface/iface.h"
#include "replay/priv.h"
#include "replay/replay.h"

static void read_ahead(struct merge *m, struct input *in)
{
	const char *warning;
	int rc = capture_next(in->capture, &in->frame, &m->e);

	in->ready = rc == 1;
	if (rc != 0)
		return;
	warning = capture_warning(in->capture);
	if (warning != NULL)
		snprintf(in->warning, sizeof in->warning, "%s", warning);
}

/* The interface's name; its second capture is NAME#2. */
static void name_input(struct merge *m, struct input *in, const struct replay_options *o, unsigned i)
{
	unsigned before = 0;

	for (unsigned k = 0; k < i; k++)
		before += strcmp(o->input[k].iface, o->input[i].iface) == 0;
	if (before == 0)
		snprintf(in->name, sizeof in->name, "%s", o->input[i].iface);
	else
		snprintf(in->name, sizeof in->name, "%s#%u", o->input[i].iface, before + 1);
}

int merge_open(struct merge *m, const struct replay_options *o, struct err *e)
{
	for (unsigned i = 0; i < o->inputs; i++) {
		struct input *in = &m->input[i];

		name_input(m, in, o, i);
		in->path = o->input[i].path;
		in->capture = capture_open(in->path, e);
		if (in->capture == NULL)
			return -e->code;
		m->count++;
		read_ahead(m, in);
		if (m->e.code != 0) /* nothing was replayed yet: better not begin */
			return err_set(e, m->e.code, "%s", m->e.text);
	}
	return 0;
}

void merge_close(struct merge *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		capture_close(m->input[i].capture);
		m->input[i].capture = NULL;
		m->input[i].ready = false;
	}
}

struct input *merge_next(struct merge *m)
{
	struct input *first = NULL;

	for (unsigned i = 0; i < m->count; i++) {
		struct input *in = &m->input[i];

		if (in->ready && (first == NULL || in->frame.ns < first->frame.ns))
			first = in;
	}
	return first;
}

void merge_advance(struct merge *m, struct input *in)
{
	in->packets++;
	in->bytes += in->frame.len;
	in->cut += in->frame.len < in->frame.wire_len;
	read_ahead(m, in);
}

/* --- ports --- */

static void try_names(struct diag_near *near, const struct node *map)
{
	NODE_EACH (n, map)
		diag_near_try(near, n->key);
}

static int unknown(const struct replay *r, const char *name, struct err *e)
{
	struct diag_near near;

	diag_near_init(&near, name);
	try_names(&near, node_get(r->config, "interfaces"));
	try_names(&near, node_get(r->config, "ports"));
	err_set(e, ENOENT, "--in '%s': %s has no interface or port of that name%s%s%s", name, r->opt.config,
		near.best != NULL ? "; did you mean '" : "", near.best != NULL ? near.best : "",
		near.best != NULL ? "'?" : "");
	return REPLAY_USAGE;
}

int merge_bind(struct replay *r, struct err *e)
{
	for (unsigned i = 0; i < r->merge.count; i++) {
		const char *name = r->opt.input[i].iface;
		const struct iface *ifc = generation_iface(weir_generation(r->w), name);
		int port = ifc != NULL ? ifc->port : iface_port_find(r->w, name);

		if (port < 0)
			return unknown(r, name, e);
		if (port == NO_PORT) {
			err_set(e, EINVAL, "--in '%s': the interface is a loopback, no packets come in by it",
				name);
			return REPLAY_USAGE;
		}
		r->merge.input[i].port = (uint16_t)port;
	}
	return REPLAY_OK;
}
