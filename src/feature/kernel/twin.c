/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One TAP: made down and silent, then what the interface is. It lives as long as its descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "base/log.h"
#include "feature/iface/iface.h"
#include "feature/kernel/kernel_priv.h"

#define TUN_DEVICE "/dev/net/tun"
#define ALIAS "twin of an interface of weir" /* of links that stay: they are ours to take over */
#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040 /* Linux 6.1 */
#endif

/* --- making --- */

void twin_name(const char *prefix, const char *iface, char name[IFNAMSIZ])
{
	snprintf(name, IFNAMSIZ, "%s%s", prefix, iface);
}

static int no_tun(const char *iface, int code, struct err *e)
{
	if (code == EPERM || code == EACCES)
		return err_set(e, code,
			"interface '%s': no permission to make its twin in the kernel; weir needs "
			"CAP_NET_ADMIN and "
			"access to " TUN_DEVICE ", or a configuration without 'kernel'",
			iface);
	return err_set(e, code,
		"interface '%s': its twin in the kernel needs " TUN_DEVICE
		" (%s); load the module tun, or leave "
		"'kernel' out of the configuration",
		iface, strerror(code));
}

/* A link that an earlier run left (kernel.persist). The namespace is the one the socket is in. */
static bool is_left(int nl, const char *name, struct link_now *now)
{
	int ifindex = (int)if_nametoindex(name);

	return ifindex != 0 && nl_link_look(nl, ifindex, now) == 0 && strcmp(now->alias, ALIAS) == 0;
}

static int attach(struct twin *t, short flags)
{
	struct ifreq req = {.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | flags)};

	memcpy(req.ifr_name, t->name, IFNAMSIZ);
	return ioctl(t->io.fd, TUNSETIFF, &req) == 0 ? 0 : errno;
}

/* The device belongs to the namespace in which the file is opened. */
static int open_tap(struct twin *t, int nl, const char *iface, struct err *e)
{
	struct link_now now;
	int rc;

	t->io.fd = open(TUN_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->io.fd < 0)
		return no_tun(iface, errno, e);
	rc = attach(t, IFF_TUN_EXCL);
	if (rc == EBUSY && is_left(nl, t->name, &now)) {
		rc = attach(t, IFF_NO_CARRIER);
		t->adopted = t->persist = rc == 0;
		t->up = t->adopted && (now.flags & IFF_UP) != 0;
	}
	if (rc == EBUSY || rc == EEXIST || (rc == EINVAL && if_nametoindex(t->name) != 0))
		return err_set(e, EEXIST,
			"interface '%s': the kernel already has a link '%s' where its twin belongs; rename "
			"one of "
			"them, or set kernel.prefix",
			iface, t->name);
	if (rc != 0)
		return no_tun(iface, rc, e);
	t->ifindex = (int)if_nametoindex(t->name);
	return t->ifindex != 0 ? 0 : no_tun(iface, errno, e);
}

static void settings(struct weir *w, const struct place *p, const struct twin *t, bool v6)
{
	static const struct {
		const char *file;
		bool v6_only;
	} files[] = {{"accept_ra", false}, {"disable_ipv6", true}, {"forwarding", false}};
	const char *values[] = {
		w->kernel->next.accept_ra ? "2" : "0", "0", w->kernel->next.forwarding ? "1" : "0"};
	char path[96];
	bool ok = true;

	for (unsigned i = 0; i < RTE_DIM(files); i++) {
		if (files[i].v6_only && !v6)
			continue;
		snprintf(path, sizeof path, "ipv6/conf/%s/%s", t->name, files[i].file);
		ok &= place_sysctl(p, path, values[i]);
	}
	if (!ok && v6)
		log_warning("the IPv6 settings of the kernel's link '%s' could not be written below "
			    "/proc/sys/net; it "
			    "keeps the kernel's defaults",
			t->name);
}

/* NULL: a loopback has none, its link keeps what the kernel gave it. */
static const uint8_t *mac_of(const struct iface *ifc)
{
	return iface_is_loopback(ifc) ? NULL : ifc->mac;
}

static int configure(struct weir *w, struct twin *t, const struct iface *ifc, struct err *e)
{
	struct place *p = &w->kernel->place[t->place];
	struct link_change c = {.up = t->adopted ? -1 : 0,
		.arp = !t->io.loopback,
		.mtu = ifc->mtu,
		.mac = mac_of(ifc),
		.master = t->master};
	int off = 0, rc;

	/* A carrier that is off from the start: nothing is announced before the port has link. */
	if (ioctl(t->io.fd, TUNSETCARRIER, &off) != 0)
		log_info("the carrier of '%s' cannot be switched: %s", t->name, strerror(errno));
	rc = nl_link_change(p->nl, t->ifindex, &c);
	if (rc == 0)
		rc = nl_link_settings(p->nl, t->ifindex, w->kernel->next.forwarding);
	if (rc != 0)
		return err_set(e, -rc, "interface '%s': the kernel refuses the settings of its twin '%s': %s",
			ifc->name, t->name, strerror(-rc));
	settings(w, p, t, iface_has_family(ifc, FAMILY_V6));
	memcpy(t->mac, ifc->mac, 6);
	t->mtu = ifc->mtu;
	return 0;
}

static void set_frames(struct io_twin *io, const struct iface *ifc)
{
	io->loopback = iface_is_loopback(ifc);
	io->ntags = ifc->ntags;
	for (unsigned i = 0; i < ifc->ntags; i++) {
		io->tag[4 * i] = (uint8_t)(ifc->tpid[i] >> 8);
		io->tag[4 * i + 1] = (uint8_t)ifc->tpid[i];
		io->tag[4 * i + 2] = (uint8_t)(ifc->vlan[i] >> 8);
		io->tag[4 * i + 3] = (uint8_t)ifc->vlan[i];
	}
}

static int make(struct weir *w, struct twin *t, const struct iface *ifc, struct err *e)
{
	struct place *p = &w->kernel->place[t->place];
	int back, rc;

	if (place_netlink(p, e) < 0 || place_enter(p->path, &back, e) != 0)
		return -e->code;
	rc = open_tap(t, p->nl, ifc->name, e);
	place_leave(back);
	if (rc != 0 || configure(w, t, ifc, e) != 0)
		return -e->code;
	rc = io_watch(w->kernel->io, &t->io);
	return rc == 0 ? 0
		       : err_set(e, -rc, "interface '%s': its twin cannot be watched: %s", ifc->name,
				 strerror(-rc));
}

struct twin *twin_new(struct weir *w, const struct iface *ifc, const struct kernel_vrf *vrf, struct err *e)
{
	struct twin *t = calloc(1, sizeof *t);

	if (t == NULL) {
		err_set(e, ENOMEM, "not enough memory for the twin of interface '%s'", ifc->name);
		return NULL;
	}
	t->io.fd = -1;
	t->io.iface = ifc->id;
	t->place = vrf->place;
	t->master = vrf->master;
	twin_name(w->kernel->next.prefix, ifc->name, t->name);
	set_frames(&t->io, ifc);
	if (make(w, t, ifc, e) == 0)
		return t;
	if (t->adopted)
		twin_leave(t);
	else
		twin_free(t);
	return NULL;
}

void twin_leave(struct twin *t)
{
	if (t != NULL && t->io.fd >= 0)
		close(t->io.fd);
	free(t);
}

void twin_free(struct twin *t)
{
	if (t != NULL && t->persist)
		ioctl(t->io.fd, TUNSETPERSIST, 0);
	twin_leave(t);
}

void twin_persist(struct weir *w, struct twin *t, bool on)
{
	int nl = w->kernel->place[t->place].nl, rc;

	if (t->persist == on)
		return;
	rc = nl_link_alias(nl, t->ifindex, on ? ALIAS : "");
	if (rc == 0 && ioctl(t->io.fd, TUNSETPERSIST, on) != 0)
		rc = -errno;
	if (rc == 0)
		t->persist = on;
	else
		log_warning(
			"the kernel's link '%s' will not stay when weir ends: %s", t->name, strerror(-rc));
}

int twin_check(struct weir *w, const struct iface *ifc, const struct kernel_vrf *vrf, struct err *e)
{
	char name[IFNAMSIZ];
	int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC), back;
	struct link_now now;
	bool taken;

	if (fd < 0)
		return no_tun(ifc->name, errno, e);
	close(fd);
	if (place_enter(w->kernel->place[vrf->place].path, &back, e) != 0)
		return -e->code;
	twin_name(w->kernel->next.prefix, ifc->name, name);
	taken = if_nametoindex(name) != 0 && !is_left(w->kernel->place[vrf->place].nl, name, &now);
	place_leave(back);
	if (!taken)
		return 0;
	return err_set(e, EEXIST,
		"interface '%s': the kernel already has a link '%s' where its twin belongs; rename one of "
		"them, or set "
		"kernel.prefix",
		ifc->name, name);
}

/* --- following the interface --- */

static void tell(const struct twin *t, const char *what, int rc)
{
	if (rc != 0 && rc != -EEXIST && rc != -EADDRNOTAVAIL)
		log_warning("the kernel refuses %s of '%s': %s", what, t->name, strerror(-rc));
}

void twin_carrier(struct weir *w, struct twin *t, const struct iface *ifc)
{
	int on = iface_is_up(w, ifc) && !t->held;

	if (t->carrier == (on != 0) || ioctl(t->io.fd, TUNSETCARRIER, &on) != 0)
		return;
	t->carrier = on != 0;
	nl_link_settle(w->kernel->place[t->place].nl, t->ifindex);
}

/* New links may have IPv6 switched off (net.ipv6.conf.default.disable_ipv6). */
static int add_address(struct weir *w, const struct twin *t, const struct prefix *p)
{
	const struct place *place = &w->kernel->place[t->place];
	int rc = nl_address_add(place->nl, t->ifindex, p);
	char file[96];

	if (rc != -EACCES || p->addr.family != FAMILY_V6)
		return rc;
	snprintf(file, sizeof file, "ipv6/conf/%s/disable_ipv6", t->name);
	return place_sysctl(place, file, "0") ? nl_address_add(place->nl, t->ifindex, p) : rc;
}

void twin_address(struct weir *w, struct twin *t, const struct prefix *p, bool added)
{
	int nl = w->kernel->place[t->place].nl, rc = 0;
	unsigned i = 0;

	while (i < t->own_count && !(ipaddr_equal(&t->own[i].addr, &p->addr) && t->own[i].len == p->len))
		i++;
	if (added && p->addr.family == FAMILY_V6 && t->mtu < 1280)
		return; /* when the MTU has grown, see twin_follow() */
	if (added) {
		rc = add_address(w, t, p);
		if ((rc == 0 || (rc == -EEXIST && t->adopted)) && i == t->own_count && i < IFACE_ADDRESSES)
			t->own[t->own_count++] = *p;
		tell(t, "an address", rc);
	} else if (i < t->own_count) {
		rc = nl_address_del(nl, t->ifindex, p);
		t->own[i] = t->own[--t->own_count];
		tell(t, "that an address goes", rc);
	}
}

void twin_addresses(struct weir *w, struct twin *t, const struct iface *ifc)
{
	for (unsigned i = 0; i < ifc->address_count; i++)
		if (ifc->address[i].addr.family == FAMILY_V4 || !ifc->ip6_off)
			twin_address(w, t, &ifc->address[i], true);
}

void twin_follow(struct weir *w, struct twin *t, const struct iface *ifc)
{
	int nl = w->kernel->place[t->place].nl, master = w->kernel->vrf[ifc->vrf].master, rc;
	bool again = ifc->enabled && (!t->up || (t->mtu < 1280 && ifc->mtu >= 1280));
	struct link_change c = {.up = ifc->enabled, .arp = -1, .master = t->master != master ? master : -1};
	struct io_twin now = {0};

	set_frames(&now, ifc);
	if (now.loopback != t->io.loopback)
		c.arp = !now.loopback;
	io_change(w->kernel->io, &t->io, &now);
	c.mtu = t->mtu != ifc->mtu ? ifc->mtu : 0;
	c.mac = memcmp(t->mac, ifc->mac, 6) != 0 ? mac_of(ifc) : NULL;
	if (t->up != ifc->enabled || c.mtu != 0 || c.mac != NULL || c.master >= 0 || c.arp >= 0) {
		rc = nl_link_change(nl, t->ifindex, &c);
		tell(t, "the settings", rc);
		if (rc != 0)
			return;
	}
	t->up = ifc->enabled;
	t->mtu = ifc->mtu;
	t->master = master;
	memcpy(t->mac, ifc->mac, 6);
	twin_carrier(w, t, ifc);
	if (again) { /* what the kernel forgot while the link was down, or its MTU too small for IPv6 */
		nl_link_settings(nl, t->ifindex, w->kernel->now.forwarding);
		twin_addresses(w, t, ifc);
	}
}

bool twin_write(struct twin *t, const uint8_t *frame, size_t len)
{
	return write(t->io.fd, frame, len) == (ssize_t)len;
}
