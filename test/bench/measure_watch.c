// SPDX-License-Identifier: LGPL-2.1-only
/* What the watch costs memcached's TCP traffic: bmc is started and stopped beside the same memcached. */
#include <stdlib.h>

#include "measures.h"
#include "place.h"
#include "server.h"
#include "watch.h"

#define MEMCACHED_OPTIONS "-t 1 -m 256 -c 1024"

enum arm { WITHOUT, WITH };

struct watch {
	struct bench_server server;
	int is_up; /* bmc is */
};

static int watch_setup(struct bench_run *run)
{
	struct watch *w = calloc(1, sizeof(*w));

	run->state = w;
	if (!w)
		return bench_fail("no memory");
	return bench_server_start(&w->server, run->place, NULL, MEMCACHED_OPTIONS);
}

static void watch_teardown(struct bench_run *run)
{
	struct watch *w = run->state;

	if (!w)
		return;
	bench_server_stop(&w->server);
	free(w);
}

/* Also where the traffic goes over loopback: bmc must have some interface. */
static int watch_enter(struct bench_run *run)
{
	struct watch *w = run->state;

	if (run->arm == WITHOUT)
		return 0;
	w->is_up = 1;
	return bench_bmc_start(run->place, run->place->cgroup, "--mode skb --memory 64M");
}

static int watch_leave(struct bench_run *run)
{
	struct watch *w = run->state;

	if (!w->is_up)
		return 0;
	w->is_up = 0;
	return bench_bmc_stop(run->place);
}

static int watch_run(struct bench_run *run, const char *address, int net, double *ret_values)
{
	const struct watch *w = run->state;
	struct bench_tcp_job job;
	struct bench_load load;

	bench_watch_case(run->at, &job);
	job.net = net;
	job.address = address;
	job.server = w->server.pid;
	if (bench_tcp_load(run->place, &job, run->options->seconds, &load))
		return -1;
	ret_values[0] = load.ops / load.seconds;
	ret_values[1] = load.server_cpu * 1e9 / load.ops;
	ret_values[2] = load.client_cpu * 1e9 / load.ops;
	ret_values[3] = ret_values[1] + ret_values[2];
	return 0;
}

static int watch_run_lo(struct bench_run *run, double *ret_values)
{
	return watch_run(run, "127.0.0.1", run->place->server, ret_values);
}

static int watch_run_veth(struct bench_run *run, double *ret_values)
{
	return watch_run(run, BENCH_SERVER_IP, run->place->client, ret_values);
}

#define WATCH_METRICS                                                                              \
	{                                                                                          \
		{ "rate", "op/s" }, { "server", "ns CPU/op" }, { "client", "ns CPU/op" },          \
		{                                                                                  \
			"both", "ns CPU/op"                                                        \
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
	.run = watch_run_lo,
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
	.run = watch_run_veth,
};
