/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of netlink, and the same in FPM's frames; lines of /proc/net/igmp and igmp6, and frames a twin
 * sent. The first byte decides which. What is decoded must be within what the header promises.
 */
#include <stdlib.h>
#include <string.h>

#include "feature/kernel/groups.h"
#include "feature/kernel/kernel_priv.h"
#include "feature/netlink/frame.h"
#include "feature/netlink/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const struct nl_path *p)
{
	if (p->weight == 0 || p->weight > 256)
		abort();
	if (p->gateway.family != FAMILY_NONE && p->gateway.family != FAMILY_V4 &&
		p->gateway.family != FAMILY_V6)
		abort();
}

static void check(const struct nl_message *m)
{
	switch (m->kind) {
	case NL_ROUTE:
		if (m->route.path_count > NL_PATHS ||
			m->route.prefix.len > family_bits(m->route.prefix.addr.family))
			abort();
		for (unsigned i = 0; i < m->route.path_count; i++)
			check_path(&m->route.path[i]);
		break;
	case NL_OBJECT:
		if (m->object.id == 0 || m->object.member_count > NL_PATHS)
			abort();
		break;
	case NL_LINK:
		if (m->link.index == 0 || memchr(m->link.name, 0, NL_NAME) == NULL)
			abort();
		break;
	case NL_ADDRESS:
		if (m->address.prefix.len > family_bits(m->address.prefix.addr.family))
			abort();
		break;
	default:
		break;
	}
}

/* A copy of its own for each message: the sanitizer sees one byte too many. */
static void decode(const struct nlmsghdr *h)
{
	static struct nl_message out;
	struct nlmsghdr *copy = malloc(h->nlmsg_len);

	if (copy == NULL)
		return;
	memcpy(copy, h, h->nlmsg_len);
	if (nl_decode(copy, &out) == 0)
		check(&out);
	free(copy);
}

static void messages(const uint8_t *data, size_t size)
{
	uint8_t *aligned = malloc(size + 1);
	const struct nlmsghdr *h;

	if (aligned == NULL)
		return;
	memcpy(aligned, data, size);
	for (size_t at = 0; (h = nl_first(aligned + at, size - at)) != NULL; at += nl_step(h, size - at))
		decode(h);
	free(aligned);
}

static void frames(const uint8_t *data, size_t size)
{
	size_t at = 0;
	int n;

	while ((n = fpm_frame(data + at, size - at)) > 0) {
		if ((size_t)n > size - at)
			abort();
		messages(data + at + FPM_HEADER, (size_t)n - FPM_HEADER);
		at += (size_t)n;
	}
}

/* A line as fgets() gives it, and the same bytes as a frame. */
static void twins(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct ipaddr group;
	int ifindex = 0;

	if (line == NULL)
		return;
	memcpy(line, data, size);
	line[size] = '\0';
	if (groups_line4(line, &ifindex, &group) && group.family != FAMILY_V4)
		abort();
	if (groups_line6(line, &ifindex, &group) && (group.family != FAMILY_V6 || ifindex <= 0))
		abort();
	free(line);
	groups_reported(data, size);
	if (frame_classify(data, size) >= KERNEL_CLASSES)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if ((data[0] & 3) == 2)
		twins(data + 1, size - 1);
	else if ((data[0] & 1) != 0)
		frames(data + 1, size - 1);
	else
		messages(data + 1, size - 1);
	return 0;
}
