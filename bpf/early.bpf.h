/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Data in the handshake's last segment, or in the SYN of a fast open (RFC 7413). It meets the listener's ingress hook, where it is noted for this CPU and has no
 * effect (it may be forged); BORN follows in the same call chain, and keeps what was noted with the connection. No hook
 * that may parse runs before TCP has these bytes: until the next segment parses them, they are an unknown write of
 * their own (conn->early), and of the answers only those count that no silent command can have sent.
 */
#ifndef BMC_EARLY_BPF_H
#define BMC_EARLY_BPF_H

#include "coherence.bpf.h"
#include "mc_binary.h"
#include "segment.bpf.h"
#include "work.bpf.h"

#define BMC_EARLY_PIECES 2
#define BMC_EARLY_PIECE 3650 /* bytes that are loaded in one go: at most 4,096 */
#define BMC_EARLY_HALF (BMC_EARLY_PIECES * BMC_EARLY_PIECE)
#define BMC_EARLY_MAX (2 * BMC_EARLY_HALF) /* an initial window (RFC 6928) */
#define BMC_FROM_EARLY (~0U) /* bmc_work.place: what is parsed comes from here */

struct bmc_early {
	__u64 came; /* when */
	__u32 seq; /* of its first byte */
	__u32 len; /* of its data; 0: nothing is noted */
	__u32 fin; /* 1: there is a FIN behind them */
	__u32 pad;
	__u8 tcp[sizeof(
		struct tcphdr)]; /* its header without options, by which BORN knows it again */
	__u8 bytes[BMC_EARLY_HALF];
};

/* What is more: a value of sk_storage has 8 KB at the most (Linux 7). */
struct bmc_early_rest {
	__u8 bytes[BMC_EARLY_HALF];
};

/* The last segment with data that came to a listener of ours on this CPU. */
struct bmc_noted {
	struct bmc_early first;
	struct bmc_early_rest rest;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_noted);
	__uint(max_entries, 1);
} bmc_noted SEC(".maps");

/* Of connections whose first bytes are not parsed yet. It goes with the socket, accepted or not. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bmc_early);
} bmc_earlies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bmc_early_rest);
} bmc_early_rests SEC(".maps");

/* Addresses and ports of a segment, its TCP header at `head`, into `ret`. Their length; 0: it is too short. */
static __always_inline __u32 bmc_early_tuple(struct __sk_buff *skb, __u32 head,
					     struct bpf_sock_tuple *ret)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		if (bpf_skb_load_bytes(skb, offsetof(struct iphdr, saddr), &ret->ipv4.saddr, 8) ||
		    bpf_skb_load_bytes(skb, head, &ret->ipv4.sport, 4))
			return 0;
		return sizeof(ret->ipv4);
	}
	if (bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, saddr), ret->ipv6.saddr, 32) ||
	    bpf_skb_load_bytes(skb, head, &ret->ipv6.sport, 4))
		return 0;
	return sizeof(ret->ipv6);
}

/*
 * Whether a segment would end its handshake though bytes before its own are missing. Without a request (a SYN cookie) that
 * is not known.
 */
__noinline int bmc_early_is_ahead(struct __sk_buff *skb, __u32 head, __u32 seq)
{
	struct bpf_sock_tuple tuple = {};
	__u32 len = bmc_early_tuple(skb, head, &tuple);
	struct tcp_request_sock *request;
	struct bpf_sock *sk = NULL;
	int ahead = 0;

	if (len == sizeof(tuple.ipv4))
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	else if (len)
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	request = bpf_skc_to_tcp_request_sock(sk);
	if (request)
		ahead = bmc_after(seq, request->rcv_isn + 1) > 0;
	bpf_sk_release(sk);
	return ahead;
}

/* The segment's data from `from` on, as many as a half has. 0 or -1 */
static __always_inline int bmc_early_store(struct __sk_buff *skb, const struct bmc_segment *seg,
					   __u32 from, __u8 *to)
{
	for (__u32 i = 0; i < BMC_EARLY_PIECES; i++) {
		__u32 at = from + i * BMC_EARLY_PIECE;
		__u64 n = seg->len - at;

		if (at >= seg->len)
			break;
		if (n > BMC_EARLY_PIECE)
			n = BMC_EARLY_PIECE;
		if (!bmc_len_within(&n, BMC_EARLY_PIECE) ||
		    bpf_skb_load_bytes(skb, seg->off + at, to + (__u64)i * BMC_EARLY_PIECE, n))
			return -1;
	}
	return 0;
}

/* A segment for a listener. 1: it must come again, in its turn. */
__noinline int bmc_early_note(struct __sk_buff *skb)
{
	struct bmc_segment seg = {};
	struct bmc_noted *noted;
	struct bmc_early *note;
	__u32 zero = 0, is_syn;

	noted = bpf_map_lookup_elem(&bmc_noted, &zero);
	if (!noted)
		return 0;
	note = &noted->first;
	note->len = 0;
	if (bmc_segment_read(skb, &seg))
		return 0;
	is_syn = seg.flags & BMC_TCP_SYN;
	if (is_syn) { /* of a fast open (RFC 7413): BORN follows on it */
		seg.flags &= ~BMC_TCP_SYN;
		seg.seq++;
	}
	if (!bmc_segment_counts(&seg))
		return 0;
	if (!is_syn && bmc_early_is_ahead(skb, seg.head, seg.seq))
		return 1;
	if (seg.len > BMC_EARLY_MAX || (seg.flags & BMC_TCP_URG))
		return 0;
	if (bpf_skb_load_bytes(skb, seg.head, note->tcp, sizeof(note->tcp)) ||
	    bmc_early_store(skb, &seg, 0, note->bytes) ||
	    bmc_early_store(skb, &seg, BMC_EARLY_HALF, noted->rest.bytes))
		return 0;
	note->came = bpf_ktime_get_ns();
	note->seq = seg.seq;
	note->fin = !!(seg.flags & BMC_TCP_FIN);
	note->len = seg.len;
	return 0;
}

/* What was noted of the segment that BORN has, whose first byte must be `next`. NULL: nothing. */
static __always_inline struct bmc_noted *bmc_early_noted(struct bpf_sock_ops *ops, __u32 header,
							 __u32 next)
{
	void *data = (void *)(long)ops->skb_data, *end = (void *)(long)ops->skb_data_end;
	struct bmc_noted *noted;
	struct bmc_early *note;
	__u32 zero = 0;

	noted = bpf_map_lookup_elem(&bmc_noted, &zero);
	if (!noted)
		return NULL;
	note = &noted->first;
	if (!note->len || note->seq != next)
		return NULL;
	if (data + sizeof(note->tcp) > end || ops->skb_len != header + note->len)
		return NULL;
	for (__u32 i = 0; i < sizeof(note->tcp) / 4; i++) {
		if (((__u32 *)data)[i] != ((__u32 *)note->tcp)[i])
			return NULL;
	}
	return noted;
}

/* BORN, before the conn is ready: an unknown write, until the bytes are parsed. -1: they are not known. */
static __always_inline int bmc_early_keep(struct bpf_sock *sk, struct bmc_conn *conn,
					  struct bmc_noted *noted)
{
	const struct bmc_early *note;

	if (!noted ||
	    !bpf_sk_storage_get(&bmc_earlies, sk, &noted->first, BPF_SK_STORAGE_GET_F_CREATE))
		return -1;
	note = &noted->first;
	if (note->len > BMC_EARLY_HALF &&
	    !bpf_sk_storage_get(&bmc_early_rests, sk, &noted->rest, BPF_SK_STORAGE_GET_F_CREATE))
		return -1;
	if (note->bytes[0] == MC_BINARY_MAGIC)
		conn->protocol = BMC_PROTOCOL_BINARY; /* the answers may come first */
	conn->early = 1;
	bmc_holds_add(conn->server, conn->life, 1);
	bmc_epoch_up(bmc_server_get(conn->server));
	bmc_stats_count(BMC_STAT_UNKNOWNS);
	return 0;
}

/* They are parsed, or the connection is closed: the hold that they had is over. Who wins gives it back. */
static __always_inline void bmc_early_over(struct bmc_conn *conn)
{
	if (BMC_READ_ONCE(conn->early) && __sync_lock_test_and_set(&conn->early, 0))
		bmc_quiet(conn->server, conn->life);
}

/* CLOSE: the bytes may not have been parsed. */
static __always_inline void bmc_early_closed(struct bmc_conn *conn)
{
	if (BMC_READ_ONCE(conn->early))
		bmc_server_unread(conn->server);
	bmc_early_over(conn);
}

/* They are parsed. */
static __always_inline void bmc_early_forget(struct bpf_sock *sk)
{
	bpf_sk_storage_delete(&bmc_earlies, sk);
	bpf_sk_storage_delete(&bmc_early_rests, sk);
}

/* Bytes from offset w->off on, to `to` in the window: at most `max`. Returns how many; 0: none, or it failed. */
static __always_inline __u64 bmc_early_load(struct __sk_buff *skb, struct bmc_work *w, __u64 to,
					    __u64 max)
{
	__u64 at = w->off, n = w->tail - w->off;
	struct bmc_early_rest *rest;
	struct bpf_sock *sk = skb->sk;
	struct bmc_early *early;
	const __u8 *bytes;

	if (!sk)
		return 0;
	if (at < BMC_EARLY_HALF) {
		early = bpf_sk_storage_get(&bmc_earlies, sk, 0, 0);
		bytes = early ? early->bytes : NULL;
		if (n > BMC_EARLY_HALF - at)
			n = BMC_EARLY_HALF - at;
	} else {
		rest = bpf_sk_storage_get(&bmc_early_rests, sk, 0, 0);
		bytes = rest ? rest->bytes : NULL;
		at -= BMC_EARLY_HALF;
	}
	if (n > max)
		n = max;
	bmc_hide(at);
	if (!bytes || at >= BMC_EARLY_HALF || !bmc_len_within(&n, BMC_WINDOW - BMC_LINE_MAX))
		return 0;
	if (to > BMC_LINE_MAX || bpf_probe_read_kernel(w->win.bytes + to, n, bytes + at))
		return 0;
	return n;
}

#endif
