/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Which segments of a connection are the next bytes of the stream, and what becomes of those that are not: the table of
 * COHERENCE.md, "Following a stream".
 */
#ifndef BMC_ORDER_BPF_H
#define BMC_ORDER_BPF_H

#include "ahead.bpf.h"
#include "segment.bpf.h"
#include "verdict.bpf.h"

#define BMC_REDO_NS 100000000ULL
#define BMC_ODD_PARSE (-1) /* what bmc_conn_odd returns beside the verdicts */

static __always_inline enum bmc_verdict bmc_drop(enum bmc_stat why)
{
	bmc_stats_count(why);
	return BMC_DROP;
}

/* ---- what TCP has ---- */

static __always_inline int bmc_tcp_read(struct __sk_buff *skb, struct bmc_tcp *ret)
{
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tcp;
	struct sock *s;

	if (!sk)
		return -1;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return -1;
	s = &tcp->inet_conn.icsk_inet.sk;
	ret->rcv_nxt = tcp->rcv_nxt;
	ret->rcv_wnd = tcp->rcv_wnd;
	ret->window = tcp->rcv_wup + tcp->rcv_wnd - tcp->rcv_nxt;
	ret->write_seq = tcp->write_seq;
	ret->ack_min = tcp->snd_una - tcp->max_window;
	ret->backlog = (__u32)s->sk_backlog.len;
	ret->queued = (__u32)s->sk_backlog.rmem_alloc.counter + ret->backlog;
	ret->room = (__u32)s->sk_rcvbuf;
	ret->accepted = s->sk_socket != NULL;
	ret->unread = tcp->rcv_nxt - tcp->copied_seq;
	return 0;
}

/*
 * Whether TCP may refuse the segment for want of room although it is in order: more than three quarters of the memory
 * are in use (the rest is for what is on its way on other CPUs), or it ends beyond the window.
 */
static __always_inline int bmc_tcp_is_tight(const struct bmc_tcp *tcp, __u32 end, __u32 len)
{
	return (__u64)tcp->queued + 2 * (__u64)len > (__u64)tcp->room * 3 / 4 ||
	       bmc_after(end, tcp->rcv_nxt + tcp->window) > 0;
}

/*
 * Whether TCP refuses the segment for want of room, as Linux 6.17 does (before, somewhat later): it ends beyond the window,
 * or its memory would be more than there may be, or would be with another one like it, from another CPU. Never one that
 * memcached needs to make room.
 */
static __always_inline int bmc_tcp_is_full(struct __sk_buff *skb, const struct bmc_tcp *tcp,
					   __u32 end)
{
	__u64 size = BPF_CORE_READ((struct sk_buff *)skb, truesize), other = tcp->room / 4;

	if (!tcp->unread)
		return 0;
	if (other > size)
		other = size;
	return tcp->queued + size + other > tcp->room ||
	       bmc_after(end, tcp->rcv_nxt + tcp->window) > 0;
}

/*
 * Whether TCP may refuse the segment for its age although it is in order: older than one that was before it (RFC 7323,
 * section 5, PAWS). Of those before, TCP goes by some, and may not have all of them yet.
 */
static __always_inline int bmc_conn_is_late(const struct bmc_conn *conn,
					    const struct bmc_segment *seg)
{
	return seg->stamp && conn->in_stamp && bmc_after(conn->in_stamp, seg->stamp) > 0;
}

/* ---- what does not simply come next ---- */

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
 * Bytes that were parsed, or kept, come again, not known to be the same, and TCP has not accepted their first copy:
 * refused (a wrong checksum is found after this hook), or still waiting. Dropped, so that what TCP accepts is what was
 * seen; lost if it never is.
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

/*
 * Ahead of its turn: kept, and passed, as TCP cannot deliver it before the hole is filled. Not before memcached has
 * the connection: one that it never accepts has no CLOSE.
 */
static __always_inline enum bmc_verdict bmc_conn_ahead(struct __sk_buff *skb, struct bmc_work *w,
						       struct bmc_conn *conn,
						       const struct bmc_segment *seg,
						       const struct bmc_tcp *tcp)
{
	if (!tcp->accepted)
		return bmc_drop(BMC_STAT_DROP_AHEAD);
	if (seg->len && bmc_kept_add(skb, w, conn, seg->off, seg->seq))
		return bmc_drop(BMC_STAT_DROP_AHEAD);
	if (seg->flags & BMC_TCP_FIN) {
		conn->fin = seg->seq + seg->len;
		conn->fin_kept = 1;
		conn->n_kept = 1;
	}
	bmc_stats_count(BMC_STAT_KEPT_AHEAD);
	return BMC_TO_STACK;
}

/*
 * Whether the segment is simply the next one, and TCP takes it for certain: "in order" of the table of COHERENCE.md, in few
 * looks at lines of the socket that TCP itself needs next. An acknowledgment of what was sent (snd_nxt) or older data
 * than snd_una may still be right: that is not said here.
 */
static __always_inline int bmc_conn_is_plain(const struct bmc_conn *conn,
					     const struct bmc_segment *seg,
					     const struct tcp_sock *tcp, __u32 end)
{
	const struct sock *s = &tcp->inet_conn.icsk_inet.sk;
	__u64 queued;

	if (seg->seq != conn->in_next || conn->n_kept || (seg->flags & BMC_TCP_URG))
		return 0;
	if (bmc_after(tcp->rcv_nxt, seg->seq) > 0 || bmc_after(seg->ack, tcp->snd_nxt) > 0 ||
	    bmc_after(tcp->snd_una, seg->ack) > 0)
		return 0;
	if (bmc_after(end, tcp->rcv_wup + tcp->rcv_wnd) > 0)
		return 0;
	queued = (__u32)s->sk_backlog.rmem_alloc.counter + (__u64)(__u32)s->sk_backlog.len;
	return queued + 2 * (__u64)seg->len <= (__u64)(__u32)s->sk_rcvbuf * 3 / 4;
}

/* The first rows of the table of COHERENCE.md, "Following a stream". A verdict, or BMC_ODD_PARSE: none of them fits. */
static __always_inline int bmc_conn_refused(struct bmc_conn *conn, const struct bmc_segment *seg,
					    const struct bmc_tcp *tcp)
{
	/* TCP would refuse it now, but judges later: what it then takes would not have been seen */
	if (bmc_after(seg->seq, tcp->rcv_nxt + 2 * tcp->rcv_wnd) > 0 ||
	    bmc_after(seg->ack, tcp->write_seq) > 0 || bmc_after(tcp->ack_min, seg->ack) > 0)
		return bmc_drop(BMC_STAT_DROP_FORGED);
	if (bmc_after(tcp->rcv_nxt, conn->in_next) > 0) {
		if (BMC_READ_ONCE(conn->writer) != BMC_WRITER_CLOSED)
			bmc_conn_lost(conn, BMC_LOST_UNPARSED);
		return BMC_TO_STACK;
	}
	if (seg->flags & BMC_TCP_URG) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	return BMC_ODD_PARSE;
}

/*
 * The table of COHERENCE.md for the segment w->seg. A verdict, or BMC_ODD_PARSE: its bytes are parsed from w->seg.off
 * on.
 */
__noinline int bmc_conn_odd(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn)
{
	struct bmc_segment *seg;
	__u32 next, data_end, from, end, off;
	struct bmc_tcp *tcp;
	int verdict;

	if (!w || !conn)
		return BMC_TO_STACK;
	seg = &w->seg;
	tcp = &w->tcp;
	if (bmc_tcp_read(skb, tcp)) {
		bmc_conn_lost(conn, BMC_LOST_URGENT);
		return BMC_TO_STACK;
	}
	verdict = bmc_conn_refused(conn, seg, tcp);
	if (verdict != BMC_ODD_PARSE)
		return verdict;
	next = conn->in_next;
	from = seg->seq;
	data_end = from + seg->len;
	end = data_end + !!(seg->flags & BMC_TCP_FIN);
	off = seg->off;
	if (BMC_READ_ONCE(conn->writer) == BMC_WRITER_CLOSED)
		return BMC_TO_STACK;
	if (conn->n_kept)
		bmc_kept_trim(conn, tcp->rcv_nxt);
	if (bmc_after(end, tcp->rcv_nxt) <= 0)
		return BMC_TO_STACK;
	if (conn->n_kept && bmc_kept_differs(skb, w, conn, seg->off, seg->seq))
		return bmc_conn_redo(conn, tcp);
	if (bmc_after(seg->seq, next) > 0)
		return bmc_conn_ahead(skb, w, conn, seg, tcp);
	if (bmc_after(tcp->rcv_nxt, from) > 0)
		from = tcp->rcv_nxt;
	if (bmc_after(next, from) > 0 && bmc_after(data_end, from) > 0 &&
	    !bmc_is_probe(skb, conn, seg) &&
	    !bmc_kept_covers(w, conn, from, bmc_after(next, data_end) > 0 ? data_end : next))
		return bmc_conn_redo(conn, tcp);
	if (bmc_after(end, next) <= 0)
		return BMC_TO_STACK;
	off += next - seg->seq;
	if (seg->seq == next && !tcp->window && seg->len) {
		/* TCP refuses it, and answers: one byte is a probe that needs the answer (RFC 9293, 3.8.6.1) */
		if (seg->len > 1)
			return bmc_drop(BMC_STAT_DROP_FORGED);
		bmc_probe_note(skb, conn, seg);
	} else if (bmc_after(data_end, next) > 0 &&
		   (bmc_conn_is_late(conn, seg) || bmc_tcp_is_tight(tcp, end, seg->len))) {
		int kept = tcp->accepted && !bmc_kept_add(skb, w, conn, off, next);

		if (!kept && bmc_tcp_is_full(skb, tcp, end))
			return bmc_drop(BMC_STAT_DROP_FORGED);
	}
	if (bmc_after(data_end, next) <= 0)
		off = skb->len;
	seg->off = off;
	return BMC_ODD_PARSE;
}

#endif
