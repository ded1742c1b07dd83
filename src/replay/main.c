/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One run from the command line to the exit code.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "replay/priv.h"
#include "replay/replay.h"

static int failed(const struct err *e)
{
	fprintf(stderr, "weir replay: %s\n", e->text[0] != '\0' ? e->text : "failed without saying why");
	return REPLAY_FAILED;
}

static void print_warnings(const struct replay *r)
{
	for (unsigned i = 0; i < r->merge.count; i++)
		if (r->merge.input[i].warning[0] != '\0')
			log_warning("%s: %s", r->merge.input[i].path, r->merge.input[i].warning);
}

/* Everything that reads the command line's files, before anything is written. */
static int prepare(struct replay *r, struct err *e)
{
	struct input *first;
	int rc;

	if (r->opt.expect != NULL) {
		r->expect = expect_load(r->opt.expect, e);
		if (r->expect == NULL)
			return REPLAY_FAILED;
	}
	if (merge_open(&r->merge, &r->opt, e) != 0 || instance_start(r, e) != 0)
		return REPLAY_FAILED;
	first = merge_next(&r->merge);
	r->now = first != NULL ? first->frame.ns : 0;
	if (instance_configure(r, e) != 0)
		return REPLAY_FAILED;
	rc = merge_bind(r, e);
	if (rc != REPLAY_OK)
		return rc;
	if (rows_start(r, e) != 0 || (r->expect != NULL && expect_bind(r->expect, r, e) != 0))
		return REPLAY_FAILED;
	return sinks_open(r, e) == 0 && report_open(r, e) == 0 ? REPLAY_OK : REPLAY_FAILED;
}

static int compare(struct replay *r)
{
	uint64_t n = r->expect != NULL ? expect_finish(r->expect) : 0;

	if (n == 0)
		return REPLAY_OK;
	fprintf(stderr, "weir replay: %" PRIu64 " difference%s from %s\n", n, n == 1 ? "" : "s",
		r->opt.expect);
	return REPLAY_FAILED;
}

/* What could be done is written and shown even when something failed on the way. */
static int run(struct replay *r)
{
	struct err e = {0};
	int rc = prepare(r, &e);
	bool to_stdout = r->opt.report != NULL && strcmp(r->opt.report, "-") == 0;

	if (rc != REPLAY_OK) {
		failed(&e);
		return rc;
	}
	if (replay_run(r, &e) != 0)
		rc = REPLAY_FAILED;
	print_warnings(r);
	if (sinks_close(r, &e) != 0)
		rc = REPLAY_FAILED;
	if (report_close(r, &e) != 0)
		rc = REPLAY_FAILED;
	if (!r->opt.quiet)
		summary_print(r, to_stdout ? stderr : stdout);
	if (rc != REPLAY_OK)
		return failed(&e);
	return compare(r);
}

static int finish(struct replay *r)
{
	struct err e = {0};
	int rc = REPLAY_OK;

	merge_close(&r->merge);
	if (instance_stop(r, &e) != 0)
		rc = failed(&e);
	sinks_close(r, NULL);
	if (r->report.buffer != NULL)
		writer_close(&r->report, NULL);
	expect_free(r->expect);
	track_free(&r->track);
	free(r);
	return rc;
}

int replay_main(int argc, char **argv)
{
	struct replay *r = calloc(1, sizeof *r);
	int rc, end;

	if (r == NULL) {
		fputs("weir replay: not enough memory\n", stderr);
		return REPLAY_FAILED;
	}
	rc = options_read(&r->opt, argc, argv);
	if (rc != REPLAY_OK) {
		free(r);
		return rc < 0 ? REPLAY_OK : rc;
	}
	rc = run(r);
	end = finish(r);
	return rc != REPLAY_OK ? rc : end;
}
