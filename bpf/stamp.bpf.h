/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * RECVMSG and STAMP OUT: when a thread of memcached's took a request, for its reply. The time travels with the reply,
 * in skb->mark: a tag in the high byte, below it 24 bits of time in units of 4,096 ns.
 */
#ifndef BMC_STAMP_BPF_H
#define BMC_STAMP_BPF_H

#include "bmc_stamp.h"
#include "config.bpf.h"
#include "stats.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_stamp);
	__uint(max_entries, BMC_STAMPS);
} bmc_stamps SEC(".maps");

/*
 * A thread's place is its own or, among thousands of threads, shared with others, of whom the last one has it. `who` is of
 * one thread, one socket and one time: words of two writers, or of another thread, are none (Hyatt and Mann, "A lock-less
 * transposition table implementation for parallel search", ICGA Journal 25 (1), 2002).
 */
static __always_inline __u32 bmc_stamp_thread(void)
{
	return (__u32)bpf_get_current_task_btf()->pid;
}

static __always_inline __u64 bmc_stamp_who(__u32 thread, __u64 cookie, __u64 time)
{
	return thread * 0x9e3779b97f4a7c15ULL ^ cookie * 0xbf58476d1ce4e5b9ULL ^ time;
}

static __always_inline struct bmc_stamp *bmc_stamp_place(__u32 thread)
{
	__u32 index = bmc_stamp_place_of(thread);

	return bpf_map_lookup_elem(&bmc_stamps, &index);
}

/* RECVMSG: this thread took a request from this socket of a server's. */
static __always_inline void bmc_stamp_in(__u64 cookie, __u32 server)
{
	__u32 thread = bmc_stamp_thread();
	__u64 now = bmc_stamp_of_server(bpf_ktime_get_ns(), server);
	struct bmc_stamp *stamp = bmc_stamp_place(thread);

	if (!stamp)
		return;
	BMC_WRITE_ONCE(stamp->time, now);
	BMC_WRITE_ONCE(stamp->who, bmc_stamp_who(thread, cookie, now));
}

/* STAMP OUT: the mark for a UDP reply of this thread's from this socket; 0: none. */
static __always_inline __u32 bmc_stamp_out(__u64 cookie)
{
	__u32 thread = bmc_stamp_thread();
	const struct bmc_stamp *stamp = bmc_stamp_place(thread);
	__u64 time;

	if (!stamp)
		return 0;
	time = BMC_READ_ONCE(stamp->time);
	if (BMC_READ_ONCE(stamp->who) != bmc_stamp_who(thread, cookie, time))
		return 0;
	/* a tick more or less of so many seconds; the clock may be behind `time` */
	if ((__s64)(bmc_stats_clock_look(bmc_stats_get()) - time) > (__s64)BMC_STAMP_MAX_AGE_NS)
		return 0;
	return (__u32)bmc_config.tag << 24 | ((__u32)(time >> BMC_STAMP_SHIFT) & BMC_STAMP_MASK);
}

static __always_inline int bmc_leaves_by_us(__u32 ifindex)
{
	for (__u32 i = 0; i < BMC_EGRESS_MAX; i++) {
		if (i >= bmc_config.n_egress)
			break;
		if (bmc_config.egress[i] == ifindex)
			return 1;
	}
	return 0;
}

/* STAMP OUT, of a datagram that may be an item. */
static __always_inline void bmc_stamp_reply(struct __sk_buff *skb, __u64 cookie)
{
	__u32 stamp = bmc_stamp_out(cookie);

	if (!stamp) {
		bmc_stats_count(BMC_STAT_NO_STAMP);
		return;
	}
	bmc_hide(stamp); /* else a masked store of one byte, which the verifier refuses */
	skb->mark = stamp;
	bmc_stats_count(BMC_STAT_STAMPS);
}

#endif
