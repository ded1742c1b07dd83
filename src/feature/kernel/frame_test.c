/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames between buffers and TAPs, and what the kernel says about its multicast groups.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/kernel/groups.h"
#include "feature/kernel/kernel_priv.h"

#define HOST4 "10.0.0.2"
#define HOST6 "2001:db8:a::2"
#define US4 "10.0.0.1"
#define US6 "2001:db8:a::1"

static void frames_of_the_kernel_have_classes(void **state)
{
	static const struct {
		const char *src, *dst;
		uint16_t sport, dport;
		uint8_t ttl;
		enum kernel_class is;
	} rows[] = {
		{US4, HOST4, 49152, 3784, 255, KERNEL_LIVENESS},
		{US4, HOST4, 49152, 3784, 64, KERNEL_OTHER},
		{US6, HOST6, 49152, 3784, 255, KERNEL_LIVENESS},
		{US4, HOST4, 49152, 520, 1, KERNEL_ROUTING},
		{US4, HOST4, 68, 67, 64, KERNEL_DHCP},
		{US6, HOST6, 49152, 53, 64, KERNEL_OTHER},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_from(0, 2);
		build_ip(&lab.b, rows[i].src, rows[i].dst);
		build_ttl(&lab.b, rows[i].ttl);
		build_udp(&lab.b, rows[i].sport, rows[i].dport);
		build_end(&lab.b);
		assert_int_equal(frame_classify(lab.b.data, lab.b.len), rows[i].is);
		for (size_t len = 0; len < lab.b.len; len++) /* cut anywhere: no matter, but nothing urgent */
			assert_in_range(frame_classify(lab.b.data, len), 0, KERNEL_CLASSES - 1);
	}
	begin_from(0, 2);
	build_arp(&lab.b, 1, lab_mac(0), 0x0a000001, host_mac(0), 0x0a000002);
	build_end(&lab.b);
	assert_int_equal(frame_classify(lab.b.data, lab.b.len), KERNEL_ARP_ND);
}

static void tags_come_off_and_go_on(void **state)
{
	struct io_twin t = {.ntags = 2, .tag = {0x88, 0xa8, 0, 5, 0x81, 0, 0, 6}};
	struct iovec iov[FRAME_PIECES];
	uint8_t head[14];
	struct rte_mbuf *m;

	begin_from(0, 2);
	build_vlan(&lab.b, 0x88a8, 5);
	build_vlan(&lab.b, 0x8100, 6);
	build_ip(&lab.b, HOST4, US4);
	build_udp(&lab.b, 1, 2);
	build_payload(&lab.b, 500);
	build_end(&lab.b);
	m = build_mbuf(&lab.b, lab.pool, 40, 100);
	note_of(m)->l3 = 22;
	note_of(m)->family = FAMILY_V4;
	assert_int_equal(frame_gather(m, head, iov), 2 + m->nb_segs - 1);
	assert_memory_equal(head, lab.b.data, 12);
	assert_int_equal(head[12] << 8 | head[13], 0x0800);
	assert_int_equal(iov[1].iov_len, 18);
	assert_memory_equal(iov[1].iov_base, lab.b.data + 22, 18);
	assert_memory_equal(iov[2].iov_base, lab.b.data + 40, 100);
	rte_pktmbuf_free(m);

	/* The same without tags, and back. */
	memmove(lab.b.data + 12, lab.b.data + 20, lab.b.len - 20);
	m = frame_store(lab.pool, lab.b.data, lab.b.len - 8);
	assert_true(frame_tag(m, &t));
	assert_int_equal(m->pkt_len, lab.b.len);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 12, t.tag, 8);
	assert_memory_equal(rte_pktmbuf_mtod(m, uint8_t *) + 20, lab.b.data + 12, 200);
	rte_pktmbuf_free(m);
}

static void large_frames_take_several_buffers(void **state)
{
	static uint8_t frame[20000];
	struct rte_mbuf *m;
	uint32_t at = 0;

	for (unsigned i = 0; i < sizeof frame; i++)
		frame[i] = build_pattern(i);
	m = frame_store(lab.pool, frame, sizeof frame);
	assert_int_equal(m->pkt_len, sizeof frame);
	for (const struct rte_mbuf *s = m; s != NULL; at += s->data_len, s = s->next)
		assert_memory_equal(rte_pktmbuf_mtod(s, uint8_t *), frame + at, s->data_len);
	assert_int_equal(at, sizeof frame);
	assert_true(m->nb_segs > 1);
	rte_pktmbuf_free(m);
}

/* --- groups --- */

static void lines_of_the_kernels_groups(void **state)
{
	static const struct {
		const char *line;
		bool v4;
		int ifindex;       /* afterwards */
		const char *group; /* NULL: none */
	} rows[] = {
		{"Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n", true, 7, NULL},
		{"12\tlan       :     2      V3\n", true, 12, NULL},
		{"\t\t\t\t030201EF     1 0:00000000\t\t0\n", true, 7, "239.1.2.3"},
		{"\t\t\t\t030201EFF     1 0:00000000\t\t0\n", true, 7, NULL},
		{"\t\t\t\txyz\n", true, 7, NULL},
		{"\t\t\t\t030201EF", true, 7, NULL},
		{"99999999999\tlan : 1\n", true, 0, NULL},
		{"", true, 7, NULL},
		{"4    lan             ff050000000000000000000000001234     1 00000004 0\n", false, 4,
			"ff05::1234"},
		{"4    lan             ff05000000000000000000000000123      1 00000004 0\n", false, 4, NULL},
		{"4    lan             ff05000000000000000000000000123456   1 00000004 0\n", false, 4, NULL},
		{"4    lan", false, 4, NULL},
		{"x    lan             ff050000000000000000000000001234     1 00000004 0\n", false, 7, NULL},
		{"", false, 7, NULL},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct ipaddr got, want = {0};
		int ifindex = 7;
		bool is = (rows[i].v4 ? groups_line4 : groups_line6)(rows[i].line, &ifindex, &got);

		if (is != (rows[i].group != NULL) || ifindex != rows[i].ifindex)
			fail_msg("%u: %s", i, rows[i].line);
		if (!is)
			continue;
		ipaddr_parse(rows[i].group, &want);
		assert_true(ipaddr_equal(&got, &want));
	}
}

static void reports_of_the_kernel(void **state)
{
	static const uint8_t alert[6] = {5, 2, 0, 0, 1, 0}; /* router alert and padding */

	for (unsigned type = 130; type <= 143; type++) {
		begin_from(0, 2);
		build_ip(&lab.b, "fe80::2", "ff02::16");
		build_extension(&lab.b, 0, alert, sizeof alert);
		build_icmp(&lab.b, (uint8_t)type, 0, 0);
		build_end(&lab.b);
		assert_int_equal(
			groups_reported(lab.b.data, lab.b.len), type == 131 || type == 132 || type == 143);
		for (size_t len = 0; len < lab.b.len - 8; len++)
			assert_false(groups_reported(lab.b.data, len));
	}
	begin_from(0, 2);
	build_ip(&lab.b, "10.0.0.1", "224.0.0.22");
	build_end(&lab.b);
	lab.b.data[14 + 9] = 2;
	assert_true(groups_reported(lab.b.data, 60));
	lab.b.data[14 + 9] = 17;
	assert_false(groups_reported(lab.b.data, 60));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(frames_of_the_kernel_have_classes),
		lab_test(tags_come_off_and_go_on),
		lab_test(large_frames_take_several_buffers),
		lab_test(lines_of_the_kernels_groups),
		lab_test(reports_of_the_kernel),
	};

	return cmocka_run_group_tests_name("kernel frames", tests, lab_group_setup, NULL);
}
