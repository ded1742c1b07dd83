/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir shell: the interactive command line (libedit). The same words as on the system's command line, with
 * "?", TAB and a history.
 */
#include <ctype.h>
#include <errno.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/batch.h"
#include "cli/call.h"
#include "cli/complete.h"
#include "cli/dispatch.h"
#include "cli/http.h"
#include "cli/line.h"
#include "cli/term.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define HISTORY_SIZE 1000
#define LIST_MAX 100 /* names shown by "?" and TAB */
#define PROMPT_MS 500

struct shell {
	struct cli c;
	EditLine *el;
	History *history;
	char prompt[192], path[4096]; /* path: of the history file, "" without one */
	bool leave, given_up;         /* given_up: Ctrl-C ended the line */
};

static struct shell *shell_of(EditLine *el)
{
	struct shell *s = NULL;

	el_get(el, EL_CLIENTDATA, &s);
	return s;
}

/* --- prompt --- */

static char *prompt(EditLine *el)
{
	return shell_of(el)->prompt;
}

/* weir@host> or weir@host:instance> when the instance is not the usual one. */
static void make_prompt(struct shell *s)
{
	struct http_reply reply;
	struct err e = {0};
	char host[64] = "";
	const char *instance = "weir";
	json_t *doc = NULL;

	gethostname(host, sizeof host - 1);
	host[strcspn(host, ".")] = '\0';
	if (http_call_within(PROMPT_MS, cli_socket(&s->c), "GET", "/v1/version", NULL, &reply, &e) == 0) {
		doc = json_loadb(reply.body, reply.len, 0, NULL);
		free(reply.raw);
		instance = json_str(doc, "file_prefix");
	} else {
		printf("%s\n", e.text);
	}
	if (instance[0] == '\0' || strcmp(instance, "weir") == 0)
		snprintf(s->prompt, sizeof s->prompt, "weir@%s> ", host);
	else
		snprintf(s->prompt, sizeof s->prompt, "weir@%s:%.64s> ", host, instance);
	text_safe(s->prompt);
	json_decref(doc);
}

/* --- help and completion --- */

struct cursor {
	struct line line;
	char *word; /* the word at the cursor, "" when none has begun */
	int before; /* words in front of it */
	struct offers offers;
};

static bool look(struct shell *s, struct cursor *k, enum complete_for what)
{
	const LineInfo *info = el_line(s->el);
	static char nothing[] = "";
	struct err e = {0};

	if (line_split(&k->line, info->buffer, (size_t)(info->cursor - info->buffer), &e) != 0)
		return false;
	k->before = k->line.within ? k->line.count - 1 : k->line.count;
	k->word = k->line.within ? k->line.word[k->before] : nothing;
	k->offers = (struct offers){0};
	if (!k->line.comment)
		complete(&s->c, k->before, k->line.word, k->word, what, &k->offers);
	return true;
}

static void look_end(struct cursor *k)
{
	offers_free(&k->offers);
	line_free(&k->line);
}

/* Names side by side. */
static void print_names(const struct offers *o, bool all)
{
	unsigned widest = 0, n = 0, columns = term()->columns, per_line;

	for (unsigned i = 0; i < o->count; i++)
		if ((all || o->list[i].help == NULL) && text_width(o->list[i].text) > widest)
			widest = text_width(o->list[i].text);
	per_line = columns / (widest + 2) > 1 ? columns / (widest + 2) : 1;
	for (unsigned i = 0; i < o->count && n < LIST_MAX; i++) {
		const char *text = o->list[i].text;

		if (!all && o->list[i].help != NULL)
			continue;
		n++;
		printf("%s%*s", text, (int)(widest + 2 - text_width(text)), "");
		if (n % per_line == 0)
			putchar('\n');
	}
	if (n % per_line != 0)
		putchar('\n');
	if (n == LIST_MAX)
		printf("... and more\n");
}

static void print_help(const struct cursor *k)
{
	const struct offers *o = &k->offers;
	bool names = false;

	for (unsigned i = 0; i < o->count; i++) {
		names = names || o->list[i].help == NULL;
		if (o->list[i].help == NULL)
			continue;
		printf("  %-14s ", o->list[i].text);
		text_wrap(stdout, 17, 17, term()->columns, o->list[i].help);
	}
	if (o->end && k->word[0] == '\0')
		printf("  %-14s %s\n", "<enter>", "run it");
	if (names)
		print_names(o, false);
	if (o->why.code != 0)
		printf("%s\n", o->why.text);
	else if (o->count == 0 && !(o->end && k->word[0] == '\0'))
		printf("nothing begins with '%s' here\n", k->word);
}

static unsigned char on_question(EditLine *el, int ch)
{
	struct shell *s = shell_of(el);
	struct cursor k;

	if (!look(s, &k, COMPLETE_HELP))
		return CC_ERROR;
	if (k.line.quote != 0 || k.line.comment) {
		line_free(&k.line);
		return el_insertstr(el, "?") == 0 ? CC_REFRESH : CC_ERROR;
	}
	printf("?\n");
	print_help(&k);
	fflush(stdout);
	look_end(&k);
	return CC_REDISPLAY;
}

/* Bytes that all offers have in common. */
static size_t common(const struct offers *o)
{
	size_t len = o->count != 0 ? strlen(o->list[0].text) : 0;

	for (unsigned i = 1; i < o->count; i++)
		for (size_t k = 0; k < len; k++)
			if (o->list[i].text[k] != o->list[0].text[k])
				len = k;
	return len;
}

/* Inserts what the offers add to the word; false when that is nothing. */
static bool extend(EditLine *el, const struct cursor *k)
{
	const struct offers *o = &k->offers;
	size_t have = strlen(k->word), len = common(o);
	char *more = strndup(o->list[0].text + have, len - have),
	     *quoted = more != NULL ? line_quote(more) : NULL;
	char last = len != 0 ? o->list[0].text[len - 1] : 0;
	bool done = o->count == 1 && last != '/' && last != '=', moved = len > have;

	if (quoted != NULL && moved)
		el_insertstr(el, quoted);
	if (done)
		el_insertstr(el, " ");
	free(more);
	free(quoted);
	return moved || done;
}

static unsigned char on_tab(EditLine *el, int ch)
{
	struct shell *s = shell_of(el);
	unsigned char result = CC_REFRESH;
	struct cursor k;

	if (!look(s, &k, COMPLETE_WORDS))
		return CC_ERROR;
	if (k.offers.count == 0) {
		result = CC_REFRESH_BEEP;
	} else if (!extend(el, &k)) {
		putchar('\n');
		print_names(&k.offers, true);
		fflush(stdout);
		result = CC_REDISPLAY;
	}
	look_end(&k);
	return result;
}

/* Ctrl-C at the prompt: the line is given up. */
static unsigned char on_interrupt(EditLine *el, int ch)
{
	const LineInfo *info = el_line(el);

	el_cursor(el, (int)(info->lastchar - info->cursor));
	el_deletestr(el, (int)(info->lastchar - info->buffer));
	fputs("^C\n", stdout);
	fflush(stdout);
	shell_of(el)->given_up = true;
	return CC_NEWLINE;
}

static unsigned char on_suspend(EditLine *el, int ch)
{
	el_set(el, EL_PREP_TERM, 0);
	kill(0, SIGTSTP);
	el_set(el, EL_PREP_TERM, 1);
	return CC_REDISPLAY;
}

/* --- history --- */

/* $XDG_STATE_HOME/weir/history; its folder is made. */
static void history_path(struct shell *s)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char folder[3900];

	if (state != NULL && state[0] == '/')
		snprintf(folder, sizeof folder, "%s", state);
	else if (home != NULL && home[0] == '/')
		snprintf(folder, sizeof folder, "%s/.local/state", home);
	else
		return;
	snprintf(s->path, sizeof s->path, "%s/weir/history", folder);
	for (char *slash = strchr(s->path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(s->path, 0700) != 0 && errno != EEXIST) {
			s->path[0] = '\0';
			return;
		}
		*slash = '/';
	}
}

static void history_open(struct shell *s)
{
	HistEvent event;

	s->history = history_init();
	history(s->history, &event, H_SETSIZE, HISTORY_SIZE);
	history(s->history, &event, H_SETUNIQUE, 1);
	history_path(s);
	if (s->path[0] != '\0')
		history(s->history, &event, H_LOAD, s->path);
	el_set(s->el, EL_HIST, history, s->history);
}

/* After every command, so that a lost connection loses nothing. */
static void history_keep(struct shell *s, const char *line)
{
	mode_t mask = umask(077);
	HistEvent event;

	history(s->history, &event, H_ENTER, line);
	if (s->path[0] != '\0')
		history(s->history, &event, H_SAVE, s->path);
	umask(mask);
}

/* --- the loop --- */

static void run_line(struct shell *s, const char *text, size_t len)
{
	struct line l;
	struct err e = {0};

	if (line_split(&l, text, len, &e) != 0) {
		cli_error(CLI_FAILED, "%s", e.text);
		return;
	}
	if (l.count > 1) {
		char *line;

		while (len > 0 && isspace((unsigned char)text[len - 1]))
			len--;
		line = strndup(text, len);
		if (line != NULL)
			history_keep(s, line);
		free(line);
	}
	if (l.quote != 0) {
		cli_error(CLI_USAGE, "the quote %c is not closed", l.quote);
	} else if (l.count > 1) {
		interrupt_catch();
		dispatch_line(&s->c, l.count, l.word);
		interrupt_release();
	}
	fflush(stdout);
	clearerr(stdout);
	line_free(&l);
}

static bool edit_start(struct shell *s)
{
	s->el = el_init("weir", stdin, stdout, stderr);
	if (s->el == NULL)
		return false;
	el_set(s->el, EL_CLIENTDATA, s);
	el_set(s->el, EL_PROMPT, prompt);
	el_set(s->el, EL_EDITOR, "emacs");
	history_open(s);
	el_source(s->el, NULL); /* ~/.editrc, before our own keys */
	el_set(s->el, EL_SETTY, "-d", "-isig", NULL);
	el_set(s->el, EL_ADDFN, "weir-help", "what may come next", on_question);
	el_set(s->el, EL_ADDFN, "weir-complete", "complete the word", on_tab);
	el_set(s->el, EL_ADDFN, "weir-interrupt", "give up the line", on_interrupt);
	el_set(s->el, EL_ADDFN, "weir-suspend", "stop the program", on_suspend);
	el_set(s->el, EL_BIND, "?", "weir-help", NULL);
	el_set(s->el, EL_BIND, "^I", "weir-complete", NULL);
	el_set(s->el, EL_BIND, "^C", "weir-interrupt", NULL);
	el_set(s->el, EL_BIND, "^Z", "weir-suspend", NULL);
	el_set(s->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	return true;
}

static void loop(struct shell *s)
{
	const char *text;
	int len = 0;

	while (!s->leave) {
		s->given_up = false;
		term_look();
		el_set(s->el, EL_PREP_TERM,
			1); /* before the prompt, or what is typed early is echoed twice */
		text = el_gets(s->el, &len);
		if ((text == NULL || len <= 0) && !s->given_up) { /* Ctrl-D, or the terminal is gone */
			putchar('\n');
			return;
		}
		if (!s->given_up)
			run_line(s, text, (size_t)len);
		el_set(s->el, EL_PREP_TERM, 0);
	}
}

int verb_exit(const struct cli *c, const struct args *a, const struct verb *v)
{
	if (c->leave == NULL)
		return cli_error(CLI_FAILED, "there is no shell to leave");
	*c->leave = true;
	return CLI_OK;
}

int verb_shell(const struct cli *c, const struct args *a, const struct verb *v)
{
	struct shell s = {.c = *c};
	struct cli batch = *c;

	if (c->shell)
		return CLI_OK; /* it is one */
	if (!isatty(STDIN_FILENO)) {
		batch.file = "-";
		return batch_run(&batch);
	}
	s.c.shell = true;
	s.c.leave = &s.leave;
	s.c.line = NULL;
	if (!edit_start(&s))
		return cli_error(CLI_FAILED, "the terminal cannot be used: %s", strerror(errno));
	make_prompt(&s);
	loop(&s);
	el_end(s.el);
	history_end(s.history);
	return CLI_OK;
}
