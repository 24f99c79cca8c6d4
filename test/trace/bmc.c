// SPDX-License-Identifier: LGPL-2.1-only
/* bmc's own programs under BPF_PROG_RUN: a get goes through XDP, and memcached's answer to it through TC egress. */
#include "policy.h"

#include "harness.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERDICT_XDP_TX 3

struct cache {
	const struct trace *trace;
	struct harness h;
};

static void *bmc_open(const struct trace *t, uint64_t bytes)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->trace = t;
	if (bytes < POLICY_BUCKET ||
	    harness_open_buckets(&c->h, (uint32_t)(bytes / POLICY_BUCKET), BMC_TEST_BYPASS)) {
		free(c);
		return NULL;
	}
	return c;
}

static void bmc_close(void *cache)
{
	struct cache *c = cache;

	harness_close(&c->h);
	free(c);
}

/* An item's key: its number, and what it is too short by. */
static size_t put_key(const struct cache *c, uint32_t id, char *ret)
{
	size_t len = trace_item(c->trace, id)->key_len;

	memset(ret, 'k', len);
	for (int i = 0; i < TRACE_KEY_MIN; i++)
		ret[i] = "0123456789abcdef"[id >> 4 * i & 0xf];
	return len;
}

static int bmc_ask(void *cache, uint32_t id)
{
	struct cache *c = cache;
	struct pkt request = { .family = 4, .udp_check = PKT_CHECK_ZERO };
	char text[TRACE_KEY_MAX + 8] = "get ";
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data);

	request.text = text;
	request.text_len = 4 + put_key(c, id, text + 4);
	memcpy(text + request.text_len, "\r\n", 2);
	request.text_len += 2;
	pkt_build(&request, &frame);
	opts.data_size_in = frame.len;
	expect(!bpf_prog_test_run_opts(c->h.xdp, &opts), "BPF_PROG_RUN of the XDP program");
	return opts.retval == VERDICT_XDP_TX;
}

static void bmc_answer(void *cache, uint32_t id)
{
	struct cache *c = cache;
	struct pkt reply = { .family = 4, .udp_check = PKT_CHECK_ZERO, .from_server = 1 };
	uint16_t value_len = trace_item(c->trace, id)->value_len;
	struct __sk_buff skb = { .mark = HARNESS_MARK };
	char text[TRACE_KEY_MAX + TRACE_VALUE_MAX + 40] = "VALUE ";
	struct frame frame;
	size_t at = 6;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb));

	at += put_key(c, id, text + at);
	at += (size_t)snprintf(text + at, sizeof(text) - at, " 0 %u\r\n", value_len);
	memset(text + at, 'v', value_len);
	at += value_len;
	memcpy(text + at, "\r\nEND\r\n", 7);
	reply.text = text;
	reply.text_len = at + 7;
	pkt_build(&reply, &frame);
	opts.data_size_in = frame.len;
	expect(!bpf_prog_test_run_opts(c->h.tc, &opts), "BPF_PROG_RUN of the TC program");
}

const struct policy policy_bmc = {
	.name = "bmc",
	.what = "the programs of bmc",
	.open = bmc_open,
	.close = bmc_close,
	.ask = bmc_ask,
	.answer = bmc_answer,
};
