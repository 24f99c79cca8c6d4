/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Bypass: whether fills pay. A fill costs about a tenth of what a hit saves; where next to nothing is asked for again,
 * filling is all cost. Of such a load one reply of BMC_BYPASS_OF fills, which is enough to see that it has changed. Which
 * ones goes by key (and value), for a while, then it is the turn of others: what fills are worth, and the duel of
 * admit.bpf.h, are judged by keys that are treated as always (set sampling: Qureshi et al., as there). Of a reply of several
 * keys, which all have to be there to be served, only the last one's can be left out.
 *
 * What is counted are fills that find no free room: those that renew an entry, or push others out, or are not let in, and
 * those left out. While new items find room the cache is only cold, and nothing is left out. Replies are counted, not
 * seconds.
 */
#ifndef BMC_BYPASS_BPF_H
#define BMC_BYPASS_BPF_H

#include "cursor.h"
#include "maps.bpf.h"
#include "stats.bpf.h"

#define BMC_BYPASS_FILLS 256 /* of one CPU, or of all: then it is looked at again */
#define BMC_BYPASS_HITS 32 /* fewer than one key hit for so many fills: they do not pay */
#define BMC_BYPASS_OF 8
#define BMC_BYPASS_TURN 12 /* after 2^12 fills it is the turn of other keys */
#define BMC_BYPASS_WORDS 8 /* of a reply, from its key on, by which it is chosen */
#define BMC_BYPASS_LEN 4096 /* of a packet that is looked at; a power of two */
#define BMC_BYPASS_TAIL 6 /* "\nEND\r\n" */
#define BMC_CPUS_MAX 4096

struct bmc_bypass_sum {
	__u64 hits;
	__u64 fills;
};

static long bmc_bypass_add(__u32 cpu, struct bmc_bypass_sum *sum)
{
	__u32 zero = 0;
	const struct bmc_stats *stats = bpf_map_lookup_percpu_elem(&bmc_stats, &zero, cpu);

	if (!stats)
		return bmc_loop_stop(1);
	sum->hits += stats->plain.hits + stats->count[BMC_STAT_HIT_KEYS];
	sum->fills += stats->bypass_fills + stats->count[BMC_STAT_STAMP_BYPASSED] / BMC_BYPASS_OF;
	return 0;
}

/* Since the last look of any CPU: the hits and the fills of all. Of two that look at once one may see few fills. */
__noinline int bmc_bypass_judge(void)
{
	struct bmc_bypass_sum now = {};
	__u64 hits, fills, bypass = 0;

	bpf_loop(BMC_CPUS_MAX, bmc_bypass_add, &now, 0);
	fills = now.fills - __sync_lock_test_and_set(&bmc_shared.bypass_fills, now.fills);
	hits = now.hits - __sync_lock_test_and_set(&bmc_shared.bypass_hits, now.hits);
	if ((__s64)fills < BMC_BYPASS_FILLS)
		return 0;
	if (hits < fills / BMC_BYPASS_HITS)
		bypass = now.fills >> BMC_BYPASS_TURN << 1 | 1;
	BMC_WRITE_ONCE(bmc_shared.bypass, bypass);
	return 0;
}

/* A fill found no free room. Softirqs are off. */
static __always_inline void bmc_bypass_fill(struct bmc_stats *stats)
{
	if (stats && ++stats->bypass_fills % BMC_BYPASS_FILLS == 0)
		bmc_bypass_judge();
}

/* A reply was left out: it counts as some of a fill, so that it is looked at again where nothing fills any more. */
static __always_inline void bmc_bypass_left(void)
{
	struct bmc_stats *stats = bmc_stats_get();

	if (stats && (__sync_fetch_and_add(&stats->count[BMC_STAT_STAMP_BYPASSED], 1) + 1) %
				     (BMC_BYPASS_FILLS * BMC_BYPASS_OF) ==
			     0)
		bmc_bypass_judge();
}

/* Whether a reply of `len` bytes is the last of its request. */
static __always_inline int bmc_bypass_is_last(struct __sk_buff *skb, __u64 len)
{
	const __u8 *at = (const __u8 *)(long)skb->data, *end = (const __u8 *)(long)skb->data_end;

	len -= BMC_BYPASS_TAIL;
	bmc_hide(len); /* the verifier knows no difference of pointers */
	if (!bmc_len_within(&len, BMC_BYPASS_LEN))
		return 0;
	at += len;
	return at + BMC_BYPASS_TAIL <= end && bmc_load32(at) == (__u32)MC_WORD4("\nEND");
}

/* Whether the reply whose key is at `off` is to be left out. */
static __always_inline int bmc_bypass_reply(struct __sk_buff *skb, __u64 off)
{
	const void *end = (const void *)(long)skb->data_end;
	const __u8 *at = (const __u8 *)(long)skb->data + off;
	__u64 chosen = BMC_READ_ONCE(bmc_shared.bypass);

	if (!chosen)
		return 0;
#pragma unroll
	for (__u32 i = 0; i < BMC_BYPASS_WORDS; i++) {
		if (at + 8 * (i + 1) > (const __u8 *)end)
			break;
		chosen = (chosen << 29 | chosen >> 35) ^ bmc_load64(at + 8 * i);
		chosen *= 0x9e3779b97f4a7c15ULL;
	}
	return chosen >= ~0ULL / BMC_BYPASS_OF && bmc_bypass_is_last(skb, skb->len);
}

#endif
