// SPDX-License-Identifier: LGPL-2.1-only
/*
 * A UDP socket for each worker against one for all: memcached-sr and memcached, four workers each, on all CPUs, beside the client. What
 * is seen is what an operation costs, and whom it wakes. On a machine of few CPUs it does not show how throughput grows with
 * CPUs.
 */
#include <stdlib.h>

#include "measures.h"
#include "peer.h"
#include "place.h"
#include "wire_abi.h"
#include "wire_load.h"

#define KEYS 10000
#define ZIPF 0.99
#define CONNECTIONS 64
#define RATE 20000
#define TIMEOUT 1 /* s */
#define MEMCACHED_OPTIONS "-t 4 -m 256 -c 1024"

enum arm { MEMCACHED, MEMCACHED_SR };
enum metric { OPS, SERVER, SWITCHES, WAITS, EMPTY, P50, P99 };

static const struct bench_peer_kind kinds[] = {
	[MEMCACHED] = { .is_anywhere = 1 },
	[MEMCACHED_SR] = { .has_sr = 1, .is_anywhere = 1 },
};

/* In flight on each of the connections; or in all a rate. */
static const struct {
	int connections;
	uint32_t depth;
	double rate;
} cases[] = {
	{ .connections = 1, .depth = 1 },
	{ .connections = CONNECTIONS, .depth = 1 },
	{ .connections = CONNECTIONS, .rate = RATE },
};

struct sr {
	struct bench_peer peer;
	struct bench_reads reads;
	struct bench_client_result result;
};

static int sr_setup(struct bench_run *run)
{
	run->state = calloc(1, sizeof(struct sr));
	return run->state ? 0 : bench_fail("no memory");
}

static void sr_teardown(struct bench_run *run)
{
	free(run->state);
}

static int sr_enter(struct bench_run *run)
{
	struct sr *s = run->state;
	struct bench_items none = {};
	int err = bench_reads_open(&s->reads);

	if (!err)
		err = bench_peer_start(&s->peer, run->place, &kinds[run->arm], run->options,
				       MEMCACHED_OPTIONS, &none, -1);
	bench_reads_hide();
	return err;
}

static int sr_leave(struct bench_run *run)
{
	struct sr *s = run->state;
	int err = bench_peer_stop(&s->peer);

	bench_reads_close(&s->reads);
	return err;
}

static int sr_run(struct bench_run *run, double *ret_values)
{
	struct sr *s = run->state;
	struct bench_client_job job = { .gets = BENCH_TRANSPORT_UDP,
					.sets = BENCH_TRANSPORT_TCP,
					.connections = cases[run->at].connections,
					.depth = cases[run->at].depth,
					.rate = cases[run->at].rate,
					.timeout = TIMEOUT,
					.keys = KEYS,
					.zipf = ZIPF,
					.key_len = BENCH_KEY_LEN,
					.value_len = BENCH_VALUE_LEN };
	struct bench_wire_took took;
	double n;

	bench_wire_address(run->place, &job.address);
	if (bench_wire_load(&job, run->options->seconds, s->peer.server.pid, &s->reads, &s->result,
			    &took))
		return -1;
	n = (double)bench_client_answered(&s->result);
	ret_values[OPS] = n / s->result.seconds;
	ret_values[SERVER] = took.usage.cpu * 1e9 / n;
	ret_values[SWITCHES] = took.usage.switches / n;
	ret_values[WAITS] = took.usage.waits / n;
	ret_values[EMPTY] = took.empty_reads * 1000 / n;
	ret_values[P50] = (double)bench_histogram_quantile(&s->result.gets, 0.5) / 1000;
	ret_values[P99] = (double)bench_histogram_quantile(&s->result.gets, 0.99) / 1000;
	return 0;
}

static const struct bench_target targets[] = {
	{ "*", "memcached", "memcached-sr", "memcached", BENCH_AT_MOST, 1,
	  .why = "CPU of an operation" },
	{ "*", "empty reads", "memcached-sr", NULL, BENCH_AT_MOST, 1,
	  .why = "nobody is woken without work" },
	{},
};

const struct bench_measure bench_sr = {
	.name = "sr",
	.what = "memcached-sr against memcached, -t 4, UDP gets, beside the client (two CPUs show "
		"no scaling)",
	.arms = { "memcached", "memcached-sr" },
	.cases = { "1 in flight", "64 in flight", "20,000/s" },
	.metrics = { [OPS] = { "rate", "op/s", "gets that were answered" },
		     [SERVER] = { "memcached", "ns CPU/op",
				  "CPU time of memcached's threads, with the interrupts that came "
				  "upon them" },
		     [SWITCHES] = { "switches", "1/op", "context switches of memcached's threads" },
		     [WAITS] = { "waits", "1/op",
				 "of these, those of a thread that had nothing to do" },
		     [EMPTY] = { "empty reads", "1/1000 op",
				 "reads of a UDP socket that found nothing: a thread was woken "
				 "without work" },
		     [P50] = { "p50", "us", "half of the gets took no longer" },
		     [P99] = { "p99", "us", "99 % took no longer" } },
	.targets = targets,
	.setup = sr_setup,
	.teardown = sr_teardown,
	.enter = sr_enter,
	.leave = sr_leave,
	.run = sr_run,
};
