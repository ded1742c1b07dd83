/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The flow table against a plain list: random inserts, lookups, removals, ageing and changes of size, with
 * few keys so that they meet in every way; a million flows for the index; and an owner that changes
 * everything while another thread reads. The last one says something under -fsanitize=thread.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "table/flow.h"
#include "table/flow_priv.h"

static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 16) % below);
}

/* --- model --- */

#define MODEL 900

struct model {
	bool used, v6;
	struct flow_key4 k4[2];
	struct flow_key6 k6[2];
	uint32_t deadline, id, ref;
	unsigned list;
	uint64_t listed; /* when, in order */
};

static struct model model[MODEL];
static struct flow_table *table;
static uint32_t next_id, now, gone_count;
static uint64_t list_clock;

static struct flow_key4 random4(void)
{
	return (struct flow_key4){.src = rnd(6),
		.dst = rnd(6),
		.sport = (uint16_t)rnd(3),
		.dport = (uint16_t)rnd(3),
		.proto = rnd(2) ? 6 : 17,
		.vrf = (uint8_t)rnd(2)};
}

static struct flow_key6 random6(void)
{
	struct flow_key6 k = {.sport = (uint16_t)rnd(3),
		.dport = (uint16_t)rnd(3),
		.proto = rnd(2) ? 6 : 17,
		.vrf = (uint8_t)rnd(2)};

	k.src[rnd(2) ? 0 : 15] = (uint8_t)rnd(3);
	k.dst[7] = (uint8_t)rnd(4);
	return k;
}

static bool equal4(const struct flow_key4 *a, const struct flow_key4 *b)
{
	return a->src == b->src && a->dst == b->dst && a->sport == b->sport && a->dport == b->dport &&
	       a->proto == b->proto && a->vrf == b->vrf;
}

/* The model's flow with this key, in *dir which of its keys; NULL. */
static struct model *model_find(const struct flow_key4 *k4, const struct flow_key6 *k6, unsigned *dir)
{
	for (unsigned i = 0; i < MODEL; i++)
		for (unsigned d = 0; model[i].used && d < 2; d++) {
			if (model[i].v6 != (k6 != NULL))
				continue;
			if (k6 != NULL ? memcmp(&model[i].k6[d], k6, sizeof *k6) == 0
				       : equal4(&model[i].k4[d], k4)) {
				*dir = d;
				return &model[i];
			}
		}
	return NULL;
}

static void told(void *ctx, struct flow *f)
{
	gone_count++;
}

static void check_found(const struct model *m, uint32_t ref, unsigned dir)
{
	uint32_t id;

	if (m == NULL) {
		assert_int_equal(ref, FLOW_NONE);
		return;
	}
	assert_int_not_equal(ref, FLOW_NONE);
	assert_int_equal(ref >> 31, dir);
	assert_int_equal((ref & FLOW_V6) != 0, m->v6);
	memcpy(&id, flow_get(table, ref)->cold, sizeof id);
	assert_int_equal(id, m->id);
	assert_int_equal(flow_get(table, ref)->deadline, m->deadline);
}

static void check_lookups(void)
{
	struct flow_key4 k4[64] = {{0}};
	struct flow_key6 k6[64] = {{{0}}};
	uint32_t ref[64];
	unsigned n = rnd(65), dir = 0;

	for (unsigned i = 0; i < n; i++) {
		k4[i] = random4();
		k6[i] = random6();
	}
	flow_lookup4(table, k4, n, ref);
	for (unsigned i = 0; i < n; i++) {
		const struct model *m = model_find(&k4[i], NULL, &dir);

		check_found(m, ref[i], dir);
	}
	flow_lookup6(table, k6, n, ref);
	for (unsigned i = 0; i < n; i++) {
		const struct model *m = model_find(NULL, &k6[i], &dir);

		check_found(m, ref[i], dir);
	}
}

static void try_insert(void)
{
	struct model m = {.used = true, .v6 = rnd(2), .deadline = now + 1 + rnd(50), .id = ++next_id},
		     *free = NULL;
	uint8_t hot[FLOW_HOT] = {1}, cold[FLOW_COLD] = {0};
	enum flow_result r;
	unsigned dir, dir2;
	bool exists, clash;

	m.k4[0] = random4();
	m.k6[0] = random6();
	m.k4[1] = rnd(2) ? flow_reverse4(&m.k4[0]) : random4();
	m.k6[1] = rnd(2) ? flow_reverse6(&m.k6[0]) : random6();
	exists = model_find(m.v6 ? NULL : &m.k4[0], m.v6 ? &m.k6[0] : NULL, &dir) != NULL;
	clash = model_find(m.v6 ? NULL : &m.k4[1], m.v6 ? &m.k6[1] : NULL, &dir2) != NULL;
	memcpy(cold, &m.id, sizeof m.id);
	r = m.v6 ? flow_insert6(table, m.k6, m.deadline, hot, cold, &m.ref)
		 : flow_insert4(table, m.k4, m.deadline, hot, cold, &m.ref);
	if (exists) {
		assert_int_equal(r, FLOW_EXISTS);
		assert_int_equal(m.ref >> 31, dir);
	} else if (clash) {
		assert_int_equal(r, FLOW_CLASH);
	} else if (r == FLOW_OK) {
		for (unsigned i = 0; i < MODEL && free == NULL; i++)
			free = !model[i].used ? &model[i] : NULL;
		assert_non_null(free);
		*free = m;
	} else {
		assert_int_equal(r, FLOW_FULL);
		assert_true(table->used + 2 >= table->max);
	}
}

static struct model *random_flow(void)
{
	unsigned start = rnd(MODEL);

	for (unsigned i = 0; i < MODEL; i++)
		if (model[(start + i) % MODEL].used)
			return &model[(start + i) % MODEL];
	return NULL;
}

static void remove_one(void)
{
	struct model *m = random_flow();
	uint32_t before = gone_count;

	if (m == NULL)
		return;
	flow_remove(table, flow_get(table, m->ref));
	assert_int_equal(gone_count, before + 1);
	assert_int_equal(flow_get(table, m->ref)->key[0].kind, FLOW_KIND_FREE);
	flow_settle(table);
	m->used = false;
}

static void age(void)
{
	uint32_t due = 0, gone = 0;
	bool round = false;

	now += rnd(8);
	for (unsigned i = 0; i < MODEL; i++)
		if (model[i].used && (int32_t)(now - model[i].deadline) >= 0) {
			due++;
			model[i].used = false;
		}
	table->sweep = 1;
	while (!round)
		gone += flow_sweep(table, now, 1 + rnd(40), NULL, NULL, &round);
	flow_settle(table);
	assert_int_equal(gone, due);
}

static void list_one(void)
{
	struct model *m = random_flow();

	if (m == NULL)
		return;
	m->list = rnd(FLOW_LISTS + 1);
	m->listed = ++list_clock;
	if (m->list != 0)
		flow_list_add(table, flow_get(table, m->ref), m->list);
	else
		flow_list_remove(table, flow_get(table, m->ref));
}

static void check_lists(void)
{
	for (unsigned l = 1; l <= FLOW_LISTS; l++) {
		const struct model *oldest = NULL;
		const struct flow *first = flow_list_first(table, l);
		uint32_t count = 0;

		for (unsigned i = 0; i < MODEL; i++) {
			if (!model[i].used || model[i].list != l)
				continue;
			count++;
			if (oldest == NULL || model[i].listed < oldest->listed)
				oldest = &model[i];
		}
		assert_int_equal(table->list[l].count, count);
		assert_ptr_equal(first, oldest != NULL ? flow_get(table, oldest->ref) : NULL);
	}
}

/* What the control thread sees is what there is. */
static void check_reader(void)
{
	uint32_t seen = 0, flows = 0, records = 0;
	struct flow_copy c;

	for (uint32_t i = 1; i < flow_limit(table); i++) {
		const struct model *m;
		unsigned dir = 9;

		if (!flow_read(table, i, &c))
			continue;
		seen++;
		m = c.v6 ? model_find(NULL, &c.key6[1], &dir) : model_find(&c.flow.key[1], NULL, &dir);
		assert_non_null(m);
		assert_memory_equal(c.flow.cold, &m->id, sizeof m->id);
	}
	for (unsigned i = 0; i < MODEL; i++) {
		flows += model[i].used;
		records += model[i].used ? 1 + model[i].v6 : 0;
	}
	assert_int_equal(seen, flows);
	assert_int_equal(table->flows, flows);
	assert_int_equal(table->used, records);
}

static void test_random_changes_against_a_list(void **state)
{
	memset(model, 0, sizeof model);
	table = flow_new(200);
	assert_non_null(table);
	table->gone = told;
	for (unsigned i = 0; i < 60000; i++) {
		switch (rnd(16)) {
		case 0:
			remove_one();
			break;
		case 1:
			if (rnd(20) == 0)
				age();
			break;
		case 2:
			if (rnd(100) == 0) {
				assert_int_equal(flow_resize(table, 40 + rnd(600)), 0);
				flow_adopt(table);
			}
			break;
		case 3:
			list_one();
			break;
		case 4:
			check_lookups();
			break;
		case 5:
			if (rnd(50) == 0) {
				check_reader();
				check_lists();
			}
			break;
		default:
			try_insert();
		}
	}
	flow_free(table);
}

/* --- many --- */

static struct flow_key4 nth(uint32_t i)
{
	return (struct flow_key4){
		.src = i * 2654435761u, .dst = 1, .sport = (uint16_t)i, .dport = 80, .proto = 6};
}

static void check_many(uint32_t first, uint32_t count, bool there)
{
	struct flow_key4 k[64];
	uint32_t ref[64];

	for (uint32_t i = first; i < first + count; i += 64) {
		for (uint32_t j = 0; j < 64; j++) {
			k[j] = nth(i + j);
			if (j & 1)
				k[j] = flow_reverse4(&k[j]);
		}
		flow_lookup4(table, k, 64, ref);
		for (uint32_t j = 0; j < 64; j++)
			assert_int_equal(ref[j] != FLOW_NONE, there);
	}
}

static void test_a_million_flows_fit_and_go(void **state)
{
	const uint32_t count = 1 << 20;
	uint8_t user[FLOW_COLD] = {0};
	uint32_t ref;

	table = flow_new(count + 2);
	assert_non_null(table);
	assert_true(flow_bytes(4u << 20) < 1u << 30);
	for (uint32_t i = 0; i < count; i++) {
		struct flow_key4 k[2] = {nth(i)};

		k[1] = flow_reverse4(&k[0]);
		assert_int_equal(flow_insert4(table, k, 5, user, user, &ref), FLOW_OK);
	}
	check_many(0, count, true);
	check_many(count, count, false);
	assert_true(table->level + table->split <= table->bucket_max);
	assert_true(table->over_busy < table->over_max);
	for (uint32_t i = 1; i <= count / 2; i++)
		flow_remove(table, &table->flow[i]);
	check_many(0, count / 2, false);
	check_many(count / 2, count / 2, true);
	flow_free(table);
}

static void test_a_full_table_refuses_and_goes_on(void **state)
{
	uint8_t user[FLOW_COLD] = {0};
	struct flow_key4 k[2];
	uint32_t ref, kept = 0;

	table = flow_new(100);
	for (uint32_t i = 0; i < 300; i++) {
		k[0] = nth(i);
		k[1] = flow_reverse4(&k[0]);
		kept += flow_insert4(table, k, 5, user, user, &ref) == FLOW_OK;
	}
	assert_int_equal(kept, 99);
	flow_remove(table, &table->flow[7]);
	flow_settle(table);
	assert_int_equal(flow_insert4(table, k, 5, user, user, &ref), FLOW_OK);
	assert_int_equal(ref, 7);
	flow_free(table);
}

/* Ports 7 to 7 between one address: both directions are the same. */
static void test_a_key_that_is_its_own_reverse(void **state)
{
	struct flow_key4 k[2] = {{.src = 9, .dst = 9, .sport = 7, .dport = 7, .proto = 17}};
	uint8_t user[FLOW_COLD] = {0};
	uint32_t ref;

	table = flow_new(100);
	k[1] = flow_reverse4(&k[0]);
	assert_int_equal(flow_insert4(table, k, 5, user, user, &ref), FLOW_OK);
	assert_int_equal(flow_insert4(table, k, 5, user, user, &ref), FLOW_EXISTS);
	flow_remove(table, flow_get(table, ref));
	assert_int_equal(table->entries, 0);
	assert_int_equal(flow_insert4(table, k, 5, user, user, &ref), FLOW_OK);
	flow_free(table);
}

/* --- owner and reader --- */

static bool stop;

/* Every flow's keys, hot and cold parts say the same number. */
static void *reader(void *arg)
{
	uint64_t whole = 0, *out = arg;
	struct flow_copy c;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		for (uint32_t i = 1; i < flow_limit(table); i++) {
			uint32_t id;

			if (!flow_read(table, i, &c))
				continue;
			memcpy(&id, c.flow.cold, sizeof id);
			if (c.v6 ? memcmp(&id, c.key6[0].src, 4) != 0 || memcmp(&id, c.key6[1].dst, 4) != 0
				 : c.flow.key[0].src != id || c.flow.key[1].dst != id)
				abort();
			whole++;
		}
	*out = whole;
	return NULL;
}

static void churn(uint32_t id)
{
	uint8_t hot[FLOW_HOT], cold[FLOW_COLD] = {0};
	struct flow_key4 k4[2] = {{.src = id, .proto = 6}};
	struct flow_key6 k6[2] = {{.proto = 6}};
	uint32_t ref;
	bool round;

	memset(hot, (int)id, sizeof hot);
	memcpy(cold, &id, sizeof id);
	memcpy(k6[0].src, &id, sizeof id);
	k4[1] = flow_reverse4(&k4[0]);
	k6[1] = flow_reverse6(&k6[0]);
	if (id & 1)
		flow_insert4(table, k4, id + 100, hot, cold, &ref);
	else
		flow_insert6(table, k6, id + 100, hot, cold, &ref);
	if (ref != FLOW_NONE) {
		struct flow *f = flow_get(table, ref);

		FLOW_SET(f->deadline, id + 50 + id % 50);
		flow_list_add(table, f, 1 + id % 2);
	}
	flow_sweep(table, id, 4, NULL, NULL, &round);
	flow_settle(table);
}

static void test_a_reader_sees_whole_flows_while_the_owner_changes_them(void **state)
{
	uint64_t whole = 0;
	pthread_t thread;

	table = flow_new(64);
	assert_int_equal(pthread_create(&thread, NULL, reader, &whole), 0);
	for (uint32_t id = 1; id < 300000; id++) {
		churn(id);
		if (id == 100000)
			assert_int_equal(flow_resize(table, 4096), 0);
		if (id % 1000 == 0)
			flow_adopt(table);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_true(whole > 0);
	flow_free(table);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes_against_a_list),
		cmocka_unit_test(test_a_million_flows_fit_and_go),
		cmocka_unit_test(test_a_full_table_refuses_and_goes_on),
		cmocka_unit_test(test_a_key_that_is_its_own_reverse),
		cmocka_unit_test(test_a_reader_sees_whole_flows_while_the_owner_changes_them),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]); /* under a race detector only some of it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
