/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pcapng writer, read back, and both sides of a capture at the file system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "replay/capture.h"
#include "replay/pcapng_out.h"

#define T UINT64_C(1700000000123456789)

static char path[] = "/tmp/weir-capture-XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

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

static void what_is_written_is_read_back(void **state)
{
	const unsigned count = 50000; /* beyond the buffer, and beyond the window of the reader */
	struct capture_frame f;
	struct err e = {0};
	struct capture *c;

	write_frames(count);
	c = capture_open(path, &e);
	assert_non_null(c);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(capture_next(c, &f, &e), 1);
		assert_int_equal(f.ns, T + i);
		assert_int_equal(f.len, frame_len(i));
		assert_int_equal(f.wire_len, f.len);
		for (uint32_t k = 0; k < f.len; k++)
			if (f.data[k] != frame_byte(i, k))
				fail_msg("packet %u differs at byte %u", i, k);
	}
	assert_int_equal(capture_next(c, &f, &e), 0);
	assert_null(capture_warning(c));
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
		cmocka_unit_test(a_full_disk_is_reported_at_the_end),
		cmocka_unit_test(what_cannot_be_opened_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
