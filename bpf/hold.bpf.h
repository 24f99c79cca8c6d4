/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * What a connection holds until an answer of it, one word: all fills of its server (HOLD), or the generation of those that
 * found no place of their own in a bucket (CROWD), which keeps fills from the buckets that have its flight.
 */
#ifndef BMC_HOLD_BPF_H
#define BMC_HOLD_BPF_H

#include "flight.bpf.h"

#define BMC_HOLD_ALL (BMC_HOLD_ORD | BMC_HOLD_NEVER) /* counted in the server's holds */

/* The ordinal of ORD. */
static __always_inline __u32 bmc_hold_ord(__u64 hold)
{
	return (__u32)hold - (__u32)(hold >> BMC_HOLD_BEFORE_SHIFT);
}

static __always_inline __u32 bmc_ord_later(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0 ? b : a;
}

/* The word of a connection that is held for `want` as well: of either kind until the later of both. */
__noinline __u64 bmc_hold_with(__u64 old, __u64 want)
{
	__u64 kinds = (old | want) & (BMC_HOLD_ORD | BMC_HOLD_CROWD), before;
	__u32 last, ord;

	if (old == BMC_HOLD_CLOSED)
		return old;
	if ((old | want) & BMC_HOLD_NEVER)
		return BMC_HOLD_NEVER | (kinds & BMC_HOLD_CROWD);
	last = old == BMC_HOLD_FREE ? (__u32)want : bmc_ord_later((__u32)old, (__u32)want);
	if (!(kinds & BMC_HOLD_ORD))
		return kinds | last;
	ord = !(want & BMC_HOLD_ORD) ? bmc_hold_ord(old) :
	      !(old & BMC_HOLD_ORD)  ? (__u32)want :
				       bmc_ord_later(bmc_hold_ord(old), (__u32)want);
	before = last - ord;
	if (before >> (64 - BMC_HOLD_BEFORE_SHIFT))
		before = 0; /* too many: it is over later */
	return kinds | last | before << BMC_HOLD_BEFORE_SHIFT;
}

/* HOLD(ord): `want` is BMC_HOLD_ORD | ord or BMC_HOLD_NEVER. */
__noinline int bmc_hold(struct bmc_conn *conn, __u64 want)
{
	__u64 old;

	if (!conn)
		return 0;
	bmc_holds_add(conn->server, conn->life, 1);
	old = BMC_READ_ONCE(conn->hold);
	if (!(old & BMC_HOLD_ALL) && old != BMC_HOLD_CLOSED && /* which may not have told it yet */
	    (want & BMC_HOLD_ORD)) /* at ingress: what was to come is told by a hold that is over */
		BMC_WRITE_ONCE(conn->flush, 0);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		if (__sync_val_compare_and_swap(&conn->hold, old, bmc_hold_with(old, want)) ==
		    old) {
			if (old == BMC_HOLD_CLOSED || (old & BMC_HOLD_ALL))
				bmc_holds_add(conn->server, conn->life, -1);
			return 0;
		}
		/* not what was seen: what Linux 7.3 knows of it keeps each round apart from the one before */
		old = BMC_READ_ONCE(conn->hold);
	}
	bmc_server_off(bmc_server_get(conn->server), BMC_OFF_BUSY);
	return 0;
}

/* ---- CROWD ---- */

/* Leaves the crowd; with the last one its generation ends, which cannot end before. Of an older life it is over already. */
static __always_inline void bmc_crowd_leave(const struct bmc_conn *conn)
{
	__u64 word = BMC_READ_ONCE(bmc_server_get(conn->server)->gen[BMC_GEN_CROWD]);

	if (bmc_gen_life(word) == conn->life)
		bmc_gen_back(conn->server, BMC_GEN_CROWD, bmc_gen_of(word));
}

/*
 * The connection is in the crowd until `ord` is answered, or it is closed. Returns the crowd's word, whose generation
 * cannot end before; 0: it is not in the crowd. Only ingress joins, so a generation that was looked up between two looks
 * at a word that says so is the right one.
 */
__noinline __u64 bmc_crowd_join(struct bmc_conn *conn, __u32 ord)
{
	__u64 old, word, mine = 0;

	if (!conn)
		return 0;
	old = BMC_READ_ONCE(conn->hold);
	for (__u32 i = 0; i < BMC_TRIES && old != BMC_HOLD_CLOSED; i++) {
		if (old & BMC_HOLD_CROWD) {
			bmc_rmb();
			word = BMC_READ_ONCE(bmc_server_get(conn->server)->gen[BMC_GEN_CROWD]);
		} else {
			if (!mine)
				mine = bmc_gen_out(conn->server, BMC_GEN_CROWD, conn->life, 1);
			word = mine;
		}
		if (!word)
			return 0;
		if (__sync_val_compare_and_swap(&conn->hold, old,
						bmc_hold_with(old, BMC_HOLD_CROWD | ord)) == old)
			return word;
		old = BMC_READ_ONCE(conn->hold);
	}
	if (mine)
		bmc_crowd_leave(conn);
	return 0;
}

/* ---- the end ---- */

/* What was held is over. `flush`: the longest delay of a flush_all since it began. */
static __always_inline void bmc_hold_over(struct bmc_conn *conn, __u64 hold, __u64 flush)
{
	if (hold & BMC_HOLD_ALL) {
		bmc_flush_from_now(conn->server, flush);
		bmc_quiet(conn->server, conn->life);
	}
	if (hold & BMC_HOLD_CROWD)
		bmc_crowd_leave(conn);
}

/* What is over of a hold once `rep` answers were seen: kinds. */
__noinline __u64 bmc_hold_ended(__u64 hold, __u32 rep)
{
	__u64 ended = 0;

	if (hold & BMC_HOLD_NEVER)
		return 0;
	if (hold & BMC_HOLD_ORD && (__s32)(rep - bmc_hold_ord(hold)) >= 0)
		ended |= BMC_HOLD_ORD;
	if (hold & BMC_HOLD_CROWD && (__s32)(rep - (__u32)hold) >= 0)
		ended |= BMC_HOLD_CROWD;
	return ended;
}

/* UNHOLD, of a connection that is held. */
__noinline int bmc_unhold_held(struct bmc_conn *conn, __u32 rep)
{
	__u64 old;

	if (!conn)
		return 0;
	old = BMC_READ_ONCE(conn->hold);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 flush, ended = bmc_hold_ended(old, rep), next = BMC_HOLD_FREE;

		if (!ended)
			return 0;
		if ((old & ~ended) & BMC_HOLD_CROWD)
			next = BMC_HOLD_CROWD | (__u32)old;
		flush = BMC_READ_ONCE(conn->flush); /* before the next hold begins */
		if (__sync_val_compare_and_swap(&conn->hold, old, next) == old) {
			bmc_hold_over(conn, ended, flush);
			return 0;
		}
		old = BMC_READ_ONCE(conn->hold);
	}
	/* still held: fills wait for a later answer */
	return 0;
}

/* UNHOLD, of what has an ordinal that is at most rep. */
static __always_inline void bmc_unhold(struct bmc_conn *conn, __u32 rep)
{
	if (BMC_READ_ONCE(conn->hold) != BMC_HOLD_FREE)
		bmc_unhold_held(conn, rep);
}

/* CLOSE, of the hold. */
static __always_inline void bmc_hold_closed(struct bmc_conn *conn)
{
	__u64 hold = __sync_lock_test_and_set(&conn->hold, BMC_HOLD_CLOSED);

	if (hold & BMC_HOLD_NEVER) /* LOST, which may not have got so far */
		bmc_server_unread(conn->server);
	bmc_hold_over(conn, hold, BMC_READ_ONCE(conn->flush));
}

#endif
