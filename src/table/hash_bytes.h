/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC32C over bytes of any alignment: rte_hash_crc() loads whole words from where the key lies, which C only
 * allows for aligned keys.
 */
#ifndef WEIR_TABLE_HASH_BYTES_H
#define WEIR_TABLE_HASH_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <rte_hash_crc.h>

static inline uint32_t hash_bytes(const void *key, size_t len, uint32_t h)
{
	const uint8_t *p = key;
	uint64_t v;

	for (; len >= sizeof v; len -= sizeof v, p += sizeof v) {
		memcpy(&v, p, sizeof v);
		h = rte_hash_crc_8byte(v, h);
	}
	for (; len > 0; len--)
		h = rte_hash_crc_1byte(*p++, h);
	return h;
}

#endif
