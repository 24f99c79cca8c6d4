/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Connections that are older than `start`: COHERENCE.md has the rule, enum bmc_old_state the states. Data on a
 * candidate forestalls quiet; a quiet one is in step from its first data on, if nothing tells against it.
 */
#ifndef BMC_OLD_BPF_H
#define BMC_OLD_BPF_H

#include "coherence.bpf.h"
#include "mc_text.h"
#include "segment.bpf.h"
#include "verdict.bpf.h"

#define BMC_OLD_IN_STEP (-1) /* what bmc_old_in returns beside the verdicts */

/* doc/protocol-binary.txt, section 2 */
#define BMC_OLD_MAGIC 0x80
#define BMC_OLD_HEADER 24
#define BMC_OLD_OPCODE_MAX 0x50
#define BMC_OLD_EXTRAS_MAX 20

static __always_inline struct bmc_old *bmc_old_get(__u32 old)
{
	__u32 index = old - 1;

	return bpf_map_lookup_elem(&bmc_olds, &index);
}

/* There are data: quiet is forestalled. The state that they meet. */
static __always_inline __u64 bmc_old_touch(struct bmc_old *old)
{
	__u64 state = BMC_READ_ONCE(old->word);

	if (state != BMC_OLD_CANDIDATE)
		return state;
	return __sync_val_compare_and_swap(&old->word, BMC_OLD_CANDIDATE, BMC_OLD_TOUCHED);
}

/* ---- is it a command's beginning? ---- */

#define BMC_OLD_IS(n, verb) (bmc_keep_bytes(word, n) == MC_WORD##n(verb))

/* Whether 8 bytes begin with a whole word that memcached knows. */
static __always_inline int bmc_old_is_verb(__u64 word)
{
	return BMC_OLD_IS(4, "get ") || BMC_OLD_IS(5, "gets ") || BMC_OLD_IS(4, "gat ") ||
	       BMC_OLD_IS(5, "gats ") || BMC_OLD_IS(5, "bget ") || BMC_OLD_IS(4, "set ") ||
	       BMC_OLD_IS(4, "add ") || BMC_OLD_IS(8, "replace ") || BMC_OLD_IS(7, "append ") ||
	       BMC_OLD_IS(8, "prepend ") || BMC_OLD_IS(4, "cas ") || BMC_OLD_IS(7, "delete ") ||
	       BMC_OLD_IS(5, "incr ") || BMC_OLD_IS(5, "decr ") || BMC_OLD_IS(6, "touch ") ||
	       BMC_OLD_IS(8, "flush_al") || BMC_OLD_IS(3, "mg ") || BMC_OLD_IS(3, "ms ") ||
	       BMC_OLD_IS(3, "md ") || BMC_OLD_IS(3, "ma ") || BMC_OLD_IS(3, "me ") ||
	       BMC_OLD_IS(3, "mn\r") || BMC_OLD_IS(5, "stats") || BMC_OLD_IS(7, "version") ||
	       BMC_OLD_IS(4, "quit");
}

/* Whether a binary header may be one: its numbers fit each other. */
static __always_inline int bmc_old_is_binary(const __u8 *head)
{
	__u32 key = (__u32)head[2] << 8 | head[3], extras = head[4];
	__u32 body = (__u32)head[8] << 24 | (__u32)head[9] << 16 | (__u32)head[10] << 8 | head[11];

	return head[0] == BMC_OLD_MAGIC && head[1] <= BMC_OLD_OPCODE_MAX && !head[5] &&
	       key <= BMC_KEY_MAX && extras <= BMC_OLD_EXTRAS_MAX && body >= key + extras;
}

/* Whether the skb's `len` bytes from `off` on begin as a command does. */
static __always_inline int bmc_old_is_command(struct __sk_buff *skb, __u32 off, __u32 len)
{
	__u8 head[BMC_OLD_HEADER] = {};
	__u64 word = 0;

	if (len >= BMC_OLD_HEADER && !bpf_skb_load_bytes(skb, off, head, sizeof(head)) &&
	    bmc_old_is_binary(head))
		return 1;
	if (len >= 8 ? bpf_skb_load_bytes(skb, off, &word, 8) :
		       len < 4 || bpf_skb_load_bytes(skb, off, &word, 4))
		return 0;
	return bmc_old_is_verb(word);
}

/* ---- the first data of a quiet one ---- */

/* The programs have it from now on. Whether it was still quiet. */
static __always_inline int bmc_old_take(struct bmc_conn *conn, struct bmc_old *old)
{
	if (__sync_val_compare_and_swap(&old->word, BMC_OLD_QUIET, BMC_OLD_TAKEN) != BMC_OLD_QUIET)
		return 0;
	BMC_WRITE_ONCE(conn->old, 0);
	return 1;
}

/* Nothing of it is inside TCP, but for answers on their way, nor has anything come since it was quiet, nor is a byte urgent. */
static __always_inline int bmc_old_is_quiet(const struct tcp_sock *tcp, const struct bmc_old *old)
{
	return tcp->copied_seq == tcp->rcv_nxt && !tcp->out_of_order_queue.rb_node &&
	       !tcp->urg_data && tcp->snd_nxt == tcp->write_seq &&
	       tcp->bytes_received == BMC_READ_ONCE(old->received);
}

static __always_inline int bmc_old_first(struct __sk_buff *skb, struct bmc_conn *conn,
					 struct bmc_old *old, const struct bmc_segment *seg)
{
	__u32 end = seg->seq + seg->len + !!(seg->flags & BMC_TCP_FIN);
	__u32 urgent = seg->flags & BMC_TCP_URG;
	struct bpf_sock *sk = skb->sk;
	struct tcp_sock *tcp;
	int in_step;

	tcp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (!tcp)
		return BMC_TO_STACK;
	if (bmc_after(end, tcp->rcv_nxt) <= 0 && !urgent) /* a retransmission */
		return BMC_TO_STACK;
	if (bmc_after(seg->seq, tcp->rcv_nxt) > 0 || tcp->inet_conn.icsk_inet.sk.sk_backlog.len) {
		bmc_stats_count(BMC_STAT_DROP_AHEAD);
		return BMC_DROP;
	}
	in_step = seg->seq == tcp->rcv_nxt && !urgent && bmc_old_is_quiet(tcp, old) &&
		  (!seg->len || bmc_old_is_command(skb, seg->off, seg->len));
	conn->in_next = tcp->rcv_nxt;
	conn->out_next = tcp->write_seq;
	conn->fresh = 1;
	bmc_wmb();
	/* held before it is taken: `start` opens the server when it finds it so, whatever is in TCP unparsed */
	if (!in_step)
		bmc_conn_lost(conn, BMC_LOST_OLD_START);
	if (!bmc_old_take(conn, old) || !in_step)
		return BMC_TO_STACK; /* or answers were first, or it is closed */
	bmc_stats_count(BMC_STAT_OLD);
	return BMC_OLD_IN_STEP;
}

/*
 * A segment with data (or FIN) for an old connection, `busy` taken. What becomes of it, or BMC_OLD_IN_STEP: it is
 * followed like any other from this segment on.
 */
__noinline int bmc_old_in(struct __sk_buff *skb, struct bmc_conn *conn, __u32 index)
{
	struct bmc_segment seg = {};
	struct bmc_old *old;

	if (!conn)
		return BMC_TO_STACK;
	old = bmc_old_get(index);
	if (!old || bmc_segment_read(skb, &seg))
		return BMC_TO_STACK;
	switch (bmc_old_touch(old)) {
	case BMC_OLD_QUIET:
		return bmc_old_first(skb, conn, old, &seg);
	case BMC_OLD_TAKEN:
		return BMC_OLD_IN_STEP;
	case BMC_OLD_LOST: /* its hold is counted by `start`: only the quick way out */
		if (!__sync_val_compare_and_swap(&conn->lost, BMC_IN_STEP, BMC_LOST_OLD))
			bmc_stats_count(BMC_STAT_LOST);
		return BMC_TO_STACK;
	default:
		return BMC_TO_STACK;
	}
}

/*
 * Who sends: if the socket's lock is taken by a system call, it is this thread's, and of memcached's only the one that
 * serves the connection makes any. (A softirq sends on nobody's behalf, when nobody has it.)
 */
static __always_inline void bmc_old_note_thread(struct bmc_old *old, const struct tcp_sock *tcp)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u32 thread = 0;

	if (tcp->inet_conn.icsk_inet.sk.sk_lock.owned &&
	    !bpf_probe_read_kernel(&thread, sizeof(thread), &task->pid))
		BMC_WRITE_ONCE(old->thread, thread);
}

/* A segment that memcached sends on an old connection. Whether it is left unread. */
__noinline int bmc_old_out(struct __sk_buff *skb, struct bmc_conn *conn, __u32 index)
{
	struct bpf_sock *sk = skb->sk;
	struct bmc_segment seg = {};
	struct tcp_sock *tcp;
	struct bmc_old *old;
	__u64 state;

	if (!conn || !sk)
		return 1;
	old = bmc_old_get(index);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!old || !tcp || bmc_segment_read_at(skb, bmc_segment_near(skb), &seg))
		return 1;
	/* nothing new: a FIN alone, or a retransmission (what is new is behind snd_nxt until it is sent) */
	if (!seg.len || bmc_after(seg.seq + seg.len, tcp->snd_nxt) <= 0)
		return BMC_READ_ONCE(old->word) != BMC_OLD_TAKEN;
	bmc_old_note_thread(old, tcp);
	state = bmc_old_touch(old);
	if (state == BMC_OLD_QUIET) {
		bmc_conn_lost(conn, BMC_LOST_OLD_START); /* an answer without a command */
		bmc_old_take(conn, old);
		return 1;
	}
	bmc_rmb(); /* out_next is behind TAKEN */
	return BMC_READ_ONCE(old->word) != BMC_OLD_TAKEN;
}

/* CLOSE: what `start` holds for it is over. */
static __always_inline void bmc_old_closed(const struct bmc_conn *conn)
{
	__u32 index = BMC_READ_ONCE(conn->old);
	struct bmc_old *old;

	if (!index)
		return;
	old = bmc_old_get(index);
	if (old && __sync_lock_test_and_set(&old->word, BMC_OLD_CLOSED) == BMC_OLD_LOST)
		bmc_quiet(conn->server, conn->life);
}

#endif
