/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/stage.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"

static const struct stage *table[STAGE_COUNT];
static uint8_t table_level[STAGE_COUNT];
stage_fn stage_run[STAGE_COUNT];

static unsigned cpu_level(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
		return 4;
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? 3 : 2;
}

unsigned stage_cpu_level(void)
{
	static unsigned level;

	if (level == 0) {
		const char *most = getenv("WEIR_CPU_LEVEL");

		level = cpu_level();
		if (most != NULL && most[0] >= '2' && (unsigned)(most[0] - '0') < level && most[1] == '\0')
			level = (unsigned)(most[0] - '0');
	}
	return level;
}

void stage_register(const struct stage *s, unsigned level)
{
	const bool known = s->id < STAGE_COUNT;

	/* Code for the lowest level that was built is all there is on any CPU it runs on. */
	if (known && table[s->id] != NULL && table_level[s->id] != level) {
		if (level > stage_cpu_level() ||
			(level < table_level[s->id] && table_level[s->id] <= stage_cpu_level()))
			return;
		table[s->id] = NULL;
	}
	if (!known || table[s->id] != NULL) {
		log_error("stage '%s' claims a place that does not exist or is taken", s->name);
		abort();
	}
	table[s->id] = s;
	table_level[s->id] = (uint8_t)level;
}

const struct stage *stage_get(enum stage_id id)
{
	return id < STAGE_COUNT ? table[id] : NULL;
}

static const char *place_name(unsigned id)
{
	return id < STAGE_COUNT && table[id] != NULL ? table[id]->name : "an unregistered stage";
}

/* First stage of `mask` that breaks the constraint of `s`, or STAGE_COUNT. */
static unsigned first_set(uint64_t mask)
{
	return mask != 0 ? (unsigned)__builtin_ctzll(mask) : STAGE_COUNT;
}

static int check_targets(const struct stage *s, struct err *e)
{
	for (unsigned i = 0; i < STAGE_COUNT; i++)
		if ((s->next & STAGE_BIT(i)) != 0 && table[i] == NULL)
			return err_set(e, EINVAL,
				"stage '%s' sends packets to stage number %u, which nobody registered",
				s->name, i);
	return 0;
}

int stages_init(struct err *e)
{
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		const struct stage *s = table[i];
		uint64_t earlier = STAGE_BIT(i) - 1, later = ~(earlier | STAGE_BIT(i));

		if (s == NULL)
			continue;
		stage_run[i] = s->run;
		if (check_targets(s, e) != 0)
			return -EINVAL;
		if ((s->after & ~earlier) != 0)
			return err_set(e, EINVAL,
				"stage '%s' must run after '%s' but stands before it in the table", s->name,
				place_name(first_set(s->after & ~earlier)));
		if ((s->before & ~later) != 0)
			return err_set(e, EINVAL,
				"stage '%s' must run before '%s' but stands after it in the table", s->name,
				place_name(first_set(s->before & ~later)));
		if ((s->next & ~later) != 0)
			return err_set(e, EINVAL,
				"stage '%s' sends packets back to '%s'; packets only go forward", s->name,
				place_name(first_set(s->next & ~later)));
	}
	return 0;
}
