// SPDX-License-Identifier: LGPL-2.1-only
/* What the watch costs memcached's TCP traffic: a memcached that is watched beside one that is not, in slices of time. */
#include <stdlib.h>

#include "measures.h"
#include "place.h"
#include "server.h"
#include "turns.h"
#include "watch.h"

#define MEMCACHED_OPTIONS "-t 1 -m 256 -c 1024"
#define BMC_OPTIONS "--mode skb --memory 64M" /* over loopback, too, it must have some interface */
#define WARM (1 / 6.0) /* of the measured time, before it */

enum arm { ALONE, BMC, N_ARMS };

struct watched {
	struct bench_server server;
	int has_bmc;
	struct bench_tcp *tcp;
	struct bench_load sum;
};

static int watch_setup(struct bench_run *run)
{
	run->state = calloc(N_ARMS, sizeof(struct watched));
	return run->state ? 0 : bench_fail("no memory");
}

static void watch_teardown(struct bench_run *run)
{
	free(run->state);
}

static struct watched *own(const struct bench_run *run)
{
	return (struct watched *)run->state + run->arm;
}

static int watch_enter(struct bench_run *run)
{
	struct watched *w = own(run);

	if (bench_server_start(&w->server, run->place, NULL, MEMCACHED_OPTIONS))
		return -1;
	if (run->arm == ALONE || run->options->is_without_bmc)
		return 0;
	w->has_bmc = 1;
	return bench_bmc_start(run->place, run->place->cgroup, BMC_OPTIONS);
}

static int watch_leave(struct bench_run *run)
{
	struct watched *w = own(run);
	int err = w->has_bmc ? bench_bmc_stop(run->place) : 0;

	bench_tcp_close(w->tcp);
	bench_server_stop(&w->server);
	*w = (struct watched){};
	return err;
}

static int begin(struct bench_run *run, const char *address, int net)
{
	struct watched *w = own(run);
	struct bench_load warm = {};
	struct bench_tcp_job job;

	bench_watch_case(run->at, &job);
	job.net = net;
	job.address = address;
	job.server = w->server.pid;
	w->sum = (struct bench_load){};
	return bench_bmc_check(run->place, w->has_bmc) ||
			       bench_tcp_open(&w->tcp, run->place, &job) ||
			       bench_tcp_run(w->tcp, run->options->seconds * WARM, &warm) ?
		       -1 :
		       0;
}

static int watch_begin_lo(struct bench_run *run)
{
	return begin(run, "127.0.0.1", run->place->server);
}

static int watch_begin_veth(struct bench_run *run)
{
	return begin(run, BENCH_SERVER_IP, run->place->client);
}

static int watch_slice(struct bench_run *run, double seconds)
{
	struct watched *w = own(run);
	struct bench_load lead = {};

	return bench_tcp_run(w->tcp, BENCH_LEAD_SECONDS, &lead) ||
			       bench_tcp_run(w->tcp, seconds, &w->sum) ?
		       -1 :
		       0;
}

static int watch_run(struct bench_run *run, double *ret_values)
{
	struct watched *w = own(run);
	const struct bench_load *sum = &w->sum;

	bench_tcp_close(w->tcp);
	w->tcp = NULL;
	ret_values[0] = sum->ops / sum->seconds;
	ret_values[1] = sum->server_cpu * 1e9 / sum->ops;
	ret_values[2] = sum->client_cpu * 1e9 / sum->ops;
	ret_values[3] = ret_values[1] + ret_values[2];
	return 0;
}

#define WATCH_METRICS                                                                              \
	{                                                                                          \
		{ "rate", "op/s", "commands that were answered" },                                 \
			{ "server", "ns CPU/op",                                                   \
			  "CPU time of memcached's threads, with the interrupts that came upon "   \
			  "them" },                                                                \
			{ "client", "ns CPU/op", "the same of the client" },                       \
		{                                                                                  \
			"both", "ns CPU/op", "of these, together"                                  \
		}                                                                                  \
	}

static const struct bench_target targets[] = {
	{ "*", "server", "bmc", "alone", BENCH_AT_MOST, 1.06, .why = "memcached's CPU" },
	{ "?et 32 B*", "both", "bmc", "alone", BENCH_AT_MOST, 1.08,
	  .why = "one command a segment" },
	{ "50 sets*", "both", "bmc", "alone", BENCH_AT_MOST, 1.2, .why = "pipelined" },
	{ "* 64 KB*", "both", "bmc", "alone", BENCH_AT_MOST, 1.05, .why = "large values" },
	{},
};

const struct bench_measure bench_watch_lo = {
	.name = "watch-lo",
	.what = "cost of the watch over loopback: memcached's TCP traffic with bmc and without",
	.arms = { "alone", "bmc" },
	.cases = BENCH_WATCH_CASES,
	.metrics = WATCH_METRICS,
	.targets = targets,
	.setup = watch_setup,
	.teardown = watch_teardown,
	.enter = watch_enter,
	.leave = watch_leave,
	.begin = watch_begin_lo,
	.is_of_the_same = 1,
	.slice = watch_slice,
	.run = watch_run,
};

const struct bench_measure bench_watch_veth = {
	.name = "watch-veth",
	.what = "the same over veth (XDP in skb mode: the native one turns veth's offloads off)",
	.arms = { "alone", "bmc" },
	.cases = BENCH_WATCH_CASES,
	.metrics = WATCH_METRICS,
	.targets = targets,
	.setup = watch_setup,
	.teardown = watch_teardown,
	.enter = watch_enter,
	.leave = watch_leave,
	.begin = watch_begin_veth,
	.is_of_the_same = 1,
	.slice = watch_slice,
	.run = watch_run,
};
