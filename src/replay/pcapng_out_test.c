/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pcapng writer, read back, and both sides of a capture at the file system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "replay/capture_priv.h"
#include "replay/pcapng_out.h"

#define T UINT64_C(1700000000123456789)

static char path[] = "/tmp/weir-capture-XXXXXX";

static int make_file(void **state)
{
	int fd;

	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	return fd >= 0 ? close(fd) : -1;
}

static int remove_file(void **state)
{
	return unlink(path);
}

static uint32_t frame_len(unsigned i)
{
	return i == 7 ? CAPTURE_FRAME_MAX : (i * 37) % 1600;
}

static uint8_t frame_byte(unsigned i, uint32_t at)
{
	return (uint8_t)(i * 31 + at);
}

static void write_frames(unsigned count)
{
	struct err e = {0};
	struct pcapng_out *o = pcapng_out_open(path, "wan0", &e);

	assert_non_null(o);
	assert_int_equal(pcapng_out_interface(o, "wan0.5"), 1);
	for (unsigned i = 0; i < count; i++) {
		uint32_t len = frame_len(i);
		uint8_t *to = pcapng_out_packet(o, i % 2, T + i, len);

		for (uint32_t k = 0; k < len; k++)
			to[k] = frame_byte(i, k);
	}
	assert_int_equal(pcapng_out_packets(o), count);
	assert_int_equal(pcapng_out_close(o, &e), 0);
}

/* The first `count` packets of the file are those that write_frames() wrote; returns what comes after them.
 */
static int read_frames(struct capture *c, unsigned count, struct err *e)
{
	struct capture_frame f;

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(capture_next(c, &f, e), 1);
		assert_int_equal(f.ns, T + i);
		assert_int_equal(f.len, frame_len(i));
		assert_int_equal(f.wire_len, f.len);
		for (uint32_t k = 0; k < f.len; k++)
			if (f.data[k] != frame_byte(i, k))
				fail_msg("packet %u differs at byte %u", i, k);
	}
	return capture_next(c, &f, e);
}

static void what_is_written_is_read_back(void **state)
{
	/* Windows that are moved for every few bytes, and the usual one. */
	static const size_t windows[] = {1, 28, 1000, 512 << 10};
	const unsigned count = 5000;

	write_frames(count);
	for (unsigned i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		struct err e = {0};
		struct capture *c = capture_open_window(path, windows[i], &e);
		uint64_t size, at;

		assert_non_null(c);
		assert_int_equal(read_frames(c, count, &e), 0);
		assert_null(capture_warning(c));
		at = capture_position(c, &size);
		assert_true(size != 0);
		assert_int_equal(at, size);
		capture_close(c);
	}
}

/* Rewrites the file: compressed, then `cut` bytes shorter, then with the byte at `flip` from its end changed
 * (0: none). */
static void compress_file(long cut, long flip)
{
	char command[256];

	snprintf(command, sizeof command, "gzip -c %s >%s.gz && mv %s.gz %s && truncate -s -%ld %s", path,
		path, path, path, cut, path);
	assert_int_equal(system(command), 0);
	if (flip != 0) {
		FILE *f = fopen(path, "r+");

		assert_non_null(f);
		assert_int_equal(fseek(f, flip, SEEK_END), 0);
		assert_int_equal(fputc(0xa5, f), 0xa5);
		assert_int_equal(fclose(f), 0);
	}
}

static struct capture *open_compressed(unsigned count, long cut, long flip)
{
	struct err e = {0};
	struct capture *c;

	write_frames(count);
	compress_file(cut, flip);
	c = capture_open(path, &e);
	if (c == NULL)
		fail_msg("%s", e.text);
	return c;
}

static void compressed_files_are_read(void **state)
{
	struct err e = {0};
	struct capture *c = open_compressed(200, 0, 0);

	assert_int_equal(read_frames(c, 200, &e), 0);
	assert_null(capture_warning(c));
	capture_close(c);
}

static void damaged_compressed_files_say_so(void **state)
{
	struct err e = {0};
	struct capture *c = open_compressed(200, 20, 0);
	struct capture_frame f;
	int rc;

	assert_int_equal(read_frames(c, 100, &e), 1);
	while ((rc = capture_next(c, &f, &e)) == 1)
		;
	assert_int_equal(rc, 0);
	assert_non_null(strstr(capture_warning(c), "the compressed file ends too early"));
	capture_close(c);

	c = open_compressed(2000, 0, -6 /* its CRC */);
	while ((rc = capture_next(c, &f, &e)) == 1)
		;
	assert_true(rc < 0);
	assert_non_null(strstr(e.text, "the compressed file is damaged"));
	capture_close(c);
}

static void a_full_disk_is_reported_at_the_end(void **state)
{
	struct err e = {0};
	struct pcapng_out *o = pcapng_out_open("/dev/full", "wan0", &e);

	if (o == NULL) /* no such device here */
		skip();
	for (unsigned i = 0; i < 5000; i++)
		memset(pcapng_out_packet(o, 0, i, 1500), 0, 1500);
	assert_true(pcapng_out_failed(o));
	assert_true(pcapng_out_close(o, &e) < 0);
	assert_non_null(strstr(e.text, "/dev/full cannot be written: No space left"));
}

static void what_cannot_be_opened_says_so(void **state)
{
	struct err e = {0}, dir = {0}, out = {0};

	assert_null(capture_open("/nonexistent.pcap", &e));
	assert_non_null(strstr(e.text, "/nonexistent.pcap cannot be opened: No such file"));
	assert_null(capture_open("/dev", &dir));
	assert_non_null(strstr(dir.text, "/dev is a directory"));
	assert_null(pcapng_out_open("/nonexistent/a.pcapng", "a", &out));
	assert_non_null(strstr(out.text, "cannot be created"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read_back, make_file, remove_file),
		cmocka_unit_test_setup_teardown(compressed_files_are_read, make_file, remove_file),
		cmocka_unit_test_setup_teardown(damaged_compressed_files_say_so, make_file, remove_file),
		cmocka_unit_test(a_full_disk_is_reported_at_the_end),
		cmocka_unit_test(what_cannot_be_opened_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
