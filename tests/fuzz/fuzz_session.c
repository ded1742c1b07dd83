/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What sessions read of packets that others wrote: the packet inside an ICMP error, TCP headers and windows,
 * and whole frames through a router with a firewall. The first byte says which; frames come as (length, port
 * and clock step, bytes), and afterwards every packet must be accounted for and the states must add up.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "feature/session/key.h"
#include "feature/session/tcp.h"
#include "pipeline/weir.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"ports: {p0: {device: \"null\"}, p1: {device: \"null\"}}\n"
	"sessions: {max: 64, per-source: 40, accounting: true}\n"
	"interfaces:\n"
	"  a: {port: p0, zone: in, addresses: [10.0.1.1/24, \"2001:db8:1::1/64\"]}\n"
	"  b: {port: p1, zone: out, addresses: [10.0.2.1/24, \"2001:db8:2::1/64\"]}\n"
	"neighbors:\n"
	"  - {interface: a, address: 10.0.1.2, mac: \"02:00:00:00:00:98\"}\n"
	"  - {interface: b, address: 10.0.2.2, mac: \"02:00:00:00:00:99\"}\n"
	"routes: [{prefix: 0.0.0.0/0, via: [{address: 10.0.2.2}]}, {prefix: \"::/0\", via: [{address: "
	"\"2001:db8:2::9\"}]}]\n"
	"firewall:\n"
	"  - {from: in, to: out, default: accept}\n"
	"  - {from: out, to: in, rules: [{match: {protocol: tcp, destination-port: 80}, action: accept},\n"
	"      {match: {protocol: udp}, action: reject}, {match: {protocol: 47}, track: false, action: "
	"accept}]}\n";

static struct weir *weir;
static struct rte_mempool *pool;
static uint64_t now = 1000000000;

static uint16_t swallow(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static void need(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *eal[] = {"fuzz", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-fuzz-session",
		"-m", "128", "--no-telemetry", "-l", "0", "--log-level", "error"};
	static struct diag d;
	struct err e = {0};
	struct node *root;

	need(rte_eal_init(RTE_DIM(eal), eal) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", 8191, 0, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	need(pool != NULL);
	weir = weir_new(1, pool, &e);
	need(weir != NULL);
	weir_control(weir, now);
	for (uint16_t p = 0; p < 2; p++) {
		const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(p + 1)};

		need(iface_port_register(weir, p == 0 ? "p0" : "p1", p, mac, 1500, &e) == 0);
		weir->worker[0]->tx[p].send = swallow;
	}
	root = yaml_read(config, sizeof config - 1, &d);
	need(root != NULL && schema_check(root, &d) == 0 && weir_apply(weir, root, &e) == 0);
	node_free(root);
	weir_link_set(weir, 0, true);
	weir_link_set(weir, 1, true);
	return 0;
}

static void fuzz_inner(const uint8_t *data, size_t size)
{
	struct key_inner in;
	uint8_t *copy = malloc(size + 1); /* its end is the end of what may be read */

	memcpy(copy, data, size);
	for (unsigned f = 0; f < 2; f++)
		if (key_read_inner(copy, (uint32_t)size, f ? FAMILY_V6 : FAMILY_V4, &in))
			need(in.l4 >= copy && in.l4 + 8 <= copy + size);
	free(copy);
}

static void fuzz_tcp(const uint8_t *data, size_t size)
{
	struct session s = {.state = 0};
	struct tcp_segment g;
	bool begun = false;

	for (; size >= 61; data += 61, size -= 61) {
		if (!tcp_read(data + 1, 60, 60 + (data[0] >> 1), &g))
			continue;
		if (!begun)
			tcp_begin(&s, &g);
		else
			tcp_track(&s, data[0] & 1, &g);
		begun = true;
		need(session_state_of(&s) <= SESSION_RESET);
	}
}

static void inject(const uint8_t *p, size_t len, uint16_t port)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	char *to = m != NULL ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;

	if (to == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(to, p, len);
	worker_receive(weir->worker[0], weir_generation(weir), port, &m, 1, now);
}

static void settle(void)
{
	for (unsigned i = 0; i < 64; i++)
		if (weir_control(weir, now) + worker_drain(weir->worker[0], weir_generation(weir), now) == 0)
			break;
}

static void check_sums(void)
{
	struct counters c = {0};
	struct session_totals t;
	uint64_t ended = 0, states = 0;

	weir_counters(weir, &c);
	for (unsigned i = 0; i < REASON_MAX; i++)
		ended += c.reason[i];
	need(c.received + c.originated == c.transmitted + ended + weir_held(weir));
	session_totals(weir, &t);
	for (unsigned i = 0; i < SESSION_STATE_COUNT; i++)
		states += t.state[i];
	need(states == t.sessions && t.sessions <= t.max + 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 4 == 0)
		fuzz_inner(data + 1, size - 1);
	else if (data[0] % 4 == 1)
		fuzz_tcp(data + 1, size - 1);
	for (data++, size--; size >= 3;) {
		size_t len = RTE_MIN((size_t)data[0] << 3 | data[1] >> 5, size - 3);

		now += (uint64_t)(data[2] >> 1) * 20000000;
		inject(data + 3, len, data[2] & 1);
		settle();
		data += 3 + len;
		size -= 3 + len;
	}
	check_sums();
	return 0;
}
