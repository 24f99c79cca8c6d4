/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * HIT: turns a UDP get whose keys are all there into its answer. Until the whole answer is known to fit and its bytes
 * are known to be whole entries, nothing is changed that is not put back.
 */
#ifndef BMC_REPLY_BPF_H
#define BMC_REPLY_BPF_H

#include "coherence.bpf.h"
#include "tx.bpf.h"
#include "verdict.bpf.h"

#define BMC_HEADROOM                                                                               \
	192 /* what a packet can grow to the front: XDP's 256 less what the kernel keeps there */

/* ---- get <key>*\r\n ---- */

#define BMC_KEY_MORE 0 /* found; there may be another */
#define BMC_KEY_LAST 1 /* the line has ended */
#define BMC_KEY_MISS 2
#define BMC_KEY_FORM 3

/* The next key of the line at w->pos: reads it and looks it up. BMC_KEY_*. */
__noinline int bmc_get_key(struct bmc_work *w, __u32 i)
{
	struct bmc_got *got;
	__u32 used = 0;
	enum mc_end stop;
	__u64 at;

	if (!w)
		return BMC_KEY_FORM;
	at = mc_skip_spaces(&w->win, w->pos);
	if (i >= BMC_KEYS_MAX) {
		stop = mc_end_at(&w->win, at, w->end, &used);
		return stop == MC_END_LINE && used == w->end ? BMC_KEY_LAST : BMC_KEY_FORM;
	}
	got = &w->got[i];
	if (mc_key_scan(&w->win, (__u32)at, (const struct mc_seed *)bmc_shared.seed, &got->key))
		return BMC_KEY_FORM;
	at += got->key.len;
	stop = mc_end_at(&w->win, at, w->end, &used);
	if (stop != MC_END_SPACE && (stop != MC_END_LINE || used != w->end))
		return BMC_KEY_FORM;
	w->pos = (__u32)at;
	if (!got->key.len)
		return stop == MC_END_LINE ? BMC_KEY_LAST : BMC_KEY_FORM;
	if (!bmc_cache_find(w, i))
		return BMC_KEY_MISS;
	w->csum += bmc_sum_at(got->csum, w->text_len);
	w->text_len += got->text_len;
	w->n_got = i + 1;
	return stop == MC_END_LINE ? BMC_KEY_LAST : BMC_KEY_MORE;
}

/* The whole request, whose text begins at `text` of the window. BMC_KEY_LAST: every key is there. */
static __always_inline int bmc_get_parse(struct bmc_work *w, __u32 text)
{
	__u64 at = mc_skip_spaces(&w->win, text);

	w->text_len = 0;
	w->csum = 0;
	w->n_got = 0;
	if (bmc_keep_bytes(bmc_window64(&w->win, at), 4) != MC_WORD4("get "))
		return BMC_KEY_FORM;
	w->pos = (__u32)at + 3;
	for (__u32 i = 0; i <= BMC_KEYS_MAX; i++) {
		int r = bmc_get_key(w, i);

		if (r != BMC_KEY_MORE)
			return r;
	}
	return BMC_KEY_FORM;
}

/* ---- the answer ---- */

/* The texts of all keys, behind the frame. 0: written, and each one an entry's; -1: not. */
__noinline int bmc_reply_texts(struct xdp_md *ctx, struct bmc_work *w, __u32 payload)
{
	__u32 off = payload + sizeof(struct mc_udp_frame), last;

	if (!w)
		return -1;
	last = w->n_got - 1;
	for (__u32 i = 0; i < BMC_KEYS_MAX; i++) {
		struct bmc_got *got = &w->got[i];
		struct bmc_bucket *b = bmc_bucket_get(got->bucket);
		__u32 len = got->text_len;
		int err;

		if (!b)
			return -1;
		if (i == last)
			len += BMC_TEXT_TAIL;
		err = bmc_entry_send(ctx, off, b, got->at, len);
		if (err || !bmc_cache_same(b, got->seq))
			return -1;
		if (i == last)
			return bmc_config.test & BMC_TEST_LOSE_RACE ? -1 : 0;
		off += len;
	}
	return -1;
}

/* The headers, from Ethernet to the frame, where they are. The texts are there already. */
static __always_inline void bmc_reply_headers(struct xdp_md *ctx, struct bmc_work *w,
					      const struct bmc_rx *rx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 len = sizeof(struct udphdr) + sizeof(struct mc_udp_frame) + w->text_len;
	__u64 l3 = bmc_rx_offset(rx->pkt.l3), l4 = bmc_rx_offset(rx->pkt.l4);
	void *ip = data + l3;
	struct {
		struct udphdr udp;
		struct mc_udp_frame frame;
	} *head = data + l4;

	if (data + sizeof(struct ethhdr) > end || ip + sizeof(struct ipv6hdr) > end ||
	    (void *)(head + 1) > end)
		return; /* cannot be: they were there, and a text is longer than what IPv6 has more */
	bmc_tx_ethernet(data);
	if (rx->pkt.family == 4)
		bmc_tx_ipv4(ip, end, l4 - l3, l4 - l3 + len);
	else
		bmc_tx_ipv6(ip, len);
	bmc_tx_udp(&head->udp, len, (__u64)w->ip_sum + w->csum);
}

/* What the packet begins with, headers and frame, into w->head, and back. 0 or -1. */
static __always_inline int bmc_reply_head_load(struct xdp_md *ctx, struct bmc_work *w, __u64 len)
{
	if (!bmc_len_within(&len, BMC_HEAD_MAX))
		return -1;
	return (int)bpf_xdp_load_bytes(ctx, 0, w->head, len);
}

static __always_inline int bmc_reply_head_store(struct xdp_md *ctx, struct bmc_work *w, __u64 len)
{
	if (!bmc_len_within(&len, BMC_HEAD_MAX))
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, 0, w->head, len);
}

/*
 * In front, where a driver leaves too little behind (veth: what rounding left): the `head` bytes of headers move to the
 * new start.
 */
__noinline int bmc_reply_grow_front(struct xdp_md *ctx, struct bmc_work *w, __u32 head, int delta)
{
	if (!w || delta > BMC_HEADROOM || bmc_reply_head_load(ctx, w, head) ||
	    bpf_xdp_adjust_head(ctx, -delta))
		return -1;
	return bmc_reply_head_store(ctx, w, head);
}

__noinline int bmc_reply_shrink_front(struct xdp_md *ctx, struct bmc_work *w, __u32 head, int delta)
{
	if (!w || bpf_xdp_adjust_head(ctx, delta))
		return -1;
	return bmc_reply_head_store(ctx, w, head);
}

/* Makes room for `delta` more bytes. 0 with *ret_front set; -1: there is none, nothing is changed. */
static __always_inline int bmc_reply_grow(struct xdp_md *ctx, struct bmc_work *w, struct bmc_rx *rx,
					  int delta, int *ret_front)
{
	*ret_front = bpf_xdp_adjust_tail(ctx, delta) != 0;
	return *ret_front ? bmc_reply_grow_front(ctx, w, bmc_rx_head(rx), delta) : 0;
}

/* Puts the request back as it was: its headers have not been changed yet. */
static __always_inline void bmc_reply_undo(struct xdp_md *ctx, struct bmc_work *w,
					   struct bmc_rx *rx, int grown, int front)
{
	__u64 rest = rx->rest;

	if (grown && front)
		bmc_reply_shrink_front(ctx, w, bmc_rx_head(rx), grown);
	else if (grown)
		bpf_xdp_adjust_tail(ctx, -grown);
	if (bmc_len_within(&rest, BMC_WINDOW))
		bpf_xdp_store_bytes(ctx, rx->payload, w->win.bytes, rest);
}

static __always_inline void bmc_reply_count(struct bmc_stats *stats, const struct bmc_work *w)
{
	bmc_stats_plus(stats, BMC_STAT_HITS, 1);
	bmc_stats_plus(stats, BMC_STAT_HIT_KEYS, w->n_got);
	bmc_stats_plus(stats, BMC_STAT_HIT_BYTES, w->text_len);
}

static __always_inline enum bmc_verdict bmc_pass(struct bmc_stats *stats, enum bmc_stat why)
{
	bmc_stats_plus(stats, why, 1);
	return BMC_TO_STACK;
}

/* All keys are there: the answer, if it fits. */
static __always_inline enum bmc_verdict bmc_reply_write(struct xdp_md *ctx, struct bmc_work *w,
							struct bmc_rx *rx, struct bmc_stats *stats)
{
	int delta, grown, front = 0;
	__u32 whole;

	w->csum += bmc_sum_at(BMC_TEXT_TAIL_SUM, w->text_len);
	w->text_len += BMC_TEXT_TAIL;
	whole = rx->payload + sizeof(struct mc_udp_frame) + w->text_len;
	delta = (int)(sizeof(struct mc_udp_frame) + w->text_len) - (int)rx->rest;
	if (w->text_len > BMC_TEXT_MAX || !bmc_tx_fits(ctx, whole - rx->pkt.l3, delta))
		return bmc_pass(stats, BMC_STAT_PASS_LARGE);
	grown = delta > 0 ? delta : 0;
	if (grown && bmc_reply_grow(ctx, w, rx, grown, &front))
		return bmc_pass(stats, BMC_STAT_PASS_LARGE);
	if (bmc_reply_texts(ctx, w, rx->payload)) {
		bmc_reply_undo(ctx, w, rx, grown, front);
		return bmc_pass(stats, BMC_STAT_PASS_RACE);
	}
	if (delta < 0)
		bpf_xdp_adjust_tail(
			ctx,
			delta); /* never refused: what is left is longer than a frame's least */
	bmc_reply_headers(ctx, w, rx);
	bmc_reply_count(stats, w);
	return BMC_REPLIED;
}

/* A datagram to a server's port whose headers are plain: is it a get that can be answered? */
static __always_inline enum bmc_verdict bmc_reply_request(struct xdp_md *ctx, struct bmc_work *w,
							  struct bmc_rx *rx,
							  const struct udphdr *udp,
							  struct bmc_stats *stats)
{
	int r;

	r = rx->pkt.family == 4 ? bmc_rx_ipv4(ctx, w, &rx->pkt) : bmc_rx_ipv6(ctx, w, &rx->pkt);
	if (r == BMC_RX_CHECKSUM)
		return bmc_pass(stats, BMC_STAT_PASS_CHECKSUM);
	if (r || bmc_rx_load(ctx, w, rx))
		return bmc_pass(stats, BMC_STAT_PASS_FORM);
	if (bmc_rx_checksum(w, rx, udp))
		return bmc_pass(stats, BMC_STAT_PASS_CHECKSUM);
	w->end = rx->len;
	w->now = bmc_stats_clock(stats);
	w->epoch = BMC_READ_ONCE(bmc_server_get(w->server)->epoch);
	bmc_rmb();
	r = bmc_get_parse(w, sizeof(struct mc_udp_frame));
	if (r == BMC_KEY_FORM || (r == BMC_KEY_LAST && !w->n_got))
		return bmc_pass(stats, BMC_STAT_PASS_FORM);
	bmc_stats_plus(stats, BMC_STAT_GETS, 1);
	bmc_stats_plus(stats, BMC_STAT_KEYS, w->n_got + (r == BMC_KEY_MISS));
	if (r == BMC_KEY_MISS) {
		for (__u32 why = BMC_STAT_MISS_EPOCH; why <= BMC_STAT_MISS_BUSY; why++)
			bmc_stats_plus(stats, why, w->miss == why);
		return bmc_pass(stats, BMC_STAT_MISSES);
	}
	return bmc_reply_write(ctx, w, rx, stats);
}

/* Any request. enum bmc_verdict. */
__noinline int bmc_reply(struct xdp_md *ctx)
{
	enum bmc_verdict verdict;
	struct bmc_rx rx = {};
	struct udphdr udp = {};
	struct bmc_stats *stats;
	struct bmc_work *w;
	int server = -1, r;

	r = bmc_rx_parse(ctx, &rx, &udp, &server);
	if (!r)
		return BMC_TO_STACK;
	stats = bmc_stats_get();
	bmc_stats_plus(stats, BMC_STAT_REQUESTS, 1);
	if (r < 0)
		return bmc_pass(stats, BMC_STAT_PASS_FORM);
	w = bmc_work_enter(BMC_WORK_XDP);
	if (!w)
		return bmc_pass(stats, BMC_STAT_PASS_BUSY);
	w->server = (__u32)server;
	verdict = bmc_reply_request(ctx, w, &rx, &udp, stats);
	bmc_work_leave(w);
	return (int)verdict;
}

#endif
