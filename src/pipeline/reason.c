/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/reason.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static struct reason *registered;
static const struct reason *by_id[REASON_MAX];
static unsigned count;

void reason_register(struct reason *r)
{
	struct reason **at = &registered;

	while (*at != NULL && strcmp((*at)->name, r->name) < 0)
		at = &(*at)->next;
	if (*at != NULL && strcmp((*at)->name, r->name) == 0) {
		log_error("two features define the reason '%s'", r->name);
		abort();
	}
	r->next = *at;
	*at = r;
}

void reasons_init(void)
{
	count = 0;
	for (struct reason *r = registered; r != NULL; r = r->next) {
		if (count + 1 >= REASON_MAX) {
			log_error("more than %d reasons are defined", REASON_MAX - 1);
			abort();
		}
		r->id = (uint16_t)++count;
		by_id[r->id] = r;
	}
}

unsigned reasons_count(void)
{
	return count;
}

const struct reason *reason_get(uint16_t id)
{
	return id != 0 && id <= count ? by_id[id] : NULL;
}
