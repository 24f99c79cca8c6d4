/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Answers of a followed connection: what memcached sends -> whole answers counted -> ANSWER. Runs under the socket's
 * lock and can be interrupted by ourselves on this CPU: all its state is in the conn.
 */
#ifndef BMC_ANSWERS_BPF_H
#define BMC_ANSWERS_BPF_H

#include "answers_straight.bpf.h"
#include "segment.bpf.h"

#define BMC_ANSWER_STEPS_MAX (1U << 20) /* of one segment: a line, a block or a load each */
#define BMC_ANSWERS_MORE 0
#define BMC_ANSWERS_DONE 1
#define BMC_FOLLOW_SHIFT 30 /* what was noted goes along once in 2^30 answers */

/* Loads answers behind the line that is kept at the window's start. */
__noinline int bmc_answers_load(struct __sk_buff *skb, struct bmc_conn *conn)
{
	__u64 to, n;

	if (!conn)
		return -1;
	to = conn->out_len;
	n = conn->out_tail - conn->out_off;
	if (n > BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP)
		n = BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP;
	bmc_hide(to);
	if (to > BMC_ANSWER_KEEP || !bmc_len_within(&n, BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP))
		return -1;
	if (bpf_skb_load_bytes(skb, conn->out_off, conn->out_line + to, n))
		return -1;
	conn->out_off += (__u32)n;
	conn->out_pos = 0;
	conn->out_end = (__u16)(to + n);
	conn->out_len = 0;
	*(__u64 *)(conn->out_line + to + n) = 0;
	return 0;
}

/* The line at out_pos goes on behind the window: it is kept at the window's start. */
__noinline int bmc_answers_keep(struct __sk_buff *skb, struct bmc_conn *conn)
{
	__u64 left;

	if (!conn)
		return -1;
	left = conn->out_end - conn->out_pos;
	conn->out_len = (__u16)left;
	if (!conn->out_pos)
		return 0;
	conn->out_pos = 0;
	if (!bmc_len_within(&left, BMC_ANSWER_KEEP))
		return -1;
	return (int)bpf_skb_load_bytes(skb, conn->out_off - (__u32)left, conn->out_line, left);
}

/* An MN line: with as many of them as there were `mn` commands, all before the last one is answered. */
static __always_inline __u32 bmc_answer_mn(struct bmc_conn *conn)
{
	__u32 rep = conn->out_rep, lines = conn->mn_rep + 1;
	__u64 mn = BMC_READ_ONCE(conn->mn);

	conn->mn_rep = lines;
	if (lines != (__u32)(mn >> BMC_MN_COUNT_SHIFT))
		return rep + 1;
	return bmc_after((__u32)mn, rep) > 0 ? (__u32)mn : rep;
}

/* Whether a silent command that was seen before answer rep + 1 may have sent this line. */
static __always_inline int bmc_answer_is_doubtful(const struct bmc_conn *conn, __u32 kind)
{
	__u32 rep = conn->out_rep;

	if (bmc_mutant(BMC_MUT_NO_DOUBT))
		return 0;
	if (conn->out_early) /* its commands are not known */
		return 1;
	if (bmc_after(BMC_READ_ONCE(conn->doubt_meta), rep) > 0)
		return 1;
	if (kind != MC_ANSWER_DONE && bmc_after(BMC_READ_ONCE(conn->doubt_store), rep) > 0)
		return 1;
	return kind == MC_ANSWER_ERROR && bmc_after(BMC_READ_ONCE(conn->doubt), rep) > 0;
}

/* What was noted so long ago that it would soon be to come again, modulo 2^32, goes along. */
static __always_inline void bmc_ordinal_follow(__u32 *noted, __u32 rep)
{
	__u32 old = BMC_READ_ONCE(*noted);

	if (bmc_after(rep, old) > 0) /* else it is to come; ingress may store it just now */
		bmc_ordered(__sync_val_compare_and_swap(noted, old, rep));
}

/* Once `rep` is the conn's. ANEW, which may have read the rep before it, then takes `wrote` for unanswered, and waits. */
__noinline int bmc_ordinals_follow(struct bmc_conn *conn, __u32 rep)
{
	if (!conn)
		return 0;
	bmc_ordinal_follow(&conn->doubt, rep);
	bmc_ordinal_follow(&conn->doubt_meta, rep);
	bmc_ordinal_follow(&conn->doubt_store, rep);
	bmc_ordinal_follow(&conn->wrote, rep);
	return 0;
}

/* ANSWER, one line or packet; out_rep counts what is new. 1: not to be read. */
static __always_inline int bmc_answer_count(struct bmc_conn *conn, __u32 kind)
{
	switch (kind) {
	case MC_ANSWER_UNREADABLE:
		return 1;
	case MC_ANSWER_ONE:
		conn->out_rep++;
		return 0;
	case MC_ANSWER_META:
	case MC_ANSWER_DONE:
	case MC_ANSWER_ERROR:
		conn->out_rep += !bmc_answer_is_doubtful(conn, kind);
		return 0;
	case MC_ANSWER_MN:
		conn->out_rep = bmc_answer_mn(conn);
		return 0;
	case MC_ANSWER_REFUSED:
		conn->out_rep += conn->out_rep != 0; /* the first line is no command's answer */
		return 0;
	default:
		return 0;
	}
}

static __always_inline void bmc_answers_skip(struct bmc_conn *conn)
{
	__u64 here = conn->out_end - conn->out_pos, n = conn->out_block;

	if (n > here)
		n = here;
	conn->out_pos += (__u16)n;
	conn->out_block -= n;
	if (conn->out_pos != conn->out_end || !conn->out_block)
		return;
	n = conn->out_block;
	if (n > conn->out_tail - conn->out_off)
		n = conn->out_tail - conn->out_off;
	conn->out_off += (__u32)n;
	conn->out_block -= n;
}

/*
 * The answer at out_pos goes on behind the window: more of it, if there is more, else it waits in the conn. Of a line
 * that is longer than what is kept only the end is looked for.
 */
__noinline int bmc_answers_more(struct __sk_buff *skb, struct bmc_conn *conn)
{
	__u32 kind;

	if (!conn)
		return -1;
	if ((__u32)conn->out_end - conn->out_pos < BMC_ANSWER_KEEP)
		return bmc_answers_keep(skb, conn);
	kind = mc_answer_long((struct bmc_answer_window *)conn->out_line, conn->out_pos);
	if (kind == MC_ANSWER_UNREADABLE || conn->protocol == BMC_PROTOCOL_BINARY)
		return -1;
	conn->out_long = (__u8)kind;
	conn->out_pos = conn->out_end;
	return 0;
}

/* The answer at out_pos: its kind, out_pos behind it. */
static __always_inline __u32 bmc_answer_next(struct bmc_conn *conn)
{
	struct bmc_answer_window *win = (struct bmc_answer_window *)conn->out_line;
	struct mc_answer a = {};

	if (conn->out_long) {
		a.used = (__u32)mc_answer_find(win, conn->out_pos, conn->out_end, '\n') -
			 conn->out_pos;
		if (conn->out_pos + a.used < conn->out_end) {
			a.used++;
			a.kind = conn->out_long;
			conn->out_long = 0;
		}
	} else if (conn->protocol == BMC_PROTOCOL_BINARY) {
		mc_answer_binary(win, conn->out_pos, conn->out_end, &a);
	} else {
		mc_answer_line(win, conn->out_pos, conn->out_end, &a);
	}
	conn->out_pos += (__u16)a.used;
	conn->out_block = a.block;
	return a.kind;
}

/* One step of a segment of answers. BMC_ANSWERS_DONE at its end. */
__noinline int bmc_answers_step(struct __sk_buff *skb, struct bmc_conn *conn)
{
	__u32 kind;

	if (!conn)
		return BMC_ANSWERS_DONE;
	if (conn->out_block)
		bmc_answers_skip(conn);
	if (conn->out_pos >= conn->out_end) {
		if (conn->out_off >= conn->out_tail)
			return BMC_ANSWERS_DONE;
		if (bmc_answers_load(skb, conn))
			goto lost;
	}
	if (conn->out_block)
		return BMC_ANSWERS_MORE;
	kind = bmc_answer_next(conn);
	if (kind == MC_ANSWER_NONE) {
		if (conn->out_pos < conn->out_end && bmc_answers_more(skb, conn))
			goto lost;
		if (conn->out_off >= conn->out_tail)
			return BMC_ANSWERS_DONE;
		if (bmc_answers_load(skb, conn))
			goto lost;
		return BMC_ANSWERS_MORE;
	}
	if (!bmc_answer_count(conn, kind))
		return BMC_ANSWERS_MORE;
lost:
	bmc_conn_lost(conn, BMC_LOST_ANSWERS);
	return BMC_ANSWERS_DONE;
}

struct bmc_out_loop {
	struct __sk_buff *skb;
	struct bmc_conn *conn;
};

static long bmc_out_next(__u32 i, struct bmc_out_loop *loop)
{
	return bmc_loop_stop(bmc_answers_step(loop->skb, loop->conn) != BMC_ANSWERS_MORE);
}

static __always_inline int bmc_answers_left(const struct bmc_conn *conn)
{
	return conn->out_pos < conn->out_end || conn->out_off < conn->out_tail;
}

/* ---- a segment ---- */

/* Any answers: out_rep counts them. -1: they cannot be read. */
__noinline int bmc_answers_read(struct __sk_buff *skb, struct bmc_conn *conn)
{
	struct bmc_out_loop loop = { .skb = skb, .conn = conn };

	if (!conn)
		return -1;
	if (conn->out_len) {
		if (bmc_answers_load(skb, conn))
			return -1;
	} else if (conn->out_end && !conn->out_pos &&
		   mc_answer64((const struct bmc_answer_window *)conn->out_line, 0) ==
			   MC_WORD8("STORED\r\n")) {
		bmc_answers_stored(conn);
	}
	/* a lone answer is one step: no loop */
	if (bmc_answers_left(conn) && bmc_answers_step(skb, conn) == BMC_ANSWERS_MORE &&
	    bmc_answers_left(conn) &&
	    bpf_loop(BMC_ANSWER_STEPS_MAX, bmc_out_next, &loop, 0) >= BMC_ANSWER_STEPS_MAX)
		return -1;
	return 0;
}

/*
 * The connection's rep is now `rep`. While data of its handshake wait, a CPU may parse them that looks for `rep` when it is
 * through (bmc_stream_early).
 */
static __always_inline void bmc_answers_rep(struct bmc_conn *conn, __u32 rep, __u32 early)
{
	if (early)
		bmc_ordered(__sync_lock_test_and_set(&conn->rep, rep));
	else
		BMC_WRITE_ONCE(conn->rep, rep);
}

/* The skb's bytes from `off` to its end are the next ones of the answers. */
static __always_inline void bmc_answers_parse(struct __sk_buff *skb, struct bmc_conn *conn,
					      __u32 off)
{
	__u32 before = conn->rep, early, cmd, wrote;
	__u64 now;
	int ended;

	early = BMC_READ_ONCE(conn->early) != 0;
	bmc_rmb();
	/* have what is answered here; their line is another CPU's, and comes while the answers are read */
	cmd = BMC_READ_ONCE(conn->cmd);
	wrote = BMC_READ_ONCE(conn->wrote);
	conn->out_early = (__u8)early;
	conn->out_rep = before;
	conn->out_off = off;
	conn->out_tail = skb->len;
	conn->out_pos = 0;
	conn->out_end = 0;
	ended = bmc_answers_straight(skb, conn, off);
	if (ended >= 0) {
		conn->out_rep = before + (__u32)ended;
	} else if (bmc_answers_read(skb, conn)) {
		bmc_conn_lost(conn, BMC_LOST_ANSWERS);
		return;
	}
	if (BMC_READ_ONCE(conn->lost) || conn->out_rep == before)
		return;
	if (!early && bmc_after(conn->out_rep, cmd) > 0) {
		bmc_conn_lost(conn, BMC_LOST_ANSWERS);
		return;
	}
	bmc_answers_rep(conn, conn->out_rep, early);
	if ((before ^ conn->out_rep) >> BMC_FOLLOW_SHIFT)
		bmc_ordinals_follow(conn, conn->out_rep);
	if (early || bmc_answers_matter(before, wrote)) {
		/* TCP's own time of sending, not before any of these bytes was written */
		now = skb->tstamp;
		bmc_writer_answered(conn, conn->out_rep, now ? now : bpf_ktime_get_ns());
	}
	bmc_unhold(conn, conn->out_rep);
	bmc_stats_add(BMC_STAT_ANSWERS, conn->out_rep - before);
}

/* A segment of memcached's, under its socket's lock: old bytes are skipped, a gap cannot be. */
static __always_inline void bmc_answers_segment(struct __sk_buff *skb, struct bmc_conn *conn,
						const struct bmc_segment *seg)
{
	__u32 next = conn->out_next, fin = !!(seg->flags & BMC_TCP_FIN);
	__u32 end = seg->seq + seg->len + fin;

	if (bmc_after(seg->seq, next) > 0) {
		bmc_conn_lost(conn, BMC_LOST_GAP);
		return;
	}
	if (bmc_after(end, next) <= 0)
		return;
	if (next - seg->seq < seg->len)
		bmc_answers_parse(skb, conn, seg->off + (next - seg->seq));
	conn->out_next = end;
}

/* A segment that memcached sends; `plain`: bmc_segment_plain. */
static __always_inline void bmc_answers_out(struct __sk_buff *skb, struct bmc_conn *conn,
					    __u32 plain)
{
	struct bmc_segment seg = {};

	if (BMC_READ_ONCE(conn->lost))
		return;
	if (bmc_segment_read_at(skb, plain ? plain : bmc_segment_near(skb), &seg)) {
		bmc_conn_lost(conn, BMC_LOST_GAP);
		return;
	}
	if (!bmc_segment_counts(&seg))
		return;
	/* the socket's lock keeps others out; someone there all the same (NFQUEUE) sends out of turn */
	if (__sync_lock_test_and_set(&conn->out_busy, 1)) {
		bmc_conn_lost(conn, BMC_LOST_GAP);
		return;
	}
	bmc_answers_segment(skb, conn, &seg);
	bmc_release(&conn->out_busy);
}

#endif
