/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Follows a connection: segments -> its bytes in order -> requests (ingress) and answers (egress) -> coherence.
 *
 * Ingress runs before TCP has the segment, with softirqs off: a work area of this CPU. What is incomplete at a
 * segment's end waits in the conn. Egress can be interrupted by ourselves: all its state is in the conn.
 */
#ifndef BMC_STREAM_BPF_H
#define BMC_STREAM_BPF_H

#include "coherence.bpf.h"
#include "mc_answer.h"
#include "pkt.bpf.h"
#include "verdict.bpf.h"

#define BMC_STEPS_MAX (1U << 20) /* of one segment: a command, a block or a load each */
#define BMC_SPINS 512 /* tries to take a connection that another CPU has */
#define BMC_REDO_NS 100000000ULL
#define BMC_TCP_FIN 0x01
#define BMC_TCP_SYN 0x02
#define BMC_TCP_RST 0x04
#define BMC_TCP_ACK 0x10
#define BMC_TCP_URG 0x20

struct bmc_segment {
	__u32 seq;
	__u32 ack;
	__u32 off; /* of its data in the skb */
	__u32 len; /* of its data */
	__u32 flags;
};

/* Modulo 2^32 (RFC 9293, section 3.4): a - b, as a signed distance. */
static __always_inline __s32 bmc_after(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

/* Offsets count from the network header. 0; -1: not a plain TCP segment. */
static __always_inline int bmc_segment_read(struct __sk_buff *skb, struct bmc_segment *seg)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bmc_pkt pkt = {};
	struct tcphdr *tcp;
	__u8 *bytes;

	if (bmc_pkt_ip(data, end, bpf_ntohs((__u16)skb->protocol), 0, 1, &pkt))
		return -1;
	if (pkt.proto != IPPROTO_TCP || pkt.fragment)
		return -1;
	tcp = data + pkt.l4;
	if ((void *)(tcp + 1) > end)
		return -1;
	bytes = (__u8 *)tcp;
	seg->seq = bpf_ntohl(tcp->seq);
	seg->ack = bpf_ntohl(tcp->ack_seq);
	seg->flags = bytes[13];
	seg->off = pkt.l4 + (bytes[12] >> 4) * 4;
	if ((bytes[12] >> 4) < 5 || seg->off > skb->len)
		return -1;
	seg->len = skb->len - seg->off;
	return 0;
}

/* ---- requests ---- */

/* A write of one key by the request in w->req. Silent ones have the ordinal of the next answering command. */
static __always_inline void bmc_conn_write(struct bmc_work *w, struct bmc_conn *conn)
{
	int seen = bmc_write_seen(conn, w->req.key.hash, conn->cmd + 1);

	w->n_writes++;
	w->n_invalidated += seen & BMC_SEEN_ITEM;
	if (seen & BMC_SEEN_HELD)
		bmc_stats_count(BMC_STAT_OVERFLOWS);
}

/* One command is over: it answers, or it is silent and an error line could still be its own. */
static __always_inline void bmc_conn_command(struct bmc_work *w, struct bmc_conn *conn)
{
	w->n_commands++;
	if (w->req.silent)
		BMC_WRITE_ONCE(conn->doubt, conn->cmd + 1);
	else
		BMC_WRITE_ONCE(conn->cmd, conn->cmd + 1);
}

/* When a flush_all with a delay will have happened, 2 s included. Absolute times are the wall clock's. */
static __always_inline __u64 bmc_flush_time(__u64 delay)
{
	const __u64 second = 1000000000ULL;

	if (delay == MC_DELAY_ODD)
		return ~0ULL;
	if (delay <= 60 * 60 * 24 * 30)
		return bpf_ktime_get_ns() + (delay + 2) * second;
	return (delay + 2) * second - (__u64)bmc_config.wall_offset_ns;
}

/* flush_all: UNKNOWN, and no fill until a delayed one has happened. */
__noinline int bmc_conn_flush(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	if (w->req.delay)
		bmc_no_fill_until(conn->server, bmc_flush_time(w->req.delay));
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
		if (w->req.key.len)
			bmc_conn_write(w, conn);
		conn->in_block = w->req.block;
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
	return 0;
}

/* The next key of a gat's line; at its end the command is over. 1: the connection is lost. */
__noinline int bmc_conn_touch(struct bmc_work *w, struct bmc_conn *conn)
{
	int at;

	if (!w || !conn)
		return 1;
	at = mc_text_touch_key(&w->win, w->keys_pos, w->end, (const struct mc_seed *)bmc_shared.seed, &w->req);
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

/* Goes over bytes of a data block: what the window has, then what it has not yet. */
static __always_inline void bmc_skip_block(struct bmc_work *w, __u64 *block)
{
	__u64 here = w->end - w->pos, n = *block;

	if (n > here)
		n = here;
	w->pos += (__u32)n;
	*block -= n;
	if (w->pos != w->end || !*block)
		return;
	n = *block;
	if (n > w->tail - w->off)
		n = w->tail - w->off;
	w->off += (__u32)n;
	*block -= n;
}

/* Loads what comes next behind `kept` bytes (at most BMC_LINE_MAX) at the window's start. */
__noinline int bmc_load_next(struct __sk_buff *skb, struct bmc_work *w, __u32 kept)
{
	__u64 n, to = kept;

	if (!w)
		return -1;
	n = w->tail - w->off;
	if (n > BMC_WINDOW - BMC_LINE_MAX)
		n = BMC_WINDOW - BMC_LINE_MAX;
	bmc_hide(to);
	bmc_hide(n);
	if (to > BMC_LINE_MAX || n - 1 >= BMC_WINDOW - BMC_LINE_MAX)
		return -1;
	if (bpf_skb_load_bytes(skb, w->off, w->win.bytes + to, n))
		return -1;
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
	for (__u32 i = 0; i < BMC_LINE_MAX / 8; i++) {
		if (i * 8 >= conn->in_len)
			break;
		*(__u64 *)(conn->in_line + i * 8) = bmc_window64(&w->win, at);
		at += 8;
	}
	return 0;
}

/*
 * A line that does not end where it is looked at: a get may be long, and changes nothing; of anything else it is not
 * known what it is.
 */
static __always_inline int bmc_long_line(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 at = mc_skip_spaces(&w->win, w->pos), word = bmc_window64(&w->win, at);

	if (bmc_keep_bytes(word, 4) != MC_WORD4("get ") && bmc_keep_bytes(word, 5) != MC_WORD5("gets ")) {
		bmc_conn_lost(conn, BMC_LOST_LONG_LINE);
		return 1;
	}
	conn->in_skip = 1;
	return 0;
}

/* In the middle of a long get: up to its end. */
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

#define BMC_MORE 0
#define BMC_DONE 1

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

/* One step of a segment: over a block, a load, a command. BMC_DONE at its end. */
__noinline int bmc_conn_step(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return BMC_DONE;
	if (w->keys_pos)
		return bmc_conn_touch(w, conn);
	if (conn->in_block)
		bmc_skip_block(w, &conn->in_block);
	if (w->pos >= w->end) {
		if (w->off >= w->tail)
			return BMC_DONE;
		if (bmc_load_next(skb, w, 0)) {
			bmc_conn_lost(conn, BMC_LOST_UNPARSED);
			return BMC_DONE;
		}
	}
	if (conn->in_skip) {
		bmc_skip_line(w, conn);
		return BMC_MORE;
	}
	if (conn->fresh) {
		conn->fresh = 0;
		if (w->win.bytes[0] == 0x80) {
			bmc_conn_lost(conn, BMC_LOST_BINARY);
			return BMC_DONE;
		}
	}
	if (mc_text_request(&w->win, w->pos, w->end, (const struct mc_seed *)bmc_shared.seed, &w->req))
		return bmc_conn_incomplete(skb, w, conn);
	if (w->req.op == MC_OP_TOUCH_GET)
		w->keys_pos = w->pos + w->req.used;
	else
		w->pos += w->req.used;
	return w->req.op == MC_OP_TOUCH_GET ? BMC_MORE : bmc_conn_request(w, conn);
}

struct bmc_in_loop {
	struct __sk_buff *skb;
	struct bmc_work *work;
	struct bmc_conn *conn;
};

static long bmc_in_next(__u32 i, struct bmc_in_loop *loop)
{
	return bmc_conn_step(loop->skb, loop->work, loop->conn) != BMC_MORE;
}

/* Parses the skb's bytes from `off` to its end: the next ones of the stream. */
static __always_inline void bmc_conn_parse(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn, __u32 off)
{
	struct bmc_in_loop loop = { .skb = skb, .work = w, .conn = conn };
	__u32 kept = conn->in_len;

	w->pos = 0;
	w->end = 0;
	w->off = off;
	w->tail = skb->len;
	w->n_commands = 0;
	w->n_writes = 0;
	w->n_invalidated = 0;
	w->keys_pos = 0;
	if (kept && !conn->in_block && !conn->in_skip) {
		bmc_line_take(w, conn);
		conn->in_len = 0;
		if (bmc_load_next(skb, w, kept)) {
			bmc_conn_lost(conn, BMC_LOST_UNPARSED);
			return;
		}
	}
	if (bpf_loop(BMC_STEPS_MAX, bmc_in_next, &loop, 0) >= BMC_STEPS_MAX)
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
	bmc_stats_add(BMC_STAT_COMMANDS, w->n_commands);
	if (w->n_writes) {
		bmc_stats_add(BMC_STAT_WRITES, w->n_writes);
		bmc_stats_add(BMC_STAT_INVALIDATED, w->n_invalidated);
	}
}

/* ---- segments ---- */

/* What TCP knows of the connection when the segment comes. */
struct bmc_tcp {
	__u32 rcv_nxt;
	__u32 rcv_wnd;
	__u32 write_seq;
	__u32 backlog;
};

static __always_inline int bmc_tcp_read(struct __sk_buff *skb, struct bmc_tcp *ret)
{
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tcp;

	if (!sk)
		return -1;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return -1;
	ret->rcv_nxt = tcp->rcv_nxt;
	ret->rcv_wnd = tcp->rcv_wnd;
	ret->write_seq = tcp->write_seq;
	ret->backlog = (__u32)tcp->inet_conn.icsk_inet.sk.sk_backlog.len;
	return 0;
}

static __always_inline int bmc_conn_take(__u32 *busy)
{
	for (__u32 i = 0; i < BMC_SPINS; i++) {
		if (!BMC_READ_ONCE(*busy) && !__sync_lock_test_and_set(busy, 1))
			return 0;
	}
	return -1;
}

static __always_inline void bmc_conn_give(__u32 *busy)
{
	(void)__sync_lock_test_and_set(busy, 0);
}

static __always_inline enum bmc_verdict bmc_drop(enum bmc_stat why)
{
	bmc_stats_count(why);
	return BMC_DROP;
}

/*
 * Parsed bytes come again and TCP has not accepted their first copy: refused (a wrong checksum is found after this
 * hook), or still waiting. Dropped, so that what TCP accepts is what was parsed; lost if it never is.
 */
static __always_inline enum bmc_verdict bmc_conn_redo(struct bmc_conn *conn, const struct bmc_tcp *tcp)
{
	__u64 now = bpf_ktime_get_ns();

	if (!conn->redo_at || conn->redo != tcp->rcv_nxt) {
		conn->redo = tcp->rcv_nxt;
		conn->redo_at = now;
	} else if (!tcp->backlog && now - conn->redo_at >= BMC_REDO_NS) {
		bmc_conn_lost(conn, BMC_LOST_REFUSED);
		return BMC_TO_STACK;
	}
	return bmc_drop(BMC_STAT_DROP_REDO);
}

/* The table of COHERENCE.md, "Following a stream"; `busy` is taken. */
static __always_inline enum bmc_verdict bmc_conn_segment(struct __sk_buff *skb, struct bmc_work *w,
							 struct bmc_conn *conn, const struct bmc_segment *seg)
{
	__u32 next = conn->in_next, fin = !!(seg->flags & BMC_TCP_FIN);
	__u32 end = seg->seq + seg->len + fin, old;
	struct bmc_tcp tcp = {};

	if (bmc_tcp_read(skb, &tcp)) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	if (bmc_after(seg->seq, tcp.rcv_nxt + 2 * tcp.rcv_wnd) > 0 || bmc_after(seg->ack, tcp.write_seq) > 0)
		return BMC_TO_STACK;
	if (bmc_after(tcp.rcv_nxt, next) > 0) {
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
		return BMC_TO_STACK;
	}
	if (seg->flags & BMC_TCP_URG) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	if (bmc_after(seg->seq, next) > 0)
		return bmc_drop(BMC_STAT_DROP_AHEAD);
	if (bmc_after(end, tcp.rcv_nxt) <= 0)
		return BMC_TO_STACK;
	old = next - seg->seq;
	if (old && tcp.rcv_nxt != next)
		return bmc_conn_redo(conn, &tcp);
	if (old < seg->len)
		bmc_conn_parse(skb, w, conn, seg->off + old);
	conn->in_next = end;
	return BMC_TO_STACK;
}

/* A segment for memcached, before TCP has it. */
static __always_inline enum bmc_verdict bmc_stream_in(struct __sk_buff *skb, struct bmc_conn *conn)
{
	enum bmc_verdict verdict;
	struct bmc_segment seg = {};
	struct bmc_work *w;

	if (BMC_READ_ONCE(conn->lost))
		return BMC_TO_STACK;
	if (bmc_segment_read(skb, &seg)) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	if ((!seg.len && !(seg.flags & BMC_TCP_FIN)) || (seg.flags & (BMC_TCP_RST | BMC_TCP_SYN)))
		return BMC_TO_STACK;
	if (!(seg.flags & BMC_TCP_ACK)) /* TCP takes no data without it */
		return BMC_TO_STACK;
	w = bmc_work_enter(BMC_WORK_INGRESS);
	if (!w)
		return bmc_drop(BMC_STAT_DROP_BUSY);
	if (bmc_conn_take(&conn->busy)) {
		verdict = bmc_drop(BMC_STAT_DROP_BUSY);
	} else {
		verdict = bmc_conn_segment(skb, w, conn, &seg);
		bmc_conn_give(&conn->busy);
	}
	bmc_work_leave(w);
	return verdict;
}

/* ---- answers ---- */

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
	bmc_hide(n);
	if (to > BMC_ANSWER_KEEP || n - 1 >= BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP)
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
	if (left >= BMC_ANSWER_KEEP) /* only a line of listings is that long */
		return -1;
	conn->out_len = (__u16)left;
	if (!conn->out_pos)
		return 0;
	conn->out_pos = 0;
	bmc_hide(left);
	if (left - 1 >= BMC_ANSWER_KEEP)
		return -1;
	return (int)bpf_skb_load_bytes(skb, conn->out_off - (__u32)left, conn->out_line, left);
}

/* ANSWER, one line; out_rep counts what is new. 1: not to be read. */
static __always_inline int bmc_answer_count(struct bmc_conn *conn, const struct mc_answer *a)
{
	__u32 counts = a->kind == MC_ANSWER_ONE;

	if (a->kind == MC_ANSWER_UNREADABLE)
		return 1;
	if (a->kind == MC_ANSWER_REFUSED)
		counts = BMC_READ_ONCE(conn->cmd) != 0;
	if (a->kind == MC_ANSWER_ERROR)
		counts = bmc_after(BMC_READ_ONCE(conn->doubt), conn->out_rep) <= 0;
	conn->out_rep += counts;
	return 0;
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

/* One step of a segment of answers. BMC_DONE at its end. */
__noinline int bmc_answers_step(struct __sk_buff *skb, struct bmc_conn *conn)
{
	struct mc_answer a = {};

	if (!conn)
		return BMC_DONE;
	if (conn->out_block)
		bmc_answers_skip(conn);
	if (conn->out_pos >= conn->out_end) {
		if (conn->out_off >= conn->out_tail)
			return BMC_DONE;
		if (bmc_answers_load(skb, conn))
			goto lost;
	}
	if (conn->out_block)
		return BMC_MORE;
	mc_answer_line((struct bmc_answer_window *)conn->out_line, conn->out_pos, conn->out_end, &a);
	if (a.kind == MC_ANSWER_NONE) {
		if (bmc_answers_keep(skb, conn))
			goto lost;
		if (conn->out_off >= conn->out_tail)
			return BMC_DONE;
		if (bmc_answers_load(skb, conn))
			goto lost;
		return BMC_MORE;
	}
	conn->out_pos += (__u16)a.used;
	conn->out_block = a.block;
	if (!bmc_answer_count(conn, &a))
		return BMC_MORE;
lost:
	bmc_conn_lost(conn, BMC_LOST_ANSWERS);
	return BMC_DONE;
}

struct bmc_out_loop {
	struct __sk_buff *skb;
	struct bmc_conn *conn;
};

static long bmc_out_next(__u32 i, struct bmc_out_loop *loop)
{
	return bmc_answers_step(loop->skb, loop->conn) != BMC_MORE;
}

/* The skb's bytes from `off` to its end are the next ones of the answers. */
static __always_inline void bmc_answers_parse(struct __sk_buff *skb, struct bmc_conn *conn, __u32 off)
{
	struct bmc_out_loop loop = { .skb = skb, .conn = conn };
	__u32 before = conn->rep;
	__u64 now;

	conn->out_rep = before;
	conn->out_off = off;
	conn->out_tail = skb->len;
	conn->out_pos = 0;
	conn->out_end = 0;
	if (conn->out_len && bmc_answers_load(skb, conn)) {
		bmc_conn_lost(conn, BMC_LOST_ANSWERS);
		return;
	}
	if (bpf_loop(BMC_STEPS_MAX, bmc_out_next, &loop, 0) >= BMC_STEPS_MAX)
		bmc_conn_lost(conn, BMC_LOST_ANSWERS);
	if (BMC_READ_ONCE(conn->lost) || conn->out_rep == before)
		return;
	if (bmc_after(conn->out_rep, BMC_READ_ONCE(conn->cmd)) > 0) {
		bmc_conn_lost(conn, BMC_LOST_ANSWERS);
		return;
	}
	/* TCP's own time of sending, not before any of these bytes was written */
	now = skb->tstamp;
	bmc_answers_seen(conn, conn->out_rep, now ? now : bpf_ktime_get_ns());
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

/* A segment that memcached sends. */
static __always_inline void bmc_stream_out(struct __sk_buff *skb, struct bmc_conn *conn)
{
	struct bmc_segment seg = {};

	if (BMC_READ_ONCE(conn->lost))
		return;
	if (bmc_segment_read(skb, &seg)) {
		bmc_conn_lost(conn, BMC_LOST_GAP);
		return;
	}
	if ((!seg.len && !(seg.flags & BMC_TCP_FIN)) || (seg.flags & (BMC_TCP_RST | BMC_TCP_SYN)))
		return;
	/* the socket's lock keeps others out; someone there all the same (NFQUEUE) sends out of turn */
	if (__sync_lock_test_and_set(&conn->out_busy, 1)) {
		bmc_conn_lost(conn, BMC_LOST_GAP);
		return;
	}
	bmc_answers_segment(skb, conn, &seg);
	bmc_conn_give(&conn->out_busy);
}

/* ---- BORN ---- */

/* A connection to memcached is there, and none of its bytes has been seen. */
static __always_inline void bmc_conn_born(struct bpf_sock_ops *ops, struct bpf_sock *sk, const struct bmc_mark *mark)
{
	void *data = (void *)(long)ops->skb_data, *end = (void *)(long)ops->skb_data_end;
	struct bmc_conn *conn;
	__u32 header = 0;

	conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	if (conn && BMC_READ_ONCE(conn->ready))
		return;
	conn = bpf_sk_storage_get(&bmc_conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn)
		conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	if (!conn) {
		bmc_server_off(bmc_server_get(mark->server), BMC_OFF_NO_MEMORY);
		return;
	}
	conn->server = mark->server;
	conn->life = mark->life;
	conn->in_next = ops->rcv_nxt;
	conn->out_next = ops->snd_nxt;
	conn->fresh = 1;
	if (data + sizeof(struct tcphdr) <= end)
		header = (((__u8 *)data)[12] >> 4) * 4;
	if (ops->skb_len > header)
		bmc_conn_lost(conn, BMC_LOST_HANDSHAKE_DATA);
	bmc_wmb();
	BMC_WRITE_ONCE(conn->ready, 1);
	bmc_stats_count(BMC_STAT_CONNECTIONS);
}

#endif
