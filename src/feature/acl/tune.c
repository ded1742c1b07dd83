/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Long lists are made faster by a thread of their own, one at a time: it takes seconds. It reads the list's
 * rules, which nobody changes, and stores one pointer in its classifier. The list is kept by a reference
 * meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/thread.h"
#include "feature/acl/acl_priv.h"

struct acl_tuner {
	pthread_t thread;
	struct acl_list *list; /* NULL: nothing is going on */
	struct err e;
	int rc;
	bool done; /* atomic: written by the thread when it is */
};

struct acl_tuner *acl_tuner_new(void)
{
	return calloc(1, sizeof(struct acl_tuner));
}

static void *run(void *arg)
{
	struct acl_tuner *t = arg;

	t->rc = classifier_tune(t->list->decide, t->list->packed, &t->e);
	__atomic_store_n(&t->done, true, __ATOMIC_RELEASE);
	return NULL;
}

bool acl_tuner_start(struct acl_tuner *t, struct acl_list *l)
{
	if (t->list != NULL)
		return false;
	t->list = l;
	t->e = (struct err){0};
	t->done = false;
	l->refs++;
	l->tuning = true;
	if (thread_start(&t->thread, "weir-acl", run, t) == 0)
		return true;
	t->list = NULL;
	l->tuning = false;
	l->failed = true;
	log_warning("no thread for compiling list '%s': it stays with bit vectors", l->name);
	acl_list_unref(l);
	return false;
}

static void collect(struct acl_tuner *t)
{
	struct acl_list *l = t->list;

	pthread_join(t->thread, NULL);
	t->list = NULL;
	l->tuning = false;
	l->failed = t->rc != 0;
	if (t->rc != 0)
		log_notice("list '%s' stays with bit vectors: %s", l->name, t->e.text);
	else
		log_info("list '%s' with %u rules is compiled for rte_acl", l->name, l->rules);
	acl_list_unref(l);
}

bool acl_tuner_busy(struct acl_tuner *t, bool wait)
{
	if (t->list == NULL)
		return false;
	if (!wait && !__atomic_load_n(&t->done, __ATOMIC_ACQUIRE))
		return true;
	collect(t);
	return false;
}

void acl_tuner_free(struct acl_tuner *t)
{
	if (t == NULL)
		return;
	acl_tuner_busy(t, true);
	free(t);
}
