/* SPDX-License-Identifier: LGPL-2.1-only */
/* bpf/hold.bpf.h and what it is built on, on the host: of one server and one bucket, by one CPU. */
#ifndef BMC_TEST_KERNEL_RULES_H
#define BMC_TEST_KERNEL_RULES_H

#include "unit.h"

#include "bmc_bucket.h"
#include "bmc_conn.h"

/* These layers are not there: their include guards are. */
#define BMC_CACHE_BPF_H
#define BMC_SERVER_BPF_H

#ifndef __always_inline
#define __always_inline inline
#endif
#define __noinline static __attribute__((unused))
#define BMC_READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define BMC_WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define BMC_TRIES 32
#define bmc_mutant(which) 0
#define bmc_rmb() __sync_synchronize()
#define bmc_wmb() __sync_synchronize()
#define bpf_map_lookup_elem(map, key) (*(key) < WRITERS ? &writers[*(key)] : NULL)

#define WRITERS 4
#define LIFE 1

static struct bmc_server server;
static struct bmc_bucket bucket;
static struct bmc_writer writers[WRITERS];
static __u64 flushed; /* what bmc_flush_from_now was told */

static inline struct bmc_server *bmc_server_get(__u32 index)
{
	(void)index;
	return &server;
}

static inline struct bmc_bucket *bmc_bucket_get(__u32 index)
{
	(void)index;
	return &bucket;
}

static inline __u32 bmc_bucket_of(__u64 hash)
{
	(void)hash;
	return 0;
}

static inline __u16 bmc_word_life(__u64 word)
{
	return (__u16)(word >> BMC_WORD_LIFE_SHIFT);
}

static inline void bmc_holds_add(__u32 index, __u32 life, int delta)
{
	(void)index;
	if (bmc_word_life(server.word) == life)
		server.word += (__u64)(__s64)delta;
}

static inline void bmc_server_off(struct bmc_server *s, __u64 why)
{
	s->off |= why;
}

static inline void bmc_flush_from_now(__u32 index, __u64 delay)
{
	(void)index;
	flushed = delay;
}

static inline void bmc_quiet(__u32 index, __u32 life)
{
	bmc_holds_add(index, life, -1);
}

static inline void bmc_server_unread(__u32 index)
{
	bmc_server_get(index)->unread++;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunknown-pragmas" /* unroll: clang's */
#include "hold.bpf.h"
#pragma GCC diagnostic pop

#endif
