/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK's AF_PACKET driver joins its sockets to a fanout group with PACKET_FANOUT_FLAG_DEFRAG, even for one
 * queue: the kernel then reassembles IPv4 fragments before the driver sees them, and cuts the result off at
 * the slot size. A router must see what is on the wire. The driver has no option against it (22.11), so the
 * program's own setsockopt() takes the flag out and passes everything else on. See docs/decisions/0005.
 */
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	int fanout;

	if (level == SOL_PACKET && name == PACKET_FANOUT && len == sizeof fanout) {
		memcpy(&fanout, value, sizeof fanout);
		fanout &= (int)~((unsigned)PACKET_FANOUT_FLAG_DEFRAG << 16);
		return (int)syscall(SYS_setsockopt, fd, level, name, &fanout, len);
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}
