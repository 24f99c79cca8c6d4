/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * HIT: turns a UDP get whose keys are all there into its answer. Until the whole answer is known to fit and its bytes
 * are known to be whole entries, nothing is changed that is not put back.
 */
#ifndef BMC_REPLY_BPF_H
#define BMC_REPLY_BPF_H

#include "coherence.bpf.h"
#include "home.bpf.h"
#include "tx.bpf.h"
#include "verdict.bpf.h"
#include "vlan.bpf.h"

#define BMC_HEADROOM                                                                               \
	192 /* what a packet can grow to the front: XDP's 256 less what the kernel keeps there */

/* ---- get <key>*\r\n ---- */

#define BMC_KEY_MORE 0 /* found; there may be another */
#define BMC_KEY_LAST 1 /* the line has ended */
#define BMC_KEY_MISS 2
#define BMC_KEY_RACE 3
#define BMC_KEY_FORM 4

#define BMC_GET_STEPS                                                                              \
	(2 * BMC_KEYS_MAX + 1) /* keys, with more spaces than one before each, and the end */

/* What is at `at`, where there is no key: more spaces, or the line's end. BMC_KEY_MORE, LAST, FORM. */
static __always_inline int bmc_get_spaces(struct bmc_work *w, __u64 at)
{
	__u32 used = 0;

	w->pos = (__u32)mc_skip_spaces(&w->win, (__u32)at);
	if (w->pos > at)
		return BMC_KEY_MORE;
	if (mc_end_at(&w->win, at, w->end, &used) == MC_END_LINE && used == w->end)
		return BMC_KEY_LAST;
	return BMC_KEY_FORM;
}

/* What is behind a key. BMC_KEY_MORE, LAST, FORM. */
static __always_inline int bmc_get_behind(struct bmc_work *w, __u64 at, int is_space)
{
	__u32 used = 0;

	if (is_space)
		return at < w->end ? BMC_KEY_MORE : BMC_KEY_FORM;
	if (mc_end_at(&w->win, at, w->end, &used) == MC_END_LINE && used == w->end)
		return BMC_KEY_LAST;
	return BMC_KEY_FORM;
}

/* The next key of the line, at w->pos: reads it, and takes its text. BMC_KEY_*. */
__noinline int bmc_get_key(struct bmc_work *w)
{
	struct mc_key key;
	__u64 behind;
	int r;

	if (!w)
		return BMC_KEY_FORM;
	r = mc_key_read(&w->win, w->pos, &w->sip, &key);
	if (r < 0)
		return BMC_KEY_FORM;
	if (!key.len)
		return bmc_get_spaces(w, key.pos);
	behind = (__u64)key.pos + key.len;
	r = bmc_get_behind(w, behind, r);
	if (r == BMC_KEY_FORM || w->n_got >= BMC_KEYS_MAX)
		return BMC_KEY_FORM;
	w->pos = (__u32)behind + 1;
	switch (bmc_cache_take(w, &key)) {
	case BMC_TAKEN:
		return r;
	case BMC_RACED:
		return BMC_KEY_RACE;
	default:
		return BMC_KEY_MISS;
	}
}

/* The whole request, whose text begins at `text` of the window. BMC_KEY_LAST: every key's text is there. */
static __always_inline int bmc_get_parse(struct bmc_work *w, __u64 text)
{
	/* spaces before a command are memcached's: 1.6.18 reads over them, 1.6.45 answers ERROR */
	if ((__u32)bmc_window64(&w->win, text) != MC_WORD4("get "))
		return BMC_KEY_FORM;
	w->pos = (__u32)text + 4;
	for (__u32 i = 0; i < BMC_GET_STEPS; i++) {
		int r = bmc_get_key(w);

		if (r != BMC_KEY_MORE)
			return r;
	}
	return BMC_KEY_FORM;
}

/* ---- who is asked ---- */

/* The request as a look-up of its socket has it. Its size; 0: it is not to be loaded. */
static __always_inline __u32 bmc_reply_tuple(struct xdp_md *ctx, const struct bmc_pkt *pkt,
					     struct bpf_sock_tuple *ret)
{
	__u32 ip4 = pkt->l3 + offsetof(struct iphdr, saddr),
	      ip6 = pkt->l3 + offsetof(struct ipv6hdr, saddr);

	if (pkt->family == 4) {
		if (bpf_xdp_load_bytes(ctx, ip4, &ret->ipv4.saddr, 8) ||
		    bpf_xdp_load_bytes(ctx, pkt->l4, &ret->ipv4.sport, 4))
			return 0;
		return sizeof(ret->ipv4);
	}
	if (bpf_xdp_load_bytes(ctx, ip6, ret->ipv6.saddr, 32) ||
	    bpf_xdp_load_bytes(ctx, pkt->l4, &ret->ipv6.sport, 4))
		return 0;
	return sizeof(ret->ipv6);
}

struct sock___asked {
	struct {
		__u32 val;
	} sk_uid;
} __attribute__((preserve_access_index));

/* Whether it is the server's user's. The verifier knows no members of a socket that was looked up, but reads a number. */
static __always_inline int bmc_reply_is_users(struct bpf_sock *sk)
{
	int server = bmc_config_server(bpf_htons((__u16)sk->src_port));
	struct sock___asked *kernel = NULL;

	if (server < 0 || bpf_probe_read_kernel(&kernel, sizeof(kernel), &sk))
		return 0;
	return BPF_CORE_READ(kernel, sk_uid.val) == bmc_config.uid[server & (BMC_PORTS_MAX - 1)];
}

/*
 * Whether the datagram is memcached's, though another user has had a socket at its port. Whose the address is a fill has
 * looked at (bmc_fill_is_asked); but a socket may be connected to this peer, or bound to this interface, as memcached's
 * are not. Behind VLAN tags it is another interface, and so it may be where another device is stacked on this one, to
 * which a socket may be bound as well.
 */
__noinline int bmc_reply_is_asked(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bpf_sock_tuple tuple = {};
	struct bmc_pkt pkt = {};
	struct bpf_sock *sk;
	__u32 l3 = 0, size;
	__u16 proto;
	int ours;

	proto = bmc_pkt_ethernet(data, end, &l3);
	if (l3 != sizeof(struct ethhdr) || bmc_pkt_ip(data, end, proto, l3, 0, &pkt) ||
	    bmc_home_has_upper(ctx))
		return 0;
	size = bmc_reply_tuple(ctx, &pkt, &tuple);
	sk = size ? bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0) : NULL;
	if (!sk)
		return 0;
	ours = !sk->dst_port && !sk->bound_dev_if &&
	       (bmc_reply_is_users(sk) || bmc_mutant(BMC_MUT_NO_OWNER_OF_ADDRESS));
	bpf_sk_release(sk);
	return ours;
}

/* ---- the answer ---- */

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
	bmc_tx_udp(&head->udp, len, w->ip_sum + w->csum);
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

/* Makes room for `delta` more bytes, or less. 0; -1: there is none, nothing is changed. */
static __always_inline int bmc_reply_grow(struct xdp_md *ctx, struct bmc_work *w, struct bmc_rx *rx,
					  int delta)
{
	if (!delta || !bpf_xdp_adjust_tail(ctx, delta))
		return 0;
	return delta > 0 ? bmc_reply_grow_front(ctx, w, bmc_rx_head(rx), delta) : -1;
}

/* The texts, behind the frame. */
static __always_inline void bmc_reply_text(struct xdp_md *ctx, struct bmc_work *w,
					   const struct bmc_rx *rx)
{
	__u64 len = w->text_len;

	if (bmc_len_within(&len, BMC_TEXT_MAX))
		bpf_xdp_store_bytes(ctx, bmc_rx_head(rx), w->text, (__u32)len);
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
	__u32 whole, len = w->text_len;
	int delta;

	w->csum += bmc_sum_at(BMC_TEXT_TAIL_SUM, len);
	w->text_len = len + BMC_TEXT_TAIL;
	whole = bmc_rx_head(rx) + w->text_len;
	delta = (int)(sizeof(struct mc_udp_frame) + w->text_len) - (int)rx->rest;
	if (w->text_len > BMC_TEXT_MAX || !bmc_tx_fits(ctx, stats, whole - rx->pkt.l3, delta) ||
	    bmc_reply_grow(ctx, w, rx, delta))
		return bmc_pass(stats, BMC_STAT_PASS_LARGE);
	bmc_text_end(w, len);
	bmc_reply_text(ctx, w, rx);
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
	if (r || bmc_rx_load(ctx, w, rx) || bmc_vlan_of_request(ctx, w, rx->pkt.l3))
		return bmc_pass(stats, BMC_STAT_PASS_FORM);
	if (bmc_rx_checksum(ctx, w, rx, udp))
		return bmc_pass(stats, BMC_STAT_PASS_CHECKSUM);
	w->end = rx->len;
	w->text_len = 0;
	w->csum = 0;
	w->miss = 0;
	w->n_got = 0;
	w->here = BMC_NOWHERE;
	mc_sip_begin(&w->sip, (const struct mc_seed *)bmc_shared.seed);
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
	if (r == BMC_KEY_RACE || (bmc_config.test & BMC_TEST_LOSE_RACE))
		return bmc_pass(stats, BMC_STAT_PASS_RACE);
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
	if (bmc_server_is_shared((__u32)server) && !bmc_reply_is_asked(ctx))
		return bmc_pass(stats, BMC_STAT_PASS_OTHERS);
	w = bmc_work_enter(BMC_WORK_XDP);
	if (!w)
		return bmc_pass(stats, BMC_STAT_PASS_BUSY);
	w->server = (__u32)server;
	verdict = bmc_reply_request(ctx, w, &rx, &udp, stats);
	bmc_work_leave(w);
	if (verdict == BMC_REPLIED && bmc_home_left(ctx, stats))
		return BMC_DROP;
	return (int)verdict;
}

#endif
