/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feeds' threads against a real kernel, in network namespaces of this program's own: one thread changes
 * routes and links as fast as it can, another one is an FPM client that comes and goes, while the control
 * thread takes what they send, changes the configuration, compares and counts. In the end weir has what the
 * kernel has. Built with -fsanitize=thread (check.sh, step tsan) it also shows that nothing is shared without
 * order; WEIR_STRESS_SECONDS says how long it runs (2).
 */
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include "feature/netlink/frame.h"
#include "feature/netlink/netlink.h"
#include "feature/route/route.h"

#define NETS 500
#define AT_ONCE 64
#define FPM_PORT 2620

static bool stop;               /* atomic */
static char other_path[64];     /* the second namespace */
static pthread_barrier_t ready; /* it is there */

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

/* --- links --- */

/* A TAP that is up: a link with carrier. */
static int make_link(const char *name, const char *address)
{
	struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	struct sockaddr_in *a = (struct sockaddr_in *)(void *)&r.ifr_addr;
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	ok = fd >= 0 && ioctl(fd, TUNSETIFF, &r) == 0;
	*a = (struct sockaddr_in){.sin_family = AF_INET};
	inet_pton(AF_INET, address, &a->sin_addr);
	ok = ok && ioctl(s, SIOCSIFADDR, &r) == 0;
	inet_pton(AF_INET, "255.255.255.0", &a->sin_addr);
	ok = ok && ioctl(s, SIOCSIFNETMASK, &r) == 0;
	r.ifr_flags = IFF_UP | IFF_RUNNING;
	ok = ok && ioctl(s, SIOCSIFFLAGS, &r) == 0;
	close(s);
	return ok ? fd : -1;
}

static void set_link(const char *name, bool up)
{
	struct ifreq r = {.ifr_flags = up ? IFF_UP | IFF_RUNNING : 0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
}

/* --- messages --- */

struct word {
	struct rtattr a;
	uint32_t v;
};
struct message {
	struct nlmsghdr h;
	struct rtmsg r;
	struct word to, gateway, link, metric;
};

static void fill(struct message *m, unsigned net, const char *gateway, unsigned link, bool gone)
{
	const struct rtattr a = {.rta_len = sizeof(struct word)};

	*m = (struct message){
		.h = {.nlmsg_len = sizeof *m,
			.nlmsg_type = gone ? RTM_DELROUTE : RTM_NEWROUTE,
			.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (gone ? 0 : NLM_F_CREATE | NLM_F_REPLACE))},
		.r = {.rtm_family = AF_INET,
			.rtm_dst_len = 24,
			.rtm_table = RT_TABLE_MAIN,
			.rtm_protocol = 186,
			.rtm_type = RTN_UNICAST},
		.to = {a, htonl(0x14000000 | net << 8)},
		.gateway = {a, 0},
		.link = {a, link},
		.metric = {a, 20}};
	m->to.a.rta_type = RTA_DST;
	m->gateway.a.rta_type = RTA_GATEWAY;
	m->link.a.rta_type = RTA_OIF;
	m->metric.a.rta_type = RTA_PRIORITY;
	inet_pton(AF_INET, gateway, &m->gateway.v);
}

/* --- who changes the kernel --- */

struct side {
	const char *link, *gateways[2];
	unsigned seed;
};

static void change_routes(int fd, const struct side *s, unsigned *random)
{
	static const struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	struct message m[AT_ONCE];
	unsigned link = if_nametoindex(s->link);
	uint8_t answer[8192];

	for (unsigned i = 0; i < AT_ONCE; i++)
		fill(&m[i], (unsigned)rand_r(random) % NETS, s->gateways[rand_r(random) % 2], link,
			rand_r(random) % 3 == 0);
	if (sendto(fd, m, sizeof m, 0, (const struct sockaddr *)&to, sizeof to) < 0)
		return;
	while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0) /* what was not there cannot go */
		;
}

/* Changes routes of the namespace the thread is in until the end. */
static void churn(const struct side *s)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	unsigned random = s->seed;

	while (!stopped()) {
		change_routes(fd, s, &random);
		if (rand_r(&random) % 200 == 0) {
			set_link(s->link, false);
			set_link(s->link, true);
		}
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	close(fd);
}

static void *churn_here(void *arg)
{
	churn(&(const struct side){"b", {"10.0.1.3", "10.0.1.4"}, 1});
	return NULL;
}

static void *churn_there(void *arg)
{
	int fd = unshare(CLONE_NEWNET) == 0 ? make_link("c", "10.0.2.1") : -1;

	snprintf(other_path, sizeof other_path, "/proc/%d/task/%ld/ns/net", (int)getpid(),
		syscall(SYS_gettid));
	pthread_barrier_wait(&ready);
	churn(&(const struct side){"c", {"10.0.2.3", "10.0.2.4"}, 2});
	pthread_barrier_wait(&ready); /* the namespace's path goes with this thread */
	close(fd);
	return NULL;
}

/* --- zebra --- */

static int call(void)
{
	const struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_port = htons(FPM_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	close(fd);
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return -1;
}

static void *be_zebra(void *arg)
{
	unsigned random = 3, link = if_nametoindex("b");

	while (!stopped()) {
		int fd = call();

		for (unsigned n = 0; fd >= 0 && n < 300 && !stopped(); n++) {
			uint8_t out[FPM_HEADER + sizeof(struct message)], answer[4096];
			struct message m;

			fill(&m, 1000 + (unsigned)rand_r(&random) % NETS, "10.0.1.3", link,
				rand_r(&random) % 3 == 0);
			fpm_frame_put(out, sizeof m);
			memcpy(out + FPM_HEADER, &m, sizeof m);
			if (send(fd, out, sizeof out, MSG_NOSIGNAL) < 0)
				break;
			if (rand_r(&random) % 8 != 0) /* answers wait sometimes */
				recv(fd, answer, sizeof answer, MSG_DONTWAIT);
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

/* --- the control thread --- */

static void configure(const char *netlink)
{
	struct err e = {0};
	char text[1024];

	snprintf(text, sizeof text,
		"vrfs: {other: {namespace: %s}}\n"
		"interfaces:\n"
		"  a: {port: p0, addresses: [10.0.0.1/24]}\n"
		"  b: {port: p1, addresses: [10.0.1.1/24]}\n"
		"  c: {port: p2, vrf: other, addresses: [10.0.2.1/24]}\n%s",
		other_path, netlink);
	if (lab_apply(text, &e) != 0)
		fail_msg("%s", e.text);
}

static void change_config(void)
{
	static const char *const all[] = {"", "netlink: {}\n", "netlink: {fpm: {}}\n",
		"netlink: {buffer: 4096, fpm: {}, hold: 1s}\n", "netlink: {routes: false, fpm: {}}\n",
		"netlink: {distances: {bgp: 30}, addresses: true}\n"};

	configure(all[lab_random() % 6]);
}

static void count(void *ctx, const struct netlink_info *i)
{
	*(uint64_t *)ctx += i->messages + i->overruns + i->stalls + i->answers;
}

static void look(void)
{
	uint64_t n = 0;

	netlink_feeds(lab.w, count, &n);
	netlink_diff_start(lab.w);
}

static double seconds_since(const struct timespec *a)
{
	struct timespec b;

	clock_gettime(CLOCK_MONOTONIC, &b);
	return (double)(b.tv_sec - a->tv_sec) + 1e-9 * (double)(b.tv_nsec - a->tv_nsec);
}

static void turns_for(double seconds, bool changes)
{
	struct timespec a;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned n = 1; seconds_since(&a) < seconds; n++) {
		lab.now += MILLIS(1);
		if (weir_control(lab.w, lab.now) == 0)
			nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
		if (changes && n % 400 == 0)
			change_config();
		if (changes && n % 50 == 0)
			look();
	}
}

static uint64_t kernel_routes(void)
{
	uint64_t n = 0;

	for (uint8_t f = 0; f < ROUTE_FEEDS; f++)
		n += route_feed_counts(lab.w, ROUTE_KERNEL, f)->routes[0];
	return n;
}

static void as_the_kernel_has_it(void)
{
	const struct netlink_diff *d = netlink_diff(lab.w);
	uint64_t before;

	configure("netlink: {}\n");
	for (unsigned i = 0; i < 100 && !netlink_synced(lab.w); i++)
		turns_for(0.1, false);
	for (unsigned i = 0; i < 100 && d->running; i++) /* one that began before */
		turns_for(0.1, false);
	turns_for(0.3, false);
	before = d->number;
	assert_int_equal(netlink_diff_start(lab.w), 0);
	for (unsigned i = 0; i < 100 && d->number == before; i++)
		turns_for(0.1, false);
	for (unsigned i = 0; i < d->lines; i++)
		print_error("%s\n", d->line[i]);
	assert_null(d->error);
	assert_int_equal(d->missing + d->different + d->extra + d->astray, 0);
	print_message("%lu routes of two namespaces, no difference\n", d->compared);
	assert_int_equal(d->compared, kernel_routes());
	assert_true(d->compared > NETS / 2);
}

static void feeds_run_while_everything_changes(void **state)
{
	const char *seconds = getenv("WEIR_STRESS_SECONDS");
	void *(*const work[])(void *) = {churn_there, churn_here, be_zebra};
	pthread_t thread[3];
	int link = unshare(CLONE_NEWNET) == 0 ? make_link("b", "10.0.1.1") : -1;

	if (link < 0) {
		print_message("needs root and /dev/net/tun: skipped\n");
		skip();
	}
	set_link("lo", true);
	pthread_barrier_init(&ready, NULL, 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pthread_create(&thread[i], NULL, work[i], NULL), 0);
		if (i == 0)
			pthread_barrier_wait(&ready);
	}
	configure("netlink: {fpm: {}}\n");
	for (uint16_t p = 0; p < LAB_PORTS; p++)
		weir_link_set(lab.w, p, true);
	turns_for(seconds != NULL ? atof(seconds) : 2, true);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	as_the_kernel_has_it();
	pthread_barrier_wait(&ready);
	for (unsigned i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	configure("");
	route_settle(lab.w);
	assert_int_equal(kernel_routes(), 0);
	close(link);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(feeds_run_while_everything_changes, lab_open, lab_close),
	};

	return cmocka_run_group_tests_name("netlink threads", tests, lab_group_setup, NULL);
}
