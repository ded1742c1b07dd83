/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who asks: users on the Unix socket by what the kernel says about them, tokens and certificates on TCP.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "api/server.h"

/* --- the Unix socket --- */

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t list[1024];
	socklen_t size = sizeof list;

	if (primary == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &size) != 0)
		return false;
	for (unsigned i = 0; i < size / sizeof list[0]; i++)
		if (list[i] == wanted)
			return true;
	return false;
}

void auth_peer(struct connection *c, const struct api_settings *set)
{
	struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t size = sizeof peer;

	c->client.family = 1;
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
		return;
	memcpy(c->client.key, &peer.uid, sizeof peer.uid);
	if (peer.uid == 0)
		snprintf(c->who, sizeof c->who, "root");
	else
		snprintf(c->who, sizeof c->who, "uid %u", (unsigned)peer.uid);
	if (peer.uid == 0 || peer.uid == geteuid() ||
		(set->gid >= 0 && in_group(c->fd, peer.gid, (gid_t)set->gid)))
		c->role = ROLE_WRITE;
	else
		c->role = set->others_read ? ROLE_READ : ROLE_NONE;
}

/* --- TCP --- */

void auth_address(struct connection *c, const struct sockaddr_storage *from)
{
	struct ipaddr a = {.family = from->ss_family == AF_INET ? FAMILY_V4 : FAMILY_V6};
	char text[ADDR_STRLEN];

	if (from->ss_family == AF_INET)
		memcpy(a.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	else
		memcpy(a.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	c->client.family = a.family;
	memcpy(c->client.key, a.bytes, a.family == FAMILY_V4 ? 4 : 8);
	snprintf(c->who, sizeof c->who, "%s", ipaddr_format(&a, text));
}

static gnutls_session_t session_of(const struct connection *c)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	return info != NULL ? info->tls_session : NULL;
}

/* Common name of a certificate that the CA signed for clients; false if there is none. */
static bool certificate_name(gnutls_session_t s, char *name, size_t size)
{
	gnutls_typed_vdata_st purpose = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
	const gnutls_datum_t *list;
	gnutls_x509_crt_t crt;
	unsigned status = 1, count = 0;
	bool ok;

	if (s == NULL || gnutls_certificate_verify_peers(s, &purpose, 1, &status) != 0 || status != 0)
		return false;
	list = gnutls_certificate_get_peers(s, &count);
	if (list == NULL || count == 0 || gnutls_x509_crt_init(&crt) != 0)
		return false;
	ok = gnutls_x509_crt_import(crt, &list[0], GNUTLS_X509_FMT_DER) == 0 &&
	     gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size) == 0;
	gnutls_x509_crt_deinit(crt);
	return ok;
}

static enum role by_certificate(struct connection *c)
{
	const struct api_listen *l = c->server->listen;
	char name[64];

	if (l->client_ca == NULL || !certificate_name(session_of(c), name, sizeof name))
		return ROLE_NONE;
	for (unsigned i = 0; i < l->client_count; i++)
		if (strcmp(l->client[i].name, name) == 0) {
			snprintf(c->who, sizeof c->who, "certificate %.30s", name);
			return l->client[i].role;
		}
	if (l->client_count != 0)
		return ROLE_NONE;
	snprintf(c->who, sizeof c->who, "certificate %.30s", name);
	return ROLE_READ;
}

enum role auth_request(struct connection *c, const char *authorization)
{
	const struct api_token *t;

	if (c->server->listen == NULL)
		return c->role;
	if (authorization == NULL)
		return by_certificate(c);
	if (strncasecmp(authorization, "Bearer ", 7) != 0)
		return ROLE_NONE;
	t = token_find(c->server->api->set, authorization + 7 + strspn(authorization + 7, " "));
	if (t == NULL)
		return ROLE_NONE;
	snprintf(c->who, sizeof c->who, "token %s", t->name);
	return t->role;
}
