/* SPDX-License-Identifier: LGPL-2.1-only */
/* Follows a connection from its birth: its segments, before TCP has them, are put in order and parsed. */
#ifndef BMC_STREAM_BPF_H
#define BMC_STREAM_BPF_H

#include "busy.bpf.h"
#include "old.bpf.h"
#include "order.bpf.h"
#include "requests.bpf.h"

/* Whether the segment is simply the next one. -1: of no TCP socket. */
static __always_inline int bmc_stream_is_plain(struct __sk_buff *skb, const struct bmc_conn *conn,
					       const struct bmc_segment *seg)
{
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;

	if (!tcp)
		return -1;
	return !bmc_conn_is_late(conn, seg) &&
	       bmc_conn_is_plain(conn, seg, tcp, bmc_segment_end(seg));
}

/*
 * The segment, which is simply the next one and not longer than `line`, is one get's line: that is all there is to know, and
 * no work area is needed. Whether it is.
 */
static __always_inline int bmc_conn_get(struct __sk_buff *skb, struct bmc_conn *conn,
					const struct bmc_segment *seg)
{
	__u64 line[BMC_LINE_WORDS] = {}, n = seg->len;

	if (!bmc_len_within(&n, sizeof(line)) || bpf_skb_load_bytes(skb, seg->off, line, n) ||
	    (__u32)line[0] != MC_WORD4("get ") || !bmc_is_line(line, n)) {
		conn->gets = 0;
		return 0;
	}
	conn->in_stamp = seg->stamp;
	BMC_WRITE_ONCE(conn->cmd, conn->cmd + 1);
	conn->in_next = bmc_segment_end(seg);
	bmc_stats_plus(bmc_stats_get(), BMC_STAT_COMMANDS, 1);
	return 1;
}

/* A segment of a followed connection; `busy` is taken. `plain`: bmc_stream_is_plain, or 0: not known. */
static __always_inline enum bmc_verdict bmc_conn_segment(struct __sk_buff *skb, struct bmc_work *w,
							 struct bmc_conn *conn,
							 const struct bmc_segment *seg, int plain)
{
	__u32 off = seg->off, more = 0;

	if (!plain && !bmc_mutant(BMC_MUT_NO_STREAM_ORDER)) {
		int verdict;

		w->seg = *seg;
		verdict = bmc_conn_odd(skb, w, conn);
		if (verdict != BMC_ODD_PARSE)
			return (enum bmc_verdict)verdict;
		more = 1;
		off = w->seg.off;
	}
	if (plain || !bmc_conn_is_late(conn, seg))
		conn->in_stamp = seg->stamp;
	w->place = 0;
	w->off = off;
	w->tail = skb->len;
	bmc_conn_parse(skb, w, conn, bmc_segment_end(seg), more);
	return BMC_TO_STACK;
}

/*
 * What came with the handshake is parsed before anything else is; `busy` is taken. Its answers may have been counted
 * already: a hold of a command that they answer is over.
 */
static __always_inline void bmc_stream_early(struct __sk_buff *skb, struct bmc_work *w,
					     struct bmc_conn *conn)
{
	struct bpf_sock *sk = skb->sk;
	struct bmc_early *early;
	__u32 rep;

	if (!sk || !BMC_READ_ONCE(conn->early))
		return;
	early = bpf_sk_storage_get(&bmc_earlies, sk, 0, 0);
	if (!early)
		return;
	w->place = BMC_FROM_EARLY;
	w->off = 0;
	w->tail = early->len;
	w->late = (__u32)((bpf_ktime_get_ns() - early->came) >> BMC_LIFE_SHIFT) + 1;
	bmc_conn_parse(skb, w, conn, early->seq + early->len + early->fin, 0);
	bmc_early_over(conn);
	rep = BMC_READ_ONCE(conn->rep);
	bmc_writer_answered(conn, rep, bpf_ktime_get_ns());
	bmc_unhold(conn, rep);
	bmc_early_forget(sk);
}

/* A segment without data: TCP may have accepted what was kept. */
__noinline int bmc_stream_idle(struct __sk_buff *skb, struct bmc_conn *conn)
{
	struct bmc_tcp tcp = {};

	if (!conn || bmc_tcp_read(skb, &tcp) || bmc_conn_try(&conn->busy))
		return 0;
	bmc_kept_trim(conn, tcp.rcv_nxt);
	bmc_conn_give(conn);
	return 0;
}

/* A segment that the program looks at; `busy` is taken. `counts`: bmc_segment_counts. */
static __always_inline enum bmc_verdict bmc_stream_taken(struct __sk_buff *skb,
							 struct bmc_conn *conn,
							 const struct bmc_segment *seg, int counts)
{
	int usual = !conn->old && !conn->early && counts, plain = 0, old = BMC_OLD_IN_STEP;
	enum bmc_verdict verdict = BMC_TO_STACK;
	struct bmc_work *w;

	if (usual) {
		plain = bmc_stream_is_plain(skb, conn, seg);
		if (plain < 0) {
			bmc_conn_lost(conn, BMC_LOST_URGENT);
			return BMC_TO_STACK;
		}
		if (plain && conn->gets & BMC_GETS_TWO && seg->len <= 8 * BMC_LINE_WORDS &&
		    bmc_conn_is_between(conn) && bmc_conn_get(skb, conn, seg))
			return BMC_TO_STACK;
	}
	w = bmc_work_enter(BMC_WORK_INGRESS);
	if (!w)
		return bmc_drop(BMC_STAT_DROP_BUSY);
	if (!usual) {
		if (conn->old)
			old = bmc_old_in(skb, conn, conn->old);
		if (conn->early)
			bmc_stream_early(skb, w, conn);
	}
	if (old != BMC_OLD_IN_STEP)
		verdict = (enum bmc_verdict)old;
	else if (counts)
		verdict = bmc_conn_segment(skb, w, conn, seg, plain);
	bmc_work_leave(w);
	return verdict;
}

/* A segment for memcached, before TCP has it; `plain`: bmc_segment_plain. */
static __always_inline enum bmc_verdict bmc_stream_in(struct __sk_buff *skb, struct bmc_conn *conn,
						      __u32 plain)
{
	enum bmc_verdict verdict;
	struct bmc_segment seg = {};
	int counts;

	if (BMC_READ_ONCE(conn->lost))
		return BMC_TO_STACK;
	if (bmc_segment_read_at(skb, plain ? plain : bmc_segment_header(skb), &seg)) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	counts = bmc_segment_counts(&seg);
	if (!counts && !BMC_READ_ONCE(conn->early)) {
		if (conn->place)
			bmc_stream_idle(skb, conn);
		return BMC_TO_STACK;
	}
	if (!(seg.flags & BMC_TCP_ACK)) /* TCP takes no data without it */
		return BMC_TO_STACK;
	if (bmc_conn_try(&conn->busy) && bmc_conn_take(conn))
		return bmc_drop(BMC_STAT_DROP_BUSY);
	verdict = bmc_stream_taken(skb, conn, &seg, counts);
	bmc_conn_give(conn);
	return verdict;
}

/* ---- BORN ---- */

/* No memory for a conn: LOST, and its hold is noted in the mark, which it has inherited. */
static __always_inline void bmc_born_without(struct bmc_mark *mark)
{
	bmc_holds_add(mark->server, mark->life, 1);
	bmc_epoch_up(bmc_server_get(mark->server));
	bmc_server_unread(mark->server);
	BMC_WRITE_ONCE(mark->taken, BMC_MARK_LOST);
	bmc_stats_count(BMC_STAT_LOST);
}

/* Its CLOSE. */
static __always_inline void bmc_closed_without(const struct bmc_mark *mark)
{
	bmc_server_unread(mark->server);
	bmc_quiet(mark->server, mark->life);
}

/* A connection to memcached is there, and none of its bytes has been seen. */
static __always_inline void bmc_conn_born(struct bpf_sock_ops *ops, struct bpf_sock *sk,
					  struct bmc_mark *mark)
{
	void *data = (void *)(long)ops->skb_data, *end = (void *)(long)ops->skb_data_end;
	struct bmc_conn *conn;
	__u32 header = 0;
	int is_mptcp;

	conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	if (conn && BMC_READ_ONCE(conn->ready))
		return;
	conn = bpf_sk_storage_get(&bmc_conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn)
		conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	is_mptcp = bpf_skc_to_mptcp_sock(sk) != NULL;
	if (is_mptcp) /* neither its release nor its listener's is told */
		bmc_server_off(bmc_server_get(mark->server), BMC_OFF_UNSEEN);
	if (!conn) {
		bmc_born_without(mark);
		return;
	}
	conn->server = mark->server;
	conn->life = mark->life;
	conn->in_next = ops->rcv_nxt;
	conn->out_next = ops->snd_nxt;
	conn->fresh = 1;
	if (data + sizeof(struct tcphdr) <= end) {
		header = (((__u8 *)data)[12] >> 4) * 4;
		if (((__u8 *)data)[13] & BMC_TCP_URG)
			bmc_conn_lost(conn, BMC_LOST_URGENT);
	}
	if (ops->skb_len > header &&
	    bmc_early_keep(sk, conn, bmc_early_noted(ops, header, conn->in_next)))
		bmc_conn_lost(conn, BMC_LOST_HANDSHAKE_DATA);
	if (bmc_config_server(bpf_htons((__u16)ops->local_port)) < 0)
		bmc_conn_lost(conn, BMC_LOST_PORT); /* the hooks of its bytes do not look at it */
	if (is_mptcp)
		bmc_conn_lost(conn, BMC_LOST_MPTCP);
	bmc_wmb();
	BMC_WRITE_ONCE(conn->ready, 1);
	bmc_stats_count(BMC_STAT_CONNECTIONS);
}

#endif
