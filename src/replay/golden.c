/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two captures packet by packet: the bytes count, the times do not.
 */
#include <inttypes.h>

#include "replay/expect_priv.h"

static void compare_frames(struct differences *d, const char *port, uint64_t n,
	const struct capture_frame *want, const struct capture_frame *have)
{
	uint32_t len = want->len < have->len ? want->len : have->len, at = 0;

	while (at < len && want->data[at] == have->data[at])
		at++;
	if (at < len)
		differ(d, "output %s, packet %" PRIu64 ", byte %u: 0x%02x expected, 0x%02x written", port, n,
			at, want->data[at], have->data[at]);
	else if (want->len != have->len)
		differ(d, "output %s, packet %" PRIu64 ": %u bytes expected, %u written", port, n, want->len,
			have->len);
}

static uint64_t count_rest(struct capture *c, struct err *e)
{
	struct capture_frame f;
	uint64_t n = 0;

	while (capture_next(c, &f, e) == 1)
		n++;
	return n;
}

static void compare(
	struct differences *d, const char *port, struct capture *want, struct capture *have, struct err *e)
{
	struct capture_frame a, b;
	uint64_t n = 0, written;

	for (;;) {
		int w = capture_next(want, &a, e), h = capture_next(have, &b, e);

		if (w < 0 || h < 0)
			return;
		if (w != h) {
			written = n + (h != 0) + count_rest(have, e);
			n += (w != 0) + count_rest(want, e);
			differ(d, "output %s: %" PRIu64 " packets expected, %" PRIu64 " written", port, n,
				written);
			return;
		}
		if (w == 0)
			return;
		compare_frames(d, port, ++n, &a, &b);
	}
}

void golden_compare(struct differences *d, const char *port, const char *golden, const char *written)
{
	struct err e = {0};
	struct capture *want = capture_open(golden, &e);
	struct capture *have = want != NULL ? capture_open(written, &e) : NULL;

	if (have != NULL)
		compare(d, port, want, have, &e);
	if (e.code != 0)
		differ(d, "output %s cannot be compared: %s", port, e.text);
	capture_close(want);
	capture_close(have);
}
