/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the offline twin: one run from its options to its report.
 */
#ifndef WEIR_REPLAY_PRIV_H
#define WEIR_REPLAY_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "pipeline/weir.h"
#include "replay/capture.h"
#include "replay/track.h"
#include "replay/writer.h"

#define INPUT_MAX 64
#define INPUT_NAME (IFACE_NAME + 8)

struct node;
struct expect;
struct pcapng_out;

struct replay_options {
	const char *config, *out, *report, *expect;
	bool quiet;
	unsigned inputs, macs;
	struct {
		char iface[IFACE_NAME]; /* or port */
		const char *path;
	} input[INPUT_MAX];
	struct {
		char port[IFACE_NAME];
		uint8_t mac[6];
	} mac[INPUT_MAX]; /* instead of the config's or the made-up ones */
};

/* A capture and the port its frames come in by. */
struct input {
	char name[INPUT_NAME]; /* as on the command line; "#2" and so on when it was given before */
	const char *path;
	uint16_t port;
	struct capture *capture;
	bool ready; /* `frame` is the next one */
	struct capture_frame frame;
	uint64_t packets, bytes, cut; /* handed on; cut: not captured whole */
	char warning[256];
};

/* Captures merged by timestamp; ties in the order of the command line. */
struct merge {
	struct input input[INPUT_MAX];
	unsigned count;
	struct err e; /* a capture that made no sense; the others go on */
};

/* Where the frames of a port go. Its file has an interface for each of the port's interfaces, by their ids.
 */
struct sink {
	struct replay *replay;
	struct pcapng_out *file;
	uint16_t port;
	uint16_t interfaces;
	uint16_t number[IFACE_MAX]; /* in the file, of an interface id */
	uint64_t packets, last;     /* last: ns of the latest one */
};

struct replay {
	struct replay_options opt;
	struct node *config;
	char *config_text; /* backs diagnostics */
	bool eal;          /* is running */
	struct rte_mempool *pool;
	unsigned pool_free; /* buffers in it before the first packet */
	struct weir *w;
	uint16_t ports; /* ids are below this */
	struct sink sink[PORT_MAX];
	struct merge merge;
	struct track track;
	struct expect *expect;
	struct writer report; /* open until it is written */
	uint64_t report_rows;
	uint64_t now;                                           /* ns, the capture's clock; never goes back */
	bool went_back;                                         /* a timestamp did; said once */
	struct rte_mbuf *burst[BURST_SIZE], *stock[BURST_SIZE]; /* collected; fresh */
	uint16_t burst_count, stock_count, burst_port;
	uint64_t burst_start, burst_end; /* ns: of its first packet; it must not reach this */
	uint64_t elapsed;                /* ns of real time, for people only */
	struct counters total;           /* at the end; iface is NULL */
	uint64_t held;
};

/* options.c: REPLAY_OK to go on, REPLAY_USAGE after a sentence, -1 when help was printed. */
int options_read(struct replay_options *o, int argc, char **argv);

/* instance.c: EAL, packet buffers, the router with its ports. Stop may be called after a failed start. */
int instance_start(struct replay *r, struct err *e);
/* Applies the config at time r->now and brings the links up. */
int instance_configure(struct replay *r, struct err *e);
/* Ends the router; -EIO with a sentence when packet buffers are missing. */
int instance_stop(struct replay *r, struct err *e);

/* input.c */
int merge_open(struct merge *m, const struct replay_options *o, struct err *e);
void merge_close(struct merge *m);
/* The input whose frame is next, or NULL at the end. */
struct input *merge_next(struct merge *m);
/* Goes past that frame. */
void merge_advance(struct merge *m, struct input *in);
/* Finds the port of every input. REPLAY_OK, or REPLAY_USAGE with a sentence. */
int merge_bind(struct replay *r, struct err *e);

/* sink.c: DIR/PORT.pcapng for every port. */
int sinks_open(struct replay *r, struct err *e);
int sinks_close(struct replay *r, struct err *e);
/* An output cannot be written; sinks_close() or report_close() will say why. */
bool outputs_failed(const struct replay *r);
/* Path of a port's file in buf. */
const char *sink_path(const struct replay *r, uint16_t port, char *buf, size_t size);
/* True when writing `path` would destroy a file that the run reads. */
bool would_overwrite(const struct replay *r, const char *path);

/* run.c: everything from the first packet to the last timer; fills r->total and r->held. */
int replay_run(struct replay *r, struct err *e);

/* rows.c: what became of each input packet, in the order they were replayed (see track.h). */
struct row {
	unsigned input;        /* index in r->merge.input */
	uint64_t n;            /* 1-based per input */
	uint64_t ns;           /* as captured */
	const char *interface; /* NULL: no interface takes it */
	const char *verdict;
	const char *reason; /* NULL unless dropped or consumed */
	const char *out;    /* port; NULL unless transmitted */
	const char *rules;  /* that decided about it; NULL: none did */
};
/* Follows packets if the report or the expectations want them. 0 or a negative errno with a sentence. */
int rows_start(struct replay *r, struct err *e);
/* The interface that a frame's VLAN tags lead to on a port; IFACE_NONE. */
uint16_t frame_iface(const struct generation *g, uint16_t port, const uint8_t *frame, uint32_t len);

/* report.c: opened before the run, so that a wrong path is known at once. Nothing happens without --report.
 */
int report_open(struct replay *r, struct err *e);
void report_row(struct replay *r, const struct row *row);
/* Writes the rest behind the rows. */
int report_close(struct replay *r, struct err *e);

/* expect.c, expect_load.c, golden.c: loading checks the document's form; binding finds what it speaks of in
 * the run. */
struct expect *expect_load(const char *path, struct err *e);
int expect_bind(struct expect *x, const struct replay *r, struct err *e);
void expect_free(struct expect *x);
bool expect_wants_rows(const struct expect *x);
/* True when `path` is one of the files it compares with. */
bool expect_reads(const struct expect *x, const char *path);
void expect_row(struct expect *x, const struct row *row);
/* After the run: compares the rest, prints the differences on stderr and returns how many there are. */
uint64_t expect_finish(struct expect *x);

/* summary.c: for people. */
void progress(const struct replay *r, bool last);
void summary_print(const struct replay *r, FILE *f);
/* Real time in ns. */
uint64_t wall_clock(void);

/* Sums of a run by what kind of end it was. */
struct ends {
	uint64_t consumed, dropped;
};
struct ends ends_of(const struct counters *c);

#endif
