/* SPDX-License-Identifier: BSD-3-Clause */
#include "harness.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "base/log.h"
#include "control/diag.h"
#include "control/schema.h"
#include "control/tree.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"

#define POOL_SIZE 16383

struct lab lab;

static const char ports_yaml[] = "ports:\n"
				 "  p0: {device: \"null\"}\n"
				 "  p1: {device: \"null\"}\n"
				 "  p2: {device: \"null\"}\n"
				 "  p3: {device: \"null\"}\n";

/* --- life --- */

static void first_cpu(char *text, size_t size)
{
	cpu_set_t set;
	unsigned cpu = 0;

	sched_getaffinity(0, sizeof set, &set);
	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &set))
		cpu++;
	snprintf(text, size, "%u", cpu);
}

int lab_group_setup(void **state)
{
	char cpu[16];
	char *eal[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-test", "-m",
		"256", "--no-telemetry", "--log-level", "error", "-l", cpu};

	log_set_level(LOG_ERROR);
	first_cpu(cpu, sizeof cpu);
	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		return -1;
	lab.pool = rte_pktmbuf_pool_create("lab", POOL_SIZE, 0, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return lab.pool != NULL ? 0 : -1;
}

static uint16_t take_frames(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	struct lab_port *p = ctx;
	uint16_t i;

	for (i = 0; i < n && p->refuse_after != 0; i++) {
		if (p->first + p->count == LAB_FRAMES) {
			memmove(p->frame, p->frame + p->first, p->count * sizeof p->frame[0]);
			p->first = 0;
		}
		if (p->count == LAB_FRAMES)
			break;
		p->frame[p->first + p->count++] = pkts[i];
		if (p->refuse_after != UINT32_MAX)
			p->refuse_after--;
	}
	return i;
}

static void note_drop(void *ctx, struct rte_mbuf *m, uint16_t reason)
{
	snprintf(lab.last_reason, sizeof lab.last_reason, "%s", reason_get(reason)->name);
}

int lab_open(void **state)
{
	struct err e = {0};

	lab.pool_free = rte_mempool_avail_count(lab.pool);
	lab.now = SECONDS(1000);
	lab.received = 0;
	lab.random_payload = false;
	memset(lab.told, 0, sizeof lab.told);
	lab.w = weir_new(lab.workers != 0 ? lab.workers : 1, lab.pool, &e);
	if (lab.w == NULL) {
		print_error("%s\n", e.text);
		return -1;
	}
	for (unsigned k = 0; k < lab.w->worker_count; k++)
		lab.w->worker[k]->on_drop = note_drop;
	for (unsigned i = 0; i < LAB_PORTS; i++) {
		char name[8];

		snprintf(name, sizeof name, "p%u", i);
		if (iface_port_register(lab.w, name, (uint16_t)i, lab_mac(i), 1500, &e) != 0)
			return -1;
		lab.port[i].refuse_after = UINT32_MAX;
		lab.port[i].first = lab.port[i].count = 0;
		for (unsigned k = 0; k < lab.w->worker_count; k++) {
			lab.w->worker[k]->tx[i].send = take_frames;
			lab.w->worker[k]->tx[i].ctx = &lab.port[i];
		}
	}
	lab_step();
	return 0;
}

static void check_invariant(void)
{
	struct counters c = {0};
	uint64_t ended = 0;

	weir_counters(lab.w, &c);
	for (unsigned i = 0; i < REASON_MAX; i++)
		ended += c.reason[i];
	if (c.received != lab.received ||
		c.received + c.originated != c.transmitted + ended + weir_held(lab.w))
		fail_msg("received %lu (of %lu) + originated %lu != transmitted %lu + ended %lu + held %lu",
			c.received, lab.received, c.originated, c.transmitted, ended, weir_held(lab.w));
}

int lab_close(void **state)
{
	lab_step();
	check_invariant();
	lab_discard();
	weir_free(lab.w);
	lab.w = NULL;
	for (unsigned i = 0; i < LAB_PORTS; i++) {
		free(lab.port[i].last.data);
		lab.port[i].last.data = NULL;
	}
	if (rte_mempool_avail_count(lab.pool) != lab.pool_free)
		fail_msg("%d packet buffers leaked",
			(int)lab.pool_free - (int)rte_mempool_avail_count(lab.pool));
	return 0;
}

/* --- configuration and time --- */

int lab_apply(const char *yaml, struct err *e)
{
	struct diag d = {.file = "test"};
	size_t size = sizeof ports_yaml + strlen(yaml);
	char *text = malloc(size);
	struct node *root;
	int rc;

	snprintf(text, size, "%s%s", ports_yaml, yaml);
	d.source = text;
	d.source_len = strlen(text);
	root = yaml_read(text, d.source_len, &d);
	if (root == NULL || schema_check(root, &d) != 0) {
		diag_print(&d, stderr);
		fail_msg("the test's config is wrong");
	}
	rc = weir_apply(lab.w, root, e);
	node_free(root);
	free(text);
	return rc;
}

void lab_config(const char *yaml)
{
	struct err e = {0};

	if (lab_apply(yaml, &e) != 0)
		fail_msg("%s", e.text);
	for (uint16_t i = 0; i < LAB_PORTS; i++)
		weir_link_set(lab.w, i, true);
	lab_advance(SECONDS(5));
	lab_discard();
}

void lab_step(void)
{
	unsigned n;

	do {
		n = weir_control(lab.w, lab.now);
		for (unsigned k = 0; k < lab.w->worker_count; k++)
			n += worker_drain(lab.w->worker[k], weir_generation(lab.w), lab.now);
	} while (n != 0);
}

void lab_advance(uint64_t ns)
{
	uint64_t end = lab.now + ns, next;

	lab_step();
	while ((next = weir_next_timer(lab.w)) <= end) {
		lab.now = next > lab.now ? next : lab.now;
		lab_step();
	}
	lab.now = end;
	lab_step();
}

/* --- frames in --- */

static const struct {
	uint8_t mac[LAB_PORTS][6];
} port_macs = {{{2, 0, 0, 0, 0, 0x10}, {2, 0, 0, 0, 0, 0x11}, {2, 0, 0, 0, 0, 0x12}, {2, 0, 0, 0, 0, 0x13}}};

const uint8_t *lab_mac(unsigned port)
{
	return port_macs.mac[port];
}

const uint8_t *host_mac(unsigned host)
{
	static uint8_t mac[8][6]; /* a few at a time */
	static unsigned turn;
	uint8_t *m = mac[turn++ % 8];

	memcpy(m, ((const uint8_t[6]){2, 0xaa, 0, 0, (uint8_t)(host >> 8), (uint8_t)host}), 6);
	return m;
}

void begin_from(unsigned port, unsigned host)
{
	build_begin(&lab.b);
	build_ether(&lab.b, lab_mac(port), host_mac(host));
}

void begin_ip(unsigned port, unsigned host, const char *src, const char *dst)
{
	begin_from(port, host);
	build_ip(&lab.b, src, dst);
}

void inject_burst_on(unsigned worker, unsigned port, struct rte_mbuf **pkts, uint16_t n)
{
	lab.received += n;
	worker_receive(lab.w->worker[worker], weir_generation(lab.w), (uint16_t)port, pkts, n, lab.now);
	lab_step();
}

void inject_burst(unsigned port, struct rte_mbuf **pkts, uint16_t n)
{
	inject_burst_on(0, port, pkts, n);
}

void inject_split(unsigned port, uint16_t first, uint16_t rest)
{
	struct rte_mbuf *m;

	build_end(&lab.b);
	m = build_mbuf(&lab.b, lab.pool, first, rest);
	assert_non_null(m);
	inject_burst(port, &m, 1);
}

void inject(unsigned port)
{
	inject_split(port, 0, 0);
}

/* --- frames out --- */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void read_text(struct seen *s, const uint8_t *src, const uint8_t *dst)
{
	struct ipaddr a = {.family = s->family}, d = {.family = s->family};

	memcpy(a.bytes, src, family_bits(s->family) / 8);
	memcpy(d.bytes, dst, family_bits(s->family) / 8);
	ipaddr_format(&a, s->src);
	ipaddr_format(&d, s->dst);
}

static void read_ip4(struct seen *s)
{
	const uint8_t *ip = s->data + s->l3;

	s->family = FAMILY_V4;
	assert_true(s->len >= s->l3 + 20);
	s->l4 = s->l3 + (ip[0] & 15) * 4u;
	s->end = s->l3 + get16(ip + 2);
	assert_int_equal(ip[0] >> 4, 4);
	assert_true(s->end <= s->len && s->end >= s->l4);
	if (build_sum(ip, s->l4 - s->l3, 0) != 0xffff)
		fail_msg("a frame left with a wrong IPv4 header checksum");
	s->proto = ip[9];
	s->ttl = ip[8];
	s->frag_offset = (get16(ip + 6) & 0x1fffu) * 8;
	s->more = (ip[6] & 0x20) != 0;
	s->fragment = s->more || s->frag_offset != 0;
	s->frag_id = get16(ip + 4);
	read_text(s, ip + 12, ip + 16);
}

static void read_ip6(struct seen *s)
{
	const uint8_t *ip = s->data + s->l3, *f;

	s->family = FAMILY_V6;
	assert_true(s->len >= s->l3 + 40);
	s->end = s->l3 + 40 + get16(ip + 4);
	s->l4 = s->l3 + 40;
	assert_true(s->end <= s->len);
	s->proto = ip[6];
	s->ttl = ip[7];
	while (s->proto == 0 || s->proto == 60 || s->proto == 43) {
		s->proto = s->data[s->l4];
		s->l4 += (s->data[s->l4 + 1] + 1u) * 8;
	}
	if (s->proto == 44) {
		f = s->data + s->l4;
		s->proto = f[0];
		s->frag_offset = get16(f + 2) & 0xfff8u;
		s->more = f[3] & 1;
		s->fragment = true;
		s->frag_id = (uint32_t)get16(f + 4) << 16 | get16(f + 6);
		s->l4 += 8;
	}
	read_text(s, ip + 8, ip + 24);
}

/* Checksums of whole transport packets. */
static void verify_transport(const struct seen *s)
{
	const uint8_t *ip = s->data + s->l3;
	uint32_t len = s->end - s->l4, start;

	if (lab.random_payload || s->fragment ||
		(s->proto != 1 && s->proto != 6 && s->proto != 17 && s->proto != 58))
		return;
	if (s->proto == 17 && get16(s->data + s->l4 + 6) == 0)
		return; /* none */
	if (s->family == FAMILY_V4)
		start = s->proto == 1 ? 0 : build_sum(ip + 12, 8, s->proto + len);
	else
		start = build_sum(ip + 8, 32, s->proto + len);
	if (build_sum(s->data + s->l4, len, start) != 0xffff)
		fail_msg("a frame left with a wrong checksum of protocol %u", s->proto);
}

static void read_frame(struct seen *s)
{
	assert_true(s->len >= 14);
	s->l3 = 14;
	s->type = get16(s->data + 12);
	while ((s->type == 0x8100 || s->type == 0x88a8) && s->ntags < 2) {
		s->tpid[s->ntags] = s->type;
		s->vlan[s->ntags++] = get16(s->data + s->l3) & 0xfff;
		s->type = get16(s->data + s->l3 + 2);
		s->l3 += 4;
	}
	if (s->type == 0x0800)
		read_ip4(s);
	else if (s->type == 0x86dd)
		read_ip6(s);
	if (s->family != FAMILY_NONE)
		verify_transport(s);
}

const struct seen *expect_frame(unsigned port)
{
	struct lab_port *p = &lab.port[port];
	struct rte_mbuf *m;
	const uint8_t *data;

	if (p->count == 0)
		fail_msg("no frame left by port %u; the last packet ended with '%s'", port, lab.last_reason);
	m = p->frame[p->first++];
	p->count--;
	free(p->last.data);
	p->last = (struct seen){.len = m->pkt_len, .data = malloc(m->pkt_len)};
	data = rte_pktmbuf_read(m, 0, m->pkt_len, p->last.data);
	if (data != p->last.data)
		memcpy(p->last.data, data, m->pkt_len);
	rte_pktmbuf_free(m);
	read_frame(&p->last);
	return &p->last;
}

unsigned lab_waiting(unsigned port)
{
	return lab.port[port].count;
}

void expect_silence(void)
{
	for (unsigned i = 0; i < LAB_PORTS; i++)
		if (lab.port[i].count != 0)
			fail_msg("%u frames left by port %u and nothing was expected", lab.port[i].count, i);
}

void lab_discard(void)
{
	for (unsigned i = 0; i < LAB_PORTS; i++)
		while (lab.port[i].count != 0) {
			rte_pktmbuf_free(lab.port[i].frame[lab.port[i].first++]);
			lab.port[i].count--;
		}
}

uint64_t lab_drops(const char *name)
{
	struct counters c = {0};

	weir_counters(lab.w, &c);
	for (uint16_t i = 1; i <= reasons_count(); i++)
		if (strcmp(reason_get(i)->name, name) == 0) {
			uint64_t n = c.reason[i] - lab.told[i];

			lab.told[i] = c.reason[i];
			return n;
		}
	fail_msg("there is no reason '%s'", name);
	return 0;
}

void expect_drop(const char *reason)
{
	uint64_t n = lab_drops(reason);

	if (n != 1)
		fail_msg("%lu packets ended with '%s', the last one with '%s'", n, reason, lab.last_reason);
	expect_silence();
}

const struct seen *expect_icmp(
	unsigned port, const char *src, const char *dst, uint8_t type, uint8_t code, uint32_t info)
{
	const struct seen *s = expect_frame(port);
	const uint8_t *icmp = s->data + s->l4;

	assert_string_equal(s->src, src);
	assert_string_equal(s->dst, dst);
	assert_int_equal(s->proto, s->family == FAMILY_V4 ? 1 : 58);
	assert_int_equal(icmp[0], type);
	assert_int_equal(icmp[1], code);
	assert_int_equal((uint32_t)get16(icmp + 4) << 16 | get16(icmp + 6), info);
	return s;
}

uint64_t lab_random(void)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 11;
}
