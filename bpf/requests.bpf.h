/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Requests of a followed connection: its next bytes -> commands -> the rules. Runs before TCP has the segment, with
 * softirqs off, in a work area of this CPU; what is incomplete at the segment's end waits in the conn.
 */
#ifndef BMC_REQUESTS_BPF_H
#define BMC_REQUESTS_BPF_H

#include "ahead.bpf.h"
#include "mc_binary.h"
#include "straight.bpf.h"

#define BMC_STEPS_MAX (1U << 20) /* of one segment: a command, a block or a load each */
#define BMC_TLS_HANDSHAKE 22 /* the first byte of a TLS connection: RFC 8446, section 5.1 */
#define BMC_MORE 0
#define BMC_DONE 1

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
	    verb == MC_VERB_META_DELETE || verb == MC_VERB_META_COUNT) {
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
		__u8 first = bmc_window8(&w->win, w->pos);

		conn->fresh = 0;
		if (first == BMC_TLS_HANDSHAKE)
			return mc_lost(&w->req, BMC_LOST_TLS);
		if (first == MC_BINARY_MAGIC)
			conn->protocol = BMC_PROTOCOL_BINARY;
	}
	if (conn->protocol == BMC_PROTOCOL_BINARY)
		return mc_binary_request(&w->win, w->pos, w->end, seed, &w->req);
	return mc_text_request(&w->win, w->pos, w->end, seed, &w->req);
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
	if (w->place != BMC_FROM_EARLY && bmc_conn_is_between(conn) && bmc_conn_run(w, conn))
		return bmc_work_left(w) ? BMC_MORE : BMC_DONE;
	if (bmc_conn_read(w, conn))
		return bmc_conn_incomplete(skb, w, conn);
	if (w->req.op == MC_OP_TOUCH_GET) {
		w->keys_pos = w->pos + w->req.used;
		return BMC_MORE;
	}
	w->pos += w->req.used;
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

/* Commands up to the end of the source, and of what is next behind it; their writes are seen. */
static __always_inline void bmc_conn_commands(struct __sk_buff *skb, struct bmc_work *w,
					      struct bmc_conn *conn)
{
	struct bmc_in_loop loop = { .skb = skb, .work = w, .conn = conn };

	w->keys_pos = 0;
	w->req.version = bmc_version_of(conn->server, conn->life);
	if (w->n_batch >= BMC_BATCH)
		bmc_batch_seen(w, conn);
	/* a lone command is one step: no loop */
	if ((bmc_conn_step(skb, w, conn) == BMC_MORE || (w->more && !BMC_READ_ONCE(conn->lost))) &&
	    bpf_loop(BMC_STEPS_MAX, bmc_in_next, &loop, 0) >= BMC_STEPS_MAX)
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
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
	w->n_batch = 0;
	if (conn->in_len && bmc_source_begin(skb, w, conn))
		return;
	if (more || w->place || w->end || !bmc_conn_straight(skb, w, conn))
		bmc_conn_commands(skb, w, conn);
	bmc_batch_end(w, conn);
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
