/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/dispatch.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/batch.h"
#include "cli/call.h"
#include "cli/help.h"
#include "cli/term.h"
#include "cli/text.h"
#include "cli/verbs.h"

static void extend(char *path, size_t size, const char *word)
{
	size_t len = strlen(path);

	snprintf(path + len, size - len, "%s%s", len != 0 ? " " : "", word);
}

/* The words again with a caret under the wrong one (or behind the last). */
static void print_caret(const struct words *a)
{
	int column = 2;

	fputs("  ", stderr);
	for (int i = 0; i < a->count; i++) {
		char word[256];

		snprintf(word, sizeof word, "%s", a->word[i]);
		text_safe(word);
		fprintf(stderr, "%s%s", i != 0 ? " " : "", word);
		if (i < a->at)
			column += (int)text_width(word) + 1;
	}
	fprintf(stderr, "\n%*s^\n", column, "");
}

/* The verb that the words lead to; NULL after *code was set (help was printed, or the words are wrong). */
static const struct verb *walk(
	struct words *a, bool help, const char *program, char *path, size_t size, int *code)
{
	const struct verb *table = verb_root, *v = NULL;
	struct err e = {0};

	while (table != NULL) {
		const char *word = words_peek(a);

		if (word == NULL && help) {
			help_table(stdout, table, path);
			*code = CLI_OK;
			return NULL;
		}
		if (word == NULL)
			err_set(&e, EINVAL, "a word is missing behind '%s'; 'help%s' shows what it takes",
				path, path + strlen(program));
		else
			v = verb_find(table, word, path, &e);
		if (e.code != 0) {
			*code = cli_error(CLI_USAGE, "%s", e.text);
			print_caret(a);
			return NULL;
		}
		words_take(a);
		extend(path, size, v->word);
		table = v->sub;
	}
	return v;
}

int verb_help(const struct cli *c, const struct args *a, const struct verb *v)
{
	char path[256] = "weir";
	struct words words = *c->line;
	int code = CLI_OK;

	words.at = words.count - (int)a->count;
	v = walk(&words, true, "weir", path, sizeof path, &code);
	if (v != NULL)
		help_verb(stdout, v, path);
	return code;
}

static int usage(const struct verb *v, const struct words *a, const char *path, const struct err *e)
{
	cli_error(CLI_USAGE, "%s", e->text);
	print_caret(a);
	help_usage(stderr, v, path);
	return CLI_USAGE;
}

/* In the shell, the daemon and the offline twin get a process of their own. */
static int spawn(const struct cli *c, const struct words *a)
{
	char **argv = calloc((size_t)a->count + 4, sizeof *argv);
	char socket[] = "-s", name[] = "weir", *path = strdup(cli_socket(c));
	int status = 0, n = 0;
	pid_t pid;

	if (argv == NULL || path == NULL) {
		free(argv);
		free(path);
		return cli_error(CLI_FAILED, "not enough memory for the command");
	}
	argv[n++] = name;
	argv[n++] = socket;
	argv[n++] = path;
	memcpy(argv + n, a->word, (size_t)a->count * sizeof *argv);
	fflush(stdout);
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) != 0)
		status = cli_error(CLI_FAILED, "no process for '%s'", a->word[0]);
	else
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	free(argv);
	free(path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

static int run(struct cli *c, struct words *a, const struct verb *v)
{
	struct args args = {0};
	struct err e = {0};
	int code;

	if ((v->flags & VERB_OWN_WORDS) == 0) {
		struct words left = *a;

		if (args_read(&args, v, &left, &e) != 0) {
			args_free(&args);
			return usage(v, &left, c->path, &e);
		}
	}
	c->line = a;
	if ((v->flags & VERB_PAGED) != 0 && !c->no_pager && !args_have(&args, "--watch"))
		pager_start();
	code = c->shell && (v->flags & VERB_PROCESS) != 0 ? spawn(c, a) : v->run(c, &args, v);
	pager_end();
	args_free(&args);
	return code;
}

int dispatch(const struct cli *given, struct words *a)
{
	char path[256] = "weir";
	struct cli c = *given;
	int code = CLI_OK;
	const struct verb *v = walk(a, c.help, "weir", path, sizeof path, &code);

	if (v == NULL)
		return code;
	c.path = path;
	if (!c.help)
		return run(&c, a, v);
	help_verb(stdout, v, path);
	return CLI_OK;
}

int dispatch_line(const struct cli *given, int argc, char **argv)
{
	struct cli c = *given;
	struct words a;
	struct err e = {0};

	if (words_globals(argc, argv, "replay", &c, &a, &e) != 0)
		return cli_error(CLI_USAGE, "%s", e.text);
	if (c.version) {
		printf("weir %s\n", WEIR_VERSION);
		return CLI_OK;
	}
	if (c.file != NULL && a.count != 0)
		return cli_error(
			CLI_USAGE, "'%.64s' and -f exclude each other: the file has the commands", a.word[0]);
	if (c.file != NULL)
		return batch_run(&c);
	term_look();
	if (a.count == 0 && !c.help && !c.shell && isatty(STDIN_FILENO) && term()->tty)
		return verb_shell(&c, NULL, NULL);
	return dispatch(&c, &a);
}
