/* SPDX-License-Identifier: LGPL-2.1-only */
/* The straight ways: most segments that memcached sends are one answer, or those to sets. All else is for answers.bpf.h. */
#ifndef BMC_ANSWERS_STRAIGHT_BPF_H
#define BMC_ANSWERS_STRAIGHT_BPF_H

#include "coherence.bpf.h"
#include "mc_answer.h"

#define BMC_STORED_MAX ((BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP) / 8)
#define BMC_END_LEN 5 /* "END\r\n" */
#define BMC_ANSWER_FIRST                                                                           \
	128 /* bytes looked at first of a segment that is larger than the window: most begin a large value */
#define BMC_STRAIGHT_NO (-1)

/* Counts each STORED up to the first other answer, or the window's end. */
__noinline int bmc_answers_stored(struct bmc_conn *conn)
{
	const struct bmc_answer_window *win;
	__u32 n = 0, end;

	if (!conn)
		return 0;
	win = (const struct bmc_answer_window *)conn->out_line;
	end = conn->out_end;
	for (__u32 i = 0; i < BMC_STORED_MAX; i++) {
		if (8 * i + 8 > end || mc_answer64(win, 8 * (__u64)i) != MC_WORD8("STORED\r\n"))
			break;
		n = i + 1;
	}
	conn->out_pos = (__u16)(8 * n);
	conn->out_rep += n;
	return 0;
}

/* The segment's first bytes, behind none that wait: all, or so many that they have a VALUE line. 0 or -1 */
static __always_inline int bmc_answers_first(struct __sk_buff *skb, struct bmc_conn *conn,
					     __u32 off)
{
	__u64 n = conn->out_tail - off;

	if (n > BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP)
		n = BMC_ANSWER_FIRST;
	if (!bmc_len_within(&n, BMC_ANSWER_WINDOW - BMC_ANSWER_KEEP) ||
	    bpf_skb_load_bytes(skb, off, conn->out_line, n))
		return -1;
	conn->out_off = off + (__u32)n;
	conn->out_end = (__u16)n;
	*(__u64 *)(conn->out_line + n) = 0;
	return 0;
}

/* The segment from `at` on is END: an item's answer is over. */
static __always_inline int bmc_answers_end(struct __sk_buff *skb, struct bmc_conn *conn, __u32 at)
{
	__u64 word = 0;

	if (bpf_skb_load_bytes(skb, at, &word, BMC_END_LEN) || word != MC_WORD5("END\r\n"))
		return BMC_STRAIGHT_NO;
	conn->out_block = 0;
	return 1;
}

/* An item began in an earlier segment: this one lies in its block, or is the rest of it and END. */
static __always_inline int bmc_answers_inside(struct __sk_buff *skb, struct bmc_conn *conn,
					      __u32 off)
{
	__u64 n = conn->out_tail - off, left = conn->out_block;

	if (n <= left) {
		conn->out_block = left - n;
		return 0;
	}
	if (n != left + BMC_END_LEN || conn->protocol != BMC_PROTOCOL_TEXT)
		return BMC_STRAIGHT_NO;
	return bmc_answers_end(skb, conn, off + (__u32)left);
}

/*
 * The answers that the segment ends, if it is one, or part of one, from its beginning to its end: STORED, an item and its
 * END. BMC_STRAIGHT_NO: it may be anything, some may be read.
 */
static __always_inline int bmc_answers_straight(struct __sk_buff *skb, struct bmc_conn *conn,
						__u32 off)
{
	const struct bmc_answer_window *win = (const struct bmc_answer_window *)conn->out_line;
	struct mc_answer a = {};
	__u64 word = 0, at, n;

	if (conn->out_len || conn->out_long)
		return BMC_STRAIGHT_NO;
	if (conn->out_block)
		return bmc_answers_inside(skb, conn, off);
	if (conn->protocol != BMC_PROTOCOL_TEXT)
		return BMC_STRAIGHT_NO;
	n = conn->out_tail - off;
	if (n == sizeof(word))
		return !bpf_skb_load_bytes(skb, off, &word, sizeof(word)) &&
				       word == MC_WORD8("STORED\r\n") ?
			       1 :
			       BMC_STRAIGHT_NO;
	if (bmc_answers_first(skb, conn, off) ||
	    bmc_keep_bytes(mc_answer64(win, 0), 6) != MC_WORD6("VALUE ") ||
	    mc_answer_value(win, conn->out_end, &a))
		return BMC_STRAIGHT_NO;
	at = a.used + a.block;
	if (n <= at) {
		conn->out_block = at - n;
		return 0;
	}
	conn->out_pos = (__u16)a.used;
	conn->out_block = a.block;
	if (n != at + BMC_END_LEN)
		return BMC_STRAIGHT_NO;
	if (at + BMC_END_LEN > conn->out_end)
		return bmc_answers_end(skb, conn, off + (__u32)at);
	if (bmc_keep_bytes(mc_answer64(win, at), BMC_END_LEN) != MC_WORD5("END\r\n"))
		return BMC_STRAIGHT_NO;
	conn->out_block = 0;
	return 1;
}

#endif
