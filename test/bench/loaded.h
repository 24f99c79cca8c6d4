/* SPDX-License-Identifier: LGPL-2.1-only */
/* bmc's programs as BPF_PROG_RUN takes them: loaded, with items of ours in the cache, without a memcached. */
#ifndef BENCH_LOADED_H
#define BENCH_LOADED_H

#include <stddef.h>

struct bmc_bpf;

struct bench_loaded {
	struct bmc_bpf *skel;
	int xdp, tc;
};

int bench_loaded_open(struct bench_loaded *l, unsigned int buckets);
void bench_loaded_close(struct bench_loaded *l);

/* The item as memcached's reply from this IPv4 address would fill it. */
int bench_loaded_fill(const struct bench_loaded *l, const char *address, const char *key,
		      const void *value, size_t len);

#endif
