/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole frames through a whole instance with two interfaces, VLANs and VRFs: the input is a sequence of
 * (length, port and clock step, bytes). After each input every packet must be accounted for.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "pipeline/weir.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config[] =
	"ports: {p0: {device: \"null\"}, p1: {device: \"null\"}}\n"
	"vrfs: {blue: {}}\n"
	"interfaces:\n"
	"  a: {port: p0, addresses: [10.0.1.1/24, \"2001:db8:1::1/64\"]}\n"
	"  b: {port: p1, mtu: 600, addresses: [10.0.2.1/24]}\n"
	"  c: {parent: a, vlan: 10, addresses: [10.0.3.1/24, \"2001:db8:3::1/64\"]}\n"
	"  d: {parent: b, vlan: 20, inner-vlan: 30, tpid: 802.1ad, vrf: blue, addresses: [10.0.1.1/24]}\n"
	"neighbors: [{interface: b, address: 10.0.2.2, mac: \"02:00:00:00:00:99\"}]\n"
	"routes: [{prefix: 0.0.0.0/0, via: [{address: 10.0.2.2}, {address: 10.0.1.9, weight: 3}]},\n"
	"  {prefix: \"2001:db8::/32\", via: [{address: \"2001:db8:1::9\"}]}]\n";

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
	char *eal[] = {"fuzz", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-fuzz", "-m",
		"128", "--no-telemetry", "-l", "0", "--log-level", "error"};
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

static void settle(void)
{
	const struct generation *g = weir_generation(weir);

	for (unsigned i = 0; i < 64; i++)
		if (weir_control(weir, now) + worker_drain(weir->worker[0], g, now) == 0)
			break;
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

static void check_invariant(void)
{
	struct counters c = {0};
	uint64_t ended = 0;

	weir_counters(weir, &c);
	for (unsigned i = 0; i < REASON_MAX; i++)
		ended += c.reason[i];
	need(c.received + c.originated == c.transmitted + ended + weir_held(weir));
	need(weir_held(weir) != 0 ||
		rte_mempool_in_use_count(pool) == 0); /* a held packet may be several buffers */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size >= 3) {
		size_t len = RTE_MIN((size_t)data[0] << 3 | data[1] >> 5, size - 3);

		now += (uint64_t)(data[2] >> 1) * 20000000;
		inject(data + 3, len, data[2] & 1);
		settle();
		data += 3 + len;
		size -= 3 + len;
	}
	settle();
	check_invariant();
	return 0;
}
