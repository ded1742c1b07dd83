/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pipeline's stages: what they did, and how they follow each other.
 */
#include "api/api_priv.h"
#include "pipeline/stage.h"

static double ratio(uint64_t a, uint64_t b)
{
	return b != 0 ? (double)a / (double)b : 0;
}

static void put_stage(struct jw *j, const struct stage *s, const struct stage_counters *c)
{
	jw_open(j, NULL, '{');
	jw_text(j, "name", s->name);
	jw_text(j, "help", s->help);
	jw_u64(j, "bursts", c->bursts);
	jw_u64(j, "packets", c->packets);
	jw_real(j, "packets_per_burst", ratio(c->packets, c->bursts));
	jw_real(j, "cycles_per_packet", ratio(c->sampled_cycles, c->sampled_packets));
	jw_u64(j, "sampled_packets", c->sampled_packets);
	jw_close(j, '}');
}

static void show_stages(struct request *r)
{
	struct counters *c = counters_read(r);

	if (c == NULL)
		return;
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "stages", '[');
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		if (stage_get(i) != NULL)
			put_stage(&r->out, stage_get(i), &c->stage[i]);
	jw_close(&r->out, ']');
	jw_u64(&r->out, "bursts", c->bursts);
	jw_close(&r->out, '}');
	counters_free(c);
}

/* Names of the registered stages in a set of STAGE_BIT()s. */
static void put_names(struct jw *j, const char *key, uint64_t set)
{
	jw_open(j, key, '[');
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		if ((set & STAGE_BIT(i)) != 0 && stage_get(i) != NULL)
			jw_text(j, NULL, stage_get(i)->name);
	jw_close(j, ']');
}

static void show_pipeline(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "stages", '[');
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		const struct stage *s = stage_get(i);

		if (s == NULL)
			continue;
		jw_open(&r->out, NULL, '{');
		jw_text(&r->out, "name", s->name);
		jw_text(&r->out, "help", s->help);
		put_names(&r->out, "after", s->after);
		put_names(&r->out, "before", s->before);
		put_names(&r->out, "next", s->next);
		jw_close(&r->out, '}');
	}
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

static const struct doc stage_docs[] = {
	{"name", DOC_TEXT, "Its name."},
	{"help", DOC_TEXT, "What it does."},
	{"bursts", DOC_U64, "Times it ran."},
	{"packets", DOC_U64, "Packets it saw."},
	{"packets_per_burst", DOC_REAL, "Average."},
	{"cycles_per_packet", DOC_REAL, "Average of the bursts that were measured."},
	{"sampled_packets", DOC_U64, "Packets in those bursts."},
	{0},
};
static const struct doc stages_docs[] = {
	{"stages", DOC_LIST, "In the order packets pass them.", stage_docs},
	{"bursts", DOC_U64, "Bursts that were run."},
	{0},
};
static const struct doc place_docs[] = {
	{"name", DOC_TEXT, "Its name."},
	{"help", DOC_TEXT, "What it does."},
	{"after", DOC_TEXTS, "Stages that must come before it."},
	{"before", DOC_TEXTS, "Stages that must come after it."},
	{"next", DOC_TEXTS, "Stages it sends packets to."},
	{0},
};
static const struct doc pipeline_docs[] = {
	{"stages", DOC_LIST, "In the order packets pass them.", place_docs}, {0}};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/stages", "Packets and cycles by stage.", show_stages, .reply = stages_docs},
	{"GET", "/v1/pipeline", "How the stages follow each other.", show_pipeline, .reply = pipeline_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
