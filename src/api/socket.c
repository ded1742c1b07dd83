/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The Unix socket the API listens on.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api_priv.h"

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

int socket_listen(const char *path, struct err *e)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, rc;

	if (path[0] == '\0' || strlen(path) >= sizeof at.sun_path)
		return err_set(e, ENAMETOOLONG, "the socket path '%s' must have 1 to %zu characters", path,
			sizeof at.sun_path - 1);
	memcpy(at.sun_path, path, strlen(path) + 1);
	if (make_directories(path, e) != 0 || clear_stale(&at, e) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, errno, "no socket for the API: %s", strerror(errno));
	mask = umask(0117); /* 0660 from the first moment on */
	rc = bind(fd, (const struct sockaddr *)&at, sizeof at);
	umask(mask);
	if (rc != 0 || listen(fd, API_CONNECTIONS) != 0) {
		rc = err_set(e, errno, "the API cannot listen on %s: %s", path, strerror(errno));
		close(fd);
		return rc;
	}
	return fd;
}
