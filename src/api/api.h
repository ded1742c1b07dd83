/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The API: JSON over HTTP on a Unix socket, served by libmicrohttpd inside the daemon's event loop. Every
 * client (the `weir` verbs, curl --unix-socket, tests) speaks to it. See README.md in this folder.
 *
 * Thread-safety: control thread only; handlers run inside the event loop.
 */
#ifndef WEIR_API_API_H
#define WEIR_API_API_H

#include "base/err.h"

struct api;
struct event_base;
struct weir;

/* Listens on `socket_path` (mode 0660; its directory is created; a socket nobody answers on is replaced) and
 * serves from `base`. `w` must outlive it. NULL with a sentence on failure. */
struct api *api_start(struct weir *w, struct event_base *base, const char *socket_path, struct err *e);

/* Closes every connection and removes the socket. NULL is fine. */
void api_stop(struct api *a);

#endif
