/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Data in the handshake's last segment. It meets the listener's ingress hook, where it is noted for this CPU and has no
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

#define BMC_EARLY_MAX 4096
#define BMC_FROM_EARLY (~0U) /* bmc_work.place: what is parsed comes from here */

struct bmc_early {
	__u64 came; /* when */
	__u32 seq; /* of its first byte */
	__u32 len; /* of its data; 0: nothing is noted */
	__u32 fin; /* 1: there is a FIN behind them */
	__u32 pad;
	__u8 tcp[sizeof(
		struct tcphdr)]; /* its header without options, by which BORN knows it again */
	__u8 bytes[BMC_EARLY_MAX];
};

/* The last segment with data that came to a listener of ours on this CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_early);
	__uint(max_entries, 1);
} bmc_noted SEC(".maps");

/* Of connections whose first bytes are not parsed yet. It goes with the socket, accepted or not. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bmc_early);
} bmc_earlies SEC(".maps");

/* A segment for a listener. */
__noinline int bmc_early_note(struct __sk_buff *skb)
{
	struct bmc_segment seg = {};
	struct bmc_early *note;
	__u32 zero = 0;
	__u64 n;

	note = bpf_map_lookup_elem(&bmc_noted, &zero);
	if (!note)
		return 0;
	note->len = 0;
	if (bmc_segment_read(skb, &seg) || seg.flags & (BMC_TCP_RST | BMC_TCP_SYN | BMC_TCP_URG))
		return 0;
	n = seg.len;
	if (!bmc_len_within(&n, BMC_EARLY_MAX))
		return 0;
	if (bpf_skb_load_bytes(skb, seg.head, note->tcp, sizeof(note->tcp)) ||
	    bpf_skb_load_bytes(skb, seg.off, note->bytes, n))
		return 0;
	note->came = bpf_ktime_get_ns();
	note->seq = seg.seq;
	note->fin = !!(seg.flags & BMC_TCP_FIN);
	note->len = (__u32)n;
	return 0;
}

/* What was noted of the segment that BORN has, whose first byte must be `next`. NULL: nothing. */
static __always_inline struct bmc_early *bmc_early_noted(struct bpf_sock_ops *ops, __u32 header,
							 __u32 next)
{
	void *data = (void *)(long)ops->skb_data, *end = (void *)(long)ops->skb_data_end;
	struct bmc_early *note;
	__u32 zero = 0;

	note = bpf_map_lookup_elem(&bmc_noted, &zero);
	if (!note || !note->len || note->seq != next)
		return NULL;
	if (data + sizeof(note->tcp) > end || ops->skb_len != header + note->len)
		return NULL;
	for (__u32 i = 0; i < sizeof(note->tcp) / 4; i++) {
		if (((__u32 *)data)[i] != ((__u32 *)note->tcp)[i])
			return NULL;
	}
	return note;
}

/* BORN, before the conn is ready: an unknown write, until the bytes are parsed. -1: they are not known. */
static __always_inline int bmc_early_keep(struct bpf_sock *sk, struct bmc_conn *conn,
					  struct bmc_early *note)
{
	if (!note || !bpf_sk_storage_get(&bmc_earlies, sk, note, BPF_SK_STORAGE_GET_F_CREATE))
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
		bmc_server_unread(bmc_server_get(conn->server));
	bmc_early_over(conn);
}

/* Bytes from offset w->off on, to `to` in the window: at most `max`. Returns how many; 0: none, or it failed. */
static __always_inline __u64 bmc_early_load(struct __sk_buff *skb, struct bmc_work *w, __u64 to,
					    __u64 max)
{
	struct bpf_sock *sk = skb->sk;
	struct bmc_early *early;
	__u64 at = w->off, n = w->tail - w->off;

	if (!sk)
		return 0;
	early = bpf_sk_storage_get(&bmc_earlies, sk, 0, 0);
	if (n > max)
		n = max;
	bmc_hide(at);
	if (!early || at >= BMC_EARLY_MAX || !bmc_len_within(&n, BMC_WINDOW - BMC_LINE_MAX))
		return 0;
	if (to > BMC_LINE_MAX || bpf_probe_read_kernel(w->win.bytes + to, n, early->bytes + at))
		return 0;
	return n;
}

#endif
