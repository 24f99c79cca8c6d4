// SPDX-License-Identifier: LGPL-2.1-only
#include "loaded.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "bench.h"
#include "bmc_abi.h"
#include "bmc.skel.h"
#include "packet.h"

#define TAG 0xb5U /* high byte of marks that are ours */
#define WRITERS 64
#define FOREVER_NS 3600000000000ULL
#define TEXT_MAX 1500

static int set_size(struct bpf_map *map, unsigned int entries)
{
	return bpf_map__set_max_entries(map, entries);
}

static int configure(struct bmc_bpf *skel, unsigned int buckets)
{
	struct bmc_config *config = (struct bmc_config *)&skel->rodata->bmc_config;

	config->n_ports = 1;
	config->port[0] = htons(PKT_PORT);
	config->n_egress = 1;
	config->egress[0] = 1; /* BPF_PROG_RUN's packets leave by lo */
	config->n_buckets = buckets;
	config->n_writers = WRITERS;
	config->max_age_ns = FOREVER_NS;
	config->tag = TAG;
	config->test = BMC_TEST_STAMP;
	if (set_size(skel->maps.bmc_buckets, buckets) || set_size(skel->maps.bmc_writers, WRITERS))
		return -1;
	return set_size(skel->maps.bmc_free_writers, WRITERS);
}

int bench_loaded_open(struct bench_loaded *l, unsigned int buckets)
{
	struct bmc_shared *shared;

	*l = (struct bench_loaded){ .skel = bmc_bpf__open() };
	if (!l->skel || configure(l->skel, buckets) || bmc_bpf__load(l->skel))
		return bench_fail("cannot load bmc's programs: %s", strerror(errno));
	l->xdp = bpf_program__fd(l->skel->progs.bmc_xdp);
	l->tc = bpf_program__fd(l->skel->progs.bmc_tc_egress);
	shared = &l->skel->bss->bmc_shared;
	if (getrandom(shared->seed, sizeof(shared->seed), 0) != sizeof(shared->seed))
		return bench_fail("no random numbers: %s", strerror(errno));
	shared->server[0].word = 1ULL << BMC_WORD_SOCKETS_SHIFT;
	shared->server[0].epoch = 1;
	return 0;
}

void bench_loaded_close(struct bench_loaded *l)
{
	bmc_bpf__destroy(l->skel);
	*l = (struct bench_loaded){};
}

int bench_loaded_fill(const struct bench_loaded *l, const char *address, const char *key,
		      const void *value, size_t len)
{
	struct __sk_buff skb = { .mark = TAG << 24 | 1 };
	char text[TEXT_MAX];
	struct pkt reply = { .from_server = 1, .server = address, .text = text };
	struct frame f;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f.data, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb), .repeat = 1);
	size_t n = (size_t)snprintf(text, sizeof(text), "VALUE %s 0 %zu\r\n", key, len);

	if (n + len + 7 > sizeof(text))
		return bench_fail("the item '%.20s' is too large", key);
	memcpy(text + n, value, len);
	memcpy(text + n + len, "\r\nEND\r\n", 7);
	reply.text_len = n + len + 7;
	pkt_build(&reply, &f);
	opts.data_size_in = f.len;
	return bpf_prog_test_run_opts(l->tc, &opts) ?
		       bench_fail("BPF_PROG_RUN: %s", strerror(errno)) :
		       0;
}
