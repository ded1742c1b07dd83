/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The offline twin end to end: each run in a process of its own, as it starts and ends DPDK's EAL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "packet/builder.h"
#include "replay/capture.h"
#include "replay/pcapng_out.h"
#include "replay/replay.h"

#define T UINT64_C(1700000000000000000)
#define MS UINT64_C(1000000)
#define ARGS 20

static char dir[] = "/tmp/weir-replay-XXXXXX";
static struct build b;
static const uint8_t host[6] = {2, 0xaa, 0, 0, 0, 1};

static const char config[] = "ports:\n"
			     "  p0: {device: \"null\"}\n"
			     "  p1: {device: \"null\"}\n"
			     "interfaces:\n"
			     "  lan: {port: p0, addresses: [10.0.0.1/24]}\n"
			     "  guest: {parent: lan, vlan: 5, addresses: [10.5.0.1/24]}\n"
			     "  wan: {port: p1, addresses: [10.1.0.1/24]}\n";

/* --- runs --- */

static int enter(void **state)
{
	FILE *f;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		return -1;
	f = fopen("weir.yaml", "w");
	if (f == NULL)
		return -1;
	fputs(config, f);
	return fclose(f);
}

static int leave(void **state)
{
	char command[64];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	return chdir("/") == 0 ? system(command) : -1;
}

static void put_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* `weir replay -c weir.yaml -q` with more words, separated by spaces; its exit code. stderr goes to "err". */
static int replay(const char *words)
{
	char *argv[ARGS] = {"replay", "-c", "weir.yaml", "-q"}, *text = strdup(words), *save = NULL;
	int argc = 4, status;
	pid_t pid = fork();

	if (pid == 0) {
		if (freopen("err", "w", stderr) == NULL)
			_exit(99);
		for (char *w = strtok_r(text, " ", &save); w != NULL && argc < ARGS - 1;
			w = strtok_r(NULL, " ", &save))
			argv[argc++] = w;
		status = replay_main(argc, argv);
		fflush(NULL);
		_exit(status);
	}
	free(text);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("'%s' was ended by signal %d", words, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void expect_said(const char *words)
{
	char text[8192];
	FILE *f = fopen("err", "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	text[n] = '\0';
	if (strstr(text, words) == NULL)
		fail_msg("'%s' is not in '%s'", words, text);
}

/* --- captures --- */

static void begin(unsigned port, const char *src, const char *dst)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)port};

	build_begin(&b);
	build_ether(&b, mac, host);
	build_ip(&b, src, dst);
}

static void put_built(struct pcapng_out *o, uint64_t ns)
{
	build_end(&b);
	memcpy(pcapng_out_packet(o, 0, ns, b.len), b.data, b.len);
}

static struct pcapng_out *create(const char *path)
{
	struct err e = {0};
	struct pcapng_out *o = pcapng_out_open(path, "x", &e);

	if (o == NULL)
		fail_msg("%s", e.text);
	return o;
}

static void put_udp(struct pcapng_out *o, uint64_t ns, size_t len)
{
	begin(0, "10.0.0.9", "10.1.0.9");
	build_udp(&b, 1000, 53);
	build_payload(&b, len);
	put_built(o, ns);
}

/* One of each kind of end, on lan. */
static void make_mixed(const char *path)
{
	struct pcapng_out *o = create(path);

	put_udp(o, T, 100); /* 1: forwarded */
	begin(0, "10.0.0.9", "10.1.0.9");
	build_udp(&b, 1000, 53);
	build_ttl(&b, 1);
	put_built(o, T + MS); /* 2: dropped and answered */
	begin(0, "10.0.0.9", "10.0.0.1");
	build_icmp(&b, 8, 0, 1);
	build_payload(&b, 56);
	put_built(o, T + 2 * MS); /* 3: answered in place */
	begin(0, "10.0.0.9", "10.0.0.1");
	build_fragment(&b, 7, 0, true);
	build_udp(&b, 1000, 53);
	build_payload(&b, 1000);
	put_built(o, T + 3 * MS); /* 4: waits for the rest */
	build_begin(&b);
	build_ether(&b, (const uint8_t[6]){2, 0, 0, 0, 0, 0}, host);
	build_vlan(&b, 0x8100, 5);
	build_ip(&b, "10.5.0.9", "10.1.0.9");
	build_udp(&b, 1, 2);
	put_built(o, T + 4 * MS); /* 5: from guest */
	assert_int_equal(pcapng_out_close(o, NULL), 0);
}

static unsigned count_frames(const char *path, uint64_t *first_ns, uint32_t *longest)
{
	struct err e = {0};
	struct capture *c = capture_open(path, &e);
	struct capture_frame f;
	unsigned n = 0;

	if (c == NULL)
		fail_msg("%s", e.text);
	*longest = 0;
	while (capture_next(c, &f, &e) == 1) {
		if (n++ == 0)
			*first_ns = f.ns;
		*longest = f.len > *longest ? f.len : *longest;
	}
	assert_int_equal(e.code, 0);
	capture_close(c);
	return n;
}

static bool same_bytes(const char *a, const char *c)
{
	char command[256];

	snprintf(command, sizeof command, "cmp -s %s %s", a, c);
	return system(command) == 0;
}

/* --- tests --- */

static void expect_row(
	json_t *rows, size_t i, const char *iface, const char *verdict, const char *key, const char *value)
{
	json_t *row = json_array_get(rows, i);

	assert_int_equal(json_integer_value(json_object_get(row, "n")), (json_int_t)i + 1);
	assert_string_equal(json_string_value(json_object_get(row, "input")), "lan");
	assert_string_equal(json_string_value(json_object_get(row, "interface")), iface);
	assert_string_equal(json_string_value(json_object_get(row, "verdict")), verdict);
	if (key != NULL)
		assert_string_equal(json_string_value(json_object_get(row, key)), value);
}

static void the_report_names_every_packets_end(void **state)
{
	json_error_t why;
	json_t *root, *rows, *sum;

	make_mixed("mixed.pcapng");
	assert_int_equal(replay("--in lan=mixed.pcapng --out mixed --report mixed.json"), REPLAY_OK);
	root = json_load_file("mixed.json", 0, &why);
	if (root == NULL)
		fail_msg("line %d: %s", why.line, why.text);
	rows = json_object_get(root, "packets");
	assert_int_equal(json_array_size(rows), 5);
	expect_row(rows, 0, "lan", "transmitted", "out", "p1");
	expect_row(rows, 1, "lan", "dropped", "reason", "ip-ttl-exceeded");
	expect_row(rows, 2, "lan", "transmitted", "out", "p0");
	expect_row(rows, 3, "lan", "held", NULL, NULL);
	expect_row(rows, 4, "guest", "transmitted", "out", "p1");
	sum = json_object_get(root, "summary");
	assert_int_equal(json_integer_value(json_object_get(sum, "received")), 5);
	assert_int_equal(json_integer_value(json_object_get(sum, "held")), 1);
	json_decref(root);
}

static void what_leaves_is_written_with_the_captures_clock(void **state)
{
	uint64_t first = 0;
	uint32_t longest;

	make_mixed("mixed.pcapng");
	assert_int_equal(replay("--in lan=mixed.pcapng --out a/b/c"), REPLAY_OK);
	assert_int_equal(count_frames("a/b/c/p1.pcapng", &first, &longest), 2);
	assert_int_equal(first, T);
	assert_int_equal(longest, 142);
	assert_int_equal(
		count_frames("a/b/c/p0.pcapng", &first, &longest), 2); /* time exceeded, echo reply */
	assert_int_equal(first, T + MS);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
	struct pcapng_out *lan = create("many.pcapng"), *wan = create("back.pcapng");

	for (unsigned i = 0; i < 5000; i++) {
		put_udp(lan, T + i * 7000, i % 1400);
		begin(1, "10.1.0.9", i % 3 != 0 ? "10.0.0.9" : "192.0.2.1");
		build_udp(&b, 53, 1000);
		put_built(wan, T + i * 5000);
	}
	assert_int_equal(pcapng_out_close(lan, NULL), 0);
	assert_int_equal(pcapng_out_close(wan, NULL), 0);
	assert_int_equal(
		replay("--in lan=many.pcapng --in wan=back.pcapng --out s1 --report s1.json"), REPLAY_OK);
	assert_int_equal(
		replay("--in lan=many.pcapng --in wan=back.pcapng --out s2 --report s2.json"), REPLAY_OK);
	assert_int_equal(replay("--in lan=many.pcapng --in wan=back.pcapng --out s3"), REPLAY_OK);
	assert_true(same_bytes("s1/p0.pcapng", "s2/p0.pcapng") && same_bytes("s1/p1.pcapng", "s2/p1.pcapng"));
	assert_true(same_bytes("s1/p0.pcapng", "s3/p0.pcapng") && same_bytes("s1/p1.pcapng", "s3/p1.pcapng"));
	assert_true(same_bytes("s1.json", "s2.json"));
}

/* Frames of the largest size are spread over many buffers; time jumps ahead by decades and back. */
static void odd_frames_and_times_do_no_harm(void **state)
{
	struct pcapng_out *o = create("odd.pcapng");

	for (unsigned i = 0; i < 200; i++) {
		memset(pcapng_out_packet(o, 0, i % 3 == 1 ? CAPTURE_NS_MAX : i * MS, CAPTURE_FRAME_MAX), 0,
			CAPTURE_FRAME_MAX);
		for (uint32_t len = 0; len < 60; len++)
			memset(pcapng_out_packet(o, 0, 0, len), 0, len);
	}
	put_udp(o, 5, 9000);
	assert_int_equal(pcapng_out_close(o, NULL), 0);
	assert_int_equal(replay("--in p0=odd.pcapng --out odd --report odd.json"), REPLAY_OK);
	expect_said("earlier than one before it");
}

static void a_report_is_an_expectation_that_holds(void **state)
{
	make_mixed("mixed.pcapng");
	assert_int_equal(replay("--in lan=mixed.pcapng --out golden --report expect.json"), REPLAY_OK);
	assert_int_equal(replay("--in lan=mixed.pcapng --out again --expect expect.json"), REPLAY_OK);
	put_file("outputs.json", "{\"outputs\":{\"p0\":\"golden/p0.pcapng\",\"p1\":\"golden/p1.pcapng\"}}");
	assert_int_equal(replay("--in lan=mixed.pcapng --out again --expect outputs.json"), REPLAY_OK);
}

static void what_differs_is_told(void **state)
{
	make_mixed("mixed.pcapng");
	assert_int_equal(replay("--in lan=mixed.pcapng --out golden"), REPLAY_OK);
	put_file("wrong.json",
		"{\"packets\":[{\"n\":1,\"verdict\":\"dropped\"},{\"n\":2,\"input\":\"lan\","
		"\"reason\":\"route-none\"},{\"n\":6,\"input\":\"lan\"},{\"n\":1,\"input\":\"x\"}],"
		"\"drops\":{\"ip-ttl-exceeded\":2,\"no-such\":0},"
		"\"outputs\":{\"p0\":\"golden/p1.pcapng\",\"p7\":\"x\"}}");
	assert_int_equal(replay("--in lan=mixed.pcapng --out again --expect wrong.json"), REPLAY_FAILED);
	expect_said("packet 1 of lan: verdict dropped expected, transmitted found");
	expect_said("packet 2 of lan: reason route-none expected, ip-ttl-exceeded found");
	expect_said("packet 6 of lan is expected, but only 5 were replayed");
	expect_said("packets[3] names no --in");
	expect_said("2 ip-ttl-exceeded expected, 1 found");
	expect_said("there is no reason 'no-such'");
	expect_said("output p0, packet 1, byte ");
	expect_said("there is no port 'p7'");
}

static void expectations_of_the_wrong_form_are_refused(void **state)
{
	static const struct {
		const char *text, *words;
	} row[] = {
		{"", "bad.json:1:"},
		{"[]", "must be an object"},
		{"{\"paket\":[]}", "'paket' cannot be expected"},
		{"{\"packets\":{}}", "packets must be a list"},
		{"{\"packets\":[{\"verdict\":\"held\"}]}", "packets[0] needs a number n"},
		{"{\"packets\":[{\"n\":1,\"reason\":5}]}", "packets[0].reason must be a string"},
		{"{\"drops\":{\"x\":-1}}", "drops.x must be a count"},
		{"{\"outputs\":{\"x\":1}}", "outputs.x must be the path"},
	};

	make_mixed("mixed.pcapng");
	for (unsigned i = 0; i < sizeof row / sizeof row[0]; i++) {
		put_file("bad.json", row[i].text);
		assert_int_equal(replay("--in lan=mixed.pcapng --out bad --expect bad.json"), REPLAY_FAILED);
		expect_said(row[i].words);
	}
}

static void what_is_read_is_never_overwritten(void **state)
{
	make_mixed("mixed.pcapng");
	assert_int_equal(system("mkdir -p same && cp mixed.pcapng same/p1.pcapng"), 0);
	assert_int_equal(replay("--in lan=same/p1.pcapng --out same"), REPLAY_FAILED);
	expect_said("same/p1.pcapng is read by this run and would be overwritten");
	assert_true(same_bytes("mixed.pcapng", "same/p1.pcapng"));
	assert_int_equal(replay("--in lan=mixed.pcapng --out same2 --report weir.yaml"), REPLAY_FAILED);
	expect_said("weir.yaml is read by this run");
}

static void a_damaged_capture_is_replayed_up_to_the_damage(void **state)
{
	uint64_t first;
	uint32_t longest;

	make_mixed("mixed.pcapng");
	assert_int_equal(system("head -c 400 mixed.pcapng > cut.pcapng"), 0);
	assert_int_equal(replay("--in lan=cut.pcapng --out cut"), REPLAY_OK);
	expect_said("the file ends at byte 400 in the middle of a block");
	assert_int_equal(system("(head -c 400 mixed.pcapng; head -c 999 /dev/zero) > bad.pcapng"), 0);
	assert_int_equal(replay("--in lan=bad.pcapng --out cut"), REPLAY_FAILED);
	expect_said("bad.pcapng: byte ");
	assert_int_equal(count_frames("cut/p1.pcapng", &first, &longest), 1);
}

static void wrong_words_are_usage_errors(void **state)
{
	make_mixed("mixed.pcapng");
	assert_int_equal(replay("--out x"), REPLAY_USAGE);
	expect_said("--in IFACE=CAPTURE is missing");
	assert_int_equal(replay("--in lan=mixed.pcapng"), REPLAY_USAGE);
	expect_said("--out DIR is missing");
	assert_int_equal(replay("--in lan --out x"), REPLAY_USAGE);
	expect_said("--in needs IFACE=CAPTURE");
	assert_int_equal(replay("--in lam=mixed.pcapng --out x"), REPLAY_USAGE);
	expect_said("did you mean 'lan'?");
	assert_int_equal(replay("--bogus"), REPLAY_USAGE);
	assert_int_equal(replay("--in lan=mixed.pcapng --out x y"), REPLAY_USAGE);
	assert_int_equal(replay("--in lan=none.pcapng --out x"), REPLAY_FAILED);
	expect_said("none.pcapng cannot be opened");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_report_names_every_packets_end),
		cmocka_unit_test(what_leaves_is_written_with_the_captures_clock),
		cmocka_unit_test(the_same_input_gives_the_same_bytes),
		cmocka_unit_test(odd_frames_and_times_do_no_harm),
		cmocka_unit_test(a_report_is_an_expectation_that_holds),
		cmocka_unit_test(what_differs_is_told),
		cmocka_unit_test(expectations_of_the_wrong_form_are_refused),
		cmocka_unit_test(what_is_read_is_never_overwritten),
		cmocka_unit_test(a_damaged_capture_is_replayed_up_to_the_damage),
		cmocka_unit_test(wrong_words_are_usage_errors),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
