/* SPDX-License-Identifier: LGPL-2.1-only */
/* Follows a connection from its birth: which of its segments are the next bytes of the stream, before TCP has them. */
#ifndef BMC_STREAM_BPF_H
#define BMC_STREAM_BPF_H

#include "old.bpf.h"
#include "requests.bpf.h"
#include "segment.bpf.h"
#include "verdict.bpf.h"

#define BMC_SPINS 512 /* tries to take a connection that another CPU has */
#define BMC_REDO_NS 100000000ULL

/* What TCP knows of the connection when the segment comes. */
struct bmc_tcp {
	__u32 rcv_nxt;
	__u32 rcv_wnd;
	__u32 write_seq;
	__u32 backlog;
	__u32 window; /* bytes from rcv_nxt on that it takes now */
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
	ret->window = tcp->rcv_wup + tcp->rcv_wnd - tcp->rcv_nxt;
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

/* ---- bytes ahead of their turn ---- */

/*
 * A segment that comes ahead of its turn and lies wholly inside the data block that contains `next`: what its bytes
 * are does not matter, only that they came. 0: noted; -1: it does not, or there is no room.
 */
static __always_inline int bmc_ahead_note(struct bmc_conn *conn, __u32 from, __u32 to)
{
	__u32 empty = BMC_AHEAD;

	if ((__u64)(__u32)(to - conn->in_next) > conn->in_block)
		return -1;
#pragma unroll
	for (__u32 i = 0; i < BMC_AHEAD; i++) {
		__u32 f = conn->ahead[i].from, t = conn->ahead[i].to;

		if (f != t && (bmc_after(f, to) > 0 || bmc_after(from, t) > 0))
			continue;
		if (f != t) { /* they touch: one range */
			from = bmc_after(f, from) < 0 ? f : from;
			to = bmc_after(t, to) > 0 ? t : to;
		}
		conn->ahead[i].from = 0;
		conn->ahead[i].to = 0;
		empty = i;
	}
#pragma unroll
	for (__u32 i = 0; i < BMC_AHEAD; i++) {
		if (empty == i) {
			conn->ahead[i].from = from;
			conn->ahead[i].to = to;
			return 0;
		}
	}
	return -1;
}

/* `next` has reached what came ahead: over it. */
static __always_inline void bmc_ahead_take(struct bmc_conn *conn)
{
	for (__u32 n = 0; n < BMC_AHEAD * BMC_AHEAD; n++) {
		__u32 i = n % BMC_AHEAD, from = conn->ahead[i].from, to = conn->ahead[i].to;
		__u32 len = to - conn->in_next;

		if (from == to || bmc_after(from, conn->in_next) > 0)
			continue;
		conn->ahead[i].from = 0;
		conn->ahead[i].to = 0;
		if (bmc_after(to, conn->in_next) <= 0)
			continue;
		if (len > conn->in_block) { /* cannot be: it was inside the block */
			bmc_conn_lost(conn, BMC_LOST_UNPARSED);
			return;
		}
		conn->in_block -= len;
		conn->in_next = to;
	}
}

/* Whether parsed bytes lie in the block that contains `next`: what they are does not matter. */
static __always_inline int bmc_inside_block(const struct bmc_conn *conn, __u32 from, __u32 to)
{
	__u32 begin = conn->in_next - (__u32)(conn->in_whole - conn->in_block);

	return conn->in_block && bmc_after(from, begin) >= 0 && bmc_after(to, conn->in_next) <= 0;
}

/*
 * A byte that is sent into a closed window is parsed and refused; it comes again, alone or with more behind it. That
 * it is the same byte must be known.
 */
static __always_inline void bmc_probe_note(struct __sk_buff *skb, struct bmc_conn *conn,
					   const struct bmc_segment *seg)
{
	__u8 byte = 0;

	conn->probed = !bpf_skb_load_bytes(skb, seg->off, &byte, 1);
	conn->probe_byte = byte;
	conn->probe = seg->seq;
}

static __always_inline int bmc_is_probe(struct __sk_buff *skb, const struct bmc_conn *conn,
					const struct bmc_segment *seg)
{
	__u8 byte = 0;

	if (!conn->probed || conn->probe != seg->seq || conn->in_next != seg->seq + 1 || !seg->len)
		return 0;
	return !bpf_skb_load_bytes(skb, seg->off, &byte, 1) && byte == conn->probe_byte;
}

/*
 * Parsed bytes come again and TCP has not accepted their first copy: refused (a wrong checksum is found after this
 * hook), or still waiting. Dropped, so that what TCP accepts is what was parsed; lost if it never is.
 */
static __always_inline enum bmc_verdict bmc_conn_redo(struct bmc_conn *conn,
						      const struct bmc_tcp *tcp)
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
							 struct bmc_conn *conn,
							 const struct bmc_segment *seg)
{
	__u32 next = conn->in_next, fin = !!(seg->flags & BMC_TCP_FIN);
	__u32 end = seg->seq + seg->len + fin, old;
	struct bmc_tcp tcp = {};

	if (bmc_tcp_read(skb, &tcp)) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	if (bmc_mutant(BMC_MUT_NO_STREAM_ORDER)) {
		bmc_conn_parse(skb, w, conn, seg->off);
		return BMC_TO_STACK;
	}
	/* TCP would refuse it now, but judges later: what it then takes would not have been seen */
	if (bmc_after(seg->seq, tcp.rcv_nxt + 2 * tcp.rcv_wnd) > 0 ||
	    bmc_after(seg->ack, tcp.write_seq) > 0)
		return bmc_drop(BMC_STAT_DROP_AHEAD);
	if (bmc_after(tcp.rcv_nxt, next) > 0) {
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
		return BMC_TO_STACK;
	}
	if (seg->flags & BMC_TCP_URG) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	if (bmc_after(seg->seq, next) > 0) {
		if (!fin && !bmc_ahead_note(conn, seg->seq, end))
			return BMC_TO_STACK;
		return bmc_drop(BMC_STAT_DROP_AHEAD);
	}
	if (bmc_after(end, tcp.rcv_nxt) <= 0)
		return BMC_TO_STACK;
	old = next - seg->seq;
	if (old && tcp.rcv_nxt != next && !bmc_is_probe(skb, conn, seg)) {
		if (bmc_inside_block(conn, seg->seq, end))
			return BMC_TO_STACK;
		return bmc_conn_redo(conn, &tcp);
	}
	if (!old && !tcp.window && seg->len) {
		/* TCP refuses it, and answers: one byte is a probe that needs the answer (RFC 9293, 3.8.6.1) */
		if (seg->len > 1)
			return bmc_drop(BMC_STAT_DROP_AHEAD);
		bmc_probe_note(skb, conn, seg);
	}
	if (old < seg->len)
		bmc_conn_parse(skb, w, conn, seg->off + old);
	conn->in_next = end;
	bmc_ahead_take(conn);
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
	if (!bmc_segment_counts(&seg))
		return BMC_TO_STACK;
	if (!(seg.flags & BMC_TCP_ACK)) /* TCP takes no data without it */
		return BMC_TO_STACK;
	w = bmc_work_enter(BMC_WORK_INGRESS);
	if (!w)
		return bmc_drop(BMC_STAT_DROP_BUSY);
	if (bmc_conn_take(&conn->busy)) {
		verdict = bmc_drop(BMC_STAT_DROP_BUSY);
	} else {
		int old = conn->old ? bmc_old_in(skb, conn, conn->old) : BMC_OLD_IN_STEP;

		verdict = old == BMC_OLD_IN_STEP ? bmc_conn_segment(skb, w, conn, &seg) :
						   (enum bmc_verdict)old;
		bmc_conn_give(&conn->busy);
	}
	bmc_work_leave(w);
	return verdict;
}

/* ---- BORN ---- */

/* A connection to memcached is there, and none of its bytes has been seen. */
static __always_inline void bmc_conn_born(struct bpf_sock_ops *ops, struct bpf_sock *sk,
					  const struct bmc_mark *mark)
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
