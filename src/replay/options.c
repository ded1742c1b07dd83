/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The words of `weir replay`.
 */
#include <getopt.h>
#include <string.h>

#include "control/value.h"
#include "replay/priv.h"
#include "replay/replay.h"

enum { OPT_IN = 256, OPT_OUT, OPT_REPORT, OPT_EXPECT, OPT_MAC };

static const struct option words[] = {
	{"config", required_argument, NULL, 'c'},
	{"in", required_argument, NULL, OPT_IN},
	{"out", required_argument, NULL, OPT_OUT},
	{"report", required_argument, NULL, OPT_REPORT},
	{"expect", required_argument, NULL, OPT_EXPECT},
	{"mac", required_argument, NULL, OPT_MAC},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char help[] =
	"usage: weir replay -c FILE --in IFACE=CAPTURE [--in IFACE=CAPTURE ...] --out DIR\n"
	"                   [--report FILE] [--expect FILE] [--mac PORT=MAC ...] [--quiet]\n"
	"Runs captured packets through the configuration without network, root or hugepages.\n"
	"  -c, --config FILE   the configuration, as for 'weir run'\n"
	"  --in IFACE=CAPTURE  packets that come in by this interface or port (pcap or pcapng, Ethernet,\n"
	"                      also gzipped; - is standard input); several are merged by their timestamps\n"
	"  --out DIR           what leaves by each port goes to DIR/PORT.pcapng; DIR is made if it is "
	"missing\n"
	"  --report FILE       what became of each packet, as JSON; - is standard output\n"
	"  --expect FILE       compares with this JSON document (a report is one); exit status 1 if it "
	"differs\n"
	"  --mac PORT=MAC      MAC address of a port, such as the one it had when the capture was taken\n"
	"  -q, --quiet         no summary\n";

static int wrong(const char *fmt, const char *what)
{
	fputs("weir replay: ", stderr);
	fprintf(stderr, fmt, what);
	fputs(" ('weir replay --help' shows how)\n", stderr);
	return REPLAY_USAGE;
}

/* Copies the name before '=' and returns what follows it, or NULL. */
static const char *split(const char *word, char name[IFACE_NAME])
{
	const char *equals = strchr(word, '=');
	size_t len = equals != NULL ? (size_t)(equals - word) : 0;

	if (len == 0 || len >= IFACE_NAME || equals[1] == '\0')
		return NULL;
	memcpy(name, word, len);
	name[len] = '\0';
	return equals + 1;
}

static int add_input(struct replay_options *o, const char *word)
{
	const char *path;

	if (o->inputs == INPUT_MAX)
		return wrong("--in '%s' is one capture too many; merge some with mergecap first", word);
	path = split(word, o->input[o->inputs].iface);
	if (path == NULL)
		return wrong("--in needs IFACE=CAPTURE, such as lan=lan.pcap, and not '%s'", word);
	for (unsigned i = 0; i < o->inputs; i++)
		if (strcmp(path, "-") == 0 && strcmp(o->input[i].path, "-") == 0)
			return wrong("--in '%s': standard input can be given once", word);
	o->input[o->inputs++].path = path;
	return REPLAY_OK;
}

static int add_mac(struct replay_options *o, const char *word)
{
	const char *mac;

	if (o->macs == INPUT_MAX)
		return wrong("--mac '%s' is one too many", word);
	mac = split(word, o->mac[o->macs].port);
	if (mac == NULL || value_mac(mac, o->mac[o->macs].mac) != 0)
		return wrong("--mac needs PORT=MAC, such as wan0=02:00:00:00:00:07, and not '%s'", word);
	if ((o->mac[o->macs].mac[0] & 1) != 0)
		return wrong("--mac '%s': no port has a multicast address", word);
	o->macs++;
	return REPLAY_OK;
}

/* `given`: the word that c was read from. */
static int take(struct replay_options *o, int c, const char *given)
{
	switch (c) {
	case 'c':
		o->config = optarg;
		return REPLAY_OK;
	case OPT_IN:
		return add_input(o, optarg);
	case OPT_OUT:
		o->out = optarg;
		return REPLAY_OK;
	case OPT_REPORT:
		o->report = optarg;
		return REPLAY_OK;
	case OPT_EXPECT:
		o->expect = optarg;
		return REPLAY_OK;
	case OPT_MAC:
		return add_mac(o, optarg);
	case 'q':
		o->quiet = true;
		return REPLAY_OK;
	case 'h':
		fputs(help, stdout);
		return -1;
	case ':':
		return wrong("'%s' needs a value", given);
	default:
		return wrong("'%s' is not an option of it", given);
	}
}

int options_read(struct replay_options *o, int argc, char **argv)
{
	int c, rc;

	opterr = 0;
	optind = 0; /* start anew, whoever used getopt before */
	while ((c = getopt_long(argc, argv, ":c:qh", words, NULL)) != -1) {
		rc = take(o, c, argv[optind - 1]);
		if (rc != REPLAY_OK)
			return rc;
	}
	if (optind < argc)
		return wrong("'%s' is one word too many", argv[optind]);
	if (o->config == NULL)
		return wrong("%s FILE is missing: the configuration to replay with", "-c");
	if (o->inputs == 0)
		return wrong("%s IFACE=CAPTURE is missing: what to replay", "--in");
	if (o->out == NULL)
		return wrong("%s DIR is missing: where to write what leaves", "--out");
	return REPLAY_OK;
}
