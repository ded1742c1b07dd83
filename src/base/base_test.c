/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a service manager hears, and what its journal reads.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/notify.h"

static int listen_at(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	else
		unlink(name);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
		0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void expect_heard(int fd, const char *text)
{
	char got[600] = {0};
	ssize_t n = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);

	if (n < 0)
		fail_msg("nothing was heard instead of '%s'", text);
	assert_string_equal(got, text);
}

static void the_manager_hears_what_is_said(void **state)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/tmp/weir-notify-%d", (int)getpid());
	fd = listen_at(path);
	assert_true(notify_send("READY=1\nSTATUS=%d workers", 2));
	expect_heard(fd, "READY=1\nSTATUS=2 workers");
	close(fd);
	assert_false(notify_send("READY=1")); /* nobody is there */
	unlink(path);

	snprintf(path, sizeof path, "@weir-notify-%d", (int)getpid());
	fd = listen_at(path);
	assert_true(notify_send("STOPPING=1"));
	expect_heard(fd, "STOPPING=1");
	close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
	static const char *const none[] = {"", "/", "relative", "vsock:1:2"};
	char long_name[300];

	unsetenv("NOTIFY_SOCKET");
	assert_false(notify_send("READY=1"));
	for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
		setenv("NOTIFY_SOCKET", none[i], 1);
		assert_false(notify_send("READY=1"));
	}
	memset(long_name, '/', sizeof long_name - 1);
	long_name[sizeof long_name - 1] = '\0';
	setenv("NOTIFY_SOCKET", long_name, 1);
	assert_false(notify_send("READY=1"));
}

static void the_watchdog_is_ours_or_nobodys(void **state)
{
	char pid[16];

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(notify_watchdog_us(), 0);
	setenv("WATCHDOG_USEC", "10000000", 1);
	assert_int_equal(notify_watchdog_us(), 10000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_us(), 0);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_us(), 10000000);
}

/* What log_write() puts into a file that is, or is not, what JOURNAL_STREAM names. */
static void logged(const char *stream, char *line, size_t size)
{
	char path[] = "/tmp/weir-log-XXXXXX";
	int fd = mkstemp(path), saved = dup(STDERR_FILENO);
	struct stat st;
	char ours[64];
	ssize_t n;

	assert_true(fd >= 0 && saved >= 0 && fstat(fd, &st) == 0);
	snprintf(
		ours, sizeof ours, "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream != NULL ? stream : ours, 1);
	dup2(fd, STDERR_FILENO);
	log_reopen();
	log_warning("the %s", "words");
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, line, size - 1, 0);
	assert_true(n >= 0);
	line[n] = '\0';
	close(fd);
	unlink(path);
}

static void the_journal_gets_priorities_and_others_get_times(void **state)
{
	static const char *const others[] = {"", "1:1", "x", "1"};
	char line[256];

	logged(NULL, line, sizeof line);
	assert_string_equal(line, "<4>the words\n");
	for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
		logged(others[i], line, sizeof line);
		assert_non_null(strstr(line, " warning: the words\n"));
		assert_int_not_equal(line[0], '<');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manager_hears_what_is_said),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(the_watchdog_is_ours_or_nobodys),
		cmocka_unit_test(the_journal_gets_priorities_and_others_get_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
