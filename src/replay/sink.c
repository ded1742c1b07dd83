/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports as files: what a worker transmits is written and its buffers go back at once.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include "feature/iface/iface.h"
#include "replay/pcapng_out.h"
#include "replay/priv.h"

static uint32_t number_in_file(const struct sink *s, const struct rte_mbuf *m)
{
	uint16_t id;

	if (s->interfaces <= 1)
		return 0;
	id = frame_iface(
		weir_generation(s->replay->w), s->port, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	return s->number[id];
}

/* A packet of the current burst leaves when it came, others (held or made by weir) now. */
static uint64_t leaves_at(struct sink *s, struct rte_mbuf *m)
{
	uint64_t came = arrival_of(m)->ns, when = came >= s->replay->burst_start ? came : s->replay->now;

	s->last = RTE_MAX(s->last, when);
	return s->last;
}

static void write_frame(struct sink *s, struct rte_mbuf *m)
{
	uint8_t *to = pcapng_out_packet(s->file, number_in_file(s, m), leaves_at(s, m), m->pkt_len);

	for (; m != NULL; m = m->next) {
		rte_memcpy(to, rte_pktmbuf_mtod(m, const void *), m->data_len);
		to += m->data_len;
	}
}

static uint16_t sink_send(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct sink *s = ctx;
	struct track *t = &s->replay->track;

	for (uint16_t i = 0; i < n; i++) {
		if (i + 4 < n)
			rte_prefetch0(rte_pktmbuf_mtod(pkts[i + 4], const void *));
		write_frame(s, pkts[i]);
		if (t->on)
			track_sent(t, pkts[i], s->port);
		arrival_clear(pkts[i]);
	}
	s->packets += n;
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

const char *sink_path(const struct replay *r, uint16_t port, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%s.pcapng", r->opt.out, iface_port_name(r->w, port));
	return buf;
}

static bool same_file(const struct stat *a, const char *path)
{
	struct stat b;

	return path != NULL && stat(path, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

bool would_overwrite(const struct replay *r, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	for (unsigned i = 0; i < r->opt.inputs; i++)
		if (same_file(&st, r->opt.input[i].path))
			return true;
	if (same_file(&st, r->opt.config) || same_file(&st, r->opt.expect))
		return true;
	return r->expect != NULL && expect_reads(r->expect, path);
}

/* The directory and those above it that are missing. */
static int make_directory(const char *path, struct err *e)
{
	char part[4096];
	size_t len = strlen(path);

	if (len >= sizeof part)
		return err_set(e, ENAMETOOLONG, "the path %.64s... is too long", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		if (mkdir(part, 0777) != 0 && errno != EEXIST && errno != EROFS)
			return err_set(e, errno, "directory %s cannot be made: %s", part, strerror(errno));
	}
	return 0;
}

/* Looked at before the first file is emptied. */
static int check_paths(const struct replay *r, struct err *e)
{
	char path[4096 + 64];

	for (uint16_t p = 0; p < r->ports; p++) {
		sink_path(r, p, path, sizeof path);
		if (would_overwrite(r, path))
			return err_set(e, EEXIST,
				"%s is read by this run and would be overwritten; give another --out", path);
	}
	return 0;
}

/* An interface in the file for each of the port's; one of the port's name when it has none. */
static int open_file(struct replay *r, struct sink *s, struct err *e)
{
	const struct generation *g = weir_generation(r->w);
	char path[4096 + 64];

	sink_path(r, s->port, path, sizeof path);
	for (uint16_t id = 1; id < IFACE_MAX; id++) {
		const struct iface *ifc = g->iface[id];

		if (ifc == NULL || ifc->port != s->port)
			continue;
		if (s->file == NULL)
			s->file = pcapng_out_open(path, ifc->name, e);
		else
			pcapng_out_interface(s->file, ifc->name);
		if (s->file == NULL)
			return -e->code;
		s->number[id] = s->interfaces++;
	}
	if (s->file == NULL)
		s->file = pcapng_out_open(path, iface_port_name(r->w, s->port), e);
	return s->file != NULL ? 0 : -e->code;
}

int sinks_open(struct replay *r, struct err *e)
{
	if (make_directory(r->opt.out, e) != 0 || check_paths(r, e) != 0)
		return -e->code;
	for (uint16_t p = 0; p < r->ports; p++) {
		struct sink *s = &r->sink[p];

		s->replay = r;
		s->port = p;
		if (open_file(r, s, e) != 0)
			return -e->code;
		r->w->worker[0]->tx[p].send = sink_send;
		r->w->worker[0]->tx[p].ctx = s;
	}
	return 0;
}

bool outputs_failed(const struct replay *r)
{
	for (uint16_t p = 0; p < r->ports; p++)
		if (pcapng_out_failed(r->sink[p].file))
			return true;
	return r->report.why.code != 0;
}

int sinks_close(struct replay *r, struct err *e)
{
	int rc = 0;

	for (uint16_t p = 0; p < r->ports; p++) {
		if (pcapng_out_close(r->sink[p].file, e) != 0)
			rc = -EIO;
		r->sink[p].file = NULL;
	}
	return rc;
}
