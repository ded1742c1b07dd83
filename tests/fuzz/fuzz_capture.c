/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The capture reader on arbitrary bytes: it must end, every frame must lie within the input, and a file that
 * is read through a small window must give the same frames and the same end as memory.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "replay/capture_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a file, or NULL: compressed ones are another thing as a file. */
static struct capture *open_as_file(const uint8_t *data, size_t size, struct err *e)
{
	static int fd = -1;
	char path[32];

	if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
		return NULL;
	if (fd < 0)
		fd = memfd_create("capture", 0);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return capture_open_window(path, 16, e);
}

static void check_frame(const uint8_t *data, size_t size, const struct capture_frame *f)
{
	if (f->data < data || f->len > CAPTURE_FRAME_MAX || f->len > size ||
		(size_t)(f->data - data) > size - f->len || f->ns > CAPTURE_NS_MAX + UINT64_C(1000000000))
		abort();
}

static void compare(struct capture *file, int rc, const struct capture_frame *want)
{
	struct capture_frame have;
	struct err e = {0};

	if (capture_next(file, &have, &e) != rc)
		abort();
	if (rc == 1 && (have.len != want->len || have.wire_len != want->wire_len || have.ns != want->ns ||
			       memcmp(have.data, want->data, have.len) != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0}, e2 = {0};
	struct capture *c = capture_open_memory(data, size, "input", &e),
		       *file = open_as_file(data, size, &e2);
	struct capture_frame f;
	int rc = 1;

	if ((c == NULL && e.code == 0) || (file == NULL && c != NULL))
		abort();
	while (c != NULL && rc == 1) {
		rc = capture_next(c, &f, &e);
		if (rc == 1)
			check_frame(data, size, &f);
		compare(file, rc, &f);
	}
	if (rc < 0 && e.code == 0)
		abort();
	capture_close(c);
	capture_close(file);
	return 0;
}
