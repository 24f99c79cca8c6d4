/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Flights: the writes that a bucket knows to be in flight. `what` of a place is an exchange word, so that a write takes
 * no lock: who exchanges what he looked at for BMC_FLIGHT_TAKEN has the place, until he stores another `what`. To all
 * others a place that is taken is in flight. Only who has the bucket's lock makes a place free: what a fill under it has
 * found in a place, or found placed there since, does not go before its last look.
 */
#ifndef BMC_FLIGHT_BPF_H
#define BMC_FLIGHT_BPF_H

#include "cache.bpf.h"
#include "generation.bpf.h"

/* connections leave it to those that share a generation */
#define BMC_FLIGHT_SHARED (BMC_FLIGHTS - 1)

#define BMC_PLACE_TRIES 4

/* finished: */
#define BMC_IN_FLIGHT 0ULL
#define BMC_OVER 1ULL /* gone, or of a generation that has ended: its time is now */
#define BMC_LONG_AGO 2ULL /* of mutants */

/*
 * BMC_IN_FLIGHT, BMC_OVER, or the t_rep of the writer whose answer, or the close of whose connection ended it; what is over
 * stays over. Reads the server's life and the writer after the flight; answers before t_rep.
 */
__noinline __u64 bmc_flight_look(__u64 who, __u64 what)
{
	struct bmc_server *s = bmc_server_get((__u32)(what >> 48));
	__u64 answers, t_rep;
	struct bmc_writer *writer;
	__u32 index = (__u32)who;

	if (what == BMC_FLIGHT_TAKEN)
		return BMC_IN_FLIGHT;
	if (bmc_word_life(BMC_READ_ONCE(s->word)) != (__u16)(what >> 32) &&
	    !bmc_mutant(BMC_MUT_NO_LIFE_IN_FLIGHT))
		return BMC_OVER;
	if (index >= BMC_WRITER_CROWD) {
		if (what >> 56 == BMC_FLIGHT_NEVER)
			return BMC_IN_FLIGHT;
		bmc_rmb();
		return bmc_gen_of(BMC_READ_ONCE(*bmc_gen_word(s, ~index))) == who >> 32 ?
			       BMC_IN_FLIGHT :
			       BMC_OVER;
	}
	writer = bpf_map_lookup_elem(&bmc_writers, &index);
	if (!writer)
		return BMC_IN_FLIGHT;
	bmc_rmb();
	answers = BMC_READ_ONCE(writer->answers);
	bmc_rmb();
	t_rep = BMC_READ_ONCE(writer->t_rep);
	if (answers >> 32 != who >> 32) {
		if (bmc_mutant(BMC_MUT_CLOSED_NO_NOW))
			return BMC_LONG_AGO;
	} else {
		if ((__s32)((__u32)answers - (__u32)what) < 0)
			return BMC_IN_FLIGHT;
		if (bmc_mutant(BMC_MUT_NO_T_REP))
			return BMC_LONG_AGO;
	}
	return t_rep > BMC_OVER ? t_rep : BMC_OVER;
}

static __always_inline __u64 bmc_flight_what(__u64 state, __u32 server, __u32 life, __u32 ord)
{
	return ord | (__u64)(__u16)life << 32 | (__u64)(__u8)server << 48 | state << 56;
}

/* The i-th place of the bucket's. */
static __always_inline struct bmc_flight *bmc_flight_at(struct bmc_bucket *b, __u64 i)
{
	bmc_hide(i);
	return &b->flight[i % BMC_FLIGHTS];
}

/*
 * Takes a place, if it is as it was looked at, {who, what}; what 0: it was free, whoever had it. What is stored before it
 * is there for all before anything behind it is loaded. Whether it was taken.
 */
static __always_inline int bmc_flight_take(struct bmc_flight *f, __u64 who, __u64 what)
{
	if (__sync_val_compare_and_swap(&f->what, what, BMC_FLIGHT_TAKEN) != what)
		return 0;
	/* two writers may have the same ordinal */
	if (!what || BMC_READ_ONCE(f->who) == who)
		return 1;
	BMC_WRITE_ONCE(f->what, what);
	return 0;
}

/* Gives a place that was taken to a flight. */
static __always_inline void bmc_flight_give(struct bmc_flight *f, const struct bmc_flight *mine)
{
	BMC_WRITE_ONCE(f->who, mine->who);
	bmc_wmb();
	BMC_WRITE_ONCE(f->what, mine->what);
}

/* Puts a connection's flight at its writer's own place, or at a free one. 1; 0: another was faster; -1: there is none. */
static __always_inline int bmc_flight_place(struct bmc_bucket *b, const struct bmc_flight *mine)
{
	__u64 at = BMC_FLIGHTS, own = 0;
	struct bmc_flight *f;

#pragma unroll
	for (__u32 i = 0; i < BMC_FLIGHT_SHARED; i++) {
		__u64 what = BMC_READ_ONCE(b->flight[i].what);

		if (!what && !own)
			at = i;
		if (what && what != BMC_FLIGHT_TAKEN && b->flight[i].who == mine->who) {
			at = i;
			own = what;
		}
	}
	if (at == BMC_FLIGHTS)
		return -1;
	f = bmc_flight_at(b, at);
	if (!bmc_flight_take(f, mine->who, own))
		return 0;
	bmc_flight_give(f, mine);
	return 1;
}

/* The same, at the place of one that is over. Each look is a line of memory more. */
static __always_inline int bmc_flight_replace(struct bmc_bucket *b, const struct bmc_flight *mine)
{
	int placed = -1;

	for (__u32 i = 0; i < BMC_FLIGHT_SHARED; i++) {
		struct bmc_flight *f = bmc_flight_at(b, i);
		__u64 what = BMC_READ_ONCE(f->what), who = BMC_READ_ONCE(f->who);

		if (what == BMC_FLIGHT_TAKEN)
			placed = 0;
		if (!what || bmc_flight_look(who, what) == BMC_IN_FLIGHT)
			continue;
		placed = bmc_flight_take(f, who, what);
		if (placed) {
			bmc_flight_give(f, mine);
			break;
		}
	}
	return placed;
}

/* Whether a flight is of the same server's and generation's kind as `mine`. */
static __always_inline int bmc_flight_is_like(__u64 who, __u64 what, const struct bmc_flight *mine)
{
	return what && what != BMC_FLIGHT_TAKEN && (__u32)who == (__u32)mine->who &&
	       (__u16)(what >> 32) == (__u16)(mine->what >> 32) &&
	       (__u8)(what >> 48) == (__u8)(mine->what >> 48);
}

/*
 * Puts the flight {who, what}, of one that shares a generation, at the place that this has, else at a free one or one that
 * is over, the last one first: it is no connection's. A like flight that is in flight, or never over, stays: it is of the
 * same generation, or of a later one, and {who, what} is over, as its connection was closed meanwhile. `waits`: nor is
 * there another one for it while that is taken. Whether it is placed.
 */
__noinline int bmc_flight_share(__u64 hash, __u64 who, __u64 what, int waits)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));
	struct bmc_flight mine = { .who = who, .what = what }, found = {};
	__u32 at = BMC_FLIGHTS;

	if (!b)
		return 0;
	for (__u32 i = 0; i < BMC_FLIGHTS; i++) {
		const struct bmc_flight *f = bmc_flight_at(b, i);
		__u64 that = BMC_READ_ONCE(f->what), other = BMC_READ_ONCE(f->who);

		if (waits && i == BMC_FLIGHT_SHARED && that == BMC_FLIGHT_TAKEN)
			return 0;
		if (bmc_flight_is_like(other, that, &mine)) {
			if (that >> 56 == BMC_FLIGHT_NEVER ||
			    (that == what && bmc_flight_look(other, that) == BMC_IN_FLIGHT)) {
				bmc_rmb();
				return 1;
			}
		} else if (bmc_flight_is_like(found.who, found.what, &mine) ||
			   (that && bmc_flight_look(other, that) == BMC_IN_FLIGHT)) {
			continue;
		}
		at = i;
		found.who = other;
		found.what = that;
	}
	if (at == BMC_FLIGHTS || !bmc_flight_take(bmc_flight_at(b, at), found.who, found.what))
		return 0;
	bmc_flight_give(bmc_flight_at(b, at), &mine);
	return 1;
}

/* The same; while others are at the place, tries again. */
static __always_inline int bmc_flight_shared(__u64 hash, __u64 who, __u64 what)
{
	int placed = 0;

	for (__u32 i = 0; i < BMC_PLACE_TRIES && !placed; i++)
		placed = bmc_flight_share(hash, who, what, i + 1 < BMC_PLACE_TRIES);
	return placed;
}

/* Under the bucket's lock: clears a flight that was looked at and was over. 0: it is another one by now. */
static __always_inline int bmc_flight_clear(struct bmc_flight *f, __u64 who, __u64 what)
{
	if (!bmc_flight_take(f, who, what))
		return 0;
	BMC_WRITE_ONCE(f->what, 0);
	return 1;
}

/* Whether the bucket has any flight, over or not: behind what was stored. */
static __always_inline int bmc_flights_any(const struct bmc_bucket *b)
{
	__u64 any = 0;

#pragma unroll
	for (__u32 i = 0; i < BMC_FLIGHTS; i++)
		any |= BMC_READ_ONCE(b->flight[i].what);
	return any != 0;
}

#endif
