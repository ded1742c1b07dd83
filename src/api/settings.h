/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the configuration says about the API, with the files it names already read: `api:` and `metrics:`.
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_API_SETTINGS_H
#define WEIR_API_SETTINGS_H

#include "api/api_priv.h"

#define API_LISTEN_MAX 8
#define API_TOKENS_MAX 64
#define API_CLIENTS_MAX 64
#define TOKEN_HASH_LEN 32 /* SHA-256 */

/* A certificate's common name and what it may do. */
struct api_client {
	char name[64];
	enum role role;
};

struct api_listen {
	struct ipaddr address;
	uint16_t port;
	bool metrics; /* /metrics and nothing else, for anybody */
	bool tls;     /* then the texts below are PEM */
	char *certificate, *key;
	char *client_ca;       /* NULL: client certificates are not asked for */
	unsigned client_count; /* 0: every certificate of that CA may read */
	struct api_client client[API_CLIENTS_MAX];
};

struct api_token {
	char name[32];
	enum role role;
	uint8_t hash[TOKEN_HASH_LEN];
};

struct api_settings {
	struct api_settings *next; /* in api->gone_sets */
	char group[33];            /* of the Unix socket; empty: root's */
	bool group_named;          /* it must exist */
	int64_t gid;               /* of the group when the configuration was read; -1: there is none */
	bool others_read;          /* everybody on this machine may read */
	unsigned listen_count, token_count;
	struct api_listen listen[API_LISTEN_MAX];
	struct api_token token[API_TOKENS_MAX];
};

/* Reads the sections of a checked tree and the files they name. NULL with a sentence. */
struct api_settings *settings_load(const struct node *cfg, struct err *e);
void settings_free(struct api_settings *s);
/* The same address, the same keys: what serves one can go on serving the other. */
bool listen_equal(const struct api_listen *a, const struct api_listen *b);

/* token.c */
/* "sha256:<64 hexadecimal digits>" to bytes. 0 or -EINVAL. */
int token_hash_parse(const char *text, uint8_t out[static TOKEN_HASH_LEN]);
/* SHA-256 of a token's text. 0 or a negative errno. */
int token_hash(const char *token, uint8_t out[static TOKEN_HASH_LEN]);
/* The token of that text, NULL if there is none; in constant time for a given number of tokens. */
const struct api_token *token_find(const struct api_settings *s, const char *text);

#endif
