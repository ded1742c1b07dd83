/* SPDX-License-Identifier: BSD-3-Clause */
#include "api/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/tree.h"

#define PEM_MAX (1u << 20)

/* Opens a regular file: a pipe would keep the control thread waiting. NULL with errno. */
static FILE *open_regular(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	FILE *f = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else if (fd >= 0)
		f = fdopen(fd, "r");
	if (fd >= 0 && f == NULL) {
		int code = errno;

		close(fd);
		errno = code;
	}
	return f;
}

/* A file of certificates or keys. NULL with a sentence. */
static char *read_pem(const char *path, const char *what, struct err *e)
{
	FILE *f = open_regular(path);
	char *text = f != NULL ? malloc(PEM_MAX + 1) : NULL;
	size_t n = 0;

	if (f == NULL)
		err_set(e, EINVAL, "the %s file %s cannot be read: %s", what, path,
			errno == EINVAL ? "it is not a regular file" : strerror(errno));
	else if (text == NULL)
		err_set(e, EINVAL, "the %s file %s cannot be read: not enough memory", what, path);
	else
		n = fread(text, 1, PEM_MAX + 1, f);
	if (text != NULL && (ferror(f) || n == 0 || n > PEM_MAX))
		err_set(e, EINVAL, "the %s file %s is empty or larger than %u bytes", what, path, PEM_MAX);
	if (f != NULL)
		fclose(f);
	if (e->code != 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

static enum role role_of(const struct node *n)
{
	return node_u64(n, "role", 0) == 0 ? ROLE_READ : ROLE_WRITE;
}

static int read_tls(const struct node *tls, struct api_listen *l, struct err *e)
{
	const char *ca = node_text(tls, "client-ca", NULL);

	l->tls = true;
	l->certificate = read_pem(node_text(tls, "certificate", ""), "certificate", e);
	if (l->certificate != NULL)
		l->key = read_pem(node_text(tls, "key", ""), "key", e);
	if (l->key != NULL && ca != NULL)
		l->client_ca = read_pem(ca, "client-ca", e);
	NODE_EACH (c, node_get(tls, "clients")) {
		struct api_client *k = &l->client[l->client_count++];

		snprintf(k->name, sizeof k->name, "%s", node_text(c, "name", ""));
		k->role = role_of(c);
	}
	return e->code != 0 ? -e->code : 0;
}

static int read_listen(const struct node *list, bool metrics, struct api_settings *s, struct err *e)
{
	NODE_EACH (n, list) {
		struct api_listen *l = &s->listen[s->listen_count++];

		l->address = node_get(n, "address")->value.prefix.addr;
		l->port = (uint16_t)node_u64(n, "port", 0);
		l->metrics = metrics;
		if (node_get(n, "tls") != NULL && read_tls(node_get(n, "tls"), l, e) != 0)
			return -e->code;
	}
	return 0;
}

struct api_settings *settings_load(const struct node *cfg, struct err *e)
{
	const struct node *api = node_get(cfg, "api");
	struct api_settings *s = calloc(1, sizeof *s);
	const struct group *g;

	if (s == NULL) {
		err_set(e, ENOMEM, "not enough memory for the settings of the API");
		return NULL;
	}
	snprintf(s->group, sizeof s->group, "%s", node_text(api, "socket-group", "weir"));
	s->group_named = node_get(api, "socket-group") != NULL;
	g = getgrnam(s->group); /* here, not at each connection: names may come from the network */
	s->gid = g != NULL ? (int64_t)g->gr_gid : -1;
	s->others_read = node_u64(api, "socket-others", 0) != 0;
	NODE_EACH (t, node_get(api, "tokens")) {
		struct api_token *k = &s->token[s->token_count++];

		snprintf(k->name, sizeof k->name, "%s", node_text(t, "name", ""));
		k->role = role_of(t);
		token_hash_parse(node_text(t, "hash", ""), k->hash);
	}
	if (read_listen(node_get(api, "listen"), false, s, e) == 0 &&
		read_listen(node_get(node_get(cfg, "metrics"), "listen"), true, s, e) == 0)
		return s;
	settings_free(s);
	return NULL;
}

/* Keys do not stay behind in freed memory. */
static void free_secret(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void settings_free(struct api_settings *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->listen_count; i++) {
		free(s->listen[i].certificate);
		free_secret(s->listen[i].key);
		free(s->listen[i].client_ca);
	}
	free(s);
}

static bool same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool listen_equal(const struct api_listen *a, const struct api_listen *b)
{
	return ipaddr_equal(&a->address, &b->address) && a->port == b->port && a->metrics == b->metrics &&
	       same_text(a->certificate, b->certificate) && same_text(a->key, b->key) &&
	       same_text(a->client_ca, b->client_ca);
}
