// SPDX-License-Identifier: LGPL-2.1-only
#include "generator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <math.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "child.h"
#include "echo.skel.h"
#include "packet.h"
#include "place.h"

#define PORTS 1000
#define FIRST_PORT 20000
/* About so many a second, and how many frames go out together. With a window most runs send nothing. */
#define RUNS 2000000
#define BATCH 64
#define RUNS_OF_WINDOW 7000000
#define BATCH_OF_WINDOW 16
#define LOOK_SECONDS 0.005 /* between two looks at the clock */
#define SPARE_IF "spare0"
#define SH_SECONDS 10
#define ANSWER_SECONDS 2
#define LATE_SECONDS 0.1
#define POLL_SECONDS 0.00002

/* ---- beginning and end ---- */

int bench_xdp_attach(const struct bench_place *p, int net, const char *ifname, int prog)
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

/* Each BPF_PROG_RUN of live frames of a program that no interface has tells the kernel's XDP dispatcher of it, and waits for all CPUs,
 * for tens of milliseconds: one that is never up has it. */
static int attach_spare(const struct bench_generator *g, const struct bench_place *p)
{
	struct bench_where where = BENCH_HERE;
	int prog = bpf_program__fd(g->skel->progs.generate);

	where.net = p->client;
	if (bench_child_sh(&where, SH_SECONDS, "ip link add " SPARE_IF " type veth"))
		return -1;
	return bench_xdp_attach(p, p->client, SPARE_IF, prog) < 0 ? -1 : 0;
}

int bench_generator_open(struct bench_generator *g, const struct bench_place *p)
{
	*g = (struct bench_generator){ .skel = echo_bpf__open_and_load() };
	if (!g->skel)
		return bench_fail("cannot load the echo: %s", strerror(errno));
	g->echo = bpf_program__fd(g->skel->progs.echo);
	g->pass = bpf_program__fd(g->skel->progs.nothing);
	return attach_spare(g, p);
}

int bench_generator_attach(const struct bench_generator *g, const struct bench_place *p)
{
	int prog = bpf_program__fd(g->skel->progs.count);

	return bench_xdp_attach(p, p->client, BENCH_CLIENT_IF, prog) < 0 ? -1 : 0;
}

void bench_generator_close(struct bench_generator *g)
{
	echo_bpf__destroy(g->skel);
	*g = (struct bench_generator){};
}

int bench_generator_fill(const struct bench_generator *g, const struct bench_items *items,
			 uint32_t (*pick)(void *arg, uint32_t place), void *arg)
{
	char text[BENCH_KEY_LEN + 8] = "get ";
	struct bench_frame value = {};
	struct frame f;

	for (__u32 i = 0; i < BENCH_FRAMES; i++) {
		struct pkt request = { .client = BENCH_CLIENT_IP,
				       .server = BENCH_SERVER_IP,
				       .client_port = (uint16_t)(FIRST_PORT + i % PORTS),
				       .id = (uint16_t)i,
				       .text = text };
		uint32_t item = pick(arg, i);

		memcpy(text + 4 + bench_item_key(items, item, text + 4), "\r\n", 3);
		pkt_build(&request, &f);
		if (f.len != BENCH_FRAME_LEN)
			return bench_fail("a request of %u bytes, not %d", f.len, BENCH_FRAME_LEN);
		memcpy(value.bytes, f.data, BENCH_FRAME_LEN);
		bench_item_value(items, item, items->items[item].newest, (char *)value.value);
		if (bpf_map_update_elem(bpf_map__fd(g->skel->maps.frames), &i, &value, BPF_ANY))
			return bench_fail("cannot store the requests: %s", strerror(errno));
	}
	return 0;
}

/* ---- counters ---- */

/* Of all CPUs. */
static void counts_sum(const struct bench_generator *g, struct bench_wire_counts *ret)
{
	const volatile struct bench_wire_counts *counts = g->skel->bss->counts;

	*ret = (struct bench_wire_counts){};
	for (int i = 0; i < libbpf_num_possible_cpus() && i < BENCH_CPUS_MAX; i++) {
		ret->sent += counts[i].sent;
		ret->replies += counts[i].replies;
		ret->checked += counts[i].checked;
		ret->wrong += counts[i].wrong;
	}
}

/* Where all senders have the whole table, they go on in it where they were. */
static void counts_reset(const struct bench_generator *g, const struct bench_generator_job *job,
			 double sent)
{
	__u32 part = BENCH_FRAMES / (__u32)job->parts;
	__u32 from = job->parts == 1 ? (__u32)((__u64)sent % BENCH_FRAMES) : 0;

	for (__u32 i = 0; i < BENCH_CPUS_MAX; i++)
		g->skel->bss->counts[i] =
			(struct bench_wire_counts){ .first = from + i % (__u32)job->parts * part,
						    .mask = part - 1,
						    .expect = job->expect };
	g->skel->bss->window = (struct bench_window){ .most = job->window,
						      .cpus = (__u64)libbpf_num_possible_cpus() };
}

/* ---- sending ---- */

/* One thread on one CPU. */
struct sender {
	const struct bench_generator *g;
	const struct bench_generator_job *job;
	int cpu;
	double until;
	int err;
	pthread_t thread;
};

/* So many runs of `generate` at the client's interface, in whose namespace the caller is; setting-up for them takes some 60 us. */
static int send_frames(const struct bench_generator *g, int n, unsigned int batch)
{
	unsigned char packet[BENCH_FRAME_LEN] = {};
	struct xdp_md ctx = { .data_end = sizeof(packet),
			      .ingress_ifindex = if_nametoindex(BENCH_CLIENT_IF) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = n,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = batch);
	int err = bpf_prog_test_run_opts(bpf_program__fd(g->skel->progs.generate), &opts);

	return err ? bench_fail("BPF_PROG_RUN of live frames: %s", strerror(-err)) : 0;
}

static int send_until(const struct sender *s)
{
	double at_once = fmin(s->job->seconds, LOOK_SECONDS);
	int n = (int)((s->job->window ? RUNS_OF_WINDOW : RUNS) * at_once);

	do { /* once, however late it is */
		if (send_frames(s->g, n, s->job->window ? BATCH_OF_WINDOW : BATCH))
			return -1;
	} while (bench_now() + at_once / 2 < s->until && !bench_interrupted);
	return 0;
}

static void *sender_run(void *arg)
{
	struct sender *s = arg;

	s->err = setns(s->job->place->client, CLONE_NEWNET) || bench_pin(s->cpu);
	if (!s->err)
		s->err = send_until(s);
	return NULL;
}

/* The first one is this thread, which comes home again. */
static int run_senders(const struct bench_place *place, struct sender *senders, int n)
{
	int started = 1, err;

	while (started < n &&
	       !pthread_create(&senders[started].thread, NULL, sender_run, &senders[started]))
		started++;
	sender_run(&senders[0]);
	if (setns(place->home, CLONE_NEWNET))
		abort(); /* nothing that follows would be where it should */
	err = started < n ? bench_fail("cannot start a thread") : senders[0].err;
	for (int i = 1; i < started; i++) {
		pthread_join(senders[i].thread, NULL);
		err |= senders[i].err;
	}
	return err ? -1 : 0;
}

static int send_all(const struct bench_generator *g, const struct bench_generator_job *job)
{
	struct sender *senders;
	double until = bench_now() + job->seconds;
	int err;

	if (job->cpus < 1)
		return bench_fail("no CPU to send from");
	senders = calloc((size_t)job->cpus, sizeof(*senders));
	if (!senders)
		return bench_fail("no memory");
	for (int i = 0; i < job->cpus; i++)
		senders[i] = (struct sender){ .g = g, .job = job, .cpu = i, .until = until };
	err = run_senders(job->place, senders, job->cpus);
	free(senders);
	return err;
}

/* How long nothing comes before what is on the way is lost. Who is sent more than it can take loses many; others are only late. */
static double patience(const struct bench_generator_job *job, __u64 replies)
{
	if (!replies)
		return ANSWER_SECONDS;
	return job->window ? LATE_SECONDS : BENCH_LOST_NS * 1e-9;
}

/* Until none is on the way, or the rest is lost. -> when the last one had come */
static double wait_for_replies(const struct bench_generator *g,
			       const struct bench_generator_job *job, struct bench_wire_counts *ret)
{
	double heard = bench_now(), now = heard;
	__u64 seen = 0;

	for (counts_sum(g, ret); ret->replies < ret->sent; counts_sum(g, ret)) {
		if (ret->replies != seen)
			heard = now;
		else if (now - heard > patience(job, seen))
			break;
		seen = ret->replies;
		bench_sleep(POLL_SECONDS);
		now = bench_now();
	}
	return ret->replies < ret->sent ? heard : now;
}

int bench_generator_run(const struct bench_generator *g, const struct bench_generator_job *job,
			struct bench_generator_result *sum)
{
	struct bench_wire_counts c;
	double from = bench_now();

	counts_reset(g, job, sum->sent);
	if (send_all(g, job))
		return -1;
	sum->seconds += wait_for_replies(g, job, &c) - from;
	sum->sent += (double)c.sent;
	sum->replies += (double)c.replies;
	sum->checked += (double)c.checked;
	if (!c.replies || c.wrong)
		return bench_fail("%llu requests, %llu replies, of %llu looked at %llu wrong",
				  c.sent, c.replies, c.checked, c.wrong);
	return 0;
}
