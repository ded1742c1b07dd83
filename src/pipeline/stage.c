/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/stage.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"

static const struct stage *table[STAGE_COUNT];
stage_fn stage_run[STAGE_COUNT];

void stage_register(const struct stage *s)
{
	if (s->id >= STAGE_COUNT || table[s->id] != NULL) {
		log_error("stage '%s' claims a place that does not exist or is taken", s->name);
		abort();
	}
	table[s->id] = s;
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
