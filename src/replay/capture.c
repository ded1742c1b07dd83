/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening a capture, telling the formats apart, and giving back what was read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay/capture_priv.h"

#define KEEP_BEHIND (UINT64_C(4) << 20) /* bytes; frames handed out last are not copied yet */
#define DROP_STEP (UINT64_C(16) << 20)

#define PCAPNG_MAGIC 0x0a0d0d0au

int capture_cut(struct capture *c, const char *what)
{
	snprintf(c->warning, sizeof c->warning,
		"the file ends at byte %zu in the middle of %s that starts at byte %zu; what came before was "
		"used",
		c->len, what, c->at);
	c->at = c->len;
	return 0;
}

int capture_bad(struct capture *c, struct err *e, const char *fmt, ...)
{
	char text[320];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(e, EBADMSG, "%s: byte %zu: %s", c->name, c->at, text);
}

/* Files that people mistake for captures. */
static const char *looks_like(const uint8_t *p, size_t len)
{
	static const struct {
		uint8_t magic[4];
		uint8_t len;
		const char *text;
	} known[] = {
		{{0x1f, 0x8b}, 2, "it is compressed; unpack it with gunzip first"},
		{{0x28, 0xb5, 0x2f, 0xfd}, 4, "it is compressed; unpack it with unzstd first"},
		{{0xfd, '7', 'z', 'X'}, 4, "it is compressed; unpack it with unxz first"},
		{{'B', 'Z', 'h'}, 3, "it is compressed; unpack it with bunzip2 first"},
		{{'s', 'n', 'o', 'o'}, 4, "it is a snoop capture; convert it with editcap first"},
		{{0xa1, 0xb2, 0xcd, 0x34}, 4, "it is a modified pcap file; convert it with editcap first"},
		{{0x34, 0xcd, 0xb2, 0xa1}, 4, "it is a modified pcap file; convert it with editcap first"},
	};

	for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
		if (len >= known[i].len && memcmp(p, known[i].magic, known[i].len) == 0)
			return known[i].text;
	return "it does not start like a pcap or pcapng file";
}

static int begin(struct capture *c, struct err *e)
{
	uint32_t magic = 0;

	if (c->len == 0)
		return err_set(e, EBADMSG, "%s: the file is empty; a pcap or pcapng file is needed", c->name);
	if (c->len >= sizeof magic)
		memcpy(&magic, c->data, sizeof magic);
	if (magic == PCAPNG_MAGIC)
		return pcapng_begin(c, e);
	if (pcap_magic(magic, &c->swapped, &c->nanoseconds))
		return pcap_begin(c, e);
	return err_set(
		e, EBADMSG, "%s: %s; a pcap or pcapng file is needed", c->name, looks_like(c->data, c->len));
}

static struct capture *start(const void *data, size_t len, const char *name, bool mapped, struct err *e)
{
	struct capture *c = calloc(1, sizeof *c);

	if (c != NULL) {
		*c = (struct capture){.data = data, .len = len, .mapped = mapped, .name = strdup(name)};
		if (c->name != NULL && begin(c, e) == 0)
			return c;
	}
	if (c == NULL || c->name == NULL)
		err_set(e, ENOMEM, "not enough memory to read %s", name);
	if (c != NULL)
		capture_close(c);
	else if (mapped && len != 0)
		munmap((void *)(uintptr_t)data, len);
	return NULL;
}

struct capture *capture_open_memory(const void *data, size_t len, const char *name, struct err *e)
{
	return start(data, len, name, false, e);
}

static int map_file(int fd, const char *path, const void **data, size_t *len, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set(e, errno, "%s cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s is not a regular file; save the capture to a file first", path);
	*len = (size_t)st.st_size;
	*data = "";
	if (*len == 0)
		return 0;
	*data = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (*data == MAP_FAILED)
		return err_set(e, errno, "%s cannot be mapped: %s", path, strerror(errno));
	(void)madvise((void *)(uintptr_t)*data, *len, MADV_SEQUENTIAL);
	return 0;
}

struct capture *capture_open(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const void *data;
	size_t len = 0;
	int rc;

	if (fd < 0) {
		err_set(e, errno, "%s cannot be opened: %s", path, strerror(errno));
		return NULL;
	}
	rc = map_file(fd, path, &data, &len, e);
	close(fd);
	return rc == 0 ? start(data, len, path, len != 0, e) : NULL;
}

void capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->mapped)
		munmap((void *)(uintptr_t)c->data, c->len);
	free(c->iface);
	free(c->name);
	free(c);
}

/* Pages far enough behind the reader; they come back from the file should somebody look again. */
static void drop_behind(struct capture *c)
{
	size_t until = (c->at - KEEP_BEHIND) & ~(DROP_STEP - 1);

	if (until > c->dropped)
		(void)madvise((void *)(uintptr_t)(c->data + c->dropped), until - c->dropped, MADV_DONTNEED);
	c->dropped = until;
}

int capture_next(struct capture *c, struct capture_frame *f, struct err *e)
{
	int rc;

	if (c->failed != 0) {
		err_set(e, -c->failed, "%s", c->why.text);
		return c->failed;
	}
	rc = c->next(c, f, &c->why);
	if (rc < 0) {
		c->failed = rc;
		err_set(e, -rc, "%s", c->why.text);
		return rc;
	}
	if (c->mapped && c->at >= c->dropped + DROP_STEP + KEEP_BEHIND)
		drop_behind(c);
	return rc;
}

const char *capture_warning(const struct capture *c)
{
	return c->warning[0] != '\0' ? c->warning : NULL;
}
