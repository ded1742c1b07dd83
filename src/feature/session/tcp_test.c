/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The TCP table: each row is a conversation, told in words. C and S are the side that opened the connection
 * and the other one; behind the flags stand sequence number and acknowledgement relative to where each side
 * began, and how many bytes of data there are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "feature/session/tcp.h"

#define ISN_C 0xfffffff0u /* wraps early */
#define ISN_S 1000u

static const char *const verdicts[] = {[TCP_PASS] = "pass",
	[TCP_LINGER] = "linger",
	[TCP_INVALID] = "invalid",
	[TCP_WINDOW] = "window",
	[TCP_REOPEN] = "reopen"};

static uint8_t flags_of(const char *s)
{
	uint8_t f = 0;

	for (; *s != '\0'; s++)
		f |= *s == 'S'   ? TCP_SYN
		     : *s == 'A' ? TCP_ACK
		     : *s == 'F' ? TCP_FIN
		     : *s == 'R' ? TCP_RST
		     : *s == 'P' ? TCP_PSH
				 : 0;
	return f;
}

/* "C SA 0 1 0 w=100 s=7": direction, flags, seq, ack, bytes, then window and scale where they matter. */
static void read_step(const char *text, unsigned *dir, struct tcp_segment *g)
{
	unsigned seq, ack, len, win = 1000, scale = TCP_SCALE_NONE;
	char side, flags[8];
	const char *opt;

	assert_int_equal(sscanf(text, "%c %7s %u %u %u", &side, flags, &seq, &ack, &len), 5);
	if ((opt = strstr(text, "w=")) != NULL)
		win = (unsigned)atoi(opt + 2);
	if ((opt = strstr(text, "s=")) != NULL)
		scale = (unsigned)atoi(opt + 2);
	*dir = side == 'S';
	g->flags = flags_of(flags);
	g->seq = (side == 'C' ? ISN_C : ISN_S) + seq;
	g->ack = (side == 'C' ? ISN_S : ISN_C) + ack;
	g->end = g->seq + len + ((g->flags & TCP_SYN) != 0) + ((g->flags & TCP_FIN) != 0);
	g->win = (uint16_t)win;
	g->scale = (uint8_t)scale;
}

/* A step and what comes of it: verdict and state afterwards. */
struct step {
	const char *segment, *verdict, *state;
};

struct talk {
	const char *says;
	struct step step[16];
};

#define OPEN                                                                                                 \
	{"C S 0 0 0"}, {"S SA 0 1 0", "pass", "syn-received"},                                               \
	{                                                                                                    \
		"C A 1 1 0", "pass", "established"                                                           \
	}

static const struct talk talks[] = {
	{"a handshake establishes the connection", {OPEN}},
	{"a SYN may be sent again until it is answered",
		{{"C S 0 0 0"}, {"C S 0 0 0", "pass", "syn-sent"}, {"S SA 0 1 0", "pass", "syn-received"},
			{"C S 0 0 0", "pass", "syn-received"}, {"S SA 0 1 0", "pass", "syn-received"},
			{"C A 1 1 0", "pass", "established"}}},
	{"data before the answer to the SYN is refused",
		{{"C S 0 0 0"}, {"C A 1 1 10", "invalid", "syn-sent"},
			{"C PA 1 1 10", "invalid", "syn-sent"}}},
	{"an answer that acknowledges something else is refused",
		{{"C S 0 0 0"}, {"S SA 0 77 0", "window", "syn-sent"},
			{"S SA 0 1 0", "pass", "syn-received"}}},
	{"both may open at the same time",
		{{"C S 0 0 0"}, {"S S 0 0 0", "pass", "syn-both"}, {"C SA 0 1 0", "pass", "syn-received"},
			{"S SA 0 1 0", "pass", "syn-received"}, {"C A 1 1 0", "pass", "established"},
			{"S A 1 1 5", "pass", "established"}}},
	{"a refused SYN ends it", {{"C S 0 0 0"}, {"S RA 0 1 0", "pass", "reset"}}},
	{"a refusal that acknowledges something else ends nothing",
		{{"C S 0 0 0"}, {"S RA 0 99 0", "window", "syn-sent"}, {"S R 0 1 0", "window", "syn-sent"}}},
	{"the side that opened closes first",
		{OPEN, {"C FA 1 1 0", "pass", "fin-sent"}, {"S A 1 2 0", "pass", "fin-sent"},
			{"S A 1 2 100", "pass", "fin-sent"}, {"C A 2 101 0", "pass", "fin-sent"},
			{"S FA 101 2 0", "pass", "closing"}, {"C A 2 102 0", "pass", "time-wait"},
			{"S FA 101 2 0", "pass", "time-wait"}, {"C A 2 102 0", "pass", "time-wait"}}},
	{"the other side closes first",
		{OPEN, {"S FA 1 1 0", "pass", "fin-received"}, {"C A 1 2 10", "pass", "fin-received"},
			{"C FA 11 2 0", "pass", "closing"}, {"S A 2 12 0", "pass", "time-wait"}}},
	{"both close at the same time",
		{OPEN, {"C FA 1 1 0", "pass", "fin-sent"}, {"S FA 1 1 0", "pass", "closing"},
			{"C A 2 2 0", "pass", "time-wait"}, {"S A 2 2 0", "pass", "time-wait"}}},
	{"the server may close before the last part of the handshake",
		{{"C S 0 0 0"}, {"S SA 0 1 0", "pass", "syn-received"},
			{"S FA 1 1 0", "pass", "fin-received"}, {"C A 1 2 0", "pass", "fin-received"}}},
	{"a SYN after the end opens a new connection",
		{OPEN, {"C FA 1 1 0", "pass", "fin-sent"}, {"S FA 1 2 0", "pass", "closing"},
			{"C A 2 2 0", "pass", "time-wait"}, {"C S 500000 0 0", "reopen", "time-wait"}}},
	{"the other side may open the new one",
		{OPEN, {"C FA 1 1 0", "pass", "fin-sent"}, {"S FA 1 2 0", "pass", "closing"},
			{"C A 2 2 0", "pass", "time-wait"}, {"S S 500000 0 0", "reopen", "time-wait"}}},
	{"a SYN after a reset opens a new connection",
		{OPEN, {"C R 1 0 0", "pass", "reset"}, {"C S 900000 0 0", "reopen", "reset"}}},
	{"a SYN in the middle passes to be challenged and changes nothing",
		{OPEN, {"C S 123456 0 0", "pass", "established"}, {"S A 1 1 0", "pass", "established"},
			{"C A 1 1 10", "pass", "established"}}},
	{"a reset where the next byte would be ends it", {OPEN, {"S R 1 0 0", "pass", "reset"}}},
	{"a reset elsewhere in the window passes and ends nothing",
		{OPEN, {"S R 300 0 0", "linger", "established"}, {"C A 1 1 10", "pass", "established"}}},
	{"a reset outside of the window is refused", {OPEN, {"S R 5000 0 0", "window", "established"},
							     {"C R 2000000 0 0", "window", "established"}}},
	{"data behind the window is refused",
		{OPEN, {"C A 1 1 1000", "pass", "established"}, {"C A 2001 1 10", "window", "established"}}},
	{"data from long ago is refused", {OPEN, {"C A 4294900000 1 10", "window", "established"}}},
	{"an acknowledgement of what nobody sent is refused",
		{OPEN, {"C A 1 500 0", "window", "established"}, {"S A 1 1 499", "pass", "established"},
			{"C A 1 500 0", "pass", "established"}}},
	{"windows are scaled when both sides offered it",
		{{"C S 0 0 0 w=100 s=7"}, {"S SA 0 1 0 w=100 s=2", "pass", "syn-received"},
			{"C A 1 1 0 w=100", "pass", "established"}, {"S A 1 1 12000", "pass", "established"},
			{"S A 12800 1 10", "pass", "established"},
			{"S A 12900 1 10", "window", "established"}}},
	{"windows are not scaled when one side did not",
		{{"C S 0 0 0 w=100 s=7"}, {"S SA 0 1 0 w=100", "pass", "syn-received"},
			{"C A 1 1 0 w=100", "pass", "established"}, {"S A 1 1 100", "pass", "established"},
			{"S A 12800 1 10", "window", "established"}}},
	{"a closed window may be probed",
		{OPEN, {"S A 1 1 0 w=0", "pass", "established"}, {"C A 1 1 1", "pass", "established"},
			{"S A 1 2 0 w=1000", "pass", "established"}, {"C A 2 1 900", "pass", "established"}}},
	{"keep-alives are one byte back",
		{OPEN, {"C A 0 1 0", "pass", "established"}, {"S A 1 1 0", "pass", "established"}}},
	{"a reset of a closed connection does not shorten time-wait (RFC 1337)",
		{OPEN, {"C FA 1 1 0", "pass", "fin-sent"}, {"S FA 1 2 0", "pass", "closing"},
			{"C A 2 2 0", "pass", "time-wait"}, {"S R 2 0 0", "pass", "time-wait"}}},
};

static void run_talk(const struct talk *t)
{
	struct session s = {.state = 0};
	struct tcp_segment g;
	unsigned dir;

	read_step(t->step[0].segment, &dir, &g);
	tcp_begin(&s, &g);
	for (const struct step *p = &t->step[1]; p < t->step + 16 && p->segment != NULL; p++) {
		enum tcp_verdict v;

		read_step(p->segment, &dir, &g);
		v = tcp_track(&s, dir, &g);
		if (strcmp(verdicts[v], p->verdict) != 0 ||
			strcmp(session_state_names[session_state_of(&s)], p->state) != 0)
			fail_msg("%s: '%s' is '%s' and leads to '%s'; expected '%s' and '%s'", t->says,
				p->segment, verdicts[v], session_state_names[session_state_of(&s)],
				p->verdict, p->state);
	}
}

static void test_conversations(void **state)
{
	for (unsigned i = 0; i < sizeof talks / sizeof *talks; i++)
		run_talk(&talks[i]);
}

static void test_a_connection_taken_up_in_the_middle_has_no_windows(void **state)
{
	struct session s = {.state = 0};
	struct tcp_segment g = {.seq = 5, .end = 15, .ack = 9, .flags = TCP_ACK, .win = 1};

	tcp_begin(&s, &g);
	assert_int_equal(session_state_of(&s), SESSION_ESTAB);
	g = (struct tcp_segment){.seq = 999999, .end = 1000000, .ack = 0xffffff, .flags = TCP_ACK};
	assert_int_equal(tcp_track(&s, 1, &g), TCP_PASS);
	g.flags = TCP_RST;
	assert_int_equal(tcp_track(&s, 1, &g), TCP_PASS);
	assert_int_equal(session_state_of(&s), SESSION_RESET);
}

static void test_errors_quote_what_was_sent(void **state)
{
	struct session s = {.state = 0};
	const char *const steps[] = {"C S 0 0 0", "S SA 0 1 0", "C A 1 1 500"};
	struct tcp_segment g;
	unsigned dir;

	for (unsigned i = 0; i < 3; i++) {
		read_step(steps[i], &dir, &g);
		if (i == 0)
			tcp_begin(&s, &g);
		else
			assert_int_equal(tcp_track(&s, dir, &g), TCP_PASS);
	}
	assert_true(tcp_quoted(&s, 0, ISN_C + 1));
	assert_true(tcp_quoted(&s, 0, ISN_C + 400));
	assert_false(tcp_quoted(&s, 0, ISN_C + 600));
	assert_false(tcp_quoted(&s, 0, ISN_C - 100000));
}

static void test_headers_no_tcp_sends(void **state)
{
	static const struct {
		const char *flags;
		bool ok;
	} rows[] = {{"", false}, {"F", false}, {"FP", false}, {"SF", false}, {"SR", false}, {"FRA", false},
		{"S", true}, {"SA", true}, {"A", true}, {"FA", true}, {"R", true}, {"RA", true},
		{"PA", true}};
	uint8_t p[24] = {0};
	struct tcp_segment g;

	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		p[12] = 5 << 4;
		p[13] = flags_of(rows[i].flags);
		assert_int_equal(tcp_read(p, 20, 20, &g), rows[i].ok);
	}
	p[12] = 4 << 4;
	assert_false(tcp_read(p, 20, 20, &g));
	p[12] = 6 << 4;
	assert_false(tcp_read(p, 20, 20, &g)); /* longer than the segment */
	p[13] = TCP_SYN;
	memcpy(p + 20, "\1\3\3\11", 4);
	assert_true(tcp_read(p, 24, 24, &g));
	assert_int_equal(g.scale, 9);
	assert_true(tcp_read(p, 20, 24, &g)); /* options that are not here are none */
	assert_int_equal(g.scale, TCP_SCALE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_a_connection_taken_up_in_the_middle_has_no_windows),
		cmocka_unit_test(test_errors_quote_what_was_sent),
		cmocka_unit_test(test_headers_no_tcp_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
