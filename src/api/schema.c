/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `api:` and `metrics:`.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "api/settings.h"
#include "control/diag.h"

static const char *const role_words[] = {"ro", "rw", NULL};
static const char *const other_words[] = {"refuse", "read", NULL};

#define PATH_FIELD(k, need, text)                                                                            \
	{                                                                                                    \
		.key = (k), .type = SCHEMA_STRING, .required = (need), .min = 1, .max = 1023, .help = (text) \
	}
#define ENDPOINT_FIELDS                                                                                      \
	{.key = "address", .type = SCHEMA_ADDRESS, .required = true, .help = "Address to listen on."},       \
		{.key = "port",                                                                              \
			.type = SCHEMA_INT,                                                                  \
			.required = true,                                                                    \
			.min = 1,                                                                            \
			.max = 65535,                                                                        \
			.help = "TCP port."},                                                                \
	{                                                                                                    \
		.key = "insecure", .type = SCHEMA_BOOL, .fallback = "false",                                 \
		.help = "Listen without TLS although the address is not a loopback address."                 \
	}

static const struct schema client_fields[] = {
	{.key = "name",
		.type = SCHEMA_STRING,
		.required = true,
		.min = 1,
		.max = 63,
		.help = "Common name in the certificate."},
	{.key = "role",
		.type = SCHEMA_ENUM,
		.words = role_words,
		.fallback = "ro",
		.help = "Read, or also change."},
	{0},
};
static const struct schema client_item = {
	.type = SCHEMA_MAP, .fields = client_fields, .help = "A certificate and what it may do."};

static const struct schema tls_fields[] = {
	PATH_FIELD("certificate", true, "PEM file with the certificate and those that signed it."),
	PATH_FIELD("key", true, "PEM file with its private key."),
	PATH_FIELD("client-ca", false,
		"PEM file of the authority that signs clients' certificates; they need no token."),
	{.key = "clients",
		.type = SCHEMA_LIST,
		.item = &client_item,
		.max = API_CLIENTS_MAX,
		.help = "Which certificates of client-ca are accepted; by default every one, to read."},
	{0},
};
static const struct schema listen_fields[] = {
	ENDPOINT_FIELDS,
	{.key = "tls", .type = SCHEMA_MAP, .fields = tls_fields, .help = "Speak TLS 1.2 or 1.3."},
	{0},
};
static const struct schema listen_item = {
	.type = SCHEMA_MAP, .fields = listen_fields, .help = "A TCP port of the API."};

static const struct schema token_fields[] = {
	{.key = "name", .type = SCHEMA_NAME, .required = true, .help = "For the log."},
	{.key = "role",
		.type = SCHEMA_ENUM,
		.words = role_words,
		.fallback = "ro",
		.help = "Read, or also change."},
	{.key = "hash",
		.type = SCHEMA_STRING,
		.required = true,
		.min = 71,
		.max = 71,
		.help = "As 'weir api token' prints it: sha256: and 64 hexadecimal digits."},
	{0},
};
static const struct schema token_item = {
	.type = SCHEMA_MAP, .fields = token_fields, .help = "A token that clients on TCP show."};

static const struct schema api_fields[] = {
	{.key = "socket",
		.type = SCHEMA_STRING,
		.effect = EFFECT_RESTART,
		.min = 1,
		.max = 107,
		.fallback = "/run/weir/weir.sock",
		.help = "Unix socket of the API."},
	{.key = "socket-group",
		.type = SCHEMA_STRING,
		.effect = EFFECT_RESTART,
		.min = 1,
		.max = 32,
		.fallback = "weir",
		.help = "Group that may use the socket, to read and to change; if it exists."},
	{.key = "socket-others",
		.type = SCHEMA_ENUM,
		.effect = EFFECT_RESTART,
		.words = other_words,
		.fallback = "refuse",
		.help = "Other users of this machine: refuse them, or let them read."},
	{.key = "listen",
		.type = SCHEMA_LIST,
		.item = &listen_item,
		.max = API_LISTEN_MAX / 2,
		.help = "TCP ports, besides the socket."},
	{.key = "tokens",
		.type = SCHEMA_LIST,
		.item = &token_item,
		.max = API_TOKENS_MAX,
		.help = "Who may use the TCP ports."},
	{0},
};

static const struct schema scrape_fields[] = {ENDPOINT_FIELDS, {0}};
static const struct schema scrape_item = {
	.type = SCHEMA_MAP, .fields = scrape_fields, .help = "A TCP port for Prometheus."};
static const struct schema metrics_fields[] = {
	{.key = "listen",
		.type = SCHEMA_LIST,
		.item = &scrape_item,
		.max = API_LISTEN_MAX / 2,
		.help = "TCP ports that serve /metrics to anybody, and nothing else; none by default."},
	{0},
};

static const struct schema fields[] = {
	{.key = "api", .type = SCHEMA_MAP, .fields = api_fields, .help = "The HTTP/JSON API."},
	{.key = "metrics", .type = SCHEMA_MAP, .fields = metrics_fields, .help = "Metrics for Prometheus."},
	{0},
};

/* --- what a table cannot say --- */

static bool is_loopback(const struct ipaddr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == FAMILY_V4 ? a->bytes[0] == 127 : memcmp(a->bytes, one, sizeof one) == 0;
}

static void check_listen(const struct node *l, struct diag *d)
{
	const struct node *address = node_get(l, "address"), *tls = node_get(l, "tls");

	if (tls == NULL && !node_bool(l, "insecure", false) && !is_loopback(&address->value.prefix.addr))
		diag_node(d, address, "add tls, use 127.0.0.1, or say insecure: true",
			"%s can be reached from other machines, and there is no TLS", address->text);
	if (tls != NULL && node_get(tls, "clients") != NULL && node_get(tls, "client-ca") == NULL)
		diag_key(d, node_get(tls, "clients"), NULL, "'clients' needs 'client-ca' to check them with");
}

static bool same_port(const struct node *a, const struct node *b)
{
	return node_u64(a, "port", 0) == node_u64(b, "port", 0) &&
	       ipaddr_equal(&node_get(a, "address")->value.prefix.addr,
		       &node_get(b, "address")->value.prefix.addr);
}

static void check_ports(const struct node *api, const struct node *metrics, struct diag *d)
{
	const struct node *seen[API_LISTEN_MAX];
	const struct node *lists[] = {node_get(api, "listen"), node_get(metrics, "listen")};
	unsigned n = 0;

	for (unsigned k = 0; k < 2; k++)
		NODE_EACH (l, lists[k]) {
			check_listen(l, d);
			for (unsigned i = 0; i < n; i++)
				if (same_port(seen[i], l))
					diag_node(d, node_get(l, "port"), NULL,
						"%s port %s is listened on already (line %u)",
						node_get(l, "address")->text, node_get(l, "port")->text,
						seen[i]->line);
			if (n < API_LISTEN_MAX)
				seen[n++] = l;
		}
}

static void check_tokens(const struct node *api, struct diag *d)
{
	uint8_t hash[TOKEN_HASH_LEN];

	NODE_EACH (t, node_get(api, "tokens"))
		if (token_hash_parse(node_text(t, "hash", ""), hash) != 0)
			diag_node(d, node_get(t, "hash"), "'weir api token' makes a token and its hash",
				"a token's hash is sha256: and 64 hexadecimal digits, not '%.20s'",
				node_text(t, "hash", ""));
}

static void check(const struct node *root, struct diag *d)
{
	const struct node *api = node_get(root, "api");

	check_ports(api, node_get(root, "metrics"), d);
	check_tokens(api, d);
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
