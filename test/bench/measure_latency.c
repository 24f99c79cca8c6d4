// SPDX-License-Identifier: LGPL-2.1-only
/* How long each peer takes to answer at a fixed rate, by the client of user space. */
#include <math.h>
#include <stdlib.h>

#include "generator.h"
#include "measures.h"
#include "peer.h"
#include "place.h"
#include "wire_load.h"

#define KEYS 1000 /* each is asked for before it is measured, but for a few */
#define ZIPF 0.99
#define RATE 20000 /* a second: memcached is not busy half of the time */
#define CONNECTIONS 16
#define TIMEOUT 1 /* s */
#define SET_RATIO 0.05
#define MEMCACHED_OPTIONS "-t 4 -m 256 -c 1024"
#define BMC_OPTIONS "--mode native --memory 64M"

enum arm { MEMCACHED, MEMCACHED_SR, BMC, BMC_SR, ECHO };
enum case_at { GETS, SETS_TOO };
enum metric { P50, P90, P99, P999, LOST, PASSED, SERVER, SWITCHES };

static const struct bench_peer_kind kinds[] = {
	[MEMCACHED] = {},
	[MEMCACHED_SR] = { .has_sr = 1 },
	[BMC] = { .bmc = BMC_OPTIONS },
	[BMC_SR] = { .has_sr = 1, .bmc = BMC_OPTIONS },
	[ECHO] = { .is_echo = 1 },
};

struct latency {
	struct bench_generator wire; /* not to send, but for its programs */
	struct bench_peer peer;
	struct bench_client_result result;
};

static int latency_setup(struct bench_run *run)
{
	struct latency *s = calloc(1, sizeof(*s));

	run->state = s;
	if (!s)
		return bench_fail("no memory");
	if (bench_generator_open(&s->wire, run->place))
		return -1;
	/* Replies are to go on to the client; and what it sends has whole checksums, without which bmc answers nothing. */
	return bench_xdp_attach(run->place, run->place->client, BENCH_CLIENT_IF, s->wire.pass) <
				       0 ||
			       bench_place_checksums(run->place) ?
		       -1 :
		       0;
}

static void latency_teardown(struct bench_run *run)
{
	struct latency *s = run->state;

	if (!s)
		return;
	bench_generator_close(&s->wire);
	free(s);
}

static void make_job(const struct bench_run *run, struct bench_client_job *ret)
{
	*ret = (struct bench_client_job){ .gets = BENCH_TRANSPORT_UDP,
					  .sets = BENCH_TRANSPORT_TCP,
					  .connections = CONNECTIONS,
					  .rate = RATE,
					  .timeout = TIMEOUT,
					  .set_ratio = run->at == SETS_TOO ? SET_RATIO : 0,
					  .keys = KEYS,
					  .zipf = ZIPF,
					  .key_len = BENCH_KEY_LEN,
					  .value_len = BENCH_VALUE_LEN,
					  .is_echo = run->arm == ECHO };
	bench_wire_address(run->place, &ret->address);
}

static int latency_enter(struct bench_run *run)
{
	struct latency *s = run->state;
	struct bench_items none = {};

	return bench_peer_start(&s->peer, run->place, &kinds[run->arm], run->options,
				MEMCACHED_OPTIONS, &none, s->wire.echo);
}

static int latency_leave(struct bench_run *run)
{
	struct latency *s = run->state;

	return bench_peer_stop(&s->peer);
}

static void put_values(const struct bench_client_result *r, const struct bench_wire_took *took,
		       double *ret_values)
{
	double n = (double)bench_client_answered(r);

	ret_values[P50] = (double)bench_histogram_quantile(&r->gets, 0.5) / 1000;
	ret_values[P90] = (double)bench_histogram_quantile(&r->gets, 0.9) / 1000;
	ret_values[P99] = (double)bench_histogram_quantile(&r->gets, 0.99) / 1000;
	ret_values[P999] = (double)bench_histogram_quantile(&r->gets, 0.999) / 1000;
	ret_values[LOST] = (double)r->lost / ((double)r->lost + n);
	ret_values[PASSED] = took->gets / (double)r->gets.count;
	ret_values[SERVER] = took->usage.cpu * 1e9 / n;
	ret_values[SWITCHES] = took->usage.switches / n;
}

static int latency_run(struct bench_run *run, double *ret_values)
{
	struct latency *s = run->state;
	struct bench_client_result *r = &s->result;
	struct bench_client_job job;
	struct bench_wire_took took;

	make_job(run, &job);
	if (run->arm == ECHO && run->at == SETS_TOO) { /* nobody is there to take them */
		for (int i = 0; i <= SWITCHES; i++)
			ret_values[i] = NAN;
		return 0;
	}
	if (bench_wire_load(&job, run->options->seconds, s->peer.server.pid, NULL, r, &took))
		return -1;
	put_values(r, &took, ret_values);
	if (run->distribution)
		bench_histogram_merge(run->distribution, &r->gets);
	return 0;
}

static const struct bench_target targets[] = {
	{ "*", "p50", "bmc", "memcached", BENCH_AT_MOST, 1, .why = "never slower than without" },
	{ "*", "p99", "bmc", "memcached", BENCH_AT_MOST, 1, .why = "never slower than without" },
	{},
};

const struct bench_measure bench_latency = {
	.name = "latency",
	.what = "how long UDP gets take at 20,000 requests a second, by a client of user space",
	.arms = { "memcached", "memcached-sr", "bmc", "bmc-sr", "echo" },
	.cases = { "gets", "5 % sets by TCP" },
	.metrics = { [P50] = { "p50", "us",
			       "half of the gets took no longer, from when they were due" },
		     [P90] = { "p90", "us", "90 % took no longer" },
		     [P99] = { "p99", "us", "99 %" },
		     [P999] = { "p99.9", "us", "99.9 %" },
		     [LOST] = { "lost", "share", "requests that were not answered in time" },
		     [PASSED] = { "to memcached", "share", "gets that memcached answered" },
		     [SERVER] = { "memcached", "ns CPU/op",
				  "CPU time of memcached's threads, with the interrupts that came "
				  "upon them" },
		     [SWITCHES] = { "switches", "1/op",
				    "context switches of memcached's threads" } },
	.targets = targets,
	.has_distribution = 1,
	.setup = latency_setup,
	.teardown = latency_teardown,
	.enter = latency_enter,
	.leave = latency_leave,
	.run = latency_run,
};
