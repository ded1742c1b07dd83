/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/reserve.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Blocks by size: class n holds blocks of 32 << n bytes. */
#define CLASSES 24
#define SMALLEST 32u

struct block {
	struct block *next;
};

static struct block *aside[CLASSES];

static unsigned class_of(size_t size)
{
	unsigned class = 0;

	while (class < CLASSES && ((size_t)SMALLEST << class) < size)
		class ++;
	return class;
}

int reserve_add(size_t size, size_t count)
{
	unsigned class = class_of(size);

	if (class == CLASSES)
		return -ENOMEM;
	for (; count > 0; count--) {
		struct block *b = malloc((size_t)SMALLEST << class);

		if (b == NULL)
			return -ENOMEM;
		b->next = aside[class];
		aside[class] = b;
	}
	return 0;
}

void reserve_release(void)
{
	for (unsigned i = 0; i < CLASSES; i++)
		while (aside[i] != NULL) {
			struct block *b = aside[i];

			aside[i] = b->next;
			free(b);
		}
}

void *reserve_malloc(size_t size)
{
	void *p = malloc(size);

	for (unsigned i = class_of(size); p == NULL && i < CLASSES; i++) {
		struct block *b = aside[i];

		if (b == NULL)
			continue;
		aside[i] = b->next;
		p = b;
	}
	return p;
}

void *reserve_calloc(size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	p = calloc(count, size);
	if (p != NULL)
		return p;
	p = reserve_malloc(bytes);
	if (p != NULL)
		memset(p, 0, bytes);
	return p;
}
