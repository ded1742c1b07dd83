/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The capture reader on arbitrary bytes: it must end, and every frame must lie within the input.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "replay/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	struct capture *c = capture_open_memory(data, size, "input", &e);
	struct capture_frame f;
	int rc;

	if (c == NULL) {
		if (e.code == 0)
			abort();
		return 0;
	}
	while ((rc = capture_next(c, &f, &e)) == 1)
		if (f.data < data || f.len > CAPTURE_FRAME_MAX || f.len > size ||
			(size_t)(f.data - data) > size - f.len ||
			f.ns > CAPTURE_NS_MAX + UINT64_C(1000000000))
			abort();
	if (rc < 0 && e.code == 0)
		abort();
	capture_close(c);
	return 0;
}
