/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Framing of FPM (FRR's fpm/fpm.h): version 1, type 1 (netlink), length in network order with these four
 * bytes. Pure.
 */
#ifndef WEIR_FEATURE_NETLINK_FRAME_H
#define WEIR_FEATURE_NETLINK_FRAME_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#define FPM_HEADER 4u
#define FPM_FRAME_MAX 65535u
#define FPM_NETLINK 1

/* Length of the frame at the start of `len` bytes; 0 when more bytes are needed; -EBADMSG when it is none. */
static inline int fpm_frame(const uint8_t *bytes, size_t len)
{
	unsigned n;

	if (len >= 1 && bytes[0] != 1)
		return -EBADMSG;
	if (len < FPM_HEADER)
		return 0;
	n = (unsigned)bytes[2] << 8 | bytes[3];
	if (n < FPM_HEADER)
		return -EBADMSG;
	return n <= len ? (int)n : 0;
}

static inline void fpm_frame_put(uint8_t out[FPM_HEADER], size_t payload)
{
	size_t n = payload + FPM_HEADER;

	out[0] = 1;
	out[1] = FPM_NETLINK;
	out[2] = (uint8_t)(n >> 8);
	out[3] = (uint8_t)n;
}

#endif
