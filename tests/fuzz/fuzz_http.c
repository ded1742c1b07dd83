/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bytes of a connection to the API, as they come from a network: request lines, headers, bodies with a
 * length or in chunks, requests behind requests. They go by real sockets through libmicrohttpd into our
 * server and all handlers. The first byte chooses the listener (the Unix socket, TCP with tokens, metrics),
 * the second into how large pieces the rest is cut. Whatever comes, the connection ends and nothing is held
 * for it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sanitizer/lsan_interface.h>

#include "api/server.h"
#include "fuzz_instance.h"

#define ROUNDS 2000 /* of the event loop until a connection must have ended */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir *weir;
static struct event_base *base;
static struct api *api;
static struct sockaddr_un unix_at = {.sun_family = AF_UNIX};
static struct sockaddr_in tcp_at[2]; /* API, metrics */

/* --- listeners --- */

/* A port that nobody uses now. */
static struct sockaddr_in free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
		getsockname(fd, (struct sockaddr *)&at, &len) == 0);
	close(fd);
	return at;
}

static void forget_socket(void)
{
	unlink(unix_at.sun_path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct err e = {0};
	char config[1024];

	for (unsigned i = 0; i < 2; i++)
		tcp_at[i] = free_port();
	snprintf(config, sizeof config,
		"ports: {a: {device: none}, b: {device: none}}\n"
		"interfaces: {lan: {port: a, addresses: [10.0.1.1/24]}}\n"
		"metrics: {listen: [{address: 127.0.0.1, port: %u}]}\n"
		"api:\n  listen: [{address: 127.0.0.1, port: %u}]\n  tokens:\n" /* "token" */
		"  - {name: fuzz, role: rw, hash: "
		"\"sha256:3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0\"}\n",
		ntohs(tcp_at[1].sin_port), ntohs(tcp_at[0].sin_port));
	weir = instance_new("weir-fuzz-http", config, false);
	__lsan_disable();
	base = event_base_new();
	snprintf(unix_at.sun_path, sizeof unix_at.sun_path, "/tmp/weir-fuzz-http-%d.sock", (int)getpid());
	api = base != NULL ? api_start(weir, base, unix_at.sun_path, &e) : NULL;
	need(api != NULL);
	atexit(forget_socket);
	weir->offline = true; /* from now on no configuration opens a socket or a file of certificates */
	__lsan_enable();
	return 0;
}

/* --- a client --- */

static int dial(unsigned which)
{
	const struct sockaddr *at = (const struct sockaddr *)&unix_at;
	socklen_t len = sizeof unix_at;
	int fd;

	if (which != 0) {
		at = (const struct sockaddr *)&tcp_at[which - 1];
		len = sizeof tcp_at[0];
	}
	fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(fd >= 0 && connect(fd, at, len) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	return fd;
}

/* What was answered so far; true: the server ended the connection. */
static bool take_answers(int fd, char first[static 9], size_t *got)
{
	char buf[65536];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
		for (ssize_t i = 0; i < n && *got < 9; i++)
			first[(*got)++] = buf[i];
	return n == 0;
}

static void talk(int fd, const uint8_t *data, size_t size, size_t piece)
{
	char first[9] = {0};
	size_t got = 0;
	bool ended = false;
	unsigned idle = 0;

	while (size > 0 && !ended) {
		ssize_t n = send(fd, data, size < piece ? size : piece, MSG_NOSIGNAL);

		event_base_loop(base, EVLOOP_NONBLOCK);
		ended = take_answers(fd, first, &got);
		if (n < 0 && ++idle > ROUNDS)
			break;
		data += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	shutdown(fd, SHUT_WR);
	for (unsigned i = 0; i < 20 && !ended; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		ended = take_answers(fd, first, &got);
	}
	need(got < 9 || strncmp(first, "HTTP/1.", 7) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;

	if (size < 3)
		return 0;
	fd = dial(data[0] % 3);
	talk(fd, data + 2, size - 2, data[1] != 0 ? data[1] : size);
	close(fd);
	for (unsigned i = 0; i < ROUNDS && api_stats.open != 0; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (i == ROUNDS / 2) /* suspended streams are looked at once a second */
			connections_expire(api);
	}
	need(api_stats.open == 0 && api_stats.streams == 0 && api->bodies == 0 && api->replies == 0);
	instance_rest(weir);
	return 0;
}
