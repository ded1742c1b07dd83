/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set from the config tree and its file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "feature/set/set_priv.h"

void set_clear(struct set *s)
{
	addr_set_free(&s->addresses);
	ranges_free(&s->ports);
}

static int no_memory(const struct set *s, struct err *e)
{
	return err_set(e, ENOMEM, "not enough memory for the set '%s'", s->name);
}

/* Entries in the config. */
static int read_list(const struct node *list, struct set *s, const struct node **at, struct err *e)
{
	NODE_EACH (n, list) {
		const char *why = NULL;
		int rc = s->is_ports ? set_parse_port(n->text, &s->ports, &why)
				     : set_parse_address(n->text, &s->addresses, &why);

		*at = n;
		if (rc == -ENOMEM)
			return no_memory(s, e);
		if (rc != 0)
			return err_set(e, EINVAL, "'%.60s' %s", n->text, why);
		if (++s->entries > SET_ENTRIES_MAX)
			return err_set(
				e, E2BIG, "the set '%s' has more than %u entries", s->name, SET_ENTRIES_MAX);
	}
	return 0;
}

/* The whole file; NULL with a sentence. Never waits: a pipe or a device is refused. */
static char *read_file(const char *path, size_t *len, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t n = 0;

	*len = 0;
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_set(e, errno, "file %.200s cannot be read: %s", path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		err_set(e, EINVAL, "%.200s is no ordinary file", path);
	} else if (st.st_size > SET_FILE_MAX) {
		err_set(e, E2BIG, "file %.200s is larger than %u MiB", path, SET_FILE_MAX >> 20);
	} else {
		text = malloc((size_t)st.st_size + 1);
		if (text == NULL)
			err_set(e, ENOMEM, "not enough memory to read %.200s", path);
	}
	while (text != NULL && *len < (size_t)st.st_size &&
		(n = read(fd, text + *len, (size_t)st.st_size - *len)) > 0)
		*len += (size_t)n;
	if (n < 0) {
		err_set(e, errno, "file %.200s cannot be read: %s", path, strerror(errno));
		free(text);
		text = NULL;
	}
	if (fd >= 0)
		close(fd);
	return text;
}

static int read_lines(const struct node *n, struct set *s, struct err *e)
{
	struct set_fault f = {0};
	size_t len;
	char *text = read_file(n->text, &len, e);
	long entries = text != NULL ? set_parse_lines(text, len, &s->addresses, &f) : -EIO;

	free(text);
	if (text == NULL)
		return -EINVAL;
	if (entries == -ENOMEM)
		return no_memory(s, e);
	if (entries == -E2BIG || entries + s->entries > (long)SET_ENTRIES_MAX)
		return err_set(e, E2BIG, "the set '%s' has more than %u entries", s->name, SET_ENTRIES_MAX);
	if (entries < 0)
		return err_set(e, EINVAL, "%.200s:%u: %s", n->text, f.line, f.text);
	s->entries += (uint32_t)entries;
	return 0;
}

int set_read(const struct node *n, struct set *s, const struct node **at, struct err *e)
{
	const struct node *ports = node_get(n, "ports"), *file = node_get(n, "file");
	int rc;

	*s = (struct set){.is_ports = ports != NULL, .refs = 1};
	snprintf(s->name, sizeof s->name, "%s", n->key);
	*at = n;
	rc = read_list(ports != NULL ? ports : node_get(n, "addresses"), s, at, e);
	if (rc == 0 && file != NULL) {
		*at = file;
		rc = read_lines(file, s, e);
	}
	addr_set_merge(&s->addresses);
	ranges_merge(&s->ports);
	if (rc != 0)
		set_clear(s);
	return rc;
}
