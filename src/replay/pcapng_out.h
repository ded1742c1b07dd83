/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing a pcapng file with one Ethernet interface and nanosecond timestamps. The bytes depend on nothing
 * but the interface's name and the packets.
 *
 * Thread-safety: none; one thread per file.
 */
#ifndef WEIR_REPLAY_PCAPNG_OUT_H
#define WEIR_REPLAY_PCAPNG_OUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct pcapng_out;

/* Creates or empties the file and writes its headers. `ifname`: if_name of the interface, at most 255 bytes.
 * NULL with a sentence. */
struct pcapng_out *pcapng_out_open(const char *path, const char *ifname, struct err *e);

/* A packet of `len` bytes at `ns` since 1970 begins; its bytes follow with pcapng_out_bytes(), `len` in all,
 * then pcapng_out_end(). Errors are kept until pcapng_out_close(). */
void pcapng_out_begin(struct pcapng_out *o, uint64_t ns, uint32_t len);
void pcapng_out_bytes(struct pcapng_out *o, const void *data, uint32_t len);
void pcapng_out_end(struct pcapng_out *o);

uint64_t pcapng_out_packets(const struct pcapng_out *o);

/* Writes what is buffered and frees o (which may be NULL). 0, or a negative errno with the first sentence of
 * what went wrong since it was opened. */
int pcapng_out_close(struct pcapng_out *o, struct err *e);

#endif
