/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sockets the API listens on.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/server.h"

/* Creates every missing directory above the socket. */
static int make_directories(const char *path, struct err *e)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof dir, "%s", path);
	for (char *slash = strchr(dir + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, 0755) != 0 && errno != EEXIST)
			return err_set(e, errno, "directory %s for the API socket cannot be created: %s", dir,
				strerror(errno));
		*slash = '/';
	}
	return 0;
}

/* 0: path is free (now); -EADDRINUSE: somebody answers there; -EEXIST: not a socket. */
static int clear_stale(const struct sockaddr_un *at, struct err *e)
{
	struct stat st;
	int fd, rc;

	if (lstat(at->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, EEXIST, "%s exists and is not a socket; name another path with --socket",
			at->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, errno, "no socket for the API: %s", strerror(errno));
	rc = connect(fd, (const struct sockaddr *)at, sizeof *at);
	/* A full backlog (EAGAIN) or no permission is somebody alive too; only a refusal is a dead one. */
	rc = rc != 0 && errno == ECONNREFUSED ? 0 : -EADDRINUSE;
	close(fd);
	if (rc != 0)
		return err_set(e, EADDRINUSE,
			"another weir already serves %s; stop it, or name another path with --socket",
			at->sun_path);
	if (unlink(at->sun_path) != 0 && errno != ENOENT)
		return err_set(
			e, errno, "the stale socket %s cannot be removed: %s", at->sun_path, strerror(errno));
	return 0;
}

/* The group of the socket. One that is named must exist; the usual one may be missing. */
static int give_to_group(const char *path, const struct api_settings *set, struct err *e)
{
	if (set->gid < 0 && !set->group_named)
		return 0;
	if (set->gid < 0)
		return err_set(
			e, ENOENT, "api.socket-group: there is no group '%s' on this machine", set->group);
	/* Without the right to give it away the socket stays with our own group. */
	if (lchown(path, (uid_t)-1, (gid_t)set->gid) != 0 && set->group_named)
		return err_set(e, errno, "the socket %s cannot be given to group '%s': %s", path, set->group,
			strerror(errno));
	return 0;
}

static int bind_unix(const struct sockaddr_un *at, const struct api_settings *set, struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	mode_t mask;
	int rc;

	if (fd < 0)
		return err_set(e, errno, "no socket for the API: %s", strerror(errno));
	mask = umask(0177); /* nobody's from the first moment on, until its group is set */
	rc = bind(fd, (const struct sockaddr *)at, sizeof *at);
	umask(mask);
	if (rc != 0 || listen(fd, API_BACKLOG) != 0) {
		rc = err_set(e, errno, "the API cannot listen on %s: %s", at->sun_path, strerror(errno));
	} else {
		rc = give_to_group(at->sun_path, set, e);
		if (rc == 0 && chmod(at->sun_path, set->others_read ? 0666 : 0660) != 0)
			rc = err_set(
				e, errno, "the mode of %s cannot be set: %s", at->sun_path, strerror(errno));
		if (rc != 0)
			unlink(at->sun_path);
	}
	if (rc == 0)
		return fd;
	close(fd);
	return -1;
}

int socket_listen(const char *path, const struct api_settings *set, struct err *e)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};

	if (path[0] == '\0' || strlen(path) >= sizeof at.sun_path) {
		err_set(e, ENAMETOOLONG, "the socket path '%s' must have 1 to %zu characters", path,
			sizeof at.sun_path - 1);
		return -1;
	}
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (make_directories(path, e) != 0 || clear_stale(&at, e) != 0)
		return -1;
	return bind_unix(&at, set, e);
}

/* --- TCP --- */

static socklen_t to_sockaddr(const struct api_listen *l, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (l->address.family == FAMILY_V4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(l->port);
		memcpy(&v4->sin_addr, l->address.bytes, 4);
		return sizeof *v4;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(l->port);
	memcpy(&v6->sin6_addr, l->address.bytes, 16);
	return sizeof *v6;
}

int socket_listen_tcp(const struct api_listen *l, struct err *e)
{
	const char *what = l->metrics ? "metrics" : "the API";
	struct sockaddr_storage at;
	socklen_t len = to_sockaddr(l, &at);
	char text[ADDR_STRLEN];
	int one = 1, fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		err_set(e, errno, "no socket for %s: %s", what, strerror(errno));
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (at.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (bind(fd, (const struct sockaddr *)&at, len) == 0 && listen(fd, API_BACKLOG) == 0)
		return fd;
	err_set(e, errno == EADDRNOTAVAIL ? EINVAL : errno, "%s cannot listen on %s port %u: %s", what,
		ipaddr_format(&l->address, text), l->port, strerror(errno));
	close(fd);
	return -1;
}
