/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The straight ways: gets, sets whose blocks are in the window or large, and the rest of a block. All else is for
 * requests.bpf.h, which reads these as well, and in the same way.
 */
#ifndef BMC_STRAIGHT_BPF_H
#define BMC_STRAIGHT_BPF_H

#include "commands.bpf.h"
#include "window.bpf.h"

/* Whether nothing of the connection waits: its next byte begins a command of the text protocol. */
static __always_inline int bmc_conn_is_between(const struct bmc_conn *conn)
{
	return !conn->in_block && !conn->in_len && !conn->in_skip && !conn->fresh &&
	       conn->protocol == BMC_PROTOCOL_TEXT;
}

/* What a set with this time and block, whole in the window at `pos`, tells of its item's life. */
static __always_inline enum bmc_tells bmc_set_tells(const struct bmc_work *w,
						    const struct bmc_conn *conn,
						    const struct mc_set *set, __u64 pos,
						    __u32 *ret_until)
{
	__u64 last = bmc_window64(&w->win, pos + set->block - 2) & 0xffff;

	*ret_until = BMC_LIFE_NEVER;
	if (set->exptime)
		*ret_until = bmc_life_time((__s64)set->exptime, conn->server, conn->life);
	if (last != MC_WORD2("\r\n") && !bmc_mutant(BMC_MUT_TAUGHT_BY_ALL))
		return BMC_TELLS_EARLIER;
	return *ret_until ? BMC_TELLS_LIFE : BMC_TELLS_EARLIER;
}

/* What bmc_set_next found. */
#define BMC_SET_OTHER 0 /* no such set, or the batch had no room */
#define BMC_SET_WHOLE 1
#define BMC_SET_LARGE 2 /* its block begins at w->pos */

/*
 * The set at w->pos, if its block is in the window and it could not fail half-way (bmc_store_teaches): what it writes and
 * teaches is known at once. Or if it could, wherever its block ends: that teaches nothing.
 */
__noinline int bmc_set_next(struct bmc_work *w, struct bmc_conn *conn)
{
	enum bmc_tells tells = BMC_TELLS_EARLIER;
	struct mc_sip begin;
	struct mc_set set;
	__u32 until, ord, is_large;
	__u64 pos;

	if (!w || !conn)
		return BMC_SET_OTHER;
	pos = w->pos;
	if ((__u32)bmc_window64(&w->win, pos) != MC_WORD4("set "))
		return BMC_SET_OTHER;
	mc_sip_begin(&begin, (const struct mc_seed *)bmc_shared.seed);
	if (mc_set_read(&w->win, pos, w->end, &begin, &set))
		return BMC_SET_OTHER;
	pos += set.used;
	is_large = set.block > BMC_TEXT_MAX;
	if (is_large)
		until = bmc_life_time((__s64)set.exptime, conn->server, conn->life);
	else if (pos + set.block <= w->end)
		tells = bmc_set_tells(w, conn, &set, pos, &until);
	else
		return BMC_SET_OTHER;
	ord = conn->cmd + 1;
	if (set.silent && bmc_mutant(BMC_MUT_SILENT_AT_ONCE))
		ord--;
	if (bmc_batch_add(w, set.key.hash, ord, until, tells))
		return BMC_SET_OTHER;
	w->n_writes++;
	w->n_commands++;
	conn->in_taught = 0;
	if (!set.silent)
		BMC_WRITE_ONCE(conn->cmd, ord);
	else
		BMC_WRITE_ONCE(conn->doubt, conn->cmd + 1);
	if (is_large) {
		w->pos = (__u32)pos;
		conn->in_hash = set.key.hash;
		conn->in_block = set.block;
		conn->in_whole = set.block;
		return BMC_SET_LARGE;
	}
	w->pos = (__u32)(pos + set.block);
	conn->in_hash = 0;
	return BMC_SET_WHOLE;
}

/* The get at w->pos, if its line ends in the window. Whether it does. */
static __always_inline int bmc_get_next(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 at = mc_newline(&w->win, w->pos, w->end);

	if (at >= w->end)
		return 0;
	w->pos = (__u32)at + 1;
	w->n_commands++;
	conn->gets = (__u8)(conn->gets << 1 | 1);
	BMC_WRITE_ONCE(conn->cmd, conn->cmd + 1);
	return 1;
}

/* Such gets and sets from w->pos on, up to a large block, while the batch has room. Whether there was one. */
static __always_inline int bmc_conn_run(struct bmc_work *w, struct bmc_conn *conn)
{
	__u32 first = w->pos;

	for (__u32 i = 0; i < BMC_BATCH; i++) {
		__u32 verb = (__u32)bmc_window64(&w->win, w->pos);

		if (w->n_batch >= BMC_BATCH || w->pos >= w->end)
			break;
		if (verb == MC_WORD4("set ") ? bmc_set_next(w, conn) != BMC_SET_WHOLE :
					       verb != MC_WORD4("get ") || !bmc_get_next(w, conn))
			break;
	}
	return w->pos != first;
}

/*
 * The segment lies in a data block, which may end with it: none of its bytes needs to be seen, unless the last two of the
 * block say whether it teaches anything. Whether it does.
 */
static __always_inline int bmc_conn_inside(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 n = w->tail - w->off, left = conn->in_block;

	if (n > left || (conn->in_taught && left - n < 2))
		return 0;
	left -= n;
	w->off = w->tail;
	conn->in_block = left;
	if (!left)
		conn->in_hash = 0;
	return 1;
}

/* A large block begins at w->pos: whether the rest of the segment lies in it. Then it was gone over. */
static __always_inline int bmc_conn_large(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 n = (__u64)(w->end - w->pos) + (w->tail - w->off), left = conn->in_block;

	if (n > left)
		return 0;
	w->pos = w->end;
	w->off = w->tail;
	conn->in_block = left - n;
	if (left == n)
		conn->in_hash = 0;
	return 1;
}

/*
 * The segment is part of a block, or nothing waits and it is gets and sets that the window holds, or begins a large block.
 * Whether it was gone over; else, some of it may have been, and its bytes may be loaded.
 */
static __always_inline int bmc_conn_straight(struct __sk_buff *skb, struct bmc_work *w,
					     struct bmc_conn *conn)
{
	if (conn->in_block)
		return bmc_conn_inside(w, conn);
	if (!bmc_conn_is_between(conn) || (bmc_load_whole(skb, w) && bmc_load_next(skb, w, 0)))
		return 0;
	/* a lone set needs no loop */
	if ((__u32)bmc_window64(&w->win, 0) == MC_WORD4("set ")) {
		int set = bmc_set_next(w, conn);

		if (set == BMC_SET_LARGE)
			return bmc_conn_large(w, conn);
		if (set != BMC_SET_WHOLE || !bmc_work_left(w))
			return set == BMC_SET_WHOLE;
	}
	return bmc_conn_run(w, conn) && !bmc_work_left(w);
}

#endif
