/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The interfaces' twins in the kernel as a document.
 */
#include "api/api_priv.h"
#include "feature/kernel/kernel.h"

static void put_classes(struct jw *j, const struct kernel_twin_info *t)
{
	jw_open(j, "classes", '[');
	for (unsigned c = 0; c < KERNEL_CLASSES; c++) {
		jw_open(j, NULL, '{');
		jw_text(j, "class", kernel_class_names[c]);
		jw_u64(j, "punted", t->punted[c]);
		jw_u64(j, "policed", t->policed[c]);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_twin(void *ctx, const struct kernel_twin_info *t)
{
	struct request *r = ctx;
	struct jw *j = &r->out;
	const struct iface *ifc = weir_generation(r->w)->iface[t->iface];

	jw_open(j, NULL, '{');
	jw_text(j, "interface", ifc != NULL ? ifc->name : NULL);
	jw_text(j, "link", t->name);
	jw_u64(j, "ifindex", (uint64_t)t->ifindex);
	jw_text(j, "namespace", t->place[0] != '\0' ? t->place : NULL);
	jw_bool(j, "carrier", t->carrier);
	jw_bool(j, "held", t->held);
	jw_u64(j, "waited_ns", t->waited);
	jw_bool(j, "adopted", t->adopted);
	put_classes(j, t);
	jw_u64(j, "delivered", t->delivered);
	jw_u64(j, "refused", t->refused);
	jw_u64(j, "copies", t->copies);
	jw_u64(j, "injected", t->injected);
	jw_u64(j, "answered", t->answered);
	jw_u64(j, "inject_drops", t->inject_drops);
	jw_u64(j, "groups", t->groups);
	jw_u64(j, "groups_refused", t->groups_refused);
	jw_close(j, '}');
}

static void show_kernel(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_bool(&r->out, "enabled", kernel_enabled(r->w));
	jw_u64(&r->out, "waits_expired", kernel_waits_expired(r->w));
	jw_open(&r->out, "twins", '[');
	kernel_twins(r->w, put_twin, r);
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

static const struct doc doc_class[] = {
	{"class", DOC_TEXT, "Class of packets for the kernel.", .words = kernel_class_names},
	{"punted", DOC_U64, "Packets that went up."},
	{"policed", DOC_U64, "Packets over the rate of kernel.police."},
	{0},
};

static const struct doc doc_twin[] = {
	{"interface", DOC_TEXT, "Whose twin it is."},
	{"link", DOC_TEXT, "Name of the kernel's link."},
	{"ifindex", DOC_U64, "Its number there."},
	{"namespace", DOC_TEXT, "Path of its network namespace; null: weir's own.", .flags = DOC_NULL},
	{"carrier", DOC_BOOL, "The kernel is told that there is link."},
	{"held", DOC_BOOL, "It has none because the kernel's routes are not all here yet (kernel.wait)."},
	{"waited_ns", DOC_U64, "How long it waited for them."},
	{"adopted", DOC_BOOL, "The link was there when weir started (kernel.persist)."},
	{"classes", DOC_LIST, "Packets for the kernel by class.", doc_class},
	{"delivered", DOC_U64, "Frames the kernel took, copies among them."},
	{"refused", DOC_U64, "Frames the kernel did not take."},
	{"copies", DOC_U64, "Copies of ARP and neighbour discovery the kernel took."},
	{"injected", DOC_U64, "Frames of the kernel that were given to worker 0."},
	{"answered", DOC_U64,
		"ARP requests and solicitations of the kernel that weir answered or asks the wire for."},
	{"inject_drops", DOC_U64, "Frames of the kernel that were lost for want of buffers or room."},
	{"groups", DOC_U64, "Multicast groups beyond the link that programs joined."},
	{"groups_refused", DOC_U64, "Such groups there was no room for."},
	{0},
};

static const struct doc doc_kernel[] = {
	{"enabled", DOC_BOOL, "Twins are configured."},
	{"waits_expired", DOC_U64,
		"Twins that had carrier before the kernel's routes were here: kernel.wait was over."},
	{"twins", DOC_LIST, "The twins, in the order of interface ids.", doc_twin},
	{0},
};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/kernel", "The interfaces' twins in the kernel: packets up and down.", show_kernel,
		.reply = doc_kernel},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
