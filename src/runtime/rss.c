/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Receive-side scaling that agrees with STAGE_SHARD (decision 0008): the card's Toeplitz hash with a key of
 * repeated 16-bit words is the same for both directions of a flow (Woo and Park, "Scalable TCP session
 * monitoring with symmetric receive-side scaling", 2012), and its redirection table names the queue that the
 * flow's owner polls.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "runtime/priv.h"

/* Mobile IPv6 variants take addresses from extension headers, which software does not. */
#define WANTED                                                                                               \
	((RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP) &                                              \
		~(RTE_ETH_RSS_IPV6_EX | RTE_ETH_RSS_IPV6_TCP_EX | RTE_ETH_RSS_IPV6_UDP_EX))
#define TABLE_MAX 512

void rss_want(struct port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf,
	uint8_t key[RSS_KEY_MAX])
{
	uint64_t hf = info->flow_type_rss_offloads & WANTED;

	p->rss = p->rx_queues > 1 && hf != 0;
	if (!p->rss)
		return;
	for (unsigned i = 0; i < RSS_KEY_MAX; i++)
		key[i] = i % 2 == 0 ? SHARD_KEY >> 8 : SHARD_KEY & 0xff;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = hf;
	if (info->hash_key_size != 0 && info->hash_key_size <= RSS_KEY_MAX) {
		conf->rx_adv_conf.rss_conf.rss_key = key;
		conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
	}
}

/* Queue for a bucket: one of those its owner polls, in turn; any when the owner polls none of this port. */
static uint16_t queue_for(
	const struct layout *l, const struct shard_map *map, const struct port *p, unsigned bucket)
{
	uint16_t own[WORKER_MAX * 4], n = 0;

	for (uint16_t q = 0; q < p->rx_queues && n < RTE_DIM(own); q++)
		if (plan_queue_worker(l, p, q) == map->owner[bucket % SHARD_BUCKETS])
			own[n++] = q;
	return n != 0 ? own[bucket / map->workers % n] : (uint16_t)(bucket % p->rx_queues);
}

void rss_write_table(const struct layout *l, struct port *p)
{
	struct worker *none[WORKER_MAX] = {NULL};
	struct shard_map map;
	struct rte_eth_rss_reta_entry64 table[TABLE_MAX / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_dev_info info;
	int rc;

	p->table_size = 0;
	if (!p->rss || rte_eth_dev_info_get(p->id, &info) != 0 || info.reta_size == 0 ||
		info.reta_size > TABLE_MAX)
		return;
	shard_map_fill(&map, none, l->set.workers);
	memset(table, 0, sizeof table);
	for (unsigned i = 0; i < info.reta_size; i++) {
		struct rte_eth_rss_reta_entry64 *group = &table[i / RTE_ETH_RETA_GROUP_SIZE];

		group->mask |= UINT64_C(1) << i % RTE_ETH_RETA_GROUP_SIZE;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = queue_for(l, &map, p, i);
	}
	rc = rte_eth_dev_rss_reta_update(p->id, table, info.reta_size);
	if (rc == 0)
		p->table_size = info.reta_size;
	else if (rc != -ENOTSUP)
		log_warning("port '%s': its device refused the RSS table (%s); flows are brought to their "
			    "workers in software",
			p->wish.name, strerror(-rc));
}
