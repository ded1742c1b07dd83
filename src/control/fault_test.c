/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls of the C library that fail when a test wants them to (the linker's --wrap).
 */
#include "control/fault_test.h"

#include <errno.h>
#include <sys/types.h>
#include <unistd.h>

int fault_countdown = -1;
bool fault_dies;

static bool fault(void)
{
	if (fault_countdown < 0 || fault_countdown-- != 0)
		return false;
	if (fault_dies)
		_exit(9);
	errno = EIO;
	return true;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
	return fault() ? -1 : __real_fsync(fd);
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
	return fault() ? -1 : __real_renameat(a, from, b, to);
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
	if (!fault())
		return __real_write(fd, p, n);
	/* Half of it may have arrived. */
	(void)!__real_write(fd, p, n / 2);
	return -1;
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, mode_t mode);
int __wrap_openat(int fd, const char *path, int flags, mode_t mode)
{
	return fault() ? -1 : __real_openat(fd, path, flags, mode);
}
