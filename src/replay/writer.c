/* SPDX-License-Identifier: BSD-3-Clause */
#include "replay/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int writer_open(struct writer *w, const char *path, struct err *e)
{
	bool out = strcmp(path, "-") == 0;
	struct err why = {0};

	*w = (struct writer){.fd = -1, .buffer = malloc(WRITER_BUFFER)};
	w->path = strdup(out ? "standard output" : path);
	if (w->buffer == NULL || w->path == NULL) {
		err_set(&why, ENOMEM, "not enough memory to write %s", path);
	} else {
		w->fd = out ? dup(STDOUT_FILENO) : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (w->fd < 0)
			err_set(&why, errno, "%s cannot be created: %s", w->path, strerror(errno));
	}
	if (why.code == 0)
		return 0;
	writer_close(w, NULL);
	return err_set(e, why.code, "%s", why.text);
}

void writer_flush(struct writer *w)
{
	size_t done = 0;

	while (done < w->fill && w->why.code == 0) {
		ssize_t n = write(w->fd, w->buffer + done, w->fill - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err_set(&w->why, errno, "%s cannot be written: %s", w->path, strerror(errno));
	}
	w->fill = 0;
}

int writer_close(struct writer *w, struct err *e)
{
	int rc = 0;

	if (w->fd >= 0 && w->buffer != NULL) {
		writer_flush(w);
		if (close(w->fd) != 0)
			err_set(&w->why, errno, "%s cannot be written: %s", w->path, strerror(errno));
	}
	if (w->why.code != 0)
		rc = err_set(e, w->why.code, "%s", w->why.text);
	free(w->buffer);
	free(w->path);
	*w = (struct writer){.fd = -1};
	return rc;
}

void writer_put_long(struct writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len > 0) {
		size_t part = len < WRITER_BUFFER ? len : WRITER_BUFFER;

		memcpy(writer_take(w, part), p, part);
		p += part;
		len -= part;
	}
}

/* Two digits at a time from the right; a report has two numbers of up to 19 digits per packet. */
uint8_t *number_text(uint8_t *to, uint64_t n)
{
	uint8_t digits[20];
	size_t at = sizeof digits;

	while (n >= 10) {
		unsigned pair = (unsigned)(n % 100);

		n /= 100;
		at -= 2;
		digits[at] = (uint8_t)('0' + pair / 10);
		digits[at + 1] = (uint8_t)('0' + pair % 10);
	}
	if (n != 0 || at == sizeof digits)
		digits[--at] = (uint8_t)('0' + n);
	memcpy(to, digits + at, sizeof digits - at);
	return to + sizeof digits - at;
}
