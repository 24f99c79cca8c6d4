/* SPDX-License-Identifier: LGPL-2.1-only */
/* The lives of items as they are kept: memcached's times in units of ours, the places, and what one says when it is older. */
#ifndef BMC_LIVES_BPF_H
#define BMC_LIVES_BPF_H

#include "coherence.bpf.h"

#define BMC_LIVES 6 /* items of one place of bmc_lives */
#define BMC_LIFE_SHIFT                                                                             \
	28 /* times of lives are in units of 2^28 ns of the monotonic clock, rounded down */
#define BMC_LIFE_NEVER 0x7fffffffU
#define BMC_LIFE_PAST (30000000000ULL >> BMC_LIFE_SHIFT) /* a time is over for certain, in units */
#define BMC_LIFE_KNOWN 1U
#define BMC_LIFE_TAUGHT                                                                            \
	2U /* `next`, `who` and `ord` are a write's that is not known to be carried out */

struct bmc_life {
	__u64 who; /* the writer: gen in the high 32 bits, index in the low */
	__u32 ord;
	__u32 next; /* what it taught */
	__u32 until; /* with state one word for those who take no lock */
	__u32 state; /* BMC_LIFE_*; without KNOWN `until` is a bound */
	__u32 latest; /* none of the writes that were noted since it was made, or known, set a later time */
	__u32 pad;
};

struct bmc_lives {
	struct bpf_spin_lock lock;
	__u8 hand; /* the next one to make room */
	__u8 pad[3];
	__u64 id[BMC_LIVES]; /* 0: free, and never again: while one is free, none had to make room */
	__u64 pad1; /* the lives begin with a line */
	struct bmc_life life[BMC_LIVES];
};

_Static_assert(sizeof(struct bmc_life) == 32, "none is in two lines");
_Static_assert(__builtin_offsetof(struct bmc_life, until) == 16, "a word");
_Static_assert(sizeof(struct bmc_lives) == 256, "four lines, of which a write needs two");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_lives);
	__uint(max_entries, 1);
} bmc_lives SEC(".maps");

/* ---- times ---- */

/* The monotonic second of a time of the wall clock as the server's memcached counts it, or -1: not known. */
static __always_inline __s64 bmc_server_second(__u32 server, __u16 life, __s64 wall)
{
	__s64 offset = bmc_config.offset[server & (BMC_PORTS_MAX - 1)];

	if (life || offset == BMC_OFFSET_UNKNOWN)
		return -1;
	return wall > offset ? wall - offset : 0;
}

/*
 * When an item with this exptime is over at the earliest, in units: memcached's clock may be BMC_SECONDS_LATE behind
 * when it stores it, and the kept one is never ahead. (protocol.txt, "Expiration times")
 */
__noinline __u32 bmc_life_time(__s64 exptime, __u32 server, __u32 life)
{
	__u64 at;

	if (!exptime)
		return BMC_LIFE_NEVER;
	if (exptime < 0)
		return 0;
	if (exptime <= BMC_RELATIVE_MAX) {
		at = bmc_stats_clock(bmc_stats_get()) + (__u64)exptime * BMC_SECOND_NS;
	} else {
		__s64 second = bmc_server_second(server, (__u16)life, exptime);

		at = second > 0 ? (__u64)second * BMC_SECOND_NS : 0;
	}
	if (at <= BMC_SECONDS_LATE * BMC_SECOND_NS)
		return 0;
	at = (at - BMC_SECONDS_LATE * BMC_SECOND_NS) >> BMC_LIFE_SHIFT;
	return at < BMC_LIFE_NEVER ? (__u32)at : BMC_LIFE_NEVER;
}

/* When a flush_all with a delay will have happened at the latest, nanoseconds. */
static __always_inline __u64 bmc_flush_time(__u64 delay, __u32 server, __u16 life)
{
	__s64 second;

	if (delay == MC_DELAY_ODD)
		return ~0ULL;
	if (delay <= BMC_RELATIVE_MAX)
		return bpf_ktime_get_ns() + (delay + BMC_SECONDS_LATE) * BMC_SECOND_NS;
	second = bmc_server_second(server, life, (__s64)delay);
	return second < 0 ? ~0ULL : (__u64)(second + 2 * BMC_SECONDS_LATE) * BMC_SECOND_NS;
}

/* ---- places ---- */

static __always_inline struct bmc_lives *bmc_lives_get(__u64 hash)
{
	__u32 index = (__u32)(((hash & 0xffffffff) * bmc_config.n_lives) >> 32);

	return bpf_map_lookup_elem(&bmc_lives, &index);
}

/* The line of a note that is looked at first is asked for. */
static __always_inline void bmc_life_touch(__u64 hash)
{
	struct bmc_lives *lives = bmc_lives_get(hash);

	if (lives)
		(void)BMC_READ_ONCE(lives->id[0]);
}

/* A key of one server in one epoch: another epoch's have other ids, so that what voids entries voids lives. Not 0. */
static __always_inline __u64 bmc_life_id(__u64 hash, __u32 server, __u64 epoch)
{
	__u64 id;

	if (bmc_mutant(BMC_MUT_NO_LIFE_EPOCH))
		epoch = 0;
	id = hash ^ (epoch * BMC_PORTS_MAX + server) * 0x9e3779b97f4a7c15ULL;

	return id ? id : 1;
}

static __always_inline __u32 bmc_life_find(const struct bmc_lives *lives, __u64 id)
{
	__u32 at = BMC_LIVES;

#pragma unroll
	for (__u32 i = 0; i < BMC_LIVES; i++) {
		if (BMC_READ_ONCE(lives->id[i]) == id)
			at = i;
	}
	return at;
}

static __always_inline struct bmc_life *bmc_life_at(struct bmc_lives *lives, __u64 at)
{
	bmc_hide(at);
	if (at >= BMC_LIVES)
		return NULL;
	return &lives->life[at];
}

/* Under the lock: a place for a new id, of which nothing is known. */
static __always_inline struct bmc_life *bmc_life_make(struct bmc_lives *lives, __u64 id)
{
	__u32 at = bmc_life_find(lives, 0);
	struct bmc_life *life;

	if (at == BMC_LIVES) {
		at = lives->hand % BMC_LIVES;
		lives->hand = (__u8)(at + 1);
	}
	life = bmc_life_at(lives, at);
	if (!life)
		return NULL;
	life->state = 0;
	life->until = BMC_LIFE_NEVER;
	life->latest = 0;
#pragma unroll
	for (__u32 i = 0; i < BMC_LIVES; i++) {
		if (i == at)
			lives->id[i] = id;
	}
	return life;
}

static __always_inline void bmc_life_earlier(struct bmc_life *life, __u32 until)
{
	if (life->until > until)
		life->until = until;
	if (life->latest < until)
		life->latest = until;
}

/* Under the lock: the write that taught it was carried out, or it is not known. */
static __always_inline void bmc_life_settle(struct bmc_life *life, int carried_out)
{
	if (!(life->state & BMC_LIFE_TAUGHT))
		return;
	if (carried_out) {
		life->until = life->next;
		life->latest = life->next;
		life->state = BMC_LIFE_KNOWN;
		return;
	}
	if (!bmc_mutant(BMC_MUT_SETTLE_FORGETS))
		bmc_life_earlier(life, life->next);
	life->state &= ~BMC_LIFE_TAUGHT;
}

#endif
