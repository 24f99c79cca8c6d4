// SPDX-License-Identifier: LGPL-2.1-only
#include "harness.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bmc.skel.h"
#include "bmc_bucket.h"

#define HARNESS_ASKED_MOST 8
#define VERDICT_XDP_PASS 2
#define VERDICT_XDP_TX 3
#define VERDICT_TC_UNSPEC 0xffffffffU

uint64_t harness_mutants;
int harness_whole;

int harness_configure(struct bmc_bpf *skel, uint64_t max_age_ns, uint32_t test, uint32_t n_buckets)
{
	struct bmc_config *config = (struct bmc_config *)&skel->rodata->bmc_config;
	int err;

	config->n_ports = 2;
	config->port[0] = htons(PKT_PORT);
	config->port[1] = htons(HARNESS_OTHER_PORT);
	config->n_egress = 1;
	config->egress[0] = 1; /* BPF_PROG_RUN's packets leave by lo */
	config->n_buckets = n_buckets;
	config->n_writers = 256;
	config->n_lives = HARNESS_LIVES;
	config->max_age_ns = max_age_ns;
	config->tag = HARNESS_TAG;
	config->test = test;
	config->mutants = harness_mutants;
	err = bpf_map__set_max_entries(skel->maps.bmc_buckets, n_buckets);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.bmc_lives, HARNESS_LIVES);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.bmc_writers, 256);
	if (!err)
		err = bpf_map__set_max_entries(skel->maps.bmc_free_writers, 256);
	return err;
}

/* The programs that answer and fill, and no other: they are there sooner. */
static void leave_out_the_watch(struct bmc_bpf *skel)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, skel->obj) {
		if (prog != skel->progs.bmc_xdp && prog != skel->progs.bmc_tc_egress)
			bpf_program__set_autoload(prog, false);
	}
}

static int open_with(struct harness *h, uint64_t max_age_ns, uint32_t test, uint32_t n_buckets)
{
	const uint64_t seed[2] = HARNESS_SEED;
	struct bmc_bpf *skel = bmc_bpf__open();
	int err;

	memset(h, 0, sizeof(*h));
	if (!skel)
		return -errno;
	err = harness_configure(skel, max_age_ns, test, n_buckets);
	if (!harness_whole)
		leave_out_the_watch(skel);
	if (!err)
		err = bmc_bpf__load(skel);
	if (err) {
		bmc_bpf__destroy(skel);
		return err;
	}
	h->skel = skel;
	h->shared = &skel->bss->bmc_shared;
	h->xdp = bpf_program__fd(skel->progs.bmc_xdp);
	h->tc = bpf_program__fd(skel->progs.bmc_tc_egress);
	h->stats = bpf_map__fd(skel->maps.bmc_stats);
	h->n_cpus = libbpf_num_possible_cpus();
	for (int i = 0; i < 2; i++) {
		h->shared->seed[i] = seed[i];
		h->shared->server[i].word = 1ULL << BMC_WORD_SOCKETS_SHIFT;
		h->shared->server[i].epoch = 1;
	}
	return 0;
}

int harness_open(struct harness *h, uint64_t max_age_ns, uint32_t test)
{
	return open_with(h, max_age_ns, test, HARNESS_BUCKETS);
}

int harness_open_buckets(struct harness *h, uint32_t n_buckets, uint32_t test)
{
	return open_with(h, HARNESS_FOREVER_NS, BMC_TEST_STAMP | test, n_buckets);
}

void harness_close(struct harness *h)
{
	bmc_bpf__destroy(h->skel);
	memset(h, 0, sizeof(*h));
}

/* What lies behind the frame in the buffers is 0xff: nothing may come from there. */
static int try_program(int fd, const struct frame *in, void *ctx, uint32_t ctx_len, struct run *ret)
{
	uint8_t data[sizeof(in->data)];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = in->len,
		    .data_out = ret->out.data, .data_size_out = sizeof(ret->out.data),
		    .ctx_in = ctx, .ctx_size_in = ctx_len, .ctx_out = ctx, .ctx_size_out = ctx_len,
		    .repeat = 1);
	int err;

	memset(data, 0xff, sizeof(data));
	memcpy(data, in->data, in->len);
	memset(&ret->out, 0xff, sizeof(ret->out));
	err = bpf_prog_test_run_opts(fd, &opts);
	ret->out.len = opts.data_size_out;
	ret->verdict = opts.retval;
	return err;
}

int harness_try_xdp(const struct harness *h, const struct frame *in, struct run *ret)
{
	return try_program(h->xdp, in, NULL, 0, ret);
}

void harness_xdp(const struct harness *h, const struct frame *in, struct run *ret)
{
	int err = harness_try_xdp(h, in, ret);

	expect(!err, "BPF_PROG_RUN of %u bytes: %s", in->len, strerror(-err));
}

static void check_tc(const struct frame *in, const struct run *run)
{
	expect(run->verdict == VERDICT_TC_UNSPEC, "TC verdict %u", run->verdict);
	expect(run->out.len == in->len && !memcmp(run->out.data, in->data, in->len),
	       "TC changed the packet");
}

void harness_tc(const struct harness *h, const struct frame *in, uint32_t mark, struct run *ret)
{
	struct __sk_buff skb = { .mark = mark };
	int err = try_program(h->tc, in, &skb, sizeof(skb), ret);

	expect(!err, "BPF_PROG_RUN of %u bytes: %s", in->len, strerror(-err));
	ret->mark = skb.mark;
	check_tc(in, ret);
}

int harness_tc_pages(const struct harness *h, const struct frame *in, uint32_t linear,
		     uint32_t mark, struct run *ret)
{
	struct __sk_buff skb = { .mark = mark, .data_end = linear };
	int err = try_program(h->tc, in, &skb, sizeof(skb), ret);

	if (err) {
		harness_tc(h, in, mark, ret);
		return 1;
	}
	ret->mark = skb.mark;
	check_tc(in, ret);
	return 0;
}

void harness_reply(const struct harness *h, const struct pkt *reply, uint32_t mark, struct run *ret)
{
	struct pkt p = *reply;
	struct frame f;

	p.from_server = 1;
	pkt_build(&p, &f);
	harness_tc(h, &f, mark, ret);
}

void harness_stats(const struct harness *h, struct bmc_totals *ret)
{
	int err = bmc_stats_read(h->stats, ret);

	expect(!err, "reading the counters: %s", strerror(-err));
}

/* ---- items ---- */
size_t item_text(const struct item *item, char *ret, size_t size)
{
	int head = snprintf(ret, size, "VALUE %s %s %zu\r\n", item->key, item->flags, item->len);
	size_t at = (size_t)head;

	expect(head > 0 && at + item->len + 2 <= size, "the text of '%.20s' is too long",
	       item->key);
	if (item->len)
		memcpy(ret + at, item->data, item->len);
	at += item->len;
	ret[at++] = '\r';
	ret[at++] = '\n';
	return at;
}

void harness_forget(const struct harness *h)
{
	static const struct bmc_bucket empty;
	int fd = bpf_map__fd(h->skel->maps.bmc_buckets);

	for (__u32 i = 0; i < bpf_map__max_entries(h->skel->maps.bmc_buckets); i++)
		assert_int_equal(bpf_map_update_elem(fd, &i, &empty, BPF_ANY), 0);
}

void harness_fill(const struct harness *h, const struct item *item, const struct pkt *where)
{
	struct bmc_totals before, after;
	struct pkt p = *where;
	char text[2048];
	struct run run;
	size_t len = item_text(item, text, sizeof(text) - 5);

	memcpy(text + len, "END\r\n", 5);
	p.text = text;
	p.text_len = len + 5;
	/* where it would push out others it comes in when it was asked for often enough */
	harness_stats(h, &before);
	for (int i = 0; i < HARNESS_ASKED_MOST; i++) {
		harness_reply(h, &p, HARNESS_MARK, &run);
		harness_stats(h, &after);
		if (after.count[BMC_STAT_REFUSED_COLD] ==
		    before.count[BMC_STAT_REFUSED_COLD] + (unsigned int)i)
			break;
	}
	expect(after.count[BMC_STAT_FILLS] == before.count[BMC_STAT_FILLS] + 1,
	       "no fill of '%.20s'", item->key);
}

void harness_expect_hit(const struct harness *h, const char *name, const struct pkt *request,
			const void *text, size_t len)
{
	const char *wrong;
	struct frame f;
	struct run run;

	pkt_build(request, &f);
	harness_xdp(h, &f, &run);
	expect(run.verdict == VERDICT_XDP_TX, "%s: verdict %u, not XDP_TX", name, run.verdict);
	wrong = pkt_check_reply(&f, &run.out, text, len);
	expect(!wrong, "%s: %s", name, wrong);
}

void harness_expect_pass(const struct harness *h, const char *name, const struct pkt *request)
{
	struct frame f;
	struct run run;

	pkt_build(request, &f);
	harness_xdp(h, &f, &run);
	expect(run.verdict == VERDICT_XDP_PASS, "%s: verdict %u, not XDP_PASS", name, run.verdict);
	expect(run.out.len == f.len && !memcmp(run.out.data, f.data, f.len),
	       "%s: the packet was changed", name);
}

int harness_is_cached(const struct harness *h, const char *key, const struct pkt *where)
{
	struct pkt p = *where;
	char text[300];
	struct frame f;
	struct run run;

	p.from_server = 0;
	p.id = 0x4242;
	p.text = text;
	p.text_len = (size_t)snprintf(text, sizeof(text), "get %s\r\n", key);
	pkt_build(&p, &f);
	harness_xdp(h, &f, &run);
	return run.verdict == VERDICT_XDP_TX;
}

/* ---- tables ---- */
int run_rows(const char *group, const void *rows, size_t n, size_t size, void (*run)(void **state),
	     int (*setup)(void **state), int (*teardown)(void **state))
{
	struct CMUnitTest *tests = calloc(n, sizeof(*tests));
	int failed;

	if (!tests)
		return 1;
	for (size_t i = 0; i < n; i++) {
		const char *row = (const char *)rows + i * size;

		tests[i].name = *(const char *const *)row;
		tests[i].test_func = run;
		tests[i].initial_state = (void *)row;
	}
	failed = _cmocka_run_group_tests(group, tests, n, setup, teardown);
	free(tests);
	return failed;
}
