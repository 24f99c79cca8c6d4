// SPDX-License-Identifier: LGPL-2.1-only
/* The entries: each one finds out whose packet or socket it is and dispatches. The only place that speaks hook codes. */
#include "bmc_abi.h"
#include "compat.bpf.h"
#include "answers.bpf.h"
#include "bypass.bpf.h"
#include "fill.bpf.h"
#include "learn.bpf.h"
#include "owner.bpf.h"
#include "plain.bpf.h"
#include "reply.bpf.h"
#include "stream.bpf.h"
#include "udp_answers.bpf.h"

char LICENSE[] SEC("license") = "GPL";

#define CGROUP_PASS 1
#define CGROUP_DROP 0

/* At the wire: UDP gets are answered here. */
SEC("xdp")
int bmc_xdp(struct xdp_md *ctx)
{
	enum bmc_verdict verdict = (enum bmc_verdict)bmc_plain(ctx);

	if (verdict == BMC_UNDECIDED)
		verdict = (enum bmc_verdict)bmc_reply(ctx);
	return verdict == BMC_REPLIED ? XDP_TX : verdict == BMC_DROP ? XDP_DROP : XDP_PASS;
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
	bmc_bound(sk, 4);
	return CGROUP_PASS;
}

SEC("cgroup/post_bind6")
int bmc_post_bind6(struct bpf_sock *sk)
{
	bmc_bound(sk, 6);
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
		bmc_early_closed(conn);
		bmc_stream_closed(conn);
		return CGROUP_PASS;
	}
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (mark && BMC_READ_ONCE(mark->taken) == BMC_MARK_LOST)
		bmc_closed_without(mark);
	else if (mark)
		bmc_mark_released(mark, bpf_get_socket_cookie(sk));
	return CGROUP_PASS;
}

/* Whether a socket may have a mark: only one at a --port has. What is not memcached's ends here. */
static __always_inline int bmc_at_port(const struct bpf_sock *sk)
{
	return bmc_config_server(bpf_htons((__u16)sk->src_port)) >= 0;
}

/* ---- what memcached gets ---- */

/* No conn: a datagram for one of its UDP sockets, a segment for its listener, or one of a child that is not known. */
static __always_inline enum bmc_verdict bmc_marked_in(struct __sk_buff *skb,
						      const struct bmc_mark *mark, __u32 state)
{
	struct bmc_segment seg = {};

	if (mark->cookie == bpf_get_socket_cookie(skb))
		return bmc_early_note(skb) ? bmc_drop(BMC_STAT_DROP_EARLY) : BMC_TO_STACK;
	if (BMC_READ_ONCE(mark->taken) == BMC_MARK_LOST)
		return BMC_TO_STACK;
	if (!bmc_segment_read(skb, &seg) && !bmc_segment_counts(&seg))
		return BMC_TO_STACK;
	if (state == BPF_TCP_SYN_RECV)
		return bmc_drop(BMC_STAT_DROP_EARLY);
	if (state == BPF_TCP_ESTABLISHED)
		bmc_server_off(bmc_server_get(mark->server), BMC_OFF_UNSEEN);
	return BMC_TO_STACK;
}

static __always_inline __u32 bmc_udp_plain(struct __sk_buff *skb)
{
	return bmc_pkt_plain_udp((void *)(long)skb->data, (void *)(long)skb->data_end);
}

static __always_inline struct bmc_mark *bmc_mark_of(struct bpf_sock *sk)
{
	struct bmc_mark *mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);

	return mark && BMC_READ_ONCE(mark->ready) ? mark : NULL;
}

static __always_inline struct bmc_conn *bmc_conn_of(struct bpf_sock *sk)
{
	struct bmc_conn *conn = bpf_sk_storage_get(&bmc_conns, sk, 0, 0);

	return conn && BMC_READ_ONCE(conn->ready) ? conn : NULL;
}

/* The life of a server's socket, which has no mark yet if `mark` is NULL. */
static __always_inline __u32 bmc_life_of(const struct bmc_mark *mark, int server)
{
	return mark ? mark->life :
		      bmc_word_life(BMC_READ_ONCE(bmc_server_get((__u32)server)->word));
}

static __always_inline enum bmc_verdict bmc_in(struct __sk_buff *skb, struct bpf_sock *sk)
{
	__u32 plain = bmc_segment_plain(skb), udp = plain ? 0 : bmc_udp_plain(skb), state;
	struct bmc_mark *mark = udp ? bmc_mark_of(sk) : NULL;
	struct bmc_conn *conn = NULL;
	int server = -1;

	if (!mark || mark->ready != BMC_READY_UDP)
		conn = bmc_conn_of(sk);
	if (!conn) {
		if (!udp)
			mark = bmc_mark_of(sk);
		if (!mark)
			server = plain ? -1 : bmc_bound_soon(skb);
		else if (mark->ready == BMC_READY_UDP)
			server = mark->server;
		if (server >= 0) {
			bmc_hide(
				server); /* or clang 22 knows that no mask is needed: the verifier does not */
			return bmc_udp_in(skb, (__u32)server, bmc_life_of(mark, server), udp);
		}
		if (!mark)
			return BMC_TO_STACK;
		/* BORN may have come in between, on another CPU: it is over once the state is ESTABLISHED */
		state = sk->state;
		bmc_rmb();
		conn = bmc_conn_of(sk);
		if (!conn)
			return bmc_marked_in(skb, mark, state);
	}
	return bmc_stream_in(skb, conn, plain);
}

SEC("cgroup_skb/ingress")
int bmc_ingress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (!sk || !bmc_at_port(sk))
		return CGROUP_PASS;
	return bmc_in(skb, sk) == BMC_DROP ? CGROUP_DROP : CGROUP_PASS;
}

static __always_inline void bmc_took(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct bmc_mark *mark;

	if (!sk)
		return;
	mark = bmc_mark_of(sk);
	if (!mark)
		return;
	if (BMC_READ_ONCE(bmc_server_get(mark->server)->off) & BMC_OFF_STARTING)
		bmc_ordered(__sync_fetch_and_add(&mark->taken, 1));
	bmc_stamp_in(mark->cookie, mark->server);
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

/* A reply from a UDP socket of memcached's, its UDP header at `l4`; 0: behind other headers. */
static __always_inline void bmc_udp_out_of(struct __sk_buff *skb, const struct bmc_mark *mark,
					   __u32 l4)
{
	bmc_udp_answer_out(skb, mark);
	if (skb->mark)
		bmc_stats_count(BMC_STAT_STAMP_MARKED);
	else if (!bmc_leaves_by_us(skb->ifindex))
		bmc_stats_count(BMC_STAT_STAMP_ELSEWHERE);
	else if (!bmc_udp_may_be_item(skb, l4))
		bmc_stats_count(BMC_STAT_STAMP_NOTHING);
	else if (l4 && bmc_bypass_reply(skb, l4 + sizeof(struct bmc_udp_head) + BMC_TEXT_KEY))
		bmc_bypass_left();
	else
		bmc_stamp_reply(skb, mark->cookie);
}

static __always_inline void bmc_out(struct __sk_buff *skb, struct bpf_sock *sk)
{
	__u32 plain = bmc_segment_plain(skb), udp = plain ? 0 : bmc_udp_plain(skb), old;
	struct bmc_mark *mark = NULL;
	struct bmc_conn *conn;

	if (udp)
		mark = bmc_mark_of(sk);
	if (!mark || mark->ready != BMC_READY_UDP) {
		conn = bmc_conn_of(sk);
		if (conn) {
			old = BMC_READ_ONCE(conn->old);
			if (!old || !bmc_old_out(skb, conn, old))
				bmc_answers_out(skb, conn, plain);
			return;
		}
	}
	if (!udp)
		mark = bmc_mark_of(sk);
	if (mark && mark->ready == BMC_READY_UDP)
		bmc_udp_out_of(skb, mark, udp);
	else if (!mark && !plain)
		bmc_other_sends(skb);
}

SEC("cgroup_skb/egress")
int bmc_egress(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	if (sk && bmc_at_port(sk))
		bmc_out(skb, sk);
	return CGROUP_PASS;
}

/* ---- `start --learn`, by BPF_PROG_RUN; attached nowhere ---- */

SEC("xdp")
int bmc_learn(struct xdp_md *ctx)
{
	return (int)bmc_learn_item(ctx);
}
