/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The twins' thread before others: what it does takes microseconds and has deadlines (BFD), so it is a
 * real-time thread where the process may have such (CAP_SYS_NICE) and one with a low nice value otherwise.
 * While it has work without pause it is none: a local program that sends all it can must not take the CPU
 * away from the control thread.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#include "feature/kernel/kernel_priv.h"

#define NICE (-10)
#define LONG_NS UINT64_C(5000000) /* of work without pause */

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool set(int policy, int priority)
{
	const struct sched_param p = {.sched_priority = priority};

	return pthread_setschedparam(pthread_self(), policy, &p) == 0;
}

void rank_begin(struct rank *r)
{
	setpriority(PRIO_PROCESS, 0, NICE);
	*r = (struct rank){.first = set(SCHED_RR, 1)};
	r->may = r->first;
}

void rank_busy(struct rank *r)
{
	if (r->since == 0)
		r->since = clock_ns();
	else if (r->first && clock_ns() - r->since > LONG_NS)
		r->first = !set(SCHED_OTHER, 0);
}

void rank_idle(struct rank *r)
{
	r->since = 0;
	if (r->may && !r->first)
		r->first = set(SCHED_RR, 1);
}
