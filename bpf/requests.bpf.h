/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Requests of a followed connection: its next bytes -> commands -> the rules. Runs before TCP has the segment, with
 * softirqs off, in a work area of this CPU; what is incomplete at the segment's end waits in the conn.
 */
#ifndef BMC_REQUESTS_BPF_H
#define BMC_REQUESTS_BPF_H

#include "ahead.bpf.h"
#include "batch.bpf.h"
#include "early.bpf.h"
#include "expiry.bpf.h"
#include "mc_binary.h"

#define BMC_STEPS_MAX (1U << 20) /* of one segment: a command, a block or a load each */
#define BMC_FIRST_LOAD                                                                             \
	1024 /* of a segment that the window does not hold: most such have a large block */
#define BMC_MORE 0
#define BMC_DONE 1

/* ---- requests ---- */

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
		BMC_WRITE_ONCE(conn->cmd, next);
	} else if (conn->protocol == BMC_PROTOCOL_TEXT) {
		BMC_WRITE_ONCE(conn->doubt, next);
		if (w->req.meta)
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

/* A set whose block is in the window: what it writes and what it teaches is known at once. Whether it is such a one. */
static __always_inline int bmc_conn_set(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 block = w->req.block, last;
	enum bmc_tells tells;
	__u32 ord, until;
	int whole;

	if (!bmc_store_teaches(w) || w->req.op != MC_OP_STORE || w->req.meta || w->req.silent ||
	    conn->protocol != BMC_PROTOCOL_TEXT || w->place == BMC_FROM_EARLY ||
	    block > w->end - w->pos)
		return 0;
	last = bmc_window64(&w->win, w->pos + block - 2) & 0xffff;
	whole = last == MC_WORD2("\r\n") || bmc_mutant(BMC_MUT_TAUGHT_BY_ALL);
	until = w->req.exptime ? bmc_life_time(w->req.exptime, conn->server, conn->life) :
				 BMC_LIFE_NEVER;
	tells = until && whole ? BMC_TELLS_LIFE : BMC_TELLS_EARLIER;
	ord = conn->cmd + 1;
	w->n_writes++;
	w->n_commands++;
	w->pos += (__u32)block;
	conn->in_hash = 0;
	conn->in_taught = 0;
	if (bmc_batch_add(w, w->req.key.hash, ord, until, tells))
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
	BMC_WRITE_ONCE(conn->cmd, ord);
	return 1;
}

/* flush_all: UNKNOWN, and no fill until a delayed one has happened. */
__noinline int bmc_conn_flush(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	if (w->req.delay)
		bmc_no_fill_until(conn->server,
				  bmc_flush_time(w->req.delay, conn->server, conn->life));
	return bmc_unknown(conn, BMC_HOLD_ORD | (conn->cmd + 1));
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

/* ---- bytes of a segment, through the window ---- */

/* `n` bytes of a block were gone over in the window, `left` of it are still to come. */
static __always_inline void bmc_block_tail(struct bmc_work *w, struct bmc_conn *conn, __u64 n,
					   __u64 left)
{
	__u8 last = bmc_window8(&w->win, (__u64)w->pos - 1);

	if (left == 1)
		conn->in_cr = last == '\r';
	if (left)
		return;
	if (n >= 2)
		conn->in_cr = bmc_window8(&w->win, (__u64)w->pos - 2) == '\r';
	bmc_block_over(w, conn,
		       conn->protocol == BMC_PROTOCOL_BINARY || (conn->in_cr && last == '\n'));
}

/* Goes over bytes of a data block: what the window has, then what it has not yet, but for the block's last two. */
static __always_inline void bmc_skip_block(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 here = w->end - w->pos, left = conn->in_block, n = left;

	if (n > here)
		n = here;
	if (n) {
		w->pos += (__u32)n;
		left -= n;
		bmc_block_tail(w, conn, n, left);
	}
	if (w->pos == w->end && left > 2) {
		n = left - 2;
		if (n > w->tail - w->off)
			n = w->tail - w->off;
		w->off += (__u32)n;
		left -= n;
	}
	conn->in_block = left;
}

/* Loads what comes next behind `kept` bytes (at most BMC_LINE_MAX) at the window's start. */
__noinline int bmc_load_next(struct __sk_buff *skb, struct bmc_work *w, __u32 kept)
{
	__u64 n, to = kept;

	if (!w)
		return -1;
	n = w->tail - w->off;
	if (n > BMC_WINDOW - BMC_LINE_MAX)
		n = w->end || kept ? BMC_WINDOW - BMC_LINE_MAX : BMC_FIRST_LOAD;
	bmc_hide(to);
	if (to > BMC_LINE_MAX || !bmc_len_within(&n, BMC_WINDOW - BMC_LINE_MAX))
		return -1;
	if (w->place == BMC_FROM_EARLY) {
		n = bmc_early_load(skb, w, to, BMC_WINDOW - BMC_LINE_MAX);
		if (!n)
			return -1;
	} else if (w->place) {
		n = bmc_place_load(w, to, BMC_WINDOW - BMC_LINE_MAX);
		if (!n)
			return -1;
	} else if (bpf_skb_load_bytes(skb, w->off, w->win.bytes + to, n)) {
		return -1;
	}
	w->off += (__u32)n;
	w->pos = 0;
	w->end = (__u32)(to + n);
	bmc_window_end(&w->win, to + n);
	return 0;
}

/* An incomplete line from the conn to the window's start, and back. Words: both have slack. */
__noinline int bmc_line_take(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	for (__u32 i = 0; i < BMC_LINE_MAX / 8; i++) {
		if (i * 8 >= conn->in_len)
			break;
		*(__u64 *)(w->win.bytes + i * 8) = *(__u64 *)(conn->in_line + i * 8);
	}
	return 0;
}

__noinline int bmc_line_keep(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 at;

	if (!w || !conn)
		return 0;
	at = w->pos;
	conn->in_len = (__u16)(w->end - w->pos);
	if (bmc_mutant(BMC_MUT_NO_PARTIAL_LINE))
		conn->in_len = 0;
	for (__u32 i = 0; i < BMC_LINE_MAX / 8; i++) {
		if (i * 8 >= conn->in_len)
			break;
		*(__u64 *)(conn->in_line + i * 8) = bmc_window64(&w->win, at);
		at += 8;
	}
	return 0;
}

/*
 * A line that does not end where it is looked at. Up to its end it is gone over, and counted as one that answers: what
 * changes items is an unknown write, for its key may be anywhere. With a block behind it, the end is not enough.
 */
static __always_inline int bmc_long_line(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 at = mc_skip_spaces(&w->win, w->pos), word = bmc_window64(&w->win, at);
	__u32 len = (__u32)(mc_token_end(&w->win, (__u32)at) - at);
	enum mc_verb verb;

	if (len < 8)
		word = bmc_keep_bytes(word, len);
	verb = mc_verb(word, len, bmc_window8(&w->win, at + 8));
	if (verb == MC_VERB_CHANGE || verb == MC_VERB_TOUCH_GET || verb == MC_VERB_META_GET ||
	    verb == MC_VERB_META_CHANGE) {
		bmc_unknown(conn, BMC_HOLD_ORD | (conn->cmd + 1));
	} else if (mc_verb_matters(verb) || !len) {
		bmc_conn_lost(conn, BMC_LOST_LONG_LINE);
		return BMC_DONE;
	}
	conn->in_skip = 1;
	return BMC_MORE;
}

/* In the middle of a long line: up to its end. */
static __always_inline void bmc_skip_line(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 at = mc_newline(&w->win, w->pos, w->end);

	w->pos = (__u32)at;
	if (at >= w->end)
		return;
	w->pos++;
	conn->in_skip = 0;
	w->req.silent = 0;
	bmc_conn_command(w, conn);
}

/* No request is complete at w->pos: more bytes, if there are any, else the line waits in the conn. */
__noinline int bmc_conn_incomplete(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn)
{
	__u32 left;

	if (!w || !conn)
		return BMC_DONE;
	left = w->end - w->pos;
	if (left >= BMC_LINE_MAX && !w->place && w->end == BMC_FIRST_LOAD && w->off < w->tail) {
		/* only the segment's first bytes were loaded: as many as there are, from the line on */
		w->off -= left;
		left = 0;
	}
	if (left >= BMC_LINE_MAX)
		return bmc_long_line(w, conn);
	if (w->off == w->tail) {
		bmc_line_keep(w, conn);
		return BMC_DONE;
	}
	/* the line's start is still in the window: through the conn to its start */
	bmc_line_keep(w, conn);
	bmc_line_take(w, conn);
	conn->in_len = 0;
	if (bmc_load_next(skb, w, left)) {
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
		return BMC_DONE;
	}
	return BMC_MORE;
}

/* The request at w->pos, in the connection's protocol, which its first byte chooses. -1: not complete. */
static __always_inline int bmc_conn_read(struct bmc_work *w, struct bmc_conn *conn)
{
	const struct mc_seed *seed = (const struct mc_seed *)bmc_shared.seed;

	if (conn->fresh) {
		conn->fresh = 0;
		if (bmc_window8(&w->win, w->pos) == MC_BINARY_MAGIC)
			conn->protocol = BMC_PROTOCOL_BINARY;
	}
	if (conn->protocol == BMC_PROTOCOL_BINARY)
		return mc_binary_request(&w->win, w->pos, w->end, seed, &w->req);
	return mc_text_request(&w->win, w->pos, w->end, seed, &w->req);
}

/* Whether there are bytes of the source that were not gone over. */
static __always_inline int bmc_work_left(const struct bmc_work *w)
{
	return w->pos < w->end || w->off < w->tail;
}

/* One step of a segment: over a block, a load, a command. BMC_DONE at its end. */
__noinline int bmc_conn_step(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return BMC_DONE;
	if (w->keys_pos)
		return bmc_conn_touch(w, conn);
	if (conn->in_block)
		bmc_skip_block(w, conn);
	if (w->pos >= w->end) {
		if (w->off >= w->tail)
			return BMC_DONE;
		if (bmc_load_next(skb, w, 0)) {
			bmc_conn_lost(conn, BMC_LOST_UNPARSED);
			return BMC_DONE;
		}
		if (conn->in_block)
			return BMC_MORE;
	}
	if (conn->in_skip) {
		bmc_skip_line(w, conn);
		return BMC_MORE;
	}
	if (bmc_conn_read(w, conn))
		return bmc_conn_incomplete(skb, w, conn);
	if (w->req.op == MC_OP_TOUCH_GET) {
		w->keys_pos = w->pos + w->req.used;
		return BMC_MORE;
	}
	w->pos += w->req.used;
	if (bmc_conn_set(w, conn))
		return bmc_work_left(w) ? BMC_MORE : BMC_DONE;
	if (bmc_conn_request(w, conn))
		return BMC_DONE;
	return bmc_work_left(w) ? BMC_MORE : BMC_DONE;
}

struct bmc_in_loop {
	struct __sk_buff *skb;
	struct bmc_work *work;
	struct bmc_conn *conn;
};

/* A source begins: an incomplete line goes before its first bytes. -1: the connection is lost. */
__noinline int bmc_source_begin(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn)
{
	__u32 kept;

	if (!w || !conn)
		return -1;
	kept = conn->in_len;
	if (!kept || conn->in_block || conn->in_skip || w->off >= w->tail)
		return 0;
	bmc_line_take(w, conn);
	conn->in_len = 0;
	if (!bmc_load_next(skb, w, kept))
		return 0;
	bmc_conn_lost(conn, BMC_LOST_UNPARSED);
	return -1;
}

/* A source ends: what came ahead may be next. BMC_DONE: it is not. */
__noinline int bmc_source_next(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn || BMC_READ_ONCE(conn->lost))
		return BMC_DONE;
	conn->in_next = w->source_end;
	if (!bmc_kept_next(w, conn) || bmc_source_begin(skb, w, conn))
		return BMC_DONE;
	return BMC_MORE;
}

static long bmc_in_next(__u32 i, struct bmc_in_loop *loop)
{
	if (loop->work->n_batch >= BMC_BATCH)
		bmc_batch_seen(loop->work, loop->conn);
	if (bmc_conn_step(loop->skb, loop->work, loop->conn) == BMC_MORE)
		return 0;
	return bmc_loop_stop(!loop->work->more ||
			     bmc_source_next(loop->skb, loop->work, loop->conn) != BMC_MORE);
}

/* The straight way: nothing waits, and the segment is one get's line. Whether it was; else, its bytes may be loaded. */
static __always_inline int bmc_conn_get(struct __sk_buff *skb, struct bmc_work *w,
					struct bmc_conn *conn)
{
	if (w->end || conn->in_block || conn->in_skip || conn->fresh ||
	    conn->protocol != BMC_PROTOCOL_TEXT || w->place || bmc_load_next(skb, w, 0))
		return 0;
	if ((__u32)bmc_window64(&w->win, 0) != MC_WORD4("get ") || w->off != w->tail ||
	    mc_newline(&w->win, 0, w->end) + 1 != w->end)
		return 0;
	w->pos = w->end;
	w->n_commands = 1;
	BMC_WRITE_ONCE(conn->cmd, conn->cmd + 1);
	return 1;
}

/* Commands up to the end of the source, and of what is next behind it; their writes are seen. */
static __always_inline void bmc_conn_commands(struct __sk_buff *skb, struct bmc_work *w,
					      struct bmc_conn *conn)
{
	struct bmc_in_loop loop = { .skb = skb, .work = w, .conn = conn };

	w->n_batch = 0;
	w->keys_pos = 0;
	w->req.version = bmc_version_of(conn->server, conn->life);
	/* a lone command is one step: no loop */
	if ((bmc_conn_step(skb, w, conn) == BMC_MORE || (w->more && !BMC_READ_ONCE(conn->lost))) &&
	    bpf_loop(BMC_STEPS_MAX, bmc_in_next, &loop, 0) >= BMC_STEPS_MAX)
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
	if (w->n_batch)
		bmc_batch_seen(w, conn);
}

/*
 * Parses the bytes from w->off to w->tail, of the skb or where w->place says: the next ones of the stream, up to
 * sequence number `end`; if `more`, then what came ahead and is next now.
 */
static __always_inline void bmc_conn_parse(struct __sk_buff *skb, struct bmc_work *w,
					   struct bmc_conn *conn, __u32 end, __u32 more)
{
	struct bmc_stats *stats;

	w->pos = 0;
	w->end = 0;
	w->more = more;
	w->source_end = end;
	w->n_commands = 0;
	w->n_writes = 0;
	w->n_invalidated = 0;
	if (conn->in_len && bmc_source_begin(skb, w, conn))
		return;
	if (more || !bmc_conn_get(skb, w, conn))
		bmc_conn_commands(skb, w, conn);
	if (!more)
		conn->in_next = end;
	stats = bmc_stats_get();
	bmc_stats_plus(stats, BMC_STAT_COMMANDS, w->n_commands);
	if (w->n_writes) {
		bmc_stats_plus(stats, BMC_STAT_WRITES, w->n_writes);
		bmc_stats_plus(stats, BMC_STAT_INVALIDATED, w->n_invalidated);
	}
}

#endif
