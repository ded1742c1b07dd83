/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Documents of `weir replay --expect`: each is taken or refused with a sentence that names the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/expect_priv.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[] = "/dev/shm/weir-fuzz-expect-XXXXXX";

static void forget(void)
{
	unlink(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = mkstemp(path);

	if (fd < 0)
		abort();
	close(fd);
	atexit(forget);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FILE *f = fopen(path, "we");
	struct err e = {0};
	struct expect *x;

	if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0)
		abort();
	x = expect_load(path, &e);
	if ((x == NULL) != (e.text[0] != '\0') || (x == NULL && strstr(e.text, "weir-fuzz-expect") == NULL))
		abort();
	if (x != NULL)
		expect_reads(x, "golden.pcap");
	expect_free(x);
	return 0;
}
