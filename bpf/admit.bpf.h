/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Who goes for a fill, and whether anybody does. There are two ways, and each bucket takes the one that has fewer misses:
 *
 * History: whether an entry was hit in this period and in each of the last four, a bit each, where a period is
 * BMC_PERIOD fills of the bucket. The coldest go, of those the large ones first. A key that was not asked for before
 * pushes nobody out: it is noted as a ghost, and comes in when it was asked for as often as the coldest entry's history
 * and its own size demand. This keeps what is asked for again and again, whatever floods and scans pass by.
 *
 * Queue: everybody comes in, the oldest go. This is better where items are asked for a few times in a row and never
 * again.
 *
 * One bucket of BMC_DUEL_STRIDE always is a queue, one always goes by history; their misses are counted against each other
 * (set dueling: Qureshi et al., "Adaptive insertion policies for high performance caching", ISCA'07). Nothing here
 * depends on time: periods and misses are counted, not seconds.
 */
#ifndef BMC_ADMIT_BPF_H
#define BMC_ADMIT_BPF_H

#include "cache.bpf.h"

#define BMC_PERIOD 64 /* fills */
#define BMC_BIG 48 /* units: such an entry goes before others of its history, and comes later */

/* A period is over after so many fills; bits of two CPUs' may be lost, which only blurs the history. */
static __always_inline void bmc_room_tick(struct bmc_bucket *b)
{
	if (++b->fills < BMC_PERIOD)
		return;
	b->fills = 0;
#pragma unroll
	for (__u32 i = BMC_PAST - 1; i > 0; i--)
		b->past[i] = b->past[i - 1];
	b->past[0] = BMC_READ_ONCE(b->recent);
	BMC_WRITE_ONCE(b->recent, 0);
}

/* The coldest of these slots; *ret_heat is their history as a number, the newest period its highest bit. */
static __always_inline __u64 bmc_room_coldest(const struct bmc_bucket *b, __u64 among,
					      __u32 *ret_heat)
{
	__u64 hit = BMC_READ_ONCE(b->recent), colder;
	__u32 heat = 0;

#pragma unroll
	for (__u32 i = 0; i <= BMC_PAST; i++) {
		colder = among & ~hit;
		heat = heat << 1 | !colder;
		among = colder ? colder : among;
		hit = i < BMC_PAST ? b->past[i] : 0;
	}
	*ret_heat = heat;
	return among;
}

/* The high bit of each byte -> a bit each. */
static __always_inline __u64 bmc_room_bits(__u64 word)
{
	return ((word & BMC_HIGH) >> 7) * 0x0102040810204080ULL >> 56;
}

/* Of these slots those that have BMC_BIG units or more: eight slots a step, a byte each. */
static __always_inline __u64 bmc_room_big(const struct bmc_bucket *b, __u64 among)
{
	const __u64 *words = (const __u64 *)b->size;
	__u64 big = 0;

#pragma unroll
	for (__u32 i = 0; i < BMC_SLOTS / 8; i++) {
		__u64 high = ((words[i] & ~BMC_HIGH) + BMC_BYTES(0x80 - BMC_BIG)) | words[i];

		big |= bmc_room_bits(high) << (8 * i);
	}
	return among & big;
}

/* The next of these slots to go, by history: a bit. */
static __always_inline __u64 bmc_room_victim(const struct bmc_work *w, const struct bmc_bucket *b,
					     __u64 among)
{
	__u64 coldest, some;
	__u32 heat;

	coldest = bmc_room_coldest(b, among, &heat);
	some = bmc_room_big(b, coldest);
	coldest = some ? some : coldest;
	/* of those that are equally cold each in its turn */
	some = coldest & ~((1ULL << (w->seq >> 1 & 63)) - 1);
	coldest = some ? some : coldest;
	return coldest & -coldest;
}

/* The next of these slots to go from a queue: a bit. Entries lie in the order in which they came. */
__noinline __u64 bmc_room_oldest(struct bmc_work *w, __u64 among)
{
	struct bmc_bucket *b;

	if (!w)
		return 0;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return 0;
	for (__u32 i = 0; i < BMC_SLOTS; i++) {
		__u64 bit = among & 1ULL << (b->order[i] & (BMC_SLOTS - 1));

		if (i >= b->n_order)
			break;
		if (bit)
			return bit;
	}
	return 0;
}

/* ---- admission ---- */
static __always_inline __u16 bmc_ghost_tag(__u64 hash)
{
	__u16 tag = bmc_tag_of(hash);

	return tag ? tag : 1;
}

/* The ghost of this tag; BMC_GHOSTS: there is none. */
static __always_inline __u32 bmc_ghost_find(const struct bmc_bucket *b, __u16 tag)
{
	__u32 found = BMC_GHOSTS;

#pragma unroll
	for (__u32 i = 0; i < BMC_GHOSTS; i++)
		found = b->ghost_tag[i] == tag ? i : found;
	return found;
}

static __always_inline void bmc_ghost_add(struct bmc_bucket *b, __u16 tag)
{
	__u64 next = b->ghost_next++;

	bmc_hide(next);
	next %= BMC_GHOSTS;
	b->ghost_tag[next] = tag;
	b->ghost_seen[next] = 1;
}

/* How often a key of `units` must have been asked for to push out entries of this history. */
static __always_inline __u32 bmc_ghost_asked(__u32 heat, __u32 units)
{
	return (heat >= 16 ? 4 : heat >= 8 ? 3 : heat >= 4 ? 2 : 1) + units / BMC_BIG;
}

/* Whether a key was asked for often enough. If not, it is noted that it was. */
static __always_inline int bmc_ghost_admits(struct bmc_bucket *b, __u16 tag, __u32 asked)
{
	__u64 ghost = bmc_ghost_find(b, tag);

	if (ghost == BMC_GHOSTS) {
		bmc_ghost_add(b, tag);
		return 0;
	}
	bmc_hide(ghost);
	ghost %= BMC_GHOSTS;
	if (b->ghost_seen[ghost] < asked) {
		b->ghost_seen[ghost]++;
		return 0;
	}
	b->ghost_tag[ghost] = 0;
	return 1;
}

/* ---- the duel ---- */
#define BMC_DUEL_STRIDE 64
#define BMC_DUEL_QUEUE 1 /* of the stride: the bucket that always is a queue */
#define BMC_DUEL_HISTORY 2 /* the one that never is */
#define BMC_DUEL_MAX 2048 /* bmc_shared.duel stays about between this and its negative */
#define BMC_DUEL_ENOUGH 512 /* above it: the queue has fewer misses */
#define BMC_DUEL_UP 15 /* for a miss of the one; a tie is history's */
#define BMC_DUEL_DOWN 16

/* There was a miss in this bucket. Whether it is a queue now. */
static __always_inline __u32 bmc_duel_miss(__u32 bucket)
{
	__s64 lead = (__s64)BMC_READ_ONCE(bmc_shared.duel);

	switch (bucket % BMC_DUEL_STRIDE) {
	case BMC_DUEL_QUEUE:
		if (lead > -BMC_DUEL_MAX)
			__sync_fetch_and_add(&bmc_shared.duel, -BMC_DUEL_DOWN);
		return 1;
	case BMC_DUEL_HISTORY:
		if (lead < BMC_DUEL_MAX)
			__sync_fetch_and_add(&bmc_shared.duel, BMC_DUEL_UP);
		return 0;
	default:
		return lead > BMC_DUEL_ENOUGH;
	}
}

#endif
