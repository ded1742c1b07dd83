/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the endpoints of /v1/config share.
 */
#ifndef WEIR_API_CONFIG_PRIV_H
#define WEIR_API_CONFIG_PRIV_H

#include "api/api_priv.h"
#include "base/user.h"
#include "config/config.h"

/* A config that came with a request. */
struct upload {
	struct node *tree;
	struct config_files files; /* backs the positions in `diag` */
	struct diag *diag;
	char source[256]; /* file or request, for the history */
	/* Options beside it. */
	const char *message;
	uint32_t confirm;
	uint32_t on; /* the configuration that must run; 0: any */
};

/* The service; NULL after a reply when this instance has none. */
struct config_service *config_of(struct request *r);

/* The body of PUT /v1/config: the config itself, YAML or JSON by its content type; options are parameters. */
bool upload_document(struct request *r, struct upload *u);
/* The body of apply and plan: {"files": [{"name", "text"}]}, {"path"} or {"config": {...}}, and options. */
bool upload_request(struct request *r, struct upload *u);
/* The applied config, without what was changed by hand, with the body, a JSON merge patch, on top. */
bool upload_patch(struct request *r, struct upload *u);
/* All three: false after a reply. Free in either case. */
void upload_free(struct upload *u);
json_t *upload_schema(void); /* of the body of apply and plan */
json_t *config_schema(void); /* of a config: a reference into the OpenAPI document */
json_t *patch_schema(void);  /* of a merge patch of one */

/* Who asks, as the history names him; `name` backs q->user. */
void request_who(const struct request *r, struct txn_request *q, char name[static USER_NAME_LEN]);

/* Members of an open object: what changed. */
void put_changes(struct jw *j, const struct config_diff *d);
extern const struct doc change_docs[];
#define CHANGES_DOCS                                                                                         \
	{"added", DOC_U64, "Objects that are new."}, {"changed", DOC_U64, "Values that differ."},            \
		{"removed", DOC_U64, "Objects that go."},                                                    \
		{"changes", DOC_LIST, "The first thousand of them.", change_docs},                           \
	{                                                                                                    \
		"unlisted", DOC_U64, "Changes beyond those listed."                                          \
	}
extern const struct doc invalid_docs[];
/* 422 with every mistake, its place, and the same as text with carets. */
void reply_diag(struct request *r, const char *what, const struct diag *d);

#endif
