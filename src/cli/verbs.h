/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The verbs, one file each, and the tree that joins them (tree.c).
 */
#ifndef WEIR_CLI_VERBS_H
#define WEIR_CLI_VERBS_H

#include <jansson.h>

#include "cli/args.h"
#include "cli/rates.h"

extern const struct verb verb_root[];

int verb_shell(const struct cli *c, const struct args *a, const struct verb *v);
int verb_exit(const struct cli *c, const struct args *a, const struct verb *v);
int verb_document(const struct cli *c, const struct args *a, const struct verb *v);
int verb_monitor(const struct cli *c, const struct args *a, const struct verb *v);
int verb_top(const struct cli *c, const struct args *a, const struct verb *v);

int verb_run(const struct cli *c, const struct args *a, const struct verb *v);
int verb_replay(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_check(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_reference(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_schema(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_plan(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_apply(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_confirm(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_rollback(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_save(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_show(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_diff(const struct cli *c, const struct args *a, const struct verb *v);
int verb_config_history(const struct cli *c, const struct args *a, const struct verb *v);
/* The changes of a plan, an apply or a difference, one line each. */
void render_changes(const json_t *doc);
/* data: a struct view */
int verb_show(const struct cli *c, const struct args *a, const struct verb *v);
/* data: the HTTP method as text */
int verb_route_change(const struct cli *c, const struct args *a, const struct verb *v);
int verb_route_get(const struct cli *c, const struct args *a, const struct verb *v);
int verb_neighbor_change(const struct cli *c, const struct args *a, const struct verb *v);
int verb_neighbor_flush(const struct cli *c, const struct args *a, const struct verb *v);
int verb_address_change(const struct cli *c, const struct args *a, const struct verb *v);
int verb_kernel_diff(const struct cli *c, const struct args *a, const struct verb *v);
int verb_api_token(const struct cli *c, const struct args *a, const struct verb *v);
/* data: "show" or "clear" */
int verb_sessions(const struct cli *c, const struct args *a, const struct verb *v);
int verb_clear_counters(const struct cli *c, const struct args *a, const struct verb *v);
int verb_clear_acls(const struct cli *c, const struct args *a, const struct verb *v);
int verb_help(const struct cli *c, const struct args *a, const struct verb *v);

/* Options of `show`. */
struct show_options {
	bool xstats, all, dot;
	uint8_t family;
	const char *vrf;
	const char *only; /* the name given: only this one, or NULL */
	double watch;     /* seconds, 0 = once */
	struct rates rates;
};

/* One thing that can be shown. */
struct view {
	const char *path; /* API path */
	void (*render)(const json_t *doc, const struct show_options *o);
	bool routes; /* fetched in pages */
	/* What `only` selects: objects of the list `list` whose `key` is it; `noun` for the sentence. */
	const char *list, *key, *noun;
};
extern const struct view view_version, view_interfaces, view_ports, view_routes, view_neighbors, view_vrfs,
	view_stages, view_drops, view_workers, view_memory, view_pipeline, view_kernel, view_sources,
	view_firewall, view_acls, view_sets;

/* Renderers (show_*.c) print to stdout. */
void render_version(const json_t *doc, const struct show_options *o);
void render_kernel(const json_t *doc, const struct show_options *o);
void render_interfaces(const json_t *doc, const struct show_options *o);
void render_ports(const json_t *doc, const struct show_options *o);
void render_neighbors(const json_t *doc, const struct show_options *o);
void render_vrfs(const json_t *doc, const struct show_options *o);
void render_stages(const json_t *doc, const struct show_options *o);
void render_drops(const json_t *doc, const struct show_options *o);
void render_workers(const json_t *doc, const struct show_options *o);
void render_memory(const json_t *doc, const struct show_options *o);
void render_sources(const json_t *doc, const struct show_options *o);
void render_firewall(const json_t *doc, const struct show_options *o);
void render_acls(const json_t *doc, const struct show_options *o);
void render_sets(const json_t *doc, const struct show_options *o);
void render_pipeline(const json_t *doc, const struct show_options *o);
/* Fetches and prints page by page; returns the exit code. */
int show_route_pages(const struct cli *c, const struct show_options *o);
/* "10.0.0.0/8 via 10.0.1.2 dev wan ..." on one line. */
void render_route_line(const json_t *route);

/* Typed reads that never fail: "" and 0 for what is missing. */
const char *json_str(const json_t *o, const char *key);
uint64_t json_num(const json_t *o, const char *key);
bool json_yes(const json_t *o, const char *key);

#endif
