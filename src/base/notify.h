/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the service manager is told (sd_notify(3)), without its library: datagrams to the socket that it names
 * in NOTIFY_SOCKET. Without a service manager nothing happens.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_BASE_NOTIFY_H
#define WEIR_BASE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Assignments separated by newlines, such as "READY=1\nSTATUS=two words". True when they were sent. */
bool notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* µs after which the service manager takes this process for dead unless WATCHDOG=1 was sent; 0: it does not
 * watch. */
uint64_t notify_watchdog_us(void);

#endif
