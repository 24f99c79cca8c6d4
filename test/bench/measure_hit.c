// SPDX-License-Identifier: LGPL-2.1-only
/*
 * What one request costs in bmc's XDP program, against an echo. An answer changes the packet, so that each run of BPF_PROG_RUN
 * is of a fresh one (repeat = 1), of the echo as well; `run` is the median of what the kernel says a run took, its clock
 * included; `own` is that less the median of a program that does nothing. Both take turns of some milliseconds.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "figures.h"
#include "wire_abi.h" /* what the skeleton is made of */
#include "echo.skel.h"
#include "loaded.h"
#include "measures.h"
#include "packet.h"
#include "turns.h"

#define BUCKETS 4096
#define SMALL 32
#define LARGE 1000
#define MANY 10
#define RUNS_MAX 100000
#define RUNS_AT_ONCE 100 /* between two looks at the clock */
#define SERVER "10.0.0.2"

enum { ECHO, BMC, N_ARMS };
enum { HIT, HIT_LARGE, MISS, FOREIGN, MANY_KEYS };

/* What each run took, of one case in one round. */
struct times {
	unsigned int *program;
	unsigned int *nothing; /* the program that does nothing */
	int n;
};

struct hit {
	struct bench_loaded bmc;
	struct echo_bpf *echo;
	struct times arms[N_ARMS];
};

static const char many[] =
	"get key-000000000000 key-000000000001 key-000000000002 key-000000000003 "
	"key-000000000004 key-000000000005 key-000000000006 key-000000000007 "
	"key-000000000008 key-000000000009\r\n";

static const struct {
	struct pkt request;
	unsigned int verdict; /* of bmc */
	int keys;
} cases[] = {
	[HIT] = { { .text = "get key-000000000000\r\n" }, XDP_TX, 1 },
	[HIT_LARGE] = { { .text = "get key-large-000000\r\n" }, XDP_TX, 1 },
	[MISS] = { { .text = "get key-missing-0000\r\n" }, XDP_PASS, 1 },
	[FOREIGN] = { { .text = "get key-000000000000\r\n", .server_port = 53 }, XDP_PASS, 1 },
	[MANY_KEYS] = { { .text = many }, XDP_TX, MANY },
};

static int hit_fill(const struct hit *h)
{
	char value[LARGE];

	memset(value, 'v', sizeof(value));
	for (int i = 0; i < MANY; i++) {
		char key[] = "key-000000000000";

		key[sizeof(key) - 2] = (char)('0' + i);
		if (bench_loaded_fill(&h->bmc, SERVER, key, value, SMALL))
			return -1;
	}
	return bench_loaded_fill(&h->bmc, SERVER, "key-large-000000", value, LARGE);
}

static int hit_setup(struct bench_run *run)
{
	struct hit *h = calloc(1, sizeof(*h));

	run->state = h;
	if (!h)
		return bench_fail("no memory");
	for (int i = 0; i < N_ARMS; i++) {
		h->arms[i].program = malloc(RUNS_MAX * sizeof(*h->arms[i].program));
		h->arms[i].nothing = malloc(RUNS_MAX * sizeof(*h->arms[i].nothing));
		if (!h->arms[i].program || !h->arms[i].nothing)
			return bench_fail("no memory");
	}
	h->echo = echo_bpf__open_and_load();
	if (!h->echo)
		return bench_fail("cannot load the echo: %s", strerror(errno));
	return bench_loaded_open(&h->bmc, BUCKETS) ? -1 : hit_fill(h);
}

static void hit_teardown(struct bench_run *run)
{
	struct hit *h = run->state;

	if (!h)
		return;
	echo_bpf__destroy(h->echo);
	bench_loaded_close(&h->bmc);
	for (int i = 0; i < N_ARMS; i++) {
		free(h->arms[i].program);
		free(h->arms[i].nothing);
	}
	free(h);
}

/* One run of a fresh packet. -> nanoseconds, or -1 */
static int run_once(int prog, const struct frame *f, unsigned int verdict)
{
	static struct frame out;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->data, .data_size_in = f->len,
		    .data_out = out.data, .data_size_out = sizeof(out.data), .repeat = 1);

	if (bpf_prog_test_run_opts(prog, &opts))
		return bench_fail("BPF_PROG_RUN: %s", strerror(errno));
	if (opts.retval != verdict)
		return bench_fail("verdict %u, not %u", opts.retval, verdict);
	return (int)opts.duration;
}

static struct times *own(const struct bench_run *run)
{
	struct hit *h = run->state;

	return &h->arms[run->arm];
}

static int hit_begin(struct bench_run *run)
{
	own(run)->n = 0;
	return 0;
}

/* Runs for so long, noted from the n-th on. */
static int run_for(const struct bench_run *run, double seconds, const struct frame *f, int *n)
{
	struct hit *h = run->state;
	int nothing = bpf_program__fd(h->echo->progs.nothing);
	int prog = run->arm == BMC ? h->bmc.xdp : bpf_program__fd(h->echo->progs.echo);
	unsigned int verdict = run->arm == BMC ? cases[run->at].verdict : XDP_TX;
	double until = bench_now() + seconds;
	struct times *t = own(run);

	for (int i = 0; *n < RUNS_MAX && !bench_interrupted; i++) {
		int ns, least;

		if (i % RUNS_AT_ONCE == 0 && bench_now() >= until)
			break;
		ns = run_once(prog, f, verdict);
		least = run_once(nothing, f, XDP_PASS);
		if (ns < 0 || least < 0)
			return -1;
		t->program[*n] = (unsigned int)ns;
		t->nothing[(*n)++] = (unsigned int)least;
	}
	return 0;
}

static int hit_slice(struct bench_run *run, double seconds)
{
	struct times *t = own(run);
	int lead = t->n;
	struct frame f;

	pkt_build(&cases[run->at].request, &f);
	return run_for(run, BENCH_LEAD_SECONDS, &f, &lead) || run_for(run, seconds, &f, &t->n) ?
		       -1 :
		       0;
}

static int hit_run(struct bench_run *run, double *ret_values)
{
	struct times *t = own(run);

	if (!t->n)
		return bench_fail("not one run");
	ret_values[0] = bench_median_of_ticks(t->program, t->n);
	ret_values[1] = ret_values[0] - bench_median_of_ticks(t->nothing, t->n);
	ret_values[2] = ret_values[0] / cases[run->at].keys;
	return 0;
}

static const struct bench_target targets[] = {
	{ "hit 32 B", "run", "bmc", "echo", BENCH_AT_MOST, 2.0, .why = "one hit" },
	{ "hit 1000 B", "run", "bmc", "echo", BENCH_AT_MOST, 2.6, .why = "one hit" },
	{ "miss", "run", "bmc", "echo", BENCH_AT_MOST, 1.5, .why = "passed on" },
	{ "foreign", "run", "bmc", "echo", BENCH_AT_MOST, 1.05, .why = "passed on" },
	{ "10 hits", "key", "bmc", "bmc", BENCH_AT_MOST, 0.6, "hit 32 B", "a key against one hit" },
	{},
};

const struct bench_measure bench_hit = {
	.name = "hit",
	.what = "one request in the XDP program, by BPF_PROG_RUN, against an echo",
	.arms = { "echo", "bmc" },
	.cases = { "hit 32 B", "hit 1000 B", "miss", "foreign", "10 hits" },
	.metrics = { { "run", "ns", "the program, once" },
		     { "own", "ns", "that, less what a program takes that does nothing" },
		     { "key", "ns/key", "run, for each key of the request" } },
	.targets = targets,
	.setup = hit_setup,
	.teardown = hit_teardown,
	.begin = hit_begin,
	.slice = hit_slice,
	.run = hit_run,
};
