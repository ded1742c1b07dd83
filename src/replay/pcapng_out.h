/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing a pcapng file with Ethernet interfaces and nanosecond timestamps. The bytes depend on nothing but
 * the interfaces' names and the packets.
 *
 * Thread-safety: none; one thread per file.
 */
#ifndef WEIR_REPLAY_PCAPNG_OUT_H
#define WEIR_REPLAY_PCAPNG_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PCAPNG_OUT_FRAME_MAX 262144 /* bytes of a packet, at most */

struct pcapng_out;

/* Creates or empties the file and writes its headers, with interface 0. `ifname`: if_name of the interface,
 * at most 255 bytes. NULL with a sentence. */
struct pcapng_out *pcapng_out_open(const char *path, const char *ifname, struct err *e);

/* Describes one more interface; its number, counted from 1. */
uint32_t pcapng_out_interface(struct pcapng_out *o, const char *ifname);

/* Writes a packet of `len` bytes that left by `interface` at `ns` since 1970, all but its bytes: those the
 * caller puts where the result points before the next call. Errors are kept until pcapng_out_close(). */
uint8_t *pcapng_out_packet(struct pcapng_out *o, uint32_t interface, uint64_t ns, uint32_t len);

uint64_t pcapng_out_packets(const struct pcapng_out *o);
/* Writing failed; pcapng_out_close() will say why. */
bool pcapng_out_failed(const struct pcapng_out *o);

/* Writes what is buffered and frees o (which may be NULL). 0, or a negative errno with the first sentence of
 * what went wrong since it was opened. */
int pcapng_out_close(struct pcapng_out *o, struct err *e);

#endif
