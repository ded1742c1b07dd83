/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One dimension of a classifier. The conditions' ranges are swept from the lowest value to the highest;
 * wherever the set of conditions that hold changes, another class begins. Equal sets are one class, known by
 * two sums of random numbers (128 bits), one number per condition.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/classifier_priv.h"

#define ALIGN 64

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* --- conditions --- */

int class_conds_init(struct class_conds *t, uint32_t rules)
{
	uint32_t size = 16;

	while (size < rules * 2)
		size *= 2;
	*t = (struct class_conds){.mask = size - 1};
	t->cond = calloc(rules + 1, sizeof *t->cond);
	t->of_rule = calloc(rules + 1, sizeof *t->of_rule);
	t->slot = calloc(size, sizeof *t->slot);
	return t->cond != NULL && t->of_rule != NULL && t->slot != NULL ? 0 : -ENOMEM;
}

void class_conds_free(struct class_conds *t)
{
	free(t->cond);
	free(t->of_rule);
	free(t->slot);
	*t = (struct class_conds){0};
}

static uint64_t hash_ranges(const struct ranges *r)
{
	uint64_t h = r->count;

	for (uint32_t i = 0; i < r->count; i++) {
		h = mix(h ^ (uint64_t)r->at[i].first) + (uint64_t)(r->at[i].first >> 64);
		h = mix(h ^ (uint64_t)r->at[i].last) + (uint64_t)(r->at[i].last >> 64);
	}
	return mix(h);
}

void class_conds_set(struct class_conds *t, uint32_t rule, const struct ranges *values)
{
	uint32_t at;

	t->of_rule[rule] = CLASS_NO_COND;
	if (values == NULL)
		return;
	for (at = (uint32_t)hash_ranges(values) & t->mask; t->slot[at] != 0; at = (at + 1) & t->mask) {
		const struct ranges *known = t->cond[t->slot[at] - 1];

		if (known == values || ranges_equal(known, values))
			break;
	}
	if (t->slot[at] == 0) {
		t->cond[t->count++] = values;
		t->slot[at] = t->count;
	}
	t->of_rule[rule] = t->slot[at] - 1;
}

/* --- the sweep --- */

struct event {
	u128 at;
	uint32_t cond;
	bool on;
};

/* Identity of a set of conditions. */
struct sum {
	uint64_t a, b;
};

struct sweep {
	const struct class_conds *t;
	struct class_dim *d;
	uint32_t words, rules, room;
	uint32_t *rule_of, *rule_start; /* rules by condition */
	uint64_t *any;                  /* rules without a condition */
	uint32_t *active, *place;       /* conditions that hold; where in `active` each is */
	uint32_t actives;
	struct sum now, *known; /* known: by class */
	uint32_t *slot, mask;   /* hash table of class + 1 */
	struct addrmap_span *span;
	uint32_t spans;
};

static int by_place(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (int)x->on - (int)y->on; /* what ends goes first */
}

static struct event *list_events(
	const struct class_conds *t, const struct class_domain *domain, uint32_t *count)
{
	const u128 end = domain->bits == 128 ? 0 : domain->bits == 32 ? (u128)1 << 32 : domain->size;
	uint64_t room = t->count;
	struct event *list;
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->count; i++)
		room += 2u * t->cond[i]->count;
	list = room < UINT32_MAX ? malloc((room + 1) * sizeof *list) : NULL;
	if (list == NULL)
		return NULL;
	for (uint32_t i = 0; i < t->count; i++) {
		for (uint32_t k = 0; k < t->cond[i]->count; k++) {
			const struct range *r = &t->cond[i]->at[k];

			list[n++] = (struct event){r->first, i, true};
			if (r->last + 1 != end)
				list[n++] = (struct event){r->last + 1, i, false};
		}
		if (domain->has_unknown)
			list[n++] = (struct event){domain->size - 1, i, true};
	}
	qsort(list, n, sizeof *list, by_place);
	*count = n;
	return list;
}

static void toggle(struct sweep *s, uint32_t cond, bool on)
{
	s->now.a ^= mix(cond);
	s->now.b ^= mix(UINT64_C(0x5851f42d4c957f2d) + cond);
	if (on) {
		s->place[cond] = s->actives;
		s->active[s->actives++] = cond;
	} else {
		uint32_t last = s->active[--s->actives];

		s->active[s->place[cond]] = last;
		s->place[last] = s->place[cond];
	}
}

static void *grown(void *old, size_t used, size_t size)
{
	void *p = aligned_alloc(ALIGN, (size + ALIGN - 1) / ALIGN * ALIGN);

	if (p != NULL && used != 0)
		memcpy(p, old, used);
	if (p != NULL)
		free(old);
	return p;
}

static int make_room(struct sweep *s)
{
	const uint32_t room = s->room != 0 ? s->room * 2 : 16;
	const size_t row = s->words * sizeof *s->d->bits;
	void *bits, *known;

	if (s->d->classes < s->room)
		return 0;
	bits = grown(s->d->bits, s->d->classes * row, room * row);
	if (bits == NULL)
		return -ENOMEM;
	s->d->bits = bits;
	known = realloc(s->known, room * sizeof *s->known);
	if (known == NULL)
		return -ENOMEM;
	s->known = known;
	s->room = room;
	return 0;
}

/* The bits of the class that holds now. */
static int new_class(struct sweep *s)
{
	uint64_t *bits;

	if (make_room(s) != 0)
		return -ENOMEM;
	bits = s->d->bits + (size_t)s->d->classes * s->words;
	memcpy(bits, s->any, s->words * sizeof *bits);
	for (uint32_t i = 0; i < s->actives; i++)
		for (uint32_t k = s->rule_start[s->active[i]]; k < s->rule_start[s->active[i] + 1]; k++)
			bits[s->rule_of[k] / 64] |= UINT64_C(1) << s->rule_of[k] % 64;
	s->known[s->d->classes++] = s->now;
	return 0;
}

/* Begins a span of the class that holds from `at` on. */
static int begin_span(struct sweep *s, u128 at)
{
	uint32_t i = (uint32_t)s->now.a & s->mask;

	while (s->slot[i] != 0 &&
		(s->known[s->slot[i] - 1].a != s->now.a || s->known[s->slot[i] - 1].b != s->now.b))
		i = (i + 1) & s->mask;
	if (s->slot[i] == 0) {
		if (new_class(s) != 0)
			return -ENOMEM;
		s->slot[i] = s->d->classes;
	}
	if (s->spans == 0 || s->span[s->spans - 1].value != s->slot[i] - 1)
		s->span[s->spans++] = (struct addrmap_span){at, s->slot[i] - 1};
	return 0;
}

/* Rules by condition, and those without one. */
static void sort_rules(struct sweep *s)
{
	const uint32_t *of = s->t->of_rule;

	for (uint32_t r = 0; r < s->rules; r++) {
		if (of[r] == CLASS_NO_COND)
			s->any[r / 64] |= UINT64_C(1) << r % 64;
		else
			s->rule_start[of[r] + 1]++;
	}
	for (uint32_t c = 0; c < s->t->count; c++)
		s->rule_start[c + 1] += s->rule_start[c];
	for (uint32_t r = 0; r < s->rules; r++)
		if (of[r] != CLASS_NO_COND)
			s->rule_of[s->rule_start[of[r]] + s->place[of[r]]++] = r;
}

static int sweep_init(struct sweep *s, uint32_t events)
{
	const uint32_t conds = s->t->count;
	uint32_t size = 16;

	while (size < (events + 1) * 2)
		size *= 2;
	s->mask = size - 1;
	s->rule_of = calloc(s->rules + 1, sizeof *s->rule_of);
	s->rule_start = calloc(conds + 2, sizeof *s->rule_start);
	s->any = calloc(s->words, sizeof *s->any);
	s->active = calloc(conds + 1, sizeof *s->active);
	s->place = calloc(conds + 1, sizeof *s->place);
	s->slot = calloc(size, sizeof *s->slot);
	s->span = malloc((events + 1) * sizeof *s->span);
	if (s->rule_of == NULL || s->rule_start == NULL || s->any == NULL || s->active == NULL ||
		s->place == NULL || s->slot == NULL || s->span == NULL)
		return -ENOMEM;
	sort_rules(s);
	return 0;
}

static void sweep_free(struct sweep *s)
{
	free(s->rule_of);
	free(s->rule_start);
	free(s->any);
	free(s->active);
	free(s->place);
	free(s->slot);
	free(s->span);
	free(s->known);
}

static int sweep_run(struct sweep *s, const struct event *event, uint32_t events)
{
	uint32_t i = 0;

	if (events == 0 || event[0].at != 0)
		if (begin_span(s, 0) != 0)
			return -ENOMEM;
	while (i < events) {
		const u128 at = event[i].at;

		for (; i < events && event[i].at == at; i++)
			toggle(s, event[i].cond, event[i].on);
		if (begin_span(s, at) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* --- the dimension --- */

static int make_sums(struct class_dim *d, uint32_t words)
{
	const uint32_t step = (words + 63) / 64;

	d->sum = calloc(d->classes, sizeof *d->sum);
	if (d->sum == NULL)
		return -ENOMEM;
	for (uint32_t c = 0; c < d->classes; c++)
		for (uint32_t w = 0; w < words; w++)
			d->sum[c] |= (uint64_t)(d->bits[(size_t)c * words + w] != 0) << w / step;
	return 0;
}

static int make_table(struct class_dim *d, const struct class_domain *domain, const struct sweep *s)
{
	if (d->classes > UINT16_MAX + 1u)
		return -E2BIG;
	d->table = malloc(domain->size * sizeof *d->table);
	if (d->table == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->spans; i++) {
		uint32_t end = i + 1 < s->spans ? (uint32_t)s->span[i + 1].first : domain->size;

		for (uint32_t v = (uint32_t)s->span[i].first; v < end; v++)
			d->table[v] = (uint16_t)s->span[i].value;
	}
	return 0;
}

static int make_map(struct class_dim *d, const struct class_domain *domain, const struct sweep *s)
{
	if (domain->bits == 0)
		return make_table(d, domain, s);
	d->map = addrmap_build(domain->bits, s->span, s->spans);
	return d->map != NULL ? 0 : -ENOMEM;
}

int class_dim_build(struct class_dim *d, const struct class_domain *domain, const struct class_conds *t,
	uint32_t rules, uint32_t words)
{
	struct sweep s = {.t = t, .d = d, .words = words, .rules = rules};
	uint32_t events = 0;
	struct event *list = list_events(t, domain, &events);
	int rc = list != NULL ? 0 : -ENOMEM;

	*d = (struct class_dim){.id = domain->id};
	if (rc == 0)
		rc = sweep_init(&s, events);
	if (rc == 0) {
		memset(s.place, 0, (t->count + 1) * sizeof *s.place);
		rc = sweep_run(&s, list, events);
	}
	if (rc == 0)
		rc = make_sums(d, words);
	if (rc == 0)
		rc = make_map(d, domain, &s);
	sweep_free(&s);
	free(list);
	if (rc != 0)
		class_dim_free(d, false);
	return rc;
}

/* `shared`: the table belongs to the other family's dimension as well. */
void class_dim_free(struct class_dim *d, bool shared)
{
	if (!shared || class_is_address(d->id)) {
		free(d->bits);
		free(d->sum);
		if (class_is_address(d->id))
			addrmap_free(d->map);
		else
			free(d->table);
	}
	*d = (struct class_dim){0};
}

uint64_t class_dim_memory(const struct class_dim *d, uint32_t words, uint32_t table)
{
	uint64_t bytes = (uint64_t)d->classes * (words + 1) * sizeof *d->bits;

	return bytes + (class_is_address(d->id) ? addrmap_memory(d->map) : table * sizeof *d->table);
}
