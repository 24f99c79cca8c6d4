// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Replies a second over native veth. The requests come from the kernel: BPF_PROG_RUN sends frames out of the client's end,
 * keys by Zipf's law, many ports and ids; a program there counts the replies and looks at some, byte for byte.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <math.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "echo.skel.h"
#include "loaded.h"
#include "measures.h"
#include "packet.h"
#include "place.h"
#include "wire_abi.h"

#define KEYS 10000
#define ZIPF 0.99
#define BUCKETS 4096
#define PORTS 1000
#define FIRST_PORT 20000
#define RUNS_AT_ONCE 20000 /* between two looks at the clock */
#define BATCH 64

enum { ECHO, BMC };
enum { MANY_KEYS, ONE_KEY };

struct wire {
	struct bench_loaded bmc;
	struct echo_bpf *echo;
	double popular[KEYS]; /* share of the requests for this key and those before it */
	int client; /* index of the client's interface */
};

static void key_text(int index, char *ret)
{
	snprintf(ret, BENCH_KEY_LEN + 8, "key-%012d", index);
}

static void make_popular(struct wire *w)
{
	double sum = 0;

	for (int i = 0; i < KEYS; i++) {
		sum += pow(i + 1, -ZIPF);
		w->popular[i] = sum;
	}
	for (int i = 0; i < KEYS; i++)
		w->popular[i] /= sum;
}

static int pick_key(const struct wire *w)
{
	double want = drand48();
	int low = 0, high = KEYS - 1;

	while (low < high) {
		int middle = (low + high) / 2;

		if (w->popular[middle] < want)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The table of requests; `one`: all for the same key. */
static int make_frames(struct wire *w, int one)
{
	int map = bpf_map__fd(w->echo->maps.frames);
	char key[BENCH_KEY_LEN + 8], text[BENCH_KEY_LEN + 16];
	struct bench_frame value = {};
	struct frame f;

	srand48(1);
	for (__u32 i = 0; i < BENCH_FRAMES; i++) {
		struct pkt request = { .client = BENCH_CLIENT_IP,
				       .server = BENCH_SERVER_IP,
				       .client_port = (uint16_t)(FIRST_PORT + i % PORTS),
				       .id = (uint16_t)i,
				       .text = text };

		key_text(one ? 0 : pick_key(w), key);
		snprintf(text, sizeof(text), "get %s\r\n", key);
		pkt_build(&request, &f);
		if (f.len != BENCH_FRAME_LEN)
			return bench_fail("a request of %u bytes, not %d", f.len, BENCH_FRAME_LEN);
		memcpy(value.bytes, f.data, BENCH_FRAME_LEN);
		if (bpf_map_update_elem(map, &i, &value, BPF_ANY))
			return bench_fail("cannot store the requests: %s", strerror(errno));
	}
	return 0;
}

static int make_items(const struct wire *w)
{
	char key[BENCH_KEY_LEN + 8], value[2 * BENCH_KEY_LEN];

	for (int i = 0; i < KEYS; i++) {
		key_text(i, key);
		memcpy(value, key, BENCH_KEY_LEN);
		memcpy(value + BENCH_KEY_LEN, key, BENCH_KEY_LEN);
		if (bench_loaded_fill(&w->bmc, BENCH_SERVER_IP, key, value, sizeof(value)))
			return -1;
	}
	return 0;
}

/* A program at an interface, in place of what is there; -1: none. */
static int attach(const struct bench_place *p, int net, const char *ifname, int prog)
{
	int index, err;

	if (setns(net, CLONE_NEWNET))
		return bench_fail("cannot enter the network namespace: %s", strerror(errno));
	index = (int)if_nametoindex(ifname);
	err = bpf_xdp_attach(index, prog, XDP_FLAGS_DRV_MODE, NULL);
	if (setns(p->home, CLONE_NEWNET))
		abort(); /* nothing that follows would be where it should */
	return err ? bench_fail("cannot attach to %s: %s", ifname, strerror(-err)) : index;
}

static int wire_setup(struct bench_run *run)
{
	struct wire *w = calloc(1, sizeof(*w));

	run->state = w;
	if (!w)
		return bench_fail("no memory");
	make_popular(w);
	w->echo = echo_bpf__open_and_load();
	if (!w->echo)
		return bench_fail("cannot load the echo: %s", strerror(errno));
	if (bench_loaded_open(&w->bmc, BUCKETS) || make_items(w))
		return -1;
	w->client = attach(run->place, run->place->client, BENCH_CLIENT_IF,
			   bpf_program__fd(w->echo->progs.count));
	return w->client < 0 ? -1 : 0;
}

static void wire_teardown(struct bench_run *run)
{
	struct wire *w = run->state;

	if (!w)
		return;
	echo_bpf__destroy(w->echo);
	bench_loaded_close(&w->bmc);
	free(w);
}

static int wire_enter(struct bench_run *run)
{
	const struct wire *w = run->state;
	int prog = run->arm == BMC ? w->bmc.xdp : bpf_program__fd(w->echo->progs.echo);

	return attach(run->place, run->place->server, BENCH_SERVER_IF, prog) < 0 ? -1 : 0;
}

static int wire_leave(struct bench_run *run)
{
	return attach(run->place, run->place->server, BENCH_SERVER_IF, -1) < 0 ? -1 : 0;
}

/* Adds up what all CPUs counted, or sets it all to `set`. */
static int wire_counts(const struct wire *w, const struct bench_wire_counts *set,
		       struct bench_wire_counts *ret)
{
	int map = bpf_map__fd(w->echo->maps.counts), n = libbpf_num_possible_cpus(), err;
	struct bench_wire_counts *all = n > 0 ? calloc((size_t)n, sizeof(*all)) : NULL;
	__u32 zero = 0;

	if (!all)
		return bench_fail("no memory");
	for (int i = 0; set && i < n; i++)
		all[i] = *set;
	err = set ? bpf_map_update_elem(map, &zero, all, BPF_ANY) :
		    bpf_map_lookup_elem(map, &zero, all);
	for (int i = 0; !err && ret && i < n; i++) {
		ret->sent += all[i].sent;
		ret->replies += all[i].replies;
		ret->checked += all[i].checked;
		ret->wrong += all[i].wrong;
	}
	free(all);
	return err ? bench_fail("cannot use the counters: %s", strerror(errno)) : 0;
}

/* Sends frames of the client's interface, at most RUNS_AT_ONCE. */
static int wire_send(const struct bench_run *run)
{
	const struct wire *w = run->state;
	unsigned char packet[BENCH_FRAME_LEN] = {};
	struct xdp_md ctx = { .data_end = sizeof(packet), .ingress_ifindex = (__u32)w->client };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = RUNS_AT_ONCE,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	int err;

	if (setns(run->place->client, CLONE_NEWNET))
		return bench_fail("cannot enter the network namespace: %s", strerror(errno));
	err = bpf_prog_test_run_opts(bpf_program__fd(w->echo->progs.generate), &opts);
	if (setns(run->place->home, CLONE_NEWNET))
		abort(); /* nothing that follows would be where it should */
	return err ? bench_fail("BPF_PROG_RUN of live frames: %s", strerror(-err)) : 0;
}

static int wire_run(struct bench_run *run, double *ret_values)
{
	const struct bench_wire_counts begin = { .check = run->arm == BMC };
	struct bench_wire_counts counts = {};
	struct wire *w = run->state;
	double from, until, seconds;

	if (make_frames(w, run->at == ONE_KEY) || wire_counts(w, &begin, NULL))
		return -1;
	from = bench_now();
	until = from + run->options->seconds;
	while (bench_now() < until && !bench_interrupted) {
		if (wire_send(run))
			return -1;
	}
	seconds = bench_now() - from;
	if (wire_counts(w, NULL, &counts))
		return -1;
	if (!counts.replies || counts.wrong || (begin.check && !counts.checked))
		return bench_fail("%llu replies, of %llu looked at %llu wrong", counts.replies,
				  counts.checked, counts.wrong);
	ret_values[0] = (double)counts.replies / seconds;
	ret_values[1] = (double)counts.replies / (double)counts.sent;
	ret_values[2] = (double)counts.checked;
	return 0;
}

static const struct bench_target targets[] = {
	{ "*", "rate", "bmc", "echo", BENCH_AT_LEAST, 0.9, .why = "all hits" },
	{},
};

const struct bench_measure bench_wire = {
	.name = "wire",
	.what = "replies over native veth, all hits, requests from the kernel, against an echo",
	.arms = { "echo", "bmc" },
	.cases = { "Zipf .99", "one key" },
	.metrics = { { "rate", "replies/s" }, { "answered", "share" }, { "checked", "replies" } },
	.targets = targets,
	.setup = wire_setup,
	.teardown = wire_teardown,
	.enter = wire_enter,
	.leave = wire_leave,
	.run = wire_run,
};
