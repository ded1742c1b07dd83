/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports on kernel interfaces (af_packet:): what keeps links and neighbours alive has a socket of its own
 * beside the driver's rings, so that a flood that fills these loses none of it. The same classic BPF program
 * decides for both: what it takes comes by our socket, everything else by the rings. The twins' thread reads
 * it and hands it to worker 0 as received by the port (io.c).
 *
 * Only packets that nobody forwards: ARP, neighbour discovery, groups of the link, BFD with TTL 255, control
 * protocols of the link layer. Others may be on their way through, and keep their order.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "base/log.h"
#include "feature/iface/iface.h"
#include "feature/kernel/kernel_priv.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define BUFFER (1 << 20)

/* Jumps count from the next instruction: L(x) is the way from instruction `at` to x. */
#define L(at, to) (uint8_t)((to) - (at)-1)
enum { I_V4 = 7, I_V6 = 20, I_UDP = 31, I_YES = 36, I_NO = 37, I_COUNT = 38 };

static const struct sock_filter program[I_COUNT] = {
	[0] = BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
	[1] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, L(1, I_V4), 0),
	[2] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, L(2, I_V6), 0),
	[3] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, L(3, I_YES), 0),
	[4] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_SLOW, L(4, I_YES), 0),
	[5] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_LLDP, L(5, I_YES), 0),
	/* A length: LLC, as IS-IS and STP. */
	[6] = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 1536, L(6, I_NO), L(6, I_YES)),
	/* 224.0.0.0/24, or TTL 255, UDP, no fragment */
	[I_V4] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
	[8] = BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xffffff00),
	[9] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xe0000000, L(9, I_YES), 0),
	[10] = BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 22),
	[11] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KERNEL_TTL_LINK, 0, L(11, I_NO)),
	[12] = BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
	[13] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, L(13, I_NO)),
	[14] = BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
	[15] = BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, L(15, I_NO), 0),
	[16] = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
	[17] = BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
	[18] = BPF_JUMP(BPF_JMP | BPF_JA, L(18, I_UDP), 0, 0),
	[19] = BPF_STMT(BPF_RET | BPF_K, 0), /* never reached */
	/* ff02::/16, or hop limit 255 and neighbour discovery or UDP, without extension headers */
	[I_V6] = BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 38),
	[21] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff02, L(21, I_YES), 0),
	[22] = BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 21),
	[23] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KERNEL_TTL_LINK, 0, L(23, I_NO)),
	[24] = BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
	[25] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 4, 0),
	[26] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, L(26, I_NO)),
	[27] = BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
	[28] = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 133, 0, L(28, I_NO)),
	[29] = BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 136, L(29, I_NO), L(29, I_YES)),
	[30] = BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 56),
	/* The destination port is loaded. */
	[I_UDP] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3784, L(31, I_YES), 0),
	[32] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3785, L(32, I_YES), 0),
	[33] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 7784, L(33, I_YES), L(33, I_NO)),
	[34] = BPF_STMT(BPF_RET | BPF_K, 0),
	[35] = BPF_STMT(BPF_RET | BPF_K, 0),
	[I_YES] = BPF_STMT(BPF_RET | BPF_K, 0x40000),
	[I_NO] = BPF_STMT(BPF_RET | BPF_K, 0),
};

/* The program, or the opposite of it. */
static int attach(int fd, bool opposite)
{
	struct sock_filter code[I_COUNT];
	struct sock_fprog p = {.len = I_COUNT, .filter = code};

	memcpy(code, program, sizeof code);
	if (opposite) {
		code[I_YES] = program[I_NO];
		code[I_NO] = program[I_YES];
	}
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p);
}

/* --- the driver's sockets --- */

static bool is_of(int fd, int ifindex)
{
	struct sockaddr_ll a = {0};
	int domain = 0;
	socklen_t len = sizeof domain, alen = sizeof a;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_PACKET &&
	       getsockname(fd, (struct sockaddr *)&a, &alen) == 0 && a.sll_ifindex == ifindex &&
	       a.sll_protocol != 0;
}

/* The driver keeps them to itself: all packet sockets of the interface but ours. */
static unsigned others(const struct steer *s, bool on)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		return 0;
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		int fd = atoi(e->d_name), none = 0;

		if (fd <= 2 || fd == s->fd || !is_of(fd, s->ifindex))
			continue;
		if (on)
			n += attach(fd, true) == 0;
		else
			n += setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) == 0;
	}
	closedir(d);
	return n;
}

/* --- ours --- */

static int open_socket(struct steer *s)
{
	struct sockaddr_ll a = {
		.sll_family = AF_PACKET, .sll_ifindex = s->ifindex, .sll_protocol = htons(ETH_P_ALL)};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, size = BUFFER;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	/* The filter comes first: until it is bound the socket gets nothing. */
	if (attach(fd, false) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0 ||
		bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

static void end(struct io *io, struct steer *s, uint16_t port)
{
	if (s->fd < 0)
		return;
	others(s, false);
	io_steer_end(io, port);
	close(s->fd);
	s->fd = -1;
	s->netdev[0] = '\0';
}

static void begin(struct io *io, struct steer *s, uint16_t port, const char *netdev)
{
	int rc;

	snprintf(s->netdev, sizeof s->netdev, "%s", netdev);
	s->ifindex = (int)if_nametoindex(netdev);
	s->fd = s->ifindex != 0 ? open_socket(s) : -ENODEV;
	rc = s->fd >= 0 ? io_steer(io, port, s->fd) : s->fd;
	if (rc == 0 && others(s, true) != 0)
		return;
	log_info("port on '%s': control packets share the ring with everything else (%s)", netdev,
		rc != 0 ? strerror(-rc) : "no socket of the driver was found");
	if (s->fd >= 0)
		end(io, s, port);
	s->fd = -1;
}

void steer_update(struct weir *w, bool on)
{
	struct kernel_state *k = w->kernel;

	for (uint16_t p = 0; p < PORT_MAX && k->io != NULL; p++) {
		const char *netdev = on ? iface_port_shared(w, p) : "";
		struct steer *s = &k->steer[p];

		if (s->fd >= 0 && strcmp(s->netdev, netdev) == 0 &&
			(int)if_nametoindex(netdev) == s->ifindex) {
			others(s, true); /* the driver may have new ones */
			continue;
		}
		end(k->io, s, p);
		if (netdev[0] != '\0')
			begin(k->io, s, p, netdev);
	}
}
