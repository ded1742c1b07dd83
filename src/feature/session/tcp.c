/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature/session/tcp.h"

#include "feature/ip/ip_hdr.h"
#include "packet/parse.h"

#define ACK_BEHIND 66000u /* an acknowledgement may be older by a window, and by this at least */
#define SCALE_MAX 14      /* RFC 7323 2.3 */

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_SCALE = 3 };

/* --- header --- */

static uint8_t read_scale(const uint8_t *p, uint32_t len)
{
	uint32_t at = TCP_HEADER;

	while (at < len && p[at] != OPTION_END) {
		uint32_t n = p[at] == OPTION_NOP ? 1 : at + 1 < len ? p[at + 1] : 0;

		if (p[at] != OPTION_NOP && (n < 2 || at + n > len))
			break;
		if (p[at] == OPTION_SCALE && n == 3)
			return p[at + 2] < SCALE_MAX ? p[at + 2] : SCALE_MAX;
		at += n;
	}
	return TCP_SCALE_NONE;
}

/* Each has SYN, ACK or RST, and no two that exclude each other. */
static bool flags_make_sense(uint8_t f)
{
	if ((f & TCP_SYN) != 0)
		return (f & (TCP_FIN | TCP_RST)) == 0;
	return (f & (TCP_ACK | TCP_RST)) != 0 && (f & (TCP_FIN | TCP_RST)) != (TCP_FIN | TCP_RST);
}

bool tcp_read(const uint8_t *p, uint32_t have, uint32_t len, struct tcp_segment *s)
{
	uint32_t header = (p[12] >> 4) * 4u;

	*s = (struct tcp_segment){.seq = rte_be_to_cpu_32(ip_get32(p + 4)),
		.ack = rte_be_to_cpu_32(ip_get32(p + 8)),
		.win = be16_at(p + 14),
		.flags = p[13] & 0x3f,
		.scale = TCP_SCALE_NONE};
	if (header < TCP_HEADER || header > len || !flags_make_sense(s->flags))
		return false;
	s->end = s->seq + (len - header) + ((s->flags & TCP_SYN) != 0) + ((s->flags & TCP_FIN) != 0);
	if ((s->flags & TCP_SYN) != 0)
		s->scale = read_scale(p, header < have ? header : have);
	return true;
}

/* --- states --- */

enum kind { KIND_SYN, KIND_SYNACK, KIND_ACK, KIND_FIN, KIND_RST, KINDS };

static enum kind kind_of(uint8_t flags)
{
	if ((flags & TCP_RST) != 0)
		return KIND_RST;
	if ((flags & TCP_SYN) != 0)
		return (flags & TCP_ACK) != 0 ? KIND_SYNACK : KIND_SYN;
	return (flags & TCP_FIN) != 0 ? KIND_FIN : KIND_ACK;
}

#define SYN SESSION_SYN
#define SY2 SESSION_SYN2
#define SAK SESSION_SYNACK
#define EST SESSION_ESTAB
#define FNO SESSION_FIN_O
#define FNR SESSION_FIN_R
#define CLO SESSION_CLOSING
#define TIM SESSION_TIME
#define RES SESSION_RESET
enum {
	SAM = 32, /* passes and changes nothing: a challenge, or its answer, or late (RFC 5961 4.2) */
	BAD = 33,
	NEW = 34, /* another connection (RFC 9293 3.6.1, RFC 1122 4.2.2.13) */
};

/* clang-format off */
static const uint8_t table[2][KINDS][SESSION_RESET + 1] = {
	{ /* from the side that sent the first packet */
		/*               SYN  SYN2 SYNACK ESTAB FIN-O FIN-R CLOSING TIME RESET */
		[KIND_SYN]    = {SYN, SY2, SAK,   SAM,  SAM,  SAM,  SAM,    NEW, NEW},
		[KIND_SYNACK] = {BAD, SAK, SAM,   SAM,  BAD,  BAD,  BAD,    BAD, BAD},
		[KIND_ACK]    = {BAD, SY2, EST,   EST,  FNO,  FNR,  TIM,    TIM, RES},
		[KIND_FIN]    = {BAD, BAD, FNO,   FNO,  FNO,  CLO,  CLO,    TIM, RES},
		[KIND_RST]    = {RES, RES, RES,   RES,  RES,  RES,  RES,    TIM, RES},
	},
	{ /* from the other one */
		[KIND_SYN]    = {SY2, SY2, SAM,   SAM,  SAM,  SAM,  SAM,    NEW, NEW},
		[KIND_SYNACK] = {SAK, SAK, SAK,   SAM,  SAM,  SAM,  SAM,    SAM, BAD},
		[KIND_ACK]    = {SAM, SY2, SAK,   EST,  FNO,  FNR,  TIM,    TIM, RES},
		[KIND_FIN]    = {BAD, BAD, FNR,   FNR,  CLO,  FNR,  CLO,    TIM, RES},
		[KIND_RST]    = {RES, RES, RES,   RES,  RES,  RES,  RES,    TIM, RES},
	},
};
/* clang-format on */

/* --- sequence numbers --- */

static inline bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static inline uint32_t larger(uint32_t a, uint32_t b)
{
	return before(a, b) ? b : a;
}

static inline uint8_t scale_of(const struct session *s, unsigned dir)
{
	return dir == 0 ? s->scale & 15 : s->scale >> 4;
}

/* In bytes. The window of a SYN is never scaled (RFC 7323 2.2). */
static inline uint32_t window_of(const struct session *s, unsigned dir, const struct tcp_segment *g)
{
	uint8_t scale = scale_of(s, dir);

	return (uint32_t)g->win << ((g->flags & TCP_SYN) != 0 || scale == TCP_SCALE_NONE ? 0 : scale);
}

static bool fits(const struct session *s, unsigned dir, const struct tcp_segment *g)
{
	const struct session_tcp *from = &s->tcp[dir], *to = &s->tcp[!dir];
	uint32_t old = from->win > ACK_BEHIND ? from->win : ACK_BEHIND;

	if (before(from->limit, g->seq))
		return false; /* begins behind what it may send */
	if (before(g->end, from->end - to->win))
		return false; /* ends before what was still under way */
	if ((g->flags & TCP_ACK) == 0)
		return true;
	return !before(to->end, g->ack) && !before(g->ack, to->end - old);
}

/* The first segment of a direction says where it begins. */
static void learn(struct session *s, unsigned dir, const struct tcp_segment *g)
{
	uint8_t scale = (g->flags & TCP_SYN) != 0 ? g->scale : TCP_SCALE_NONE;

	FLOW_SET(s->tcp[dir].end, g->end);
	FLOW_SET(s->tcp[dir].limit, g->end);
	FLOW_SET(s->tcp[dir].win, g->win != 0 ? g->win : 1);
	FLOW_SET(s->scale, (uint8_t)(dir == 0 ? (s->scale & 0xf0) | scale : (s->scale & 15) | scale << 4));
}

/* Scaling is in force when both sides offered it (RFC 7323 2.2). */
static void settle_scales(struct session *s)
{
	if (scale_of(s, 0) == TCP_SCALE_NONE || scale_of(s, 1) == TCP_SCALE_NONE)
		FLOW_SET(s->scale, 0);
}

static void advance(struct session *s, unsigned dir, const struct tcp_segment *g)
{
	struct session_tcp *from = &s->tcp[dir], *to = &s->tcp[!dir];
	uint32_t win = window_of(s, dir, g);

	if (from->win < win)
		FLOW_SET(from->win, win);
	/* A probe of a closed window: one byte more than it may send is on its way. */
	if (to->win != 0 && before(from->limit, g->end))
		FLOW_SET(to->win, to->win + (g->end - from->limit));
	if (before(from->end, g->end))
		FLOW_SET(from->end, g->end);
	if ((g->flags & TCP_ACK) != 0)
		FLOW_SET(to->limit, larger(to->limit, g->ack + (win != 0 ? win : 1)));
}

void tcp_begin(struct session *s, const struct tcp_segment *g)
{
	memset(s->tcp, 0, sizeof s->tcp);
	s->scale = TCP_SCALE_NONE << 4;
	s->state = tcp_opens(g) ? SESSION_SYN : SESSION_ESTAB | SESSION_LIBERAL;
	learn(s, 0, g);
}

/* A segment of a direction that said nothing so far. */
static enum tcp_verdict first_of(struct session *s, unsigned dir, const struct tcp_segment *g)
{
	/* What it acknowledges was sent: the answer to a SYN, or a refusal of it (RFC 5961 4.2). */
	if ((g->flags & TCP_ACK) != 0 && g->ack != s->tcp[!dir].end && (g->flags & (TCP_SYN | TCP_RST)) != 0)
		return TCP_WINDOW;
	if ((g->flags & TCP_RST) != 0)
		return (g->flags & TCP_ACK) != 0 ? TCP_PASS : TCP_WINDOW;
	if ((g->flags & TCP_SYN) == 0)
		return TCP_PASS;
	learn(s, dir, g);
	settle_scales(s);
	if ((g->flags & TCP_ACK) != 0)
		FLOW_SET(s->tcp[!dir].limit, larger(s->tcp[!dir].limit, g->ack + s->tcp[dir].win));
	else
		FLOW_SET(s->tcp[!dir].limit, s->tcp[!dir].end + s->tcp[dir].win);
	return TCP_PASS;
}

static enum tcp_verdict check_windows(struct session *s, unsigned dir, const struct tcp_segment *g)
{
	if ((s->state & SESSION_LIBERAL) != 0)
		return TCP_PASS;
	if (s->tcp[dir].win == 0)
		return first_of(s, dir, g);
	if (!fits(s, dir, g))
		return TCP_WINDOW;
	if ((g->flags & TCP_RST) != 0)
		return g->seq == s->tcp[dir].end ? TCP_PASS : TCP_LINGER;
	advance(s, dir, g);
	return TCP_PASS;
}

/* A SYN where no connection can begin is answered by the other side, if it lives, with where it stands; it is
 * not held against our windows (RFC 5961 4). */
static bool is_challenge(uint8_t to, const struct tcp_segment *g)
{
	return to == SAM && (g->flags & TCP_SYN) != 0;
}

enum tcp_verdict tcp_track(struct session *s, unsigned dir, const struct tcp_segment *g)
{
	uint8_t state = s->state & SESSION_STATE_MASK;
	uint8_t to = table[dir][kind_of(g->flags)][state];
	enum tcp_verdict v;

	if (to == BAD)
		return TCP_INVALID;
	if (to == NEW)
		return TCP_REOPEN;
	if (is_challenge(to, g))
		return TCP_PASS;
	v = check_windows(s, dir, g);
	if (v == TCP_PASS && to != SAM && to != state)
		FLOW_SET(s->state, (uint8_t)((s->state & ~SESSION_STATE_MASK) | to));
	return v;
}

bool tcp_quoted(const struct session *s, unsigned dir, uint32_t seq)
{
	const struct session_tcp *from = &s->tcp[dir];
	uint32_t back = s->tcp[!dir].win > ACK_BEHIND ? s->tcp[!dir].win : ACK_BEHIND;

	if ((s->state & SESSION_LIBERAL) != 0 || from->win == 0)
		return true;
	return !before(from->end, seq) && !before(seq, from->end - back);
}
