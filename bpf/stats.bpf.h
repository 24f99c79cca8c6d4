/* SPDX-License-Identifier: LGPL-2.1-only */
/* Counters, a set for each CPU. */
#ifndef BMC_STATS_BPF_H
#define BMC_STATS_BPF_H

#include "bmc_abi.h"
#include "compat.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_stats);
	__uint(max_entries, 1);
} bmc_stats SEC(".maps");

static __always_inline struct bmc_stats *bmc_stats_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&bmc_stats, &zero);
}

/* Atomic: a program that runs in a system call can be interrupted by one of ours on the same CPU. */
static __always_inline void bmc_stats_add(enum bmc_stat stat, __u64 n)
{
	struct bmc_stats *stats = bmc_stats_get();
	__u64 index = stat;

	if (!__builtin_constant_p(stat))
		bmc_hide(index);
	if (stats && index < BMC_STAT_COUNT)
		__sync_fetch_and_add(&stats->count[index], n);
}

static __always_inline void bmc_stats_count(enum bmc_stat stat)
{
	bmc_stats_add(stat, 1);
}

/* For the hot path, where softirqs are off and the counters are looked up once: nothing interrupts the addition. */
static __always_inline void bmc_stats_plus(struct bmc_stats *stats, enum bmc_stat stat, __u64 n)
{
	if (stats)
		stats->count[stat] += n;
}

/* The same, of a counter that is not known beforehand. */
static __always_inline void bmc_stats_plus_any(struct bmc_stats *stats, enum bmc_stat stat)
{
	__u64 index = stat;

	bmc_hide(index);
	if (stats && index < BMC_STAT_COUNT)
		stats->count[index]++;
}

/*
 * The clock costs a call: what was read of it is kept for a tick, and is no more than that behind. CONFIG_HZ is 100 at the
 * least. (Not the coarse clock: its step comes after the tick's count, and is as long as no CPU has ticked.)
 */
#define BMC_CLOCK_LATE_NS 20000000ULL

static __always_inline __u64 bmc_stats_clock(struct bmc_stats *stats)
{
	__u64 tick = bpf_jiffies64();

	if (!stats)
		return bpf_ktime_get_ns();
	if (stats->tick != tick) {
		stats->now = bpf_ktime_get_ns();
		stats->tick = tick;
	}
	return stats->now;
}

/* The same where softirqs may interrupt: what they keep is used, and nothing kept. */
static __always_inline __u64 bmc_stats_clock_look(const struct bmc_stats *stats)
{
	if (stats && BMC_READ_ONCE(stats->tick) == bpf_jiffies64())
		return BMC_READ_ONCE(stats->now); /* or a later one */
	return bpf_ktime_get_coarse_ns();
}

#endif
