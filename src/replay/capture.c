/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening a capture, telling the formats apart, and giving back what was read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "replay/capture_priv.h"

#define WINDOW                                                                                               \
	((size_t)512 << 10) /* bytes: more than the largest packet, less than the second-level cache         \
			     */

#define PCAPNG_MAGIC 0x0a0d0d0au

int capture_cut(struct capture *c, const char *what)
{
	if (c->warning[0] == '\0') /* else it says already why the file ends */
		snprintf(c->warning, sizeof c->warning,
			"the file ends at byte %" PRIu64 " in the middle of %s that starts at byte %" PRIu64
			"; what came before was used",
			c->base + c->len, what, c->base + c->at);
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
	return err_set(e, EBADMSG, "%s: byte %" PRIu64 ": %s", c->name, c->base + c->at, text);
}

/* Files that people mistake for captures. */
static const char *looks_like(const uint8_t *p, size_t len)
{
	static const struct {
		uint8_t magic[4];
		uint8_t len;
		const char *text;
	} known[] = {
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

/* --- the window --- */

/* Why reading stopped before the end, if it did: an error of the system or a damaged gzip file. */
static void note_end(struct capture *c)
{
	int code;
	const char *text = gzerror(c->file, &code);

	c->end = true;
	if (code == Z_ERRNO)
		err_set(&c->why, errno != 0 ? errno : EIO, "%s cannot be read: %s", c->name,
			strerror(errno != 0 ? errno : EIO));
	else if (code == Z_BUF_ERROR)
		snprintf(c->warning, sizeof c->warning,
			"the compressed file ends too early; what came before was used");
	else if (code != Z_OK)
		err_set(&c->why, EBADMSG, "%s: the compressed file is damaged behind byte %" PRIu64 ": %s",
			c->name, c->base + c->len, text);
}

static bool make_room(struct capture *c, size_t n)
{
	size_t room = c->room;
	uint8_t *grown;

	while (room < n)
		room *= 2;
	if (room == c->room)
		return true;
	grown = realloc(c->buffer, room);
	if (grown == NULL) {
		err_set(&c->why, ENOMEM, "not enough memory to read %s", c->name);
		c->end = true;
		return false;
	}
	c->data = c->buffer = grown;
	c->room = room;
	return true;
}

bool capture_fill(struct capture *c, size_t n)
{
	if (c->end)
		return false;
	memmove(c->buffer, c->data + c->at, capture_left(c));
	c->base += c->at;
	c->len -= c->at;
	c->at = 0;
	if (!make_room(c, n))
		return false;
	while (c->len < n && !c->end) {
		int got;

		errno = 0;
		got = gzread(c->file, c->buffer + c->len, (unsigned)(c->room - c->len));
		if (got > 0)
			c->len += (size_t)got;
		if (got <= 0 || gzeof(c->file))
			note_end(c);
	}
	return c->len >= n;
}

/* --- opening --- */

static int begin(struct capture *c, struct err *e)
{
	uint32_t magic = 0;

	(void)capture_need(c, 28); /* the headers of both formats */
	if (c->len >= sizeof magic)
		memcpy(&magic, c->data, sizeof magic);
	if (c->why.code != 0)
		return err_set(e, c->why.code, "%s", c->why.text);
	if (c->warning[0] != '\0' && c->len < 28)
		return err_set(e, EBADMSG, "%s: the compressed file ends before the first packet", c->name);
	if (c->len == 0)
		return err_set(e, EBADMSG, "%s: the file is empty; a pcap or pcapng file is needed", c->name);
	if (magic == PCAPNG_MAGIC)
		return pcapng_begin(c, e);
	if (pcap_magic(magic, &c->swapped, &c->nanoseconds))
		return pcap_begin(c, e);
	return err_set(
		e, EBADMSG, "%s: %s; a pcap or pcapng file is needed", c->name, looks_like(c->data, c->len));
}

static struct capture *allocate(const char *name, struct err *e)
{
	struct capture *c = calloc(1, sizeof *c);

	if (c != NULL)
		c->name = strdup(name);
	if (c != NULL && c->name != NULL)
		return c;
	err_set(e, ENOMEM, "not enough memory to read %s", name);
	capture_close(c);
	return NULL;
}

static struct capture *begin_or_close(struct capture *c, struct err *e)
{
	if (begin(c, e) == 0)
		return c;
	capture_close(c);
	return NULL;
}

struct capture *capture_open_memory(const void *data, size_t len, const char *name, struct err *e)
{
	struct capture *c = allocate(name, e);

	if (c == NULL)
		return NULL;
	c->data = data;
	c->size = c->len = len;
	c->end = true;
	return begin_or_close(c, e);
}

/* What stands before the file: a buffer and zlib, which passes on what is not compressed. */
static int attach(struct capture *c, int fd, size_t window, struct err *e)
{
	c->data = c->buffer = malloc(window);
	c->room = window;
	c->file = c->buffer != NULL ? gzdopen(fd, "rb") : NULL;
	if (c->file != NULL)
		return 0;
	close(fd);
	return err_set(e, ENOMEM, "not enough memory to read %s", c->name);
}

static int open_file(struct capture *c, const char *path, size_t window, struct err *e)
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_set(e, errno, "%s cannot be opened: %s", c->name, strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		return err_set(e, EISDIR, "%s is a directory; a pcap or pcapng file is needed", c->name);
	}
	if (S_ISREG(st.st_mode))
		c->size = (uint64_t)st.st_size;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return attach(c, fd, window, e);
}

struct capture *capture_open_window(const char *path, size_t window, struct err *e)
{
	struct capture *c = allocate(strcmp(path, "-") == 0 ? "standard input" : path, e);

	if (c == NULL)
		return NULL;
	if (open_file(c, path, window, e) == 0)
		return begin_or_close(c, e);
	capture_close(c);
	return NULL;
}

struct capture *capture_open(const char *path, struct err *e)
{
	return capture_open_window(path, WINDOW, e);
}

void capture_close(struct capture *c)
{
	if (c == NULL)
		return;
	if (c->file != NULL)
		gzclose_r(c->file);
	free(c->buffer);
	free(c->iface);
	free(c->name);
	free(c);
}

uint64_t capture_position(const struct capture *c, uint64_t *size)
{
	*size = c->size;
	if (c->file == NULL || gzdirect(c->file))
		return c->base + c->at;
	return (uint64_t)gzoffset(c->file);
}

int capture_next(struct capture *c, struct capture_frame *f, struct err *e)
{
	int rc;

	if (c->failed != 0) {
		err_set(e, -c->failed, "%s", c->why.text);
		return c->failed;
	}
	rc = c->next(c, f, &c->why);
	if (c->why.code != 0)
		rc = -c->why.code;
	if (rc < 0) {
		c->failed = rc;
		err_set(e, -rc, "%s", c->why.text);
		return rc;
	}
	return rc;
}

const char *capture_warning(const struct capture *c)
{
	return c->warning[0] != '\0' ? c->warning : NULL;
}
