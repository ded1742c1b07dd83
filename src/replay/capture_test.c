/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading captures: formats, byte orders and resolutions, and files that are damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/capture.h"

#define T UINT64_C(1700000000123456789)

/* --- files made by hand --- */

struct bytes {
	uint8_t data[4096];
	size_t len;
	bool swapped;
};

static void put16(struct bytes *b, uint16_t v)
{
	v = b->swapped ? __builtin_bswap16(v) : v;
	memcpy(b->data + b->len, &v, sizeof v);
	b->len += sizeof v;
}

static void put32(struct bytes *b, uint32_t v)
{
	v = b->swapped ? __builtin_bswap32(v) : v;
	memcpy(b->data + b->len, &v, sizeof v);
	b->len += sizeof v;
}

/* Bytes 0, 1, 2 ..., padded to four. */
static void put_frame(struct bytes *b, uint32_t len, bool pad)
{
	for (uint32_t i = 0; i < len; i++)
		b->data[b->len++] = (uint8_t)i;
	while (pad && b->len % 4 != 0)
		b->data[b->len++] = 0;
}

static void put_pcap(struct bytes *b, uint32_t magic, uint32_t link)
{
	put32(b, magic);
	put16(b, 2);
	put16(b, 4);
	put32(b, 0);
	put32(b, 0);
	put32(b, 65535);
	put32(b, link);
}

static void put_record(struct bytes *b, uint32_t s, uint32_t fraction, uint32_t len, uint32_t wire_len)
{
	put32(b, s);
	put32(b, fraction);
	put32(b, len);
	put32(b, wire_len);
	put_frame(b, len, false);
}

static void put_section(struct bytes *b)
{
	put32(b, 0x0a0d0d0a);
	put32(b, 28);
	put32(b, 0x1a2b3c4d);
	put16(b, 1);
	put16(b, 0);
	put32(b, UINT32_MAX);
	put32(b, UINT32_MAX);
	put32(b, 28);
}

/* resolution: if_tsresol, or -1; offset: if_tsoffset in seconds. */
static void put_interface(struct bytes *b, uint16_t link, uint32_t snaplen, int resolution, int32_t offset)
{
	uint32_t len = 20 + (resolution >= 0 ? 8 : 0) + 12 + 4;

	put32(b, 1);
	put32(b, len);
	put16(b, link);
	put16(b, 0);
	put32(b, snaplen);
	if (resolution >= 0) {
		put16(b, 9);
		put16(b, 1);
		b->data[b->len] = (uint8_t)resolution;
		memset(b->data + b->len + 1, 0, 3);
		b->len += 4;
	}
	put16(b, 14);
	put16(b, 8);
	put32(b, b->swapped ? (uint32_t)(offset < 0 ? -1 : 0) : (uint32_t)offset);
	put32(b, b->swapped ? (uint32_t)offset : (uint32_t)(offset < 0 ? -1 : 0));
	put32(b, 0);
	put32(b, len);
}

static void put_enhanced(struct bytes *b, uint32_t iface, uint64_t units, uint32_t len)
{
	uint32_t block = 32 + ((len + 3) & ~3u);

	put32(b, 6);
	put32(b, block);
	put32(b, iface);
	put32(b, (uint32_t)(units >> 32));
	put32(b, (uint32_t)units);
	put32(b, len);
	put32(b, len + 5);
	put_frame(b, len, true);
	put32(b, block);
}

static void put_simple(struct bytes *b, uint32_t wire_len, uint32_t len)
{
	uint32_t block = 16 + ((len + 3) & ~3u);

	put32(b, 3);
	put32(b, block);
	put32(b, wire_len);
	put_frame(b, len, true);
	put32(b, block);
}

static void put_unknown(struct bytes *b)
{
	put32(b, 0x0bad);
	put32(b, 16);
	put32(b, 0xdeadbeef);
	put32(b, 16);
}

/* --- looking at them --- */

/* In memory of exactly that size, so that a sanitizer sees any step over the end. */
static struct capture *open_bytes(const uint8_t *data, size_t len, void **copy, struct err *e)
{
	*copy = malloc(len != 0 ? len : 1);
	memcpy(*copy, data, len);
	return capture_open_memory(*copy, len, "test", e);
}

static struct capture *open_good(const struct bytes *b, void **copy)
{
	struct err e = {0};
	struct capture *c = open_bytes(b->data, b->len, copy, &e);

	if (c == NULL)
		fail_msg("%s", e.text);
	return c;
}

static void expect_frame(struct capture *c, uint64_t ns, uint32_t len, uint32_t wire_len)
{
	struct capture_frame f;
	struct err e = {0};

	if (capture_next(c, &f, &e) != 1)
		fail_msg("no packet: %s", e.text);
	assert_int_equal(f.ns, ns);
	assert_int_equal(f.len, len);
	assert_int_equal(f.wire_len, wire_len);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(f.data[i], (uint8_t)i);
}

static void expect_end(struct capture *c, void *copy)
{
	struct capture_frame f;
	struct err e = {0};

	assert_int_equal(capture_next(c, &f, &e), 0);
	assert_null(capture_warning(c));
	capture_close(c);
	free(copy);
}

/* The file opens but ends in an error that has these words. */
static void expect_refused(const struct bytes *b, const char *words)
{
	struct capture_frame f;
	struct err e = {0}, again = {0};
	void *copy;
	struct capture *c = open_bytes(b->data, b->len, &copy, &e);
	int rc = 1;

	while (c != NULL && rc == 1)
		rc = capture_next(c, &f, &e);
	assert_true(c == NULL || rc < 0);
	if (strstr(e.text, words) == NULL)
		fail_msg("'%s' has no '%s'", e.text, words);
	if (c != NULL)
		assert_int_equal(capture_next(c, &f, &again), rc);
	capture_close(c);
	free(copy);
}

/* --- tests --- */

static void pcap_in_all_its_forms_is_read(void **state)
{
	for (unsigned form = 0; form < 4; form++) {
		struct bytes b = {.swapped = form & 1};
		bool ns = form & 2;
		struct capture *c;
		void *copy;

		put_pcap(&b, ns ? 0xa1b23c4d : 0xa1b2c3d4, 1);
		put_record(&b, 1700000000, ns ? 123456789 : 123456, 60, 60);
		put_record(&b, 1700000001, 5, 7, 1514);
		put_record(&b, 1700000002, 0, 0, 0);
		c = open_good(&b, &copy);
		expect_frame(c, ns ? T : T - 789, 60, 60);
		expect_frame(c, UINT64_C(1700000001000000000) + (ns ? 5 : 5000), 7, 1514);
		expect_frame(c, UINT64_C(1700000002000000000), 0, 0);
		expect_end(c, copy);
	}
}

static void pcapng_in_both_byte_orders_is_read(void **state)
{
	for (unsigned swapped = 0; swapped < 2; swapped++) {
		struct bytes b = {.swapped = swapped};
		struct capture *c;
		void *copy;

		put_section(&b);
		put_interface(&b, 1, 30, 9, 0);
		put_unknown(&b);
		put_enhanced(&b, 0, T, 61);
		put_simple(&b, 100, 30);
		put_simple(&b, 10, 10);
		c = open_good(&b, &copy);
		expect_frame(c, T, 61, 66);
		expect_frame(c, T, 30, 100);
		expect_frame(c, T, 10, 10);
		expect_end(c, copy);
	}
}

static void sections_of_both_byte_orders_follow_each_other(void **state)
{
	struct bytes b = {0};
	struct capture *c;
	void *copy;

	put_section(&b);
	put_interface(&b, 1, 0, 9, 0);
	put_interface(&b, 1, 0, 6, 0);
	put_enhanced(&b, 1, 7, 4);
	b.swapped = true;
	put_section(&b);
	put_interface(&b, 1, 0, 3, 0);
	put_enhanced(&b, 0, 8, 5);
	c = open_good(&b, &copy);
	expect_frame(c, 7000, 4, 9);
	expect_frame(c, 8000000, 5, 10);
	expect_end(c, copy);
	put_enhanced(&b, 1, 8, 5); /* an interface of the section before */
	expect_refused(&b, "interface 1");
}

static void timestamps_of_any_resolution_become_nanoseconds(void **state)
{
	static const struct {
		int resolution;
		int32_t offset;
		uint64_t units, ns;
	} row[] = {
		{-1, 0, 5, 5000},
		{6, 0, 5, 5000},
		{0, 0, 5, 5000000000},
		{9, 0, 5, 5},
		{12, 0, 5999, 5},
		{127, 0, UINT64_MAX, 0},
		{0x80, 0, 5, 5000000000},
		{0x80 | 10, 0, 1536, 1500000000},
		{0x80 | 63, 0, UINT64_C(1) << 62, 500000000},
		{0x80 | 127, 0, UINT64_MAX, 0},
		{9, 2, 5, 2000000005},
		{9, -2, 2000000005, 5},
		{9, -2, 5, 0},
		{0, 0, UINT64_MAX, CAPTURE_NS_MAX},
	};

	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++)
		for (unsigned swapped = 0; swapped < 2; swapped++) {
			struct bytes b = {.swapped = swapped};
			struct capture *c;
			void *copy;

			put_section(&b);
			put_interface(&b, 1, 0, row[i].resolution, row[i].offset);
			put_enhanced(&b, 0, row[i].units, 1);
			c = open_good(&b, &copy);
			expect_frame(c, row[i].ns, 1, 6);
			expect_end(c, copy);
		}
}

static void what_is_no_capture_is_refused_with_advice(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		const char *words;
	} row[] = {
		{"", 0, "empty"},
		{"x", 1, "does not start like"},
		{"hello, world, this is a text", 28, "does not start like"},
		{"BZh91AY&SY", 10, "bunzip2"},
		{"\x28\xb5\x2f\xfd\x00", 5, "unzstd"},
		{"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", 8, "within its header"},
		{"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00", 8, "within its section header"},
	};

	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bytes b = {.len = row[i].len};

		memcpy(b.data, row[i].data, row[i].len);
		expect_refused(&b, row[i].words);
	}
}

static void other_link_types_are_refused(void **state)
{
	struct bytes pcap = {0}, ng = {0};
	struct capture *c;
	void *copy;

	put_pcap(&pcap, 0xa1b2c3d4, 113);
	expect_refused(&pcap, "link type is 113");
	put_section(&ng);
	put_interface(&ng, 1, 0, 9, 0);
	put_interface(&ng, 113, 0, 9, 0);
	put_enhanced(&ng, 0, 1, 1);
	c = open_good(&ng, &copy); /* it does no harm without packets */
	expect_frame(c, 1, 1, 6);
	expect_end(c, copy);
	put_enhanced(&ng, 1, 1, 1);
	expect_refused(&ng, "link type 113");
}

static void damaged_packets_are_refused(void **state)
{
	static const struct {
		size_t at; /* of a word in the enhanced packet block */
		uint32_t value;
		const char *words;
	} row[] = {
		{4, 0, "a block of 0 bytes"},
		{4, 8, "a block of 8 bytes"},
		{4, 93, "a block of 93 bytes"},
		{4, 0xfffffffc, "a block of 4294967292 bytes"},
		{4, 88, "at its end"},
		{8, 1, "interface 1"},
		{20, 61, "does not fit"},
		{20, 0xffffffff, "does not fit"},
		{88, 96, "92 bytes at its start and 96 at its end"},
	};
	struct bytes pcap = {0};

	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct bytes b = {0};
		size_t at;

		put_section(&b);
		put_interface(&b, 1, 0, 9, 0);
		at = b.len;
		put_enhanced(&b, 0, 1, 60);
		put_enhanced(&b, 0, 1, 60);
		memcpy(b.data + at + row[i].at, &row[i].value, 4);
		expect_refused(&b, row[i].words);
	}
	put_pcap(&pcap, 0xa1b2c3d4, 1);
	put_record(&pcap, 1, 1, 60, 60);
	memset(pcap.data + 24 + 8, 0xff, 4);
	expect_refused(&pcap, "cannot be");
}

static void short_blocks_are_refused(void **state)
{
	static const uint32_t types[] = {1, 2, 3, 6};

	for (unsigned i = 0; i < 4; i++) {
		struct bytes b = {0};

		put_section(&b);
		put_interface(&b, 1, 0, 9, 0);
		put32(&b, types[i]);
		put32(&b, 12);
		put32(&b, 12);
		expect_refused(&b, "too short");
	}
}

/* Options that run over their block are not followed. */
static void broken_options_do_no_harm(void **state)
{
	for (uint32_t len = 0; len < 64; len++) {
		struct bytes b = {0};
		struct capture *c;
		void *copy;

		put_section(&b);
		put_interface(&b, 1, 0, 9, 0);
		b.data[28 + 18] = (uint8_t)len; /* length of the first option */
		put_enhanced(&b, 0, 0, 1);
		c = open_good(&b, &copy);
		expect_frame(c, 0, 1, 6);
		expect_end(c, copy);
	}
}

/* Every beginning of a good file: the packets that are whole, then an end, and a warning unless it ends
 * between packets. `boundary`: true at lengths where that is so. */
static void read_prefixes(const struct bytes *b, const bool *boundary, unsigned packets)
{
	unsigned most = 0;

	for (size_t len = 0; len <= b->len; len++) {
		struct capture_frame f;
		struct err e = {0};
		unsigned n = 0;
		void *copy;
		struct capture *c = open_bytes(b->data, len, &copy, &e);
		int rc;

		if (c == NULL) {
			assert_int_not_equal(e.code, 0);
			free(copy);
			continue;
		}
		while ((rc = capture_next(c, &f, &e)) == 1)
			n++;
		assert_int_equal(rc, 0);
		assert_int_equal(capture_warning(c) == NULL, boundary[len]);
		assert_true(n >= most);
		most = n;
		capture_close(c);
		free(copy);
	}
	assert_int_equal(most, packets);
}

static void every_prefix_of_a_file_is_read(void **state)
{
	static bool at[4096];
	struct bytes pcap = {0}, ng = {0};

	put_pcap(&pcap, 0xa1b2c3d4, 1);
	at[pcap.len] = true;
	for (unsigned i = 0; i < 4; i++) {
		put_record(&pcap, i, i, 20 + i, 60);
		at[pcap.len] = true;
	}
	read_prefixes(&pcap, at, 4);

	memset(at, 0, sizeof at);
	put_section(&ng);
	at[ng.len] = true;
	put_interface(&ng, 1, 0, 9, 0);
	at[ng.len] = true;
	put_enhanced(&ng, 0, 1, 33);
	at[ng.len] = true;
	put_unknown(&ng);
	at[ng.len] = true;
	put_simple(&ng, 9, 9);
	at[ng.len] = true;
	read_prefixes(&ng, at, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap_in_all_its_forms_is_read),
		cmocka_unit_test(pcapng_in_both_byte_orders_is_read),
		cmocka_unit_test(sections_of_both_byte_orders_follow_each_other),
		cmocka_unit_test(timestamps_of_any_resolution_become_nanoseconds),
		cmocka_unit_test(what_is_no_capture_is_refused_with_advice),
		cmocka_unit_test(other_link_types_are_refused),
		cmocka_unit_test(damaged_packets_are_refused),
		cmocka_unit_test(short_blocks_are_refused),
		cmocka_unit_test(broken_options_do_no_harm),
		cmocka_unit_test(every_prefix_of_a_file_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
