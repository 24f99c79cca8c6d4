/* SPDX-License-Identifier: LGPL-2.1-only */
/* Commands of a followed connection: what one that was read (w->req) is to the rules. */
#ifndef BMC_COMMANDS_BPF_H
#define BMC_COMMANDS_BPF_H

#include "batch.bpf.h"
#include "early.bpf.h"
#include "expiry.bpf.h"

/*
 * Whether the block of the store in w->req, if it is whole, tells what the item's life is then: a set that is not so
 * large that it could fail half-way and leave the old item.
 */
static __always_inline int bmc_store_teaches(const struct bmc_work *w)
{
	return w->req.plain && w->req.block <= BMC_TEXT_MAX;
}

/* Expiry: what the write in w->req tells. A plain set's block comes first. */
static __always_inline enum bmc_tells bmc_conn_expiry(struct bmc_work *w, struct bmc_conn *conn,
						      __u32 *ret_until)
{
	__u32 until;
	__u64 here;

	conn->in_taught = 0;
	if (w->req.kept)
		return BMC_TELLS_NOTHING;
	until = bmc_life_time(w->req.exptime, conn->server, conn->life);
	*ret_until = until;
	if (w->place == BMC_FROM_EARLY) {
		/* it may have been carried out as soon as it came, and others after it: from then on, a bound */
		if (until != BMC_LIFE_NEVER)
			*ret_until = until > w->late ? until - w->late : 0;
		return BMC_TELLS_DOUBT;
	}
	if (w->req.op != MC_OP_STORE)
		return w->req.touch ? BMC_TELLS_LIFE : BMC_TELLS_DOUBT;
	if (bmc_store_teaches(w))
		conn->in_taught = until << 1 | (w->req.silent ? BMC_TAUGHT_SILENT : 0);
	here = (__u64)(w->end - w->pos) + (w->tail - w->off);
	if (conn->in_taught && w->req.block <= here)
		return BMC_TELLS_NOTHING;
	/* the mode of a meta command may be any */
	return w->req.meta && !w->req.plain ? BMC_TELLS_DOUBT : BMC_TELLS_EARLIER;
}

/* A write by the request in w->req. Silent ones have the ordinal of the next answering command. */
static __always_inline void bmc_conn_write(struct bmc_work *w, struct bmc_conn *conn)
{
	__u32 ord = conn->cmd + (w->req.silent && bmc_mutant(BMC_MUT_SILENT_AT_ONCE) ? 0 : 1);
	enum bmc_tells tells;
	__u32 until = 0;

	w->n_writes++;
	if (w->req.any) {
		bmc_unknown(conn, BMC_HOLD_ORD | ord);
		return;
	}
	tells = bmc_conn_expiry(w, conn, &until);
	if (bmc_batch_add(w, w->req.key.hash, ord, until, tells))
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
}

/*
 * One command is over: it answers, or it is silent and an error line could still be its own (of a binary one the
 * answer itself tells).
 */
static __always_inline void bmc_conn_command(struct bmc_work *w, struct bmc_conn *conn)
{
	__u32 next = conn->cmd + 1;

	w->n_commands++;
	if (!w->req.silent) {
		if (w->req.meta == MC_META_DUMP)
			BMC_WRITE_ONCE(conn->doubt_meta, next);
		BMC_WRITE_ONCE(conn->cmd, next);
	} else if (conn->protocol == BMC_PROTOCOL_TEXT) {
		BMC_WRITE_ONCE(conn->doubt, next);
		if (w->req.meta == MC_META_STORES)
			BMC_WRITE_ONCE(conn->doubt_store, next);
		else if (w->req.meta)
			BMC_WRITE_ONCE(conn->doubt_meta, next);
	}
}

/* `mn`: its ordinal is published after it was counted, and before memcached can answer it. */
static __always_inline void bmc_conn_noop(struct bmc_conn *conn)
{
	__u64 count = (conn->mn >> BMC_MN_COUNT_SHIFT) + 1;

	BMC_WRITE_ONCE(conn->mn, count << BMC_MN_COUNT_SHIFT | conn->cmd);
}

/* Expiry: the block of a set is over, whose command was counted already. One that is not stored leaves what was there. */
__noinline int bmc_conn_taught(struct bmc_work *w, struct bmc_conn *conn, __u32 whole)
{
	__u32 ord, until;

	if (!w || !conn)
		return 0;
	until = conn->in_taught >> 1;
	ord = conn->cmd + (conn->in_taught & BMC_TAUGHT_SILENT);
	conn->in_taught = 0;
	if (bmc_mutant(BMC_MUT_TAUGHT_BY_ALL))
		whole = 1;
	bmc_batch_tells(w, conn, until, ord, whole ? BMC_TELLS_LIFE : BMC_TELLS_EARLIER);
	return 0;
}

/*
 * The block of a store is over; `whole`: it ends as memcached wants it, in \r\n (a binary value just ends). Not called
 * for a block whose last bytes were not looked at.
 */
static __always_inline void bmc_block_over(struct bmc_work *w, struct bmc_conn *conn, int whole)
{
	if (conn->in_hash && conn->in_taught)
		bmc_conn_taught(w, conn, (__u32)whole);
	conn->in_hash = 0;
}

/* The data block of the request in w->req begins. */
static __always_inline void bmc_conn_block(struct bmc_work *w, struct bmc_conn *conn)
{
	conn->in_block = w->req.block;
	conn->in_whole = w->req.block;
	if (w->req.op != MC_OP_STORE)
		return;
	conn->in_hash = w->req.key.hash;
	if (!w->req.block)
		bmc_block_over(w, conn, 1);
}

/* flush_all: UNKNOWN, and no fill until a delayed one has happened: its delay counts from its answer. */
__noinline int bmc_conn_flush(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	if (w->req.delay)
		bmc_no_fill_until(conn->server,
				  bmc_flush_time(w->req.delay, conn->server, conn->life));
	bmc_unknown(conn, BMC_HOLD_ORD | (conn->cmd + 1));
	if (w->req.delay <= BMC_RELATIVE_MAX && w->req.delay > conn->flush)
		BMC_WRITE_ONCE(conn->flush, (__u32)w->req.delay);
	return 0;
}

/* The request in w->req, all but gat. 0; 1: the connection is lost. */
__noinline int bmc_conn_request(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 1;
	switch (w->req.op) {
	case MC_OP_STORE:
	case MC_OP_CHANGE:
		bmc_conn_write(w, conn);
		break;
	case MC_OP_FLUSH:
		bmc_conn_flush(w, conn);
		break;
	case MC_OP_QUIT:
		return 0;
	case MC_OP_LOST:
		bmc_conn_lost(conn, w->req.lost);
		return 1;
	default:
		break;
	}
	bmc_conn_command(w, conn);
	bmc_conn_block(w, conn);
	if (w->req.op == MC_OP_MN)
		bmc_conn_noop(conn);
	return 0;
}

/* The next key of a gat's line; at its end the command is over. 1: the connection is lost. */
__noinline int bmc_conn_touch(struct bmc_work *w, struct bmc_conn *conn)
{
	int at;

	if (!w || !conn)
		return 1;
	at = mc_text_touch_key(&w->win, w->keys_pos, w->end,
			       (const struct mc_seed *)bmc_shared.seed, &w->req);
	if (at < 0) {
		bmc_conn_lost(conn, BMC_LOST_REJECTED);
		return 1;
	}
	if (at > 0) {
		w->keys_pos = (__u32)at;
		bmc_conn_write(w, conn);
		return 0;
	}
	w->pos = w->req.used;
	w->keys_pos = 0;
	w->req.silent = 0;
	bmc_conn_command(w, conn);
	return 0;
}

#endif
