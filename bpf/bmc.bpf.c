// SPDX-License-Identifier: LGPL-2.1-only
/* The entries: each one finds out whose packet or socket it is and dispatches. The only place that speaks hook codes. */
#include "bmc_abi.h"
#include "compat.bpf.h"
#include "answers.bpf.h"
#include "fill.bpf.h"
#include "learn.bpf.h"
#include "owner.bpf.h"
#include "plain.bpf.h"
#include "reply.bpf.h"
#include "stream.bpf.h"
#include "udp_watch.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define CGROUP_PASS 1
#define CGROUP_DROP 0

/* At the wire: UDP gets are answered here. */
SEC("xdp")
int bmc_xdp(struct xdp_md *ctx)
{
	enum bmc_verdict verdict = bmc_plain(ctx);

	if (verdict == BMC_UNDECIDED)
		verdict = (enum bmc_verdict)bmc_reply(ctx);
	return verdict == BMC_REPLIED ? XDP_TX : XDP_PASS;
}

/* The other way: memcached's replies fill the cache. */
SEC("tc")
int bmc_tc_egress(struct __sk_buff *skb)
{
	bmc_fill(skb);
	return TC_ACT_UNSPEC;
}

/* ---- which sockets are memcached's: MARK, BORN, CLOSE, SERVER GONE ---- */

SEC("cgroup/post_bind4")
int bmc_post_bind4(struct bpf_sock *sk)
{
	bmc_bound(sk);
	return CGROUP_PASS;
}

SEC("cgroup/post_bind6")
int bmc_post_bind6(struct bpf_sock *sk)
{
	bmc_bound(sk);
	return CGROUP_PASS;
}

SEC("sockops")
int bmc_sockops(struct bpf_sock_ops *ops)
{
	struct bmc_mark *mark;
	struct bpf_sock *sk;

	if (ops->op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		bmc_listens(ops);
	if (ops->op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		return CGROUP_PASS;
	sk = ops->sk;
	if (!sk)
		return CGROUP_PASS;
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (mark && BMC_READ_ONCE(mark->ready))
		bmc_conn_born(ops, sk, mark);
	return CGROUP_PASS;
}

SEC("cgroup/sock_release")
int bmc_sock_release(struct bpf_sock *sk)
{
	struct bmc_conn *conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	struct bmc_mark *mark;

	if (conn && BMC_READ_ONCE(conn->ready)) {
		bmc_old_closed(conn);
		bmc_conn_closed(conn);
		bmc_early_over(conn);
		bmc_stream_closed(conn);
		return CGROUP_PASS;
	}
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (mark)
		bmc_mark_released(mark, bpf_get_socket_cookie(sk));
	return CGROUP_PASS;
}

/* ---- what memcached gets ---- */

/* No conn: a datagram for one of its UDP sockets, a segment for its listener, or one of a child that is not known. */
static __always_inline enum bmc_verdict bmc_marked_in(struct __sk_buff *skb,
						      const struct bmc_mark *mark, __u32 state)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bmc_segment seg = {};
	struct bmc_pkt pkt = {};

	if (mark->cookie == bpf_get_socket_cookie(skb)) {
		if (bmc_pkt_ip(data, end, bpf_ntohs((__u16)skb->protocol), 0, 1, &pkt) ||
		    (pkt.proto != IPPROTO_UDP && pkt.proto != IPPROTO_TCP))
			return BMC_TO_STACK;
		if (pkt.proto == IPPROTO_TCP) {
			bmc_early_note(skb);
			return BMC_TO_STACK;
		}
		return bmc_udp_in(skb, &pkt, mark);
	}
	if (bmc_segment_read(skb, &seg) || !bmc_segment_counts(&seg))
		return BMC_TO_STACK;
	if (state == BPF_TCP_SYN_RECV) {
		bmc_stats_count(BMC_STAT_DROP_EARLY);
		return BMC_DROP;
	}
	if (state == BPF_TCP_ESTABLISHED)
		bmc_server_off(bmc_server_get(mark->server), BMC_OFF_UNSEEN);
	return BMC_TO_STACK;
}

SEC("cgroup_skb/ingress")
int bmc_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	enum bmc_verdict verdict;
	struct bmc_conn *conn;

	if (!sk)
		return CGROUP_PASS;
	conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	if (!conn || !BMC_READ_ONCE(conn->ready)) {
		struct bmc_mark *mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
		__u32 state = sk->state;

		if (!mark || !BMC_READ_ONCE(mark->ready))
			return CGROUP_PASS;
		/* BORN may have come in between, on another CPU: it is over once the state is ESTABLISHED */
		bmc_rmb();
		conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
		if (!conn || !BMC_READ_ONCE(conn->ready)) {
			verdict = bmc_marked_in(skb, mark, state);
			return verdict == BMC_DROP ? CGROUP_DROP : CGROUP_PASS;
		}
	}
	verdict = bmc_stream_in(skb, conn);
	return verdict == BMC_DROP ? CGROUP_DROP : CGROUP_PASS;
}

static __always_inline void bmc_took(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct bmc_mark *mark;

	if (!sk)
		return;
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (!mark || !BMC_READ_ONCE(mark->ready))
		return;
	if (BMC_READ_ONCE(bmc_server_get(mark->server)->off) & BMC_OFF_STARTING)
		__sync_fetch_and_add(&mark->taken, 1);
	bmc_stamp_in(mark->cookie);
}

SEC("cgroup/recvmsg4")
int bmc_recvmsg4(struct bpf_sock_addr *ctx)
{
	bmc_took(ctx);
	return CGROUP_PASS;
}

SEC("cgroup/recvmsg6")
int bmc_recvmsg6(struct bpf_sock_addr *ctx)
{
	bmc_took(ctx);
	return CGROUP_PASS;
}

/* ---- what memcached sends ---- */

SEC("cgroup_skb/egress")
int bmc_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;
	struct bmc_conn *conn;
	struct bmc_mark *mark;
	__u32 stamp;

	if (!sk)
		return CGROUP_PASS;
	conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);
	if (conn && BMC_READ_ONCE(conn->ready)) {
		__u32 old = BMC_READ_ONCE(conn->old);

		if (!old || !bmc_old_out(skb, conn, old))
			bmc_answers_out(skb, conn);
		return CGROUP_PASS;
	}
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (!mark || !BMC_READ_ONCE(mark->ready) || mark->cookie != bpf_get_socket_cookie(skb))
		return CGROUP_PASS;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->protocol != IPPROTO_UDP)
		return CGROUP_PASS;
	bmc_udp_answer_out(skb, mark);
	if (skb->mark || !bmc_leaves_by_us(skb->ifindex)) {
		bmc_stats_count(skb->mark ? BMC_STAT_STAMP_MARKED : BMC_STAT_STAMP_ELSEWHERE);
		return CGROUP_PASS;
	}
	stamp = bmc_stamp_out(mark->cookie);
	if (!stamp)
		bmc_stats_count(BMC_STAT_NO_STAMP);
	if (stamp) {
		bmc_hide(stamp); /* else a masked store of one byte, which the verifier refuses */
		skb->mark = stamp;
		bmc_stats_count(BMC_STAT_STAMPS);
	}
	return CGROUP_PASS;
}

/* ---- `start --learn`, by BPF_PROG_RUN; attached nowhere ---- */

SEC("xdp")
int bmc_learn(struct xdp_md *ctx)
{
	return (int)bmc_learn_item(ctx);
}
