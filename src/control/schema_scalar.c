/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/schema_scalar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control/diag.h"
#include "control/value.h"

#define NAME_MAX_DEFAULT 31
#define WANT_LEN 224

int fault_set(struct fault *f, bool close, const char *hint, const char *fmt, ...)
{
	va_list ap;

	f->close = close;
	snprintf(f->hint, sizeof f->hint, "%s", hint != NULL ? hint : "");
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static const char *format_plain(uint64_t v, char buf[static VALUE_STRLEN])
{
	snprintf(buf, VALUE_STRLEN, "%" PRIu64, v);
	return buf;
}

/* The types that are numbers. */
struct quantity {
	const char *noun, *example;
	int (*parse)(const char *text, uint64_t *out);
	const char *(*format)(uint64_t v, char buf[static VALUE_STRLEN]);
};

static const struct quantity quantities[] = {
	[SCHEMA_INT] = {"a whole number", "10", value_u64, format_plain},
	[SCHEMA_SIZE] = {"a size", "512M or 9000", value_size, value_format_size},
	[SCHEMA_RATE] = {"a rate in bit/s", "20Mbit", value_rate, value_format_rate},
	[SCHEMA_DURATION] = {"a duration", "5s or 200ms", value_duration, value_format_duration},
};

static const char *const descriptions[] = {
	[SCHEMA_BOOL] = "true or false",
	[SCHEMA_ADDRESS] = "an IPv4 or IPv6 address such as 192.0.2.1",
	[SCHEMA_PREFIX] = "a network such as 192.0.2.0/24",
	[SCHEMA_IFADDR] = "an interface address such as 192.0.2.1/24",
	[SCHEMA_MAC] = "a MAC address such as 02:00:00:00:00:01",
	[SCHEMA_NAMED] = "a map of names",
	[SCHEMA_LIST] = "a list such as [a, b]",
};

static void describe_quantity(const struct schema *s, char *buf, size_t size)
{
	const struct quantity *q = &quantities[s->type];
	char low[VALUE_STRLEN], high[VALUE_STRLEN];

	if (s->max != 0)
		snprintf(buf, size, "%s from %s to %s", q->noun, q->format(s->min, low),
			q->format(s->max, high));
	else if (s->min != 0)
		snprintf(buf, size, "%s of at least %s", q->noun, q->format(s->min, low));
	else
		snprintf(buf, size, "%s such as %s", q->noun, q->example);
}

static void describe_string(const struct schema *s, char *buf, size_t size)
{
	if (s->max != 0)
		snprintf(buf, size, "text of %" PRIu64 " to %" PRIu64 " characters", s->min, s->max);
	else if (s->min != 0)
		snprintf(buf, size, "text of at least %" PRIu64 " characters", s->min);
	else
		snprintf(buf, size, "text");
}

/* Appends to a text that may already be cut off. */
__attribute__((format(printf, 3, 4))) static void append(char *buf, size_t size, const char *fmt, ...)
{
	size_t at = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + at, size - at, fmt, ap);
	va_end(ap);
}

static void describe_many(const struct schema *s, char *buf, size_t size)
{
	char one[WANT_LEN];

	buf[0] = '\0';
	if (s->type == SCHEMA_ENUM)
		for (unsigned i = 0; s->words[i] != NULL; i++)
			append(buf, size, "%s%s",
				i == 0                    ? ""
				: s->words[i + 1] != NULL ? ", "
							  : " or ",
				s->words[i]);
	else if (s->type == SCHEMA_ANY_OF)
		for (const struct schema *a = s->alternatives; a->help != NULL; a++)
			append(buf, size, "%s%s", a == s->alternatives ? "" : ", or ",
				schema_describe(a, one, sizeof one));
	else if (s->fields != NULL && s->fields->key != NULL)
		append(buf, size, "a map such as {%s: ...}", s->fields->key);
	else
		append(buf, size, "a map");
}

const char *schema_describe(const struct schema *s, char *buf, size_t size)
{
	switch (s->type) {
	case SCHEMA_INT:
	case SCHEMA_SIZE:
	case SCHEMA_RATE:
	case SCHEMA_DURATION:
		describe_quantity(s, buf, size);
		break;
	case SCHEMA_STRING:
		describe_string(s, buf, size);
		break;
	case SCHEMA_NAME:
		snprintf(buf, size, "a name of at most %" PRIu64 " letters, digits, '.', '_' and '-'",
			schema_name_max(s));
		break;
	case SCHEMA_ENUM:
	case SCHEMA_MAP:
	case SCHEMA_ANY_OF:
		describe_many(s, buf, size);
		break;
	default:
		snprintf(buf, size, "%s", descriptions[s->type]);
	}
	return buf;
}

static int unlike(const struct schema *s, const char *label, const struct node *n, struct fault *f,
	bool close, const char *hint)
{
	char want[WANT_LEN];

	return fault_set(f, close, hint, "'%.40s' needs %s, not '%.60s'", label,
		schema_describe(s, want, sizeof want), n->text);
}

uint64_t schema_name_max(const struct schema *s)
{
	return s->max != 0 ? s->max : NAME_MAX_DEFAULT;
}

/* Not isalnum(): a locale must not change what a name is. */
static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool schema_name_ok(const char *text, uint64_t max)
{
	const char *p = text;

	while (is_alnum(*p) || (p > text && (*p == '.' || *p == '_' || *p == '-')))
		p++;
	return p > text && *p == '\0' && (uint64_t)(p - text) <= max;
}

static int type_string(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	uint64_t len = strlen(n->text);
	char want[WANT_LEN];

	if (len >= s->min && (s->max == 0 || len <= s->max))
		return 0;
	return fault_set(f, true, NULL, "'%.40s' needs %s, not %" PRIu64, label,
		schema_describe(s, want, sizeof want), len);
}

static int type_quantity(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	const struct quantity *q = &quantities[s->type];
	char hint[96];
	uint64_t v;

	if (q->parse(n->text, &v) != 0) {
		/* A number without its unit is the mistake to name; one that is only digits is too large. */
		bool digits = n->text[0] != '\0' && strspn(n->text, "0123456789") == strlen(n->text);

		snprintf(hint, sizeof hint, "write the unit too, such as %.20ss", n->text);
		return unlike(s, label, n, f, digits, digits && s->type == SCHEMA_DURATION ? hint : NULL);
	}
	if (n->quoted && s->type == SCHEMA_INT) {
		snprintf(hint, sizeof hint, "write %.20s without quotes", n->text);
		return fault_set(
			f, true, hint, "'%.40s' needs a whole number, and quotes make it text", label);
	}
	if (v < s->min || (s->max != 0 && v > s->max))
		return unlike(s, label, n, f, true, NULL);
	n->value.u64 = v;
	return 0;
}

static int type_bool(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	bool v;

	if (value_bool(n->text, &v) != 0)
		return unlike(s, label, n, f, false, "write true or false");
	if (n->quoted)
		return fault_set(f, true, v ? "write true without quotes" : "write false without quotes",
			"'%.40s' needs true or false, and quotes make it text", label);
	n->value.u64 = v;
	return 0;
}

static int type_enum(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	const char *near;

	for (unsigned i = 0; s->words[i] != NULL; i++) {
		if (strcmp(s->words[i], n->text) == 0) {
			n->value.u64 = i;
			return 0;
		}
	}
	near = diag_nearest(n->text, s->words);
	return unlike(s, label, n, f, near != NULL, near);
}

static int type_address(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	char addr[ADDR_STRLEN], hint[96];
	struct prefix p;

	if (ipaddr_parse(n->text, &n->value.prefix.addr) == 0) {
		n->value.prefix.len = (uint8_t)family_bits(n->value.prefix.addr.family);
		return 0;
	}
	if (prefix_parse(n->text, &p) != 0)
		return unlike(s, label, n, f, false, NULL);
	snprintf(hint, sizeof hint, "write %s without the length", ipaddr_format(&p.addr, addr));
	return unlike(s, label, n, f, true, hint);
}

static int type_prefix(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	char hint[PREFIX_STRLEN];
	struct prefix p, masked;

	if (prefix_parse(n->text, &p) != 0)
		return unlike(s, label, n, f, strchr(n->text, '/') != NULL, NULL);
	masked = prefix_masked(&p);
	if (!ipaddr_equal(&masked.addr, &p.addr))
		return fault_set(f, true, prefix_format(&masked, hint),
			"'%.40s' needs a network, and '%s' has bits set beyond its length of %u", label,
			n->text, p.len);
	n->value.prefix = p;
	return 0;
}

/* Why an interface cannot have this address, NULL if it can. */
static const char *not_for_interface(const struct prefix *p)
{
	uint32_t v4, host_bits;

	if (!ipaddr_is_host(&p->addr) && !ipaddr_is_link_local(&p->addr))
		return "is not an address that a host can have";
	if (p->addr.family != FAMILY_V4 || p->len >= 31)
		return NULL;
	v4 = ipaddr_to_v4(&p->addr);
	host_bits = UINT32_MAX >> p->len;
	if ((v4 & host_bits) == 0)
		return "is the address of the network itself";
	return (v4 & host_bits) == host_bits ? "is the broadcast address of its network" : NULL;
}

static int type_ifaddr(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	char hint[ADDR_STRLEN + 4], addr[ADDR_STRLEN];
	struct prefix p;
	const char *why;

	if (prefix_parse(n->text, &p) != 0)
		return unlike(s, label, n, f, strchr(n->text, '/') != NULL, NULL);
	if (strchr(n->text, '/') == NULL) {
		snprintf(hint, sizeof hint, "%s/%s", ipaddr_format(&p.addr, addr),
			p.addr.family == FAMILY_V4 ? "24" : "64");
		return fault_set(f, true, hint,
			"'%.40s' needs the length of the network behind the address '%s'", label, n->text);
	}
	why = not_for_interface(&p);
	if (why != NULL)
		return fault_set(f, true, NULL, "'%.40s' needs an interface address, and '%s' %s", label,
			n->text, why);
	n->value.prefix = p;
	return 0;
}

int schema_scalar(const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	switch (s->type) {
	case SCHEMA_STRING:
		return type_string(s, label, n, f);
	case SCHEMA_NAME:
		return schema_name_ok(n->text, schema_name_max(s)) ? 0 : unlike(s, label, n, f, false, NULL);
	case SCHEMA_INT:
	case SCHEMA_SIZE:
	case SCHEMA_RATE:
	case SCHEMA_DURATION:
		return type_quantity(s, label, n, f);
	case SCHEMA_BOOL:
		return type_bool(s, label, n, f);
	case SCHEMA_ENUM:
		return type_enum(s, label, n, f);
	case SCHEMA_ADDRESS:
		return type_address(s, label, n, f);
	case SCHEMA_PREFIX:
		return type_prefix(s, label, n, f);
	case SCHEMA_IFADDR:
		return type_ifaddr(s, label, n, f);
	case SCHEMA_MAC:
		return value_mac(n->text, n->value.mac) == 0 ? 0 : unlike(s, label, n, f, false, NULL);
	default:
		return unlike(s, label, n, f, false, NULL);
	}
}
