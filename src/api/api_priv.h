/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What handlers see: a request, the endpoint table with the documents it promises, replies.
 *
 * An endpoint says in its row all there is to know about it: parameters, body, reply. Requests are checked
 * against the row before the handler runs, and /v1/openapi.json is written from it.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_API_API_PRIV_H
#define WEIR_API_API_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "control/json.h"
#include "control/schema.h"
#include "pipeline/weir.h"

/* A body holds one change; what is larger is a mistake. All connections together may hold API_BODIES_MAX. */
#define API_BODY_MAX (16u << 20)
#define API_BODIES_MAX (64u << 20)
#define API_REPLIES_MAX (64u << 20) /* bytes of finished documents that wait for slow readers */
#define API_ROUTES_MAX 10000u       /* in one request: the control thread does nothing else meanwhile */
#define API_ETAG_APPLIED                                                                                     \
	"-applied"        /* behind the number: the ETag of the applied config, without changes by hand */
#define API_BODY_DEPTH 16 /* nesting of a JSON body */
#define API_BODY_VALUES 500000u /* values in a JSON body: each costs far more memory than its text */

enum role { ROLE_NONE, ROLE_READ, ROLE_WRITE };

struct request {
	struct weir *w;
	/* Query parameter by name, "" for one without a value, NULL if absent. */
	const char *(*query)(const struct request *r, const char *name);
	/* Header by name in any case, NULL if absent. */
	const char *(*header)(const struct request *r, const char *name);
	const void *ctx; /* of those two */
	const struct endpoint *endpoint;
	const char *name;   /* what stood for {name} in the path, NULL if the endpoint has none */
	const char *client; /* who asks, for logs and history: "root", "uid 1000", "token grafana" */
	enum role role;
	json_t *body;     /* the object of a POST, PUT, PATCH or DELETE; NULL for GET and ENDPOINT_RAW */
	const char *text; /* ENDPOINT_RAW: the body as it came, not NUL-terminated */
	size_t text_len;
	struct jw out;    /* the document */
	unsigned status;  /* HTTP; 0 counts as 200 */
	const char *type; /* media type; NULL: application/json */
	char etag[72];    /* with its quotes, empty if none: reply_etag() */

	/* A document in pieces, for tables without bound: called again and again, each call appends a piece
	 * (about API_PIECE bytes) to `out`; false: that was the last. What it needs to go on is `state`,
	 * given to state_free() at the end, also when the client left. */
	bool (*more)(struct request *r);
	/* A stream without end (ENDPOINT_STREAM): appends to `out` what is to be said at `now` (ns,
	 * monotonic); sets *due to when it wants to be asked again (UINT64_MAX: when an event was published).
	 */
	void (*feed)(struct request *r, uint64_t now, uint64_t *due);
	void *state;
	void (*state_free)(void *state);
};
#define API_PIECE 32768

typedef void (*endpoint_fn)(struct request *r);

/* --- documents: what a reply holds, for OpenAPI and the test that compares --- */
enum doc_type {
	DOC_TEXT,
	DOC_U64,
	DOC_REAL,
	DOC_BOOL,
	DOC_OBJECT, /* `fields` */
	DOC_LIST,   /* of objects with `fields` */
	DOC_TEXTS,  /* list of texts */
	DOC_MAP,    /* any key, numbers */
	DOC_ANY,
};
#define DOC_NULL 1u     /* may be null */
#define DOC_OPTIONAL 2u /* may be absent */

struct doc {
	const char *key;
	enum doc_type type;
	const char *help;
	const struct doc *fields; /* ended by {0} */
	unsigned flags;
	const char *const *words; /* DOC_TEXT: one of these, NULL-terminated */
};
extern const struct doc doc_ok[]; /* {"ok": true} */

/* --- the endpoint table --- */
struct param {
	const char *name, *help;
	const char *pattern; /* regular expression for OpenAPI, NULL: any text */
};

#define ENDPOINT_READS 1u   /* changes nothing although it is no GET: readers may use it */
#define ENDPOINT_RAW 2u     /* the handler reads the body itself */
#define ENDPOINT_STREAM 4u  /* server-sent events */
#define ENDPOINT_TEXT 8u    /* the reply is text, not JSON */
#define ENDPOINT_OPEN 16u   /* also on the metrics listener, where nobody is asked who he is */
#define ENDPOINT_CONFIG 32u /* changes the applied config: If-Match may name that alone */
#define ENDPOINT_MATCH 64u  /* replaces what was read: needs If-Match */
#define ENDPOINT_YAML 128u  /* body or reply may be YAML as well */
#define ENDPOINT_BARE 256u  /* works without its body */

struct endpoint {
	const char *method;
	const char *path; /* may end in /{name}: any one word */
	const char *help; /* one sentence */
	endpoint_fn handle;
	const struct param *params; /* ended by {0}; NULL: none */
	const struct schema *body;  /* fields, ended by {0}; NULL: no body, or described by body_json */
	const struct doc *reply;    /* of status 200 */
	unsigned flags;
	json_t *(*body_json)(void);  /* JSON Schema of the body, where a table cannot say it */
	json_t *(*reply_json)(void); /* the same of the reply */
};

struct endpoint_table {
	const struct endpoint *rows; /* ended by {0} */
	struct endpoint_table *next;
};
void endpoint_register(struct endpoint_table *t);
/* Puts an array of rows, ended by {0}, into the table. */
#define ENDPOINTS_REGISTER(array)                                                                            \
	static struct endpoint_table table_##array = {.rows = array};                                        \
	__attribute__((constructor)) static void endpoints_register_##array(void)                            \
	{                                                                                                    \
		endpoint_register(&table_##array);                                                           \
	}

/* All endpoints, by path and method: *count of them. */
const struct endpoint *const *endpoints_all(unsigned *count);
/* The endpoint, and in *name what stands for its {name}; NULL with *allowed filled (the methods the path
 * knows, "" if there is no such path). */
const struct endpoint *endpoint_find(
	const char *method, const char *path, const char **name, char *allowed, size_t size);
/* It is not for readers: it changes something. */
bool endpoint_changes(const struct endpoint *p);
/* The known path nearest to a wrong one, or NULL. */
const char *endpoint_near(const char *path);

/* --- replies --- */

/* Replaces the document by {"error": sentence} and sets the status. */
void reply_error(struct request *r, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same from an err: its code decides the status. */
void reply_err(struct request *r, const struct err *e);
/* {"ok": true} */
void reply_ok(struct request *r);
/* The version of what the document shows (RFC 9110 8.8.3), any text of at most 64 printable characters
 * without quotes. A GET whose If-None-Match names it is answered 304 without the document. */
void reply_etag(struct request *r, const char *version);

/* Counters of the whole instance with room for every interface; NULL after reply_error(). Free with
 * counters_free(). */
struct counters *counters_read(struct request *r);
void counters_free(struct counters *c);

/* --- what the server does with a request (request.c) --- */

/* Parses and checks the body `text`, and runs the handler. r->endpoint, query and header are set. */
void request_run(struct request *r, const char *text, size_t len);
/* Reads the JSON object of a body into r->body; false after a reply. */
bool request_parse(struct request *r, const char *text, size_t len, unsigned depth, size_t values);
/* A query parameter that the endpoint does not know is refused: false after a reply. */
bool request_check_param(struct request *r, const char *name);
void request_free(struct request *r);
/* body.c: an object against the fields of a schema table. 0 or -EINVAL with a sentence that names the place.
 */
int body_check(const struct schema *fields, const json_t *o, struct err *e);

#endif
