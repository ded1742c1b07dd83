/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the API's tests share: an instance without a runtime, served by a thread, and a client that can
 * send anything.
 */
#ifndef WEIR_API_API_TEST_H
#define WEIR_API_API_TEST_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct weir;

struct answer {
	unsigned status; /* 0: the connection ended without one */
	char *text;      /* header and body */
	json_t *doc;
	bool chunked; /* it came in chunks, all of them */
};

/* Starts EAL, an instance with two ports and the API on a fresh socket. */
void server_start(void);
void server_stop(void);
const char *server_socket(void);
struct weir *server_weir(void);

/* Sends bytes as they are and reads until the end. */
struct answer ask_raw(const char *bytes, size_t len, unsigned seconds);
struct answer ask(const char *method, const char *target, const char *body);
void answer_free(struct answer *a);

/* A connected socket that gives up waiting after that time. */
int dial(unsigned seconds);

#endif
