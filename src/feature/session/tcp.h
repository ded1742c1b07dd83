/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP as an observer in the middle sees it (RFC 9293 3.3.2, RFC 5382): the state follows a table of
 * direction, kind of segment and state; sequence numbers must fit what both sides said so far, as far as that
 * can be known here (the ideas of G. van Rooij, "Real stateful TCP packet filtering in IP Filter"). A reset
 * that does not stand exactly where the next byte would (RFC 5961 3.2) goes on but ends nothing: the session
 * only becomes short-lived until another segment shows that it lives.
 *
 * Thread-safety: pure but for the session, which is the caller's.
 */
#ifndef WEIR_FEATURE_SESSION_TCP_H
#define WEIR_FEATURE_SESSION_TCP_H

#include "feature/session/session.h"

#define TCP_HEADER 20
#define TCP_SCALE_NONE 15 /* no window scale option, as a half of session.scale while unconfirmed */

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

struct tcp_segment {
	uint32_t seq, ack; /* host order */
	uint32_t end;      /* behind its last byte; SYN and FIN count as one */
	uint16_t win;
	uint8_t flags;
	uint8_t scale; /* of a SYN: its window scale option, TCP_SCALE_NONE without one */
};

/* Reads the `have` (20 or more) bytes from `p` on of a segment of `len` bytes. False when the header is
 * malformed: longer than the segment, or flags no TCP sends (RFC 9293 3.1). */
bool tcp_read(const uint8_t *p, uint32_t have, uint32_t len, struct tcp_segment *s);

/* The header of a later fragment's packet is not there. */
static inline bool tcp_opens(const struct tcp_segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

enum tcp_verdict {
	TCP_PASS,
	TCP_LINGER,  /* passes; the session lives on only for as long as a reset one */
	TCP_INVALID, /* does not fit the state */
	TCP_WINDOW,  /* does not fit the sequence numbers */
	TCP_REOPEN,  /* opens a new connection between the same ports; the session is over */
};

/* Fills hot part and state of a session that begins with this segment: a SYN, or, taken up in the middle,
 * anything else. */
void tcp_begin(struct session *s, const struct tcp_segment *g);

/* A segment in direction `dir`. Changes state and windows when it passes. */
enum tcp_verdict tcp_track(struct session *s, unsigned dir, const struct tcp_segment *g);

/* A segment of the session in direction `dir` that an ICMP error quotes: one that may be on its way (RFC 5927
 * 4.1)? */
bool tcp_quoted(const struct session *s, unsigned dir, uint32_t seq);

#endif
