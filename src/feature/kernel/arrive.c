/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Control packets of a port from the socket that steer.c opened. The twins' thread.
 */
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <linux/if_packet.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "feature/kernel/kernel_priv.h"

REASON_DEFINE(reason_arrive_full, REASON_ERROR, "control-arrivals-full",
	"A control packet that came past a port's ring found no buffer, or worker 0 does not take them.")
REASON_DEFINE(reason_arrive_rate, REASON_DROP, "control-arrivals-policed",
	"Control packets came by a port faster than 20000 in a second.")

#define ROUND 32
#define RATE 20000 /* a second and port; what goes up further has the rates of its class */
#define BURST 2000
#define TAG 4
#define FRAME_MAX (9600 + 64) /* the largest MTU, header and tags */

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The kernel takes the outer VLAN tag off and says so beside the frame. */
static bool tag_of(struct msghdr *h, uint8_t tag[TAG])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
		struct tpacket_auxdata aux;
		uint16_t word[2];

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof aux);
		if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0)
			return false;
		word[0] = rte_cpu_to_be_16((aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0
						   ? aux.tp_vlan_tpid
						   : RTE_ETHER_TYPE_VLAN);
		word[1] = rte_cpu_to_be_16(aux.tp_vlan_tci);
		memcpy(tag, word, TAG);
		return true;
	}
	return false;
}

/* Bytes of the frame that is now at *frame within buf, 0: none. */
static size_t read_frame(int fd, uint8_t buf[TAG + FRAME_MAX], uint8_t **frame)
{
	struct iovec iov = {buf + TAG, FRAME_MAX};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
	uint8_t tag[TAG];

	*frame = buf + TAG;
	if (n < RTE_ETHER_HDR_LEN || (h.msg_flags & MSG_TRUNC) != 0 || !tag_of(&h, tag))
		return n < RTE_ETHER_HDR_LEN || (h.msg_flags & MSG_TRUNC) != 0 ? 0 : (size_t)n;
	*frame = buf;
	memmove(buf, buf + TAG, 12);
	memcpy(buf + 12, tag, TAG);
	return (size_t)n + TAG;
}

static void hand_over(struct weir *w, struct arrive *a, struct rte_mbuf *m, struct counters *c, uint64_t now)
{
	const struct reason *why = NULL;

	if (!bucket_take(&a->bucket, now, RATE, BURST))
		why = &reason_arrive_rate;
	else if (rte_ring_mp_enqueue(w->worker[0]->arrivals, m) != 0)
		why = &reason_arrive_full;
	if (why == NULL)
		return;
	c->received++;
	c->reason[why->id]++;
	rte_pktmbuf_free(m);
}

unsigned arrive(struct weir *w, struct arrive *a, struct rte_mempool *pool, struct counters *c)
{
	uint8_t buf[TAG + FRAME_MAX], *frame;
	uint64_t now = clock_ns();
	unsigned n;
	size_t len;

	for (n = 0; n < ROUND && a->fd >= 0 && (len = read_frame(a->fd, buf, &frame)) != 0; n++) {
		struct rte_mbuf *m = frame_store(pool, frame, len);

		if (m == NULL) {
			c->received++;
			c->reason[reason_arrive_full.id]++;
			continue;
		}
		m->port = a->port;
		hand_over(w, a, m, c, now);
	}
	if (n != 0 && w->wake != NULL)
		w->wake(w, 0);
	return n;
}
