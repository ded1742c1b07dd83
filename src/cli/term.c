/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/term.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/http.h"

#define SLICE 0.1 /* seconds */

static struct term now;
static pid_t pager;
static int saved = -1; /* standard output while the pager runs */

void term_look(void)
{
	const char *name = getenv("TERM"), *none = getenv("NO_COLOR");
	struct winsize size;

	now = (struct term){.tty = isatty(STDOUT_FILENO) != 0};
	if (!now.tty)
		return;
	now.color = (none == NULL || none[0] == '\0') && name != NULL && strcmp(name, "dumb") != 0;
	now.columns = 80;
	now.rows = 24;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0 && size.ws_row != 0) {
		now.columns = size.ws_col;
		now.rows = size.ws_row;
	}
}

const struct term *term(void)
{
	return &now;
}

const char *term_color(enum color c)
{
	static const char *const code[] = {[COLOR_NONE] = "\033[0m",
		[COLOR_BOLD] = "\033[1m",
		[COLOR_DIM] = "\033[2m",
		[COLOR_GOOD] = "\033[32m",
		[COLOR_WARN] = "\033[33m",
		[COLOR_BAD] = "\033[31m"};

	return now.color ? code[c] : "";
}

/* --- pager --- */

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	char copy[4096], full[4352], *rest = copy, *dir;

	snprintf(copy, sizeof copy, "%s", path != NULL ? path : "/usr/bin:/bin");
	while ((dir = strsep(&rest, ":")) != NULL) {
		snprintf(full, sizeof full, "%s/%s", dir, program);
		if (access(full, X_OK) == 0)
			return true;
	}
	return false;
}

static const char *pager_command(void)
{
	const char *command = getenv("WEIR_PAGER");

	if (command == NULL)
		command = getenv("PAGER");
	if (command == NULL)
		command = in_path("less") ? "less" : "";
	return command[0] == '\0' || strcmp(command, "cat") == 0 ? NULL : command;
}

static void become_pager(const char *command, int in)
{
	dup2(in, STDIN_FILENO);
	close(in);
	setenv("LESS", "FRX", 0); /* as git does: leave at once what fits, keep colours and the screen */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

void pager_start(void)
{
	const char *command = now.tty && pager == 0 ? pager_command() : NULL;
	int fd[2];

	if (command == NULL || pipe(fd) != 0)
		return;
	fflush(stdout);
	pager = fork();
	if (pager == 0) {
		close(fd[1]);
		become_pager(command, fd[0]);
	}
	close(fd[0]);
	if (pager > 0) {
		saved = dup(STDOUT_FILENO);
		dup2(fd[1], STDOUT_FILENO);
	} else {
		pager = 0;
	}
	close(fd[1]);
}

void pager_end(void)
{
	if (pager == 0)
		return;
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	clearerr(stdout); /* the pager may have gone before it had read all */
	while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
		;
	pager = 0;
	saved = -1;
}

/* --- Ctrl-C --- */

static struct sigaction before_int, before_winch;
static unsigned depth;
static volatile sig_atomic_t resized;

static void on_interrupt(int sig)
{
	http_interrupted = 1;
}

static void on_resize(int sig)
{
	resized = 1;
}

void interrupt_catch(void)
{
	struct sigaction act = {.sa_handler = on_interrupt}; /* no SA_RESTART: calls end */

	if (depth++ != 0)
		return;
	http_interrupted = 0;
	sigaction(SIGINT, &act, &before_int);
	act.sa_handler = on_resize;
	sigaction(SIGWINCH, &act, &before_winch);
}

void interrupt_release(void)
{
	if (--depth != 0)
		return;
	sigaction(SIGINT, &before_int, NULL);
	sigaction(SIGWINCH, &before_winch, NULL);
	http_interrupted = 0;
}

bool interrupted(void)
{
	return http_interrupted != 0;
}

bool term_sleep(double seconds)
{
	resized = 0;
	/* In slices: a signal may come just before nanosleep(), which would sleep on. */
	while (seconds > 0 && !interrupted() && !resized) {
		const double slice = seconds < SLICE ? seconds : SLICE;
		const struct timespec t = {.tv_nsec = (long)(slice * 1e9)};

		nanosleep(&t, NULL);
		seconds -= slice;
	}
	return !interrupted();
}
