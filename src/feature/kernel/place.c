/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Network namespaces: the control thread goes there to open what belongs there, and comes back at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "base/log.h"
#include "feature/kernel/kernel_priv.h"

/* Not to come back would mean to go on in the wrong network: that never happens with a descriptor that was
 * open. */
void place_leave(int back)
{
	if (back < 0)
		return;
	if (setns(back, CLONE_NEWNET) != 0)
		log_error("weir could not go back to its network namespace: %s", strerror(errno));
	close(back);
}

int place_enter(const char *path, int *back, struct err *e)
{
	int there;

	*back = -1;
	if (path[0] == '\0')
		return 0;
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there < 0)
		return err_set(
			e, errno, "network namespace '%s' cannot be opened: %s", path, strerror(errno));
	*back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (*back < 0 || setns(there, CLONE_NEWNET) != 0) {
		err_set(e, errno, "network namespace '%s' cannot be entered: %s%s", path, strerror(errno),
			errno == EPERM ? " (that takes CAP_SYS_ADMIN)" : "");
		close(there);
		if (*back >= 0)
			close(*back);
		*back = -1;
		return -e->code;
	}
	close(there);
	return 0;
}

int place_netlink(struct place *p, struct err *e)
{
	int back;

	if (p->nl >= 0)
		return p->nl;
	if (place_enter(p->path, &back, e) != 0)
		return -e->code;
	p->nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (p->nl < 0)
		err_set(e, errno, "no netlink socket for the kernel's twins: %s", strerror(errno));
	place_leave(back);
	return p->nl >= 0 ? p->nl : -e->code;
}

static bool write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

	if (fd >= 0)
		close(fd);
	return ok;
}

bool place_sysctl(const struct place *p, const char *file, const char *value)
{
	struct err e = {0};
	char path[128];
	int back;
	bool ok;

	snprintf(path, sizeof path, "/proc/sys/net/%s", file);
	if (place_enter(p->path, &back, &e) != 0)
		return false;
	ok = write_file(path, value);
	place_leave(back);
	return ok;
}

int kernel_namespace_socket(const char *path, int bus, struct err *e)
{
	int back, fd;

	if (place_enter(path, &back, e) != 0)
		return -e->code;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	if (fd < 0)
		fd = err_set(e, errno, "no netlink socket: %s", strerror(errno));
	place_leave(back);
	return fd;
}
