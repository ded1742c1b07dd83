/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which counters belong to which rule. A slot stays with a rule's list and name (or id), so that counters
 * survive commits. Slots of rules that are gone are used again after a grace period, when no worker counts
 * there any more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feature/acl/acl_priv.h"
#include "table/hash_bytes.h"

#define KEY (2 * ACL_NAME)
#define TABLE (2 * ACL_SLOTS)

struct slot {
	char key[KEY]; /* list, NUL, name or id; empty: free */
	bool used;     /* by the config that is being prepared */
	bool fresh;    /* was not there before */
	uint32_t gone; /* number of the commit that gave it up; 0: none, or its grace period is over */
};

struct acl_slots {
	struct slot *slot;
	uint32_t *table; /* hash table of slot + 1; rebuilt when slots are given up */
	struct acl_count *baseline;
	uint32_t next; /* where to look for a free one */
	uint32_t commits, reclaimed;
};

struct acl_slots *acl_slots_new(void)
{
	struct acl_slots *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->slot = calloc(ACL_SLOTS, sizeof *s->slot);
	s->table = calloc(TABLE, sizeof *s->table);
	s->baseline = calloc(ACL_SLOTS, sizeof *s->baseline);
	if (s->slot != NULL && s->table != NULL && s->baseline != NULL)
		return s;
	acl_slots_free(s);
	return NULL;
}

void acl_slots_free(struct acl_slots *s)
{
	if (s == NULL)
		return;
	free(s->slot);
	free(s->table);
	free(s->baseline);
	free(s);
}

static uint32_t place_of(const struct acl_slots *s, const char *key)
{
	uint32_t at = hash_bytes(key, KEY, 0) % TABLE;

	while (s->table[at] != 0 && memcmp(s->slot[s->table[at] - 1].key, key, KEY) != 0)
		at = (at + 1) % TABLE;
	return at;
}

static bool is_free(const struct slot *x)
{
	return x->key[0] == '\0' && x->gone == 0;
}

static int new_slot(struct acl_slots *s, const char *key, uint32_t place, uint32_t *slot)
{
	for (uint32_t tries = 0; tries < ACL_SLOTS; tries++) {
		struct slot *x = &s->slot[s->next % ACL_SLOTS];

		*slot = s->next++ % ACL_SLOTS;
		if (!is_free(x))
			continue;
		memcpy(x->key, key, KEY);
		x->fresh = true;
		s->table[place] = *slot + 1;
		return 0;
	}
	return -ENOSPC;
}

int acl_slot_take(struct acl_slots *s, const char *list, const char *name, uint32_t id, uint32_t *slot)
{
	char key[KEY] = "";
	uint32_t place;
	int rc = 0;

	snprintf(key, ACL_NAME, "%s", list);
	/* Names begin with a letter or digit. */
	if (name[0] != '\0')
		snprintf(key + ACL_NAME, ACL_NAME, "%s", name);
	else
		snprintf(key + ACL_NAME, ACL_NAME, "/%u", id);
	place = place_of(s, key);
	if (s->table[place] != 0)
		*slot = s->table[place] - 1;
	else
		rc = new_slot(s, key, place, slot);
	if (rc == 0)
		s->slot[*slot].used = true;
	return rc == 0 ? s->slot[*slot].fresh : rc;
}

void acl_slots_begin(struct acl_slots *s)
{
	for (uint32_t i = 0; i < ACL_SLOTS; i++)
		s->slot[i].used = s->slot[i].fresh = false;
}

static void index_slots(struct acl_slots *s)
{
	memset(s->table, 0, TABLE * sizeof *s->table);
	for (uint32_t i = 0; i < ACL_SLOTS; i++)
		if (s->slot[i].key[0] != '\0')
			s->table[place_of(s, s->slot[i].key)] = i + 1;
}

/* After a commit what is not used any more goes; after an abort what is new does, and no worker ever saw it.
 */
void acl_slots_end(struct acl_slots *s, bool keep)
{
	s->commits += keep;
	for (uint32_t i = 0; i < ACL_SLOTS; i++) {
		struct slot *x = &s->slot[i];

		if (x->key[0] == '\0' || (keep ? x->used : !x->fresh))
			continue;
		x->key[0] = '\0';
		x->gone = keep ? s->commits : 0;
	}
	index_slots(s);
}

void acl_slots_reclaim(struct acl_slots *s)
{
	s->reclaimed++;
	for (uint32_t i = 0; i < ACL_SLOTS; i++)
		if (s->slot[i].gone <= s->reclaimed)
			s->slot[i].gone = 0;
}

struct acl_count *acl_slot_baseline(struct acl_slots *s, uint32_t slot)
{
	return &s->baseline[slot];
}
