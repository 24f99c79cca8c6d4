/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * What a connection holds until an answer of it, one word: all fills of its server (HOLD), or the generation of those that
 * found no place of their own in a bucket (CROWD), which keeps fills from the buckets that have its flight.
 */
#ifndef BMC_HOLD_BPF_H
#define BMC_HOLD_BPF_H

#include "flight.bpf.h"

#define BMC_HOLD_ALL (BMC_HOLD_ORD | BMC_HOLD_NEVER) /* counted in the server's holds */

/* The word of a connection that is held for `want` as well: until the later of both. */
static __always_inline __u64 bmc_hold_with(__u64 old, __u64 want)
{
	__u64 kinds = (old | want) & (BMC_HOLD_ORD | BMC_HOLD_CROWD);

	if (old == BMC_HOLD_CLOSED)
		return old;
	if ((old | want) & BMC_HOLD_NEVER)
		return BMC_HOLD_NEVER | (kinds & BMC_HOLD_CROWD);
	if (old == BMC_HOLD_FREE || (__s32)((__u32)want - (__u32)old) > 0)
		return kinds | (__u32)want;
	return kinds | (__u32)old;
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

/* UNHOLD, if the hold's ordinal is at most rep. */
static __always_inline void bmc_unhold(struct bmc_conn *conn, __u32 rep)
{
	__u64 old = BMC_READ_ONCE(conn->hold);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen, flush;

		if (!(old & (BMC_HOLD_ORD | BMC_HOLD_CROWD)) || (old & BMC_HOLD_NEVER) ||
		    (__s32)(rep - (__u32)old) < 0)
			return;
		flush = BMC_READ_ONCE(conn->flush); /* before the next hold begins */
		seen = __sync_val_compare_and_swap(&conn->hold, old, BMC_HOLD_FREE);
		if (seen == old) {
			bmc_hold_over(conn, old, flush);
			return;
		}
		old = seen;
	}
	/* still held: fills wait for a later answer */
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
