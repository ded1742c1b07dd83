/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One call of the daemon's API from a verb, and what every verb says when it fails.
 */
#ifndef WEIR_CLI_CALL_H
#define WEIR_CLI_CALL_H

#include <jansson.h>

#include "cli/words.h"

#define CLI_SOCKET "/run/weir/weir.sock"

/* --socket, else WEIR_SOCKET, else CLI_SOCKET. */
const char *cli_socket(const struct cli *c);

/* Calls the API. CLI_OK: *out is the document (decref it). Otherwise the sentence is on stderr, the exit code
 * is returned, and *out is the error document or NULL. `body` is given away (may be NULL). */
int cli_call(const struct cli *c, const char *method, const char *target, json_t *body, json_t **out);

/* The same, but a refusal (CLI_FAILED with a document) prints nothing. */
int cli_call_quiet(const struct cli *c, const char *method, const char *target, json_t *body, json_t **out);

/* The same for a change: prints nothing when it worked (with -j: the document). */
int cli_change(const struct cli *c, const char *method, const char *target, json_t *body);

/* Pretty-prints a document on stdout. */
void cli_print_json(const json_t *doc);

/* Appends ?name=value or &name=value, percent-encoded. */
void cli_query(char *target, size_t size, const char *name, const char *value);

/* What cli_error() puts before its sentence instead of "weir" ("FILE:LINE"); NULL: "weir" again. The text
 * must stay. */
void cli_where(const char *text);

/* Called before anything is written to standard error; NULL: nothing. */
void cli_before_error(void (*fn)(void *ctx), void *ctx);

/* "weir: sentence" on stderr, made safe for a terminal. Returns `code`. */
int cli_error(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* cli_error(CLI_USAGE) and the synopsis of the verb. */
int cli_usage(const struct cli *c, const struct verb *v, const struct err *e);

#endif
