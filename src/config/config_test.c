/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Applies on a whole router in this process: every allocation fails in turn, random configs come and go.
 */
#include "config/config_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feature/neigh/neigh.h"
#include "feature/route/route.h"

/* --- faults --- */

static long countdown = -1; /* allocations until the fault; -1: none */
static bool sticky;         /* every one from then on fails */
static long asked;

static bool short_of_memory(void)
{
	asked++;
	if (countdown < 0)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	if (!sticky)
		countdown = -1;
	return true;
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	return short_of_memory() ? NULL : __real_malloc(n);
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return short_of_memory() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
	return short_of_memory() ? NULL : __real_realloc(p, n);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
	return short_of_memory() ? NULL : __real_strdup(s);
}

/* Much that is new, much that goes, much that changes. */
static const char other[] = PORTS
	"vrfs: {blue: {}, red: {}}\n"
	"interfaces:\n"
	"  a: {port: p0, addresses: [10.0.0.1/24, 10.5.0.1/24, \"2001:db8:a::1/64\"], mtu: 1400}\n"
	"  c: {parent: a, vlan: 7, addresses: [10.7.0.1/24, \"2001:db8:7::1/64\"]}\n"
	"  q: {parent: a, vlan: 8, inner-vlan: 9, tpid: 802.1ad, addresses: [10.8.0.1/24]}\n"
	"  d: {port: p2, vrf: red, addresses: [10.0.1.1/24]}\n"
	"neighbor: {limit: 4000}\n"
	"neighbors:\n"
	"  - {interface: a, address: 10.0.0.3, mac: \"02:aa:00:00:00:04\"}\n"
	"  - {interface: c, address: \"2001:db8:7::3\", mac: \"02:aa:00:00:00:05\"}\n"
	"routes:\n"
	"  - {prefix: 192.0.2.0/24, via: [{address: 10.7.0.3}]}\n"
	"  - {prefix: 192.0.2.64/26, via: [{address: 10.7.0.4}, {address: 10.5.0.3}, {address: 10.0.0.9}]}\n"
	"  - {prefix: 10.99.0.0/16, vrf: red, type: blackhole}\n"
	"  - {prefix: 10.99.1.1/32, vrf: red, via: [{address: 10.0.1.9}]}\n"
	"  - {prefix: \"2001:db8:99::/48\", via: [{address: \"2001:db8:7::9\"}]}\n"
	"  - {prefix: \"2001:db8:99:1::/64\", via: [{interface: c}]}\n"
	"icmp: {error-rate: 7}\n";

/* --- the state as text --- */

/* A gateway that does not answer is refused for a while and asked again: that is learnt, not configured. */
static int kind_of(const struct route_info *info)
{
	int kind = lab.w->nht.nh[info->nh].kind;

	return info->spec.type == ROUTE_UNICAST && kind == NH_UNREACHABLE ? NH_ADJ : kind;
}

static bool print_route(void *ctx, const struct route_info *info)
{
	FILE *f = ctx;
	char text[PREFIX_STRLEN], addr[ADDR_STRLEN];

	if (info->spec.source == ROUTE_NEIGHBOR)
		return true;
	fprintf(f, "route vrf %u %s source %u type %u distance %u config %d active %d nh %d", info->spec.vrf,
		prefix_format(&info->spec.prefix, text), info->spec.source, info->spec.type, info->distance,
		info->spec.from_config, info->active, info->nh != 0 ? kind_of(info) : -1);
	for (unsigned i = 0; i < info->spec.via_count; i++)
		fprintf(f, " via %s/%u*%u usable %d", ipaddr_format(&info->spec.via[i].address, addr),
			info->spec.via[i].iface, info->spec.via[i].weight, info->via_usable[i]);
	fputc('\n', f);
	return true;
}

static bool print_neighbor(void *ctx, const struct neigh_info *info)
{
	char addr[ADDR_STRLEN];

	if (info->permanent)
		fprintf(ctx, "neighbor %u %s %02x%02x config %d\n", info->iface,
			ipaddr_format(&info->address, addr), info->mac[4], info->mac[5], info->from_config);
	return true;
}

static void print_iface(FILE *f, const struct iface *ifc)
{
	char text[PREFIX_STRLEN];

	fprintf(f, "iface %u %s port %u vrf %u mtu %u tags %u %x.%u %x.%u up %d", ifc->id, ifc->name,
		ifc->port, ifc->vrf, ifc->mtu, ifc->ntags, ifc->tpid[0], ifc->vlan[0], ifc->tpid[1],
		ifc->vlan[1], ifc->enabled);
	for (unsigned i = 0; i < ifc->address_count; i++)
		fprintf(f, " %s%s", prefix_format(&ifc->address[i], text),
			!ifc->enabled || neigh_address_usable(lab.w, ifc->id, &ifc->address[i].addr) ? ""
												     : "?");
	fputc('\n', f);
}

/* Everything that follows from the config and nothing that was learnt. */
static char *state_text(void)
{
	const struct generation *g = lab.w->gen;
	struct route_totals t;
	char *text = NULL;
	size_t len;
	FILE *f;
	long armed = countdown;

	countdown = -1;
	f = open_memstream(&text, &len);
	lab_advance(SECONDS(5));
	lab_discard();
	g = lab.w->gen;
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL)
			print_iface(f, g->iface[i]);
	for (uint16_t v = 0; v < VRF_MAX; v++)
		if (lab.w->vrf[v].name[0] != '\0') {
			route_walk(lab.w, v, FAMILY_V4, NULL, print_route, f);
			route_walk(lab.w, v, FAMILY_V6, NULL, print_route, f);
		}
	neigh_walk(lab.w, IFACE_NONE, NULL, print_neighbor, f);
	route_totals(lab.w, &t);
	fprintf(f, "icmp %u groups %u\n", g->icmp_error_rate, t.groups);
	fclose(f);
	countdown = armed;
	return text;
}

/* --- every allocation fails --- */

static void expect_state(const char *want, const char *what, long at)
{
	char *now = state_text();

	if (strcmp(now, want) != 0)
		fail_msg("%s, allocation %ld:\n%s--- expected ---\n%s", what, at, now, want);
	free(now);
}

/* An apply is refused and nothing changed, or it is done as a whole: whatever allocation fails, and whether
 * memory comes back or not. */
static void each_allocation_fails(bool to_the_end)
{
	char *was, *want;
	long refused = 0, done = 0;

	begin(NULL);
	must_apply(base);
	free(state_text());
	must_apply(other);
	want = state_text();
	must_apply(base);
	was = state_text();
	for (long at = 0;; at++) {
		struct txn_request q = by("alice");
		struct node *n = read_tree(other);
		struct err e = {0};
		int rc;

		asked = 0;
		sticky = to_the_end;
		countdown = at;
		rc = config_service_apply(lab.w->config, n, &q, NULL, &e);
		countdown = -1;
		if (rc != 0) {
			refused++;
			assert_string_not_equal(e.text, "");
			node_free(n);
			expect_state(was, "refused", at);
		} else {
			done++;
			expect_state(want, "applied", at);
			must_apply(base);
			expect_state(was, "back", at);
		}
		if (at >= asked)
			break;
	}
	print_message("%ld refused, %ld done in spite of it\n", refused, done);
	assert_true(refused > 20);
	free(was);
	free(want);
	finish();
}

static void one_allocation_fails(void **state)
{
	each_allocation_fails(false);
}

static void memory_runs_out(void **state)
{
	each_allocation_fails(true);
}

/* --- every feature refuses --- */

#define REFUSERS 11 /* before the first feature, between any two of them, behind the last */
static int refusing = -1, prepared, given_back;

static int refuse(int which, struct err *e)
{
	if (which == refusing)
		return err_set(e, EOPNOTSUPP, "feature %d does not want to", which);
	prepared += refusing >= 0;
	return 0;
}

static void give_back(struct weir *w)
{
	given_back += refusing >= 0;
}

#define REFUSER(n, at)                                                                                       \
	static int prepare_##n(                                                                              \
		struct weir *w, const struct node *cfg, struct generation *next, struct err *e)              \
	{                                                                                                    \
		return refuse(n, e);                                                                         \
	}                                                                                                    \
	static struct feature refuser_##n = {                                                                \
		.name = "refuser" #n, .order = (at), .prepare = prepare_##n, .abort = give_back};            \
	FEATURE_REGISTER(refuser_##n)
REFUSER(0, -1)
REFUSER(1, 7)
REFUSER(2, 12)
REFUSER(3, 22)
REFUSER(4, 27)
REFUSER(5, 35)
REFUSER(6, 45)
REFUSER(7, 150)
REFUSER(8, 200)
REFUSER(9, 500)
REFUSER(10, 2000)

/* What had prepared gives back what it prepared; a plan says so, too. */
static void each_feature_refuses(void **state)
{
	char *was;

	begin(NULL);
	must_apply(base);
	was = state_text();
	for (int i = 0; i < REFUSERS; i++) {
		struct config_plan p;
		struct node *n = read_tree(other);
		struct err e = {0};

		refusing = i;
		prepared = given_back = 0;
		assert_int_equal(apply(other, &e), -EOPNOTSUPP);
		assert_non_null(strstr(e.text, "does not want to"));
		assert_int_equal(prepared, i);
		assert_int_equal(given_back, i + 1); /* the one that refused as well */
		assert_int_equal(config_service_plan(lab.w->config, n, &p), 0);
		assert_non_null(strstr(p.refusal, "does not want to"));
		refusing = -1;
		config_plan_free(&p);
		node_free(n);
		expect_state(was, "refused by feature", i);
	}
	must_apply(other);
	must_apply(base);
	expect_state(was, "back", 0);
	free(was);
	finish();
}

/* --- random configs --- */

static unsigned draw(unsigned n)
{
	return (unsigned)(lab_random() % n);
}

/* A valid config: interfaces with addresses by their number, so that nothing overlaps. */
static char *random_config(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	unsigned count = 1 + draw(4), tagged = draw(6), routes = draw(40);

	fputs(PORTS "vrfs: {blue: {}, red: {}}\ninterfaces:\n", f);
	for (unsigned i = 0; i < count; i++)
		fprintf(f,
			"  i%u: {port: p%u, mtu: %u, enabled: %s, vrf: %s, addresses: [10.%u.0.1/24, "
			"\"2001:db8:%u::1/64\"]}\n",
			i, i, 1280 + draw(220), draw(5) == 0 ? "false" : "true",
			draw(4) == 0 ? "blue" : "default", i, i);
	for (unsigned i = 0; i < tagged; i++)
		fprintf(f, "  v%u: {parent: i%u, vlan: %u, addresses: [10.1%u.0.1/24%s]}\n", i, draw(count),
			10 + i, i, i == 0 && draw(2) != 0 ? ", 10.200.0.0/31" : "");
	fputs("routes:\n", f);
	for (unsigned i = 0; i < routes; i++) {
		fprintf(f, "  - {prefix: %u.%u.0.0/%u, vrf: %s, distance: %u", 100 + i, draw(4) * 64,
			16 + 2 * draw(2), draw(4) == 0 ? "blue" : "default", 1 + draw(3));
		if (draw(5) == 0) {
			fputs(", type: unreachable}\n", f);
			continue;
		}
		fputs(", via: [", f);
		for (unsigned k = 0, hops = 1 + draw(3); k < hops; k++)
			fprintf(f, "%s{address: 10.%u.0.%u, weight: %u}", k != 0 ? ", " : "", draw(4),
				2 + k + 3 * draw(3), 1 + draw(3));
		fputs("]}\n", f);
	}
	if (routes == 0)
		fputs("  []\n", f);
	fprintf(f, "icmp: {error-rate: %u}\n", draw(1000));
	fclose(f);
	return text;
}

static bool has_line(const char *text, const char *line, size_t len)
{
	for (; text != NULL && *text != '\0';
		text = strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : NULL)
		if (strncmp(text, line, len) == 0 && text[len] == '\n')
			return true;
	return false;
}

static void print_missing(const char *mark, const char *from, const char *in)
{
	for (const char *end; (end = strchr(from, '\n')) != NULL; from = end + 1)
		if (!has_line(in, from, (size_t)(end - from)))
			print_message("%s %.*s\n", mark, (int)(end - from), from);
}

static void print_difference(const char *got, const char *want)
{
	print_missing("too much:", got, want);
	print_missing("missing: ", want, got);
}

static uint32_t in_use(uint32_t *groups)
{
	struct route_totals t;

	route_totals(lab.w, &t);
	*groups = t.groups;
	return t.nexthops;
}

static void a_to_b_to_a(void **state)
{
	uint32_t slots = 0, buckets = 0;

	begin(NULL);
	for (unsigned round = 0; round < 150; round++) {
		char *a = random_config(), *b = random_config(), *first, *between, *again;

		must_apply(a);
		first = state_text();
		must_apply(b);
		between = state_text();
		must_apply(a);
		again = state_text();
		if (strcmp(first, again) != 0) {
			print_message("%s--- then ---\n%s--- gives ---\n", a, b);
			print_difference(again, first);
			fail();
		}
		free(a);
		free(b);
		free(first);
		free(between);
		free(again);
		/* Every slot and bucket array comes back: the second half uses those of the first. */
		if (round == 74 || round == 149) {
			must_apply(PORTS);
			lab_advance(SECONDS(300));
			if (round == 149) {
				assert_int_equal(slots, in_use(&buckets));
				break;
			}
			slots = in_use(&buckets);
		}
	}
	assert_int_equal(buckets, 0);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(one_allocation_fails),
		lab_test(memory_runs_out),
		lab_test(each_feature_refuses),
		lab_test(a_to_b_to_a),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
