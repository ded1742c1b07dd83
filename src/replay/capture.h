/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading capture files: pcap (both byte orders, microseconds and nanoseconds) and pcapng (both byte orders,
 * several sections and interfaces, any timestamp resolution), as they are or compressed with gzip, from
 * files, pipes and standard input. They are read in pieces, so memory stays flat and a file that is cut while
 * it is read is only a file that ends early. Every length is checked against what is there.
 *
 * A file that ends in the middle of a packet gives what came before and a warning; one that makes no sense is
 * an error, with the offset.
 *
 * Thread-safety: none; one thread per capture.
 */
#ifndef WEIR_REPLAY_CAPTURE_H
#define WEIR_REPLAY_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CAPTURE_FRAME_MAX 262144 /* bytes; what libpcap and Wireshark accept for Ethernet */
#define CAPTURE_LINK_ETHERNET 1
#define CAPTURE_NS_MAX                                                                                       \
	UINT64_C(4611686018427387904) /* timestamps beyond the year 2116 are brought back to it */

struct capture;

struct capture_frame {
	const uint8_t *data; /* valid until the next frame is read */
	uint32_t len;        /* bytes captured */
	uint32_t wire_len;   /* bytes on the wire, >= len unless the file is odd */
	uint64_t ns;         /* since 1970 */
};

/* Opens a file or pipe ("-": standard input) / `len` bytes of memory that outlive the capture. NULL with a
 * sentence on failure; `name` is for messages. */
struct capture *capture_open(const char *path, struct err *e);
struct capture *capture_open_memory(const void *data, size_t len, const char *name, struct err *e);
void capture_close(struct capture *c);

/* Next frame: 1, or 0 at the end, or a negative errno with a sentence (and again at every further call). */
int capture_next(struct capture *c, struct capture_frame *f, struct err *e);

/* Bytes of the file that were read, and of all of it, or 0 where that cannot be known (pipes). */
uint64_t capture_position(const struct capture *c, uint64_t *size);

/* What was wrong with the end of the file, or NULL; known once capture_next() returned 0. */
const char *capture_warning(const struct capture *c);

#endif
