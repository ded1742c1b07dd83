/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->code != 0)
		return -code;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	return -code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	char head[256], tail[sizeof e->text];
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	vsnprintf(head, sizeof head, fmt, ap);
	va_end(ap);
	memcpy(tail, e->text, sizeof tail);
	snprintf(e->text, sizeof e->text, "%s: %.*s", head, (int)(sizeof tail - sizeof head - 3), tail);
	return -e->code;
}
