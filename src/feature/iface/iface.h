/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interfaces: builds the interface part of a generation from the config, keeps ids stable across commits,
 * and changes addresses at run time. See README.md in this folder.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_FEATURE_IFACE_H
#define WEIR_FEATURE_IFACE_H

#include "base/err.h"
#include "packet/addr.h"
#include "pipeline/generation.h"

struct weir;

/* Ports by name: the runtime (or a test, or the offline twin) registers them before a config that uses them
 * is applied. `mac` is the port's address, max_mtu in bytes of IP packet. A port that is known under this
 * number is changed. */
int iface_port_register(struct weir *w, const char *name, uint16_t port, const uint8_t mac[6],
	uint16_t max_mtu, struct err *e);
void iface_port_unregister(struct weir *w, const char *name);
/* Remembers the ports there are / goes back to them: around a change that may be given up. */
void iface_ports_save(struct weir *w);
void iface_ports_restore(struct weir *w);
/* Port id by name or -ENOENT. */
int iface_port_find(const struct weir *w, const char *name);
const char *iface_port_name(const struct weir *w, uint16_t port); /* NULL if unknown */

/* The port's frames come from this kernel interface, and the kernel sees them as well (AF_PACKET); "" when it
 * does not. After iface_port_register(). */
void iface_port_shares(struct weir *w, uint16_t port, const char *netdev);
const char *iface_port_shared(const struct weir *w, uint16_t port);

/* Adds / removes one address of a live interface by publishing a new generation; routes and neighbours
 * follow. */
int iface_address_add(struct weir *w, const char *iface, const struct prefix *p, struct err *e);
int iface_address_del(struct weir *w, const char *iface, const struct prefix *p, struct err *e);

/* fe80::/64 with the interface identifier of RFC 4291 appendix A. Pure. */
struct prefix iface_link_local(const uint8_t mac[6]);
/* enabled, and its port has link; a loopback needs none. */
bool iface_is_up(const struct weir *w, const struct iface *ifc);

#endif
