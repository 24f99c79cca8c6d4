// SPDX-License-Identifier: LGPL-2.1-only
/* The watch's own time for a command, by the kernel's statistics; only memcached's sockets are watched. */
#include <math.h>
#include <stdlib.h>

#include "measures.h"
#include "place.h"
#include "prog_time.h"
#include "server.h"
#include "watch.h"

#define MEMCACHED_OPTIONS "-t 1 -m 256 -c 1024"

struct own {
	struct bench_server server;
	struct bench_prog_time time;
	int is_up;
};

static int own_setup(struct bench_run *run)
{
	struct own *o = calloc(1, sizeof(*o));

	run->state = o;
	if (!o)
		return bench_fail("no memory");
	o->time = (struct bench_prog_time){ .stats = -1, .ingress = -1, .egress = -1 };
	if (bench_server_start(&o->server, run->place, NULL, MEMCACHED_OPTIONS))
		return -1;
	o->is_up = 1;
	if (bench_bmc_start(run->place, run->place->server_cgroup, "--mode skb --memory 64M"))
		return -1;
	return bench_prog_time_start(&o->time, run->place, run->place->server_cgroup);
}

static void own_teardown(struct bench_run *run)
{
	struct own *o = run->state;

	if (!o)
		return;
	bench_prog_time_stop(&o->time);
	if (o->is_up)
		bench_bmc_stop(run->place);
	bench_server_stop(&o->server);
	free(o);
}

/* The programs' runs and their time while the load was measured. */
static int own_load(struct bench_run *run, const struct bench_tcp_job *job, struct bench_load *load,
		    struct bench_prog_counts *ret)
{
	const struct own *o = run->state;
	struct bench_prog_raw before, after;
	struct bench_load warm = {};
	struct bench_tcp *l;
	int err = bench_tcp_open(&l, run->place, job);

	if (!err)
		err = bench_tcp_run(l, run->options->seconds / 2, &warm);
	if (!err)
		err = bench_prog_time_read(&o->time, &before);
	if (!err)
		err = bench_tcp_run(l, run->options->seconds, load);
	if (!err)
		err = bench_prog_time_read(&o->time, &after);
	bench_tcp_close(l);
	if (!err)
		bench_prog_time_between(&before, &after, ret);
	return err;
}

static int own_run(struct bench_run *run, double *ret_values)
{
	const struct own *o = run->state;
	struct bench_prog_counts counts;
	struct bench_tcp_job job;
	struct bench_load load = {};

	bench_watch_case(run->at, &job);
	job.net = run->place->server;
	job.address = "127.0.0.1";
	job.server = o->server.pid;
	if (own_load(run, &job, &load, &counts))
		return -1;
	ret_values[0] = counts.ingress.ns / load.ops;
	ret_values[1] = counts.egress.ns / load.ops;
	ret_values[2] = ret_values[0] + ret_values[1];
	ret_values[3] = counts.ingress.runs / load.ops;
	ret_values[4] = counts.egress.runs / load.ops;
	ret_values[5] = counts.empty_ns;
	return 0;
}

static const struct bench_target targets[] = {
	{ "?et 32 B*", "both", "bmc", NULL, BENCH_AT_MOST, 400, .why = "a lone command" },
	{ "50 sets*", "both", "bmc", NULL, BENCH_AT_MOST, 200, .why = "a pipelined command" },
	{},
};

const struct bench_measure bench_watch_own = {
	.name = "watch-own",
	.what = "the watch's own time for a command, over loopback, by the kernel's statistics",
	.arms = { "bmc" },
	.cases = BENCH_WATCH_CASES,
	.metrics = { { "ingress", "ns/op", "what comes to memcached" },
		     { "egress", "ns/op", "what leaves it" },
		     { "both", "ns/op", "of these, together" },
		     { "in", "runs/op", "how often the ingress program runs" },
		     { "out", "runs/op", "how often the egress program runs" },
		     { "empty", "ns/run",
		       "the statistics' own time of a run, which is taken off" } },
	.targets = targets,
	.setup = own_setup,
	.teardown = own_teardown,
	.run = own_run,
};
