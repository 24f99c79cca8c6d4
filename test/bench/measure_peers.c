// SPDX-License-Identifier: LGPL-2.1-only
/* How many replies a second each peer gives, and what it takes for one; the requests come from the kernel. */
#include <math.h>
#include <stdlib.h>

#include "client/draw.h"
#include "generator.h"
#include "measures.h"
#include "peer.h"
#include "place.h"
#include "turns.h"
#include "usage.h"

#define KEYS 10000
#define ZIPF 0.99
#define MEMCACHED_OPTIONS "-t 4 -m 256 -c 1024"
/* Of items that are stored many at a time it is not always known when they expire: for --max-age they are served anyway. */
#define BMC_OPTIONS "--mode native --memory 64M --max-age 60s"
#define COLD_OPTIONS "--mode native --memory 64M --max-age 0s"
#define WINDOW 32 /* requests in flight: a UDP socket's buffer takes 38 of these by default */

enum arm { MEMCACHED, MEMCACHED_SR, BMC, BMC_SR, COLD, ECHO, N_ARMS };
enum case_at { HITS, MISSES };
enum metric { RATE, ANSWERED, PASSED, SERVER, SOFTIRQ, SWITCHES, WAITS };

static const struct bench_peer_kind kinds[] = {
	[MEMCACHED] = {},
	[MEMCACHED_SR] = { .has_sr = 1 },
	[BMC] = { .bmc = BMC_OPTIONS },
	[BMC_SR] = { .has_sr = 1, .bmc = BMC_OPTIONS },
	[COLD] = { .bmc = COLD_OPTIONS, .is_cold = 1 },
	[ECHO] = { .is_echo = 1 },
};

struct arm_state {
	struct bench_peer peer;
	double gets; /* at the case's beginning */
	struct bench_generator_result sum;
	double lead; /* replies that are not among these */
	struct bench_usage usage;
};

struct peers {
	struct bench_generator generator;
	struct arm_state arms[N_ARMS];
	struct bench_items items; /* KEYS that are stored, then as many that are not */
	struct bench_zipf zipf;
	struct bench_random random;
	int is_miss; /* which requests the table has; -1: none yet */
};

static int peers_setup(struct bench_run *run)
{
	struct peers *s = calloc(1, sizeof(*s));

	run->state = s;
	if (!s || bench_zipf_init(&s->zipf, KEYS, ZIPF))
		return bench_fail("no memory");
	if (bench_items_init(&s->items, 2 * KEYS, BENCH_FIXED, BENCH_KEY_LEN, BENCH_VALUE_LEN))
		return -1;
	for (uint32_t i = 0; i < KEYS; i++)
		s->items.items[i].newest = 1;
	s->is_miss = -1;
	return bench_generator_open(&s->generator, run->place);
}

static void peers_teardown(struct bench_run *run)
{
	struct peers *s = run->state;

	if (!s)
		return;
	bench_generator_close(&s->generator);
	bench_items_free(&s->items);
	bench_zipf_free(&s->zipf);
	free(s);
}

static struct arm_state *own(const struct bench_run *run)
{
	struct peers *s = run->state;

	return &s->arms[run->arm];
}

/* An echo has no items that could be missing: its hits say it. */
static int is_none(const struct bench_run *run)
{
	return run->arm == ECHO && run->at == MISSES;
}

static struct bench_peer_kind kind_of(const struct bench_run *run)
{
	struct bench_peer_kind kind = kinds[run->arm];

	if (run->options->is_without_bmc)
		kind.bmc = NULL;
	return kind;
}

static uint32_t pick(void *arg, uint32_t place)
{
	struct peers *s = arg;

	(void)place;
	return bench_zipf_draw(&s->zipf, &s->random) + (s->is_miss ? KEYS : 0);
}

static int set_requests(struct peers *s, int is_miss)
{
	if (s->is_miss == is_miss)
		return 0;
	s->is_miss = is_miss;
	s->random.state = 1;
	return bench_generator_fill(&s->generator, &s->items, pick, s);
}

static int peers_enter(struct bench_run *run)
{
	struct peers *s = run->state;
	struct bench_items stored = { .n = KEYS, .items = s->items.items };
	struct bench_peer_kind kind = kind_of(run);
	const struct bench_generator_job warm = { .place = run->place,
						  .seconds = run->options->seconds,
						  .cpus = 1,
						  .parts = 1,
						  .window = WINDOW };
	struct bench_generator_result result = {};

	if (bench_generator_attach(&s->generator, run->place) ||
	    bench_peer_start(&own(run)->peer, run->place, &kind, run->options, MEMCACHED_OPTIONS,
			     &stored, s->generator.echo))
		return -1;
	if (run->arm == ECHO)
		return 0;
	return set_requests(s, 0) || bench_generator_run(&s->generator, &warm, &result) ? -1 : 0;
}

static int peers_leave(struct bench_run *run)
{
	return bench_peer_stop(&own(run)->peer);
}

/* Who answers at the wire gets as much as can be sent; memcached as much as its sockets take, so that none is in vain. */
static void make_job(const struct bench_run *run, double seconds, struct bench_generator_job *ret)
{
	int is_wire = run->arm == ECHO ||
		      (kind_of(run).bmc && !kinds[run->arm].is_cold && run->at == HITS);

	*ret = (struct bench_generator_job){ .place = run->place,
					     .seconds = seconds,
					     .cpus = 1,
					     .parts = 1,
					     .window = is_wire ? 0 : WINDOW,
					     .expect = run->at == HITS ? BENCH_EXPECT_HIT :
									 BENCH_EXPECT_MISS };
	if (run->arm == ECHO)
		ret->expect = BENCH_EXPECT_ANYTHING;
}

static int peers_begin(struct bench_run *run)
{
	struct arm_state *a = own(run);

	a->sum = (struct bench_generator_result){};
	a->usage = (struct bench_usage){};
	a->lead = 0;
	a->gets = run->arm == ECHO ? 0 : bench_server_gets(run->place);
	if (run->arm == ECHO)
		return 0;
	return set_requests(run->state, run->at == MISSES) ||
			       bench_bmc_check(run->place, !!kind_of(run).bmc) ?
		       -1 :
		       0;
}

static int peers_slice(struct bench_run *run, double seconds)
{
	struct peers *s = run->state;
	struct arm_state *a = own(run);
	struct bench_usage before, after;
	struct bench_generator_result lead = { .sent = a->sum.sent + BENCH_FRAMES / 2.0 };
	struct bench_generator_job job;
	pid_t pid = a->peer.server.pid;

	if (is_none(run))
		return 0;
	make_job(run, BENCH_LEAD_SECONDS, &job);
	if (bench_generator_run(&s->generator, &job, &lead))
		return -1;
	a->lead += lead.replies;
	job.seconds = seconds;
	if (bench_usage_read(pid, BENCH_SERVER_CPU, &before) ||
	    bench_generator_run(&s->generator, &job, &a->sum) ||
	    bench_usage_read(pid, BENCH_SERVER_CPU, &after))
		return -1;
	bench_usage_add(&before, &after, &a->usage);
	return 0;
}

static int peers_run(struct bench_run *run, double *ret_values)
{
	const struct arm_state *a = own(run);
	double n = a->sum.replies, passed = 0;

	if (is_none(run)) {
		for (int i = 0; i <= WAITS; i++)
			ret_values[i] = NAN;
		return 0;
	}
	if (run->arm != ECHO)
		passed = bench_server_gets(run->place) - a->gets;
	ret_values[RATE] = n / a->sum.seconds;
	ret_values[ANSWERED] = n / a->sum.sent;
	ret_values[PASSED] = passed / (n + a->lead);
	ret_values[SERVER] = a->usage.cpu * 1e9 / n;
	ret_values[SOFTIRQ] = a->usage.softirq * 1e9 / n;
	ret_values[SWITCHES] = a->usage.switches / n;
	ret_values[WAITS] = a->usage.waits / n;
	return 0;
}

static const struct bench_target targets[] = {
	{ "all hits", "rate", "bmc", "memcached", BENCH_AT_LEAST, 10, .why = "all hits" },
	{ "all hits", "rate", "bmc-sr", "memcached-sr", BENCH_AT_LEAST, 6, .why = "all hits" },
	{ "all hits", "rate", "bmc", "echo", BENCH_AT_LEAST, 0.9, .why = "all hits" },
	{ "all hits", "rate", "bmc, none hits", "memcached", BENCH_AT_LEAST, 0.95,
	  .why = "every reply has an item, none is served" },
	{ "no item", "rate", "bmc", "memcached", BENCH_AT_LEAST, 0.95, .why = "nothing to serve" },
	{},
};

const struct bench_measure bench_peers = {
	.name = "peers",
	.what = "replies over veth of memcached, memcached-sr, bmc before each, and an echo; "
		"requests from the kernel",
	.arms = { "memcached", "memcached-sr", "bmc", "bmc-sr", "bmc, none hits", "echo" },
	.cases = { "all hits", "no item" },
	.metrics = { [RATE] = { "rate", "replies/s", "replies that reach the client" },
		     [ANSWERED] = { "answered", "share", "of the requests" },
		     [PASSED] = { "to memcached", "share", "replies that memcached gave" },
		     [SERVER] = { "memcached", "ns CPU/op",
				  "CPU time of memcached's threads, with the interrupts that came "
				  "upon them" },
		     [SOFTIRQ] = { "softirq", "ns CPU/op",
				   "softirqs of the other CPUs, where the server's network "
				   "receives and XDP runs" },
		     [SWITCHES] = { "switches", "1/op", "context switches of memcached's threads" },
		     [WAITS] = { "waits", "1/op",
				 "of these, those of a thread that had nothing to do" } },
	.targets = targets,
	.setup = peers_setup,
	.teardown = peers_teardown,
	.enter = peers_enter,
	.leave = peers_leave,
	.begin = peers_begin,
	.is_of_the_same = 1,
	.slice = peers_slice,
	.run = peers_run,
};
