/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/schema.h"
#include "control/yaml.h"

/* --- reading --- */

/* d->file is the path the operator gave; another file of it is named in the sentence. */
static const char *name_of(const struct diag *d, const char *path)
{
	return d->file == NULL || strcmp(d->file, path) == 0 ? "the config" : path;
}

static char *cannot_read(struct diag *d, const char *path, int error)
{
	diag_add(d, 0, 0, NULL, "cannot read %.200s: %s", name_of(d, path), strerror(error));
	return NULL;
}

/* The contents of an open file of at most `size` bytes, ended by a NUL that is not counted in *len. */
static char *read_all(int fd, const char *path, size_t size, size_t *len, struct diag *d)
{
	char *text = malloc(size + 1);
	ssize_t got = 1;

	if (text == NULL)
		return cannot_read(d, path, ENOMEM);
	for (*len = 0; *len < size && got != 0;) {
		got = read(fd, text + *len, size - *len);
		if (got < 0 && errno != EINTR) {
			cannot_read(d, path, errno);
			free(text);
			return NULL;
		}
		*len += got > 0 ? (size_t)got : 0;
	}
	text[*len] = '\0';
	return text;
}

static char *read_file(const char *path, size_t room, size_t *len, struct diag *d)
{
	struct stat st;
	char *text = NULL;
	int fd;

	if (stat(path, &st) != 0)
		return cannot_read(d, path, errno);
	/* Asked again once open, since the path may have changed; O_NONBLOCK in case it became a pipe. */
	fd = S_ISREG(st.st_mode) ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
	if (S_ISREG(st.st_mode) && (fd < 0 || fstat(fd, &st) != 0))
		cannot_read(d, path, errno);
	else if (!S_ISREG(st.st_mode))
		diag_add(d, 0, 0, NULL, "%.200s must be a regular file, not a %s", name_of(d, path),
			S_ISDIR(st.st_mode) ? "directory" : "device, pipe or socket");
	else if (st.st_size > (off_t)CONFIG_BYTES_MAX)
		diag_add(d, 0, 0, NULL, "%.200s has %lld bytes, more than the limit of %u",
			d->file == NULL || strcmp(d->file, path) == 0 ? "the file" : path,
			(long long)st.st_size, CONFIG_BYTES_MAX);
	else if ((size_t)st.st_size > room)
		diag_add(d, 0, 0, NULL, "the files of the config have more than the limit of %u bytes in all",
			CONFIG_BYTES_MAX);
	else
		text = read_all(fd, path, (size_t)st.st_size, len, d);
	if (fd >= 0)
		close(fd);
	return text;
}

/* --- the list of files --- */

static int add_owned(struct config_files *f, char *name, char *text, size_t len)
{
	struct diag_source *more = realloc(f->item, (f->count + 1) * sizeof *more);

	if (more == NULL || name == NULL || text == NULL) {
		f->item = more != NULL ? more : f->item;
		free(name);
		free(text);
		return -ENOMEM;
	}
	f->item = more;
	f->item[f->count++] = (struct diag_source){.file = name, .text = text, .len = len};
	return 0;
}

int config_files_add(struct config_files *f, const char *name, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy != NULL) {
		if (len != 0) /* the text of an empty body is NULL */
			memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return add_owned(f, strdup(name), copy, len);
}

void config_files_free(struct config_files *f)
{
	for (unsigned i = 0; i < f->count; i++) {
		free((void *)(uintptr_t)f->item[i].file);
		free((void *)(uintptr_t)f->item[i].text);
	}
	free(f->item);
	*f = (struct config_files){0};
}

static int read_one(const char *path, struct config_files *f, struct diag *d)
{
	size_t room = CONFIG_BYTES_MAX, len = 0;
	char *text;

	for (unsigned i = 0; i < f->count; i++)
		room -= f->item[i].len;
	text = read_file(path, room, &len, d);
	if (text == NULL)
		return -EINVAL;
	if (add_owned(f, strdup(path), text, len) != 0) {
		cannot_read(d, path, ENOMEM);
		return -ENOMEM;
	}
	return 0;
}

/* --- directories --- */

static int is_config_name(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return e->d_name[0] != '.' && len > 5 && strcmp(e->d_name + len - 5, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every NAME.yaml of a directory; a directory that does not exist has none. */
static int read_directory(const char *dir, struct config_files *f, struct diag *d)
{
	struct dirent **list = NULL;
	int n = scandir(dir, &list, is_config_name, by_name), rc = 0;
	char path[PATH_MAX];

	if (n < 0 && errno != ENOENT && errno != ENOTDIR) {
		cannot_read(d, dir, errno);
		rc = -EINVAL;
	}
	for (int i = 0; i < n; i++) {
		if (rc == 0 && f->count == CONFIG_FILES_MAX) {
			diag_add(d, 0, 0, NULL, "the config has more than %d files", CONFIG_FILES_MAX);
			rc = -EINVAL;
		}
		snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 300, dir, list[i]->d_name);
		if (rc == 0)
			rc = read_one(path, f, d);
		free(list[i]);
	}
	free(list);
	return rc;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What stands before the last slash; "." when there is none. */
static void directory_of(const char *path, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		snprintf(buf, size, ".");
	else
		snprintf(buf, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

int config_files_read(const char *path, struct config_files *f, struct diag *d)
{
	char dir[PATH_MAX], extra[PATH_MAX + 8];
	int rc;

	*d = (struct diag){.file = path};
	*f = (struct config_files){0};
	if (is_directory(path)) {
		rc = read_directory(path, f, d);
		if (rc == 0 && f->count == 0) {
			diag_add(d, 0, 0, NULL, "the directory has no file whose name ends in .yaml");
			rc = -EINVAL;
		}
		return rc;
	}
	rc = read_one(path, f, d);
	if (rc != 0)
		return rc;
	directory_of(path, dir, sizeof dir);
	snprintf(extra, sizeof extra, "%s%s", strcmp(dir, "/") == 0 ? "" : dir, "/conf.d");
	return read_directory(extra, f, d);
}

void config_saved_path(const char *path, char *buf, size_t size)
{
	char dir[PATH_MAX];

	if (is_directory(path)) {
		snprintf(buf, size, "%s/90-saved.yaml", path);
		return;
	}
	directory_of(path, dir, sizeof dir);
	snprintf(buf, size, "%s/conf.d/90-saved.yaml", strcmp(dir, "/") == 0 ? "" : dir);
}

/* --- parsing --- */

static void point_into(struct diag *d, const struct config_files *f)
{
	*d = (struct diag){.sources = f->item, .source_count = f->count};
	if (f->count == 0)
		return;
	d->file = f->item[0].file;
	d->source = f->item[0].text;
	d->source_len = f->item[0].len;
}

struct node *config_parse(const struct config_files *f, struct diag *d)
{
	struct node *root = NULL;

	point_into(d, f);
	for (unsigned i = 0; i < f->count; i++) {
		struct node *one;

		d->reading = (uint16_t)i;
		one = yaml_read(f->item[i].text, f->item[i].len, d);
		if (root == NULL) {
			root = one;
			continue;
		}
		if (one != NULL && d->total == 0 && tree_merge(root, one) != 0)
			diag_add(d, 0, 0, NULL, "memory ran out while joining the files of the config");
		node_free(one);
	}
	d->reading = 0;
	if (root != NULL && d->total == 0 && schema_check(root, d) == 0)
		return root;
	node_free(root);
	return NULL;
}

/* One block: the texts one behind the other, then their names, then the list. */
static struct diag_source *pack(const struct config_files *f, char **block)
{
	size_t size = 0, list;
	struct diag_source *out;
	char *p;

	for (unsigned i = 0; i < f->count; i++)
		size += f->item[i].len + 1 + strlen(f->item[i].file) + 1;
	list = (size + 15) / 16 * 16;
	*block = p = malloc(list + f->count * sizeof *out);
	if (p == NULL)
		return NULL;
	out = (struct diag_source *)(void *)(p + list);
	for (unsigned i = 0; i < f->count; i++) {
		out[i] = (struct diag_source){
			.text = memcpy(p, f->item[i].text, f->item[i].len + 1), .len = f->item[i].len};
		p += f->item[i].len + 1;
	}
	for (unsigned i = 0; i < f->count; i++) {
		out[i].file = strcpy(p, f->item[i].file);
		p += strlen(p) + 1;
	}
	return out;
}

struct node *config_load(const char *path, struct diag *d, char **text_out)
{
	struct config_files f, packed = {0};
	struct node *root = NULL;

	*text_out = NULL;
	if (config_files_read(path, &f, d) == 0) {
		packed.item = pack(&f, text_out);
		packed.count = f.count;
		if (packed.item == NULL)
			cannot_read(d, path, ENOMEM);
		else
			root = config_parse(&packed, d);
	}
	config_files_free(&f);
	return root;
}
