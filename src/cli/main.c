/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir: `weir run` is the router, every other verb is a client of it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/verbs.h"

static void extend(char *path, size_t size, const char *word)
{
	size_t len = strlen(path);

	snprintf(path + len, size - len, " %s", word);
}

/* The verb that the words lead to; NULL after *code was set (help was printed, or the words are wrong). */
static const struct verb *walk(const struct cli *c, struct words *a, char *path, size_t size, int *code)
{
	const struct verb *table = verb_root, *v = NULL;
	struct err e = {0};

	while (table != NULL) {
		const char *word = words_take(a);

		if (word == NULL && c->help) {
			help_table(table, path);
			*code = CLI_OK;
			return NULL;
		}
		if (word == NULL)
			err_set(&e, EINVAL,
				"a word is missing behind '%s'; 'weir help%s' shows what it takes", path,
				path + 4);
		else
			v = verb_find(table, word, path, &e);
		if (e.code != 0) {
			*code = cli_error(CLI_USAGE, "%s", e.text);
			return NULL;
		}
		extend(path, size, v->word);
		table = v->sub;
	}
	return v;
}

int verb_help(const struct cli *c, struct words *a, const struct verb *v)
{
	struct cli asked = *c;
	char path[256] = "weir";
	int code = CLI_OK;

	asked.help = true;
	v = walk(&asked, a, path, sizeof path, &code);
	if (v != NULL)
		help_verb(v, path);
	return code;
}

static int dispatch(struct cli *c, struct words *a)
{
	char path[256] = "weir";
	int code = CLI_OK;
	const struct verb *v;

	if (c->version) {
		printf("weir %s\n", WEIR_VERSION);
		return CLI_OK;
	}
	v = walk(c, a, path, sizeof path, &code);
	if (v == NULL)
		return code;
	c->path = path;
	if (!c->help)
		return v->run(c, a, v);
	help_verb(v, path);
	return CLI_OK;
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	struct words a;
	struct err e = {0};
	int code;

	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, seen below */
	if (words_globals(argc, argv, "replay", &c, &a, &e) != 0)
		return cli_error(CLI_USAGE, "%s", e.text);
	code = dispatch(&c, &a);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK)
		return errno == EPIPE ? CLI_FAILED
				      : cli_error(CLI_FAILED, "standard output: %s", strerror(errno));
	return code;
}
