/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fragments and the output features of the interface they leave by.
 */
#include "harness.h"

#include <string.h>

/* A feature of interface b's output, as a feature of its own would be. */
static bool count_output;
static unsigned counted, counted_bytes;
static bool drop_output;

REASON_DEFINE(reason_test_output, REASON_DROP, "test-output", "Dropped by the test's output feature.")

static void output_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		counted++;
		counted_bytes += b->pkt[i]->pkt_len - b->l3[i];
		assert_int_equal(b->oif[i], generation_iface(g, "b")->id);
		if (drop_output)
			burst_drop(b, (unsigned)i, &reason_test_output);
	}
}

static const struct stage stage_output = {.name = "test-output",
	.help = "counts",
	.id = STAGE_QOS,
	.run = output_run,
	.next = STAGE_BIT(STAGE_DROP)};
STAGE_REGISTER(stage_output)

static int output_prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	for (unsigned i = 1; i < next->iface_limit; i++)
		if (count_output && next->iface[i] != NULL && strcmp(next->iface[i]->name, "b") == 0)
			next->iface[i]->out |= STAGE_BIT(STAGE_QOS);
	return 0;
}

static struct feature feature_output = {.name = "output", .order = 90, .prepare = output_prepare};
FEATURE_REGISTER(feature_output)

static void fragments_meet_the_output_features(void **state)
{
	unsigned out;

	count_output = true;
	lab_config(LAB_TWO_NETS4(", mtu: 576"));
	count_output = false;
	for (unsigned drop = 0; drop < 2; drop++) {
		counted = counted_bytes = 0;
		drop_output = drop != 0;
		begin_ip(0, 2, "10.0.0.2", "10.0.1.3");
		build_payload(&lab.b, 1400);
		inject(0);
		out = lab_waiting(1);
		lab_discard();
		assert_int_equal(out, drop ? 0 : 3);
		assert_int_equal(counted, 3);
		assert_int_equal(counted_bytes, 1400 + 3 * 20);
		assert_int_equal(lab_drops("test-output"), drop ? 3 : 0);
	}
	drop_output = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {lab_test(fragments_meet_the_output_features)};

	return cmocka_run_group_tests_name("ip output", tests, lab_group_setup, NULL);
}
