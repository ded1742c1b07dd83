/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Entries of sets as text.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/value.h"
#include "feature/set/set.h"

#define ENTRY_MAX 100

static int wrong(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

static int parse_span(const char *text, const char *dash, struct addr_set *s, const char **why)
{
	char first[ENTRY_MAX];
	struct ipaddr a, b;
	int rc;

	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = '\0';
	if (ipaddr_parse(first, &a) != 0 || ipaddr_parse(dash + 1, &b) != 0)
		return wrong(why, "is not a range of two addresses, such as 192.0.2.1-192.0.2.9");
	if (a.family != b.family)
		return wrong(why, "has addresses of two families");
	rc = addr_set_add(s, &a, &b);
	return rc == -EINVAL ? wrong(why, "ends before it begins") : rc;
}

int set_parse_address(const char *text, struct addr_set *s, const char **why)
{
	const char *dash = strchr(text, '-');
	struct prefix p, net;

	if (strlen(text) >= ENTRY_MAX)
		return wrong(why, "is no address, prefix or range");
	if (dash != NULL)
		return parse_span(text, dash, s, why);
	if (prefix_parse(text, &p) != 0)
		return wrong(why, "is no address, prefix or range");
	net = prefix_masked(&p);
	if (!ipaddr_equal(&net.addr, &p.addr))
		return wrong(why, "has bits set behind its length");
	return addr_set_add_prefix(s, &p);
}

static bool parse_port(const char *text, uint64_t *port)
{
	return value_u64(text, port) == 0 && *port <= UINT16_MAX;
}

int set_parse_port(const char *text, struct ranges *r, const char **why)
{
	const char *dash = strchr(text, '-');
	char first[8] = "";
	uint64_t a, b;

	if (dash != NULL && dash - text < (int)sizeof first)
		memcpy(first, text, (size_t)(dash - text));
	if (!parse_port(dash != NULL ? first : text, &a) || !parse_port(dash != NULL ? dash + 1 : text, &b))
		return wrong(why, "is no port (0 to 65535) and no range such as 1024-2047");
	if (b < a)
		return wrong(why, "ends before it begins");
	return ranges_add(r, a, b);
}

/* --- files --- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

/* The line without comment and space around it. */
static size_t bare(const char **line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((*line)[i] == '#' || (*line)[i] == ';')
			len = i;
	while (len > 0 && is_space((*line)[len - 1]))
		len--;
	while (len > 0 && is_space(**line)) {
		++*line;
		len--;
	}
	return len;
}

static int parse_line(const char *line, size_t len, struct addr_set *s, struct set_fault *f)
{
	char entry[ENTRY_MAX];
	const char *why = "is no address, prefix or range";
	int rc = -EINVAL;

	snprintf(entry, sizeof entry, "%.*s", (int)len, line);
	if (len < sizeof entry && strlen(entry) == len)
		rc = set_parse_address(entry, s, &why);
	if (rc == -EINVAL)
		snprintf(f->text, sizeof f->text, "'%.50s' %s", entry, why);
	return rc;
}

long set_parse_lines(const char *text, size_t len, struct addr_set *s, struct set_fault *f)
{
	long entries = 0;

	f->line = 0;
	while (len > 0) {
		const char *line = text, *end = memchr(text, '\n', len);
		const size_t size = end != NULL ? (size_t)(end - text) : len;
		const size_t bytes = bare(&line, size);
		int rc = 0;

		f->line++;
		if (bytes != 0) {
			rc = ++entries > (long)SET_ENTRIES_MAX ? -E2BIG : parse_line(line, bytes, s, f);
			if (rc != 0)
				return rc;
		}
		text += size;
		len -= size;
		if (len > 0) {
			text++;
			len--;
		}
	}
	return entries;
}
