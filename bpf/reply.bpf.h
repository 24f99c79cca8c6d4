/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * HIT: turns a UDP get whose keys are all there into its answer. Until the whole answer is known to fit and its bytes
 * are known to be whole entries, nothing is changed that is not put back.
 */
#ifndef BMC_REPLY_BPF_H
#define BMC_REPLY_BPF_H

#include "coherence.bpf.h"
#include "pkt.bpf.h"
#include "verdict.bpf.h"



#define BMC_FRAME_MIN (sizeof(struct mc_udp_frame) + 6) /* a frame and "get k\n" */
#define BMC_MTU_SAFE 576 /* no interface has less: RFC 791 */
#define BMC_IP4_OPTIONS_MAX 40
#define BMC_HEAD_MAX 104 /* Ethernet, two tags, the longest IPv4 header, UDP, frame: 98 */
#define BMC_HEADROOM 192 /* what a packet can grow to the front: XDP's 256 less what the kernel keeps there */

/* ---- one's complement arithmetic (RFC 1071), native order ---- */
static __always_inline __u32 bmc_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u32)((sum & 0xffff) + (sum >> 16));
}

/* A sum of bytes that begin at an odd offset. */
static __always_inline __u32 bmc_sum_at(__u32 sum, __u32 offset)
{
	__u32 odd = ((sum & 0xff) << 8) | (sum >> 8);

	return offset & 1 ? odd : sum;
}

/* What a request's headers are: enough to answer it. */
struct bmc_rx {
	struct bmc_pkt pkt;
	__u32 payload; /* offset of the memcached frame */
	__u32 len; /* its bytes, the frame included */
	__u32 saved; /* bytes of the whole packet: it is kept in the window, to be parsed and to be put back */
};

/* ---- is it ours, and plain? ---- */

/*
 * A header that is in the window; `off` is below BMC_HEAD_MAX. Replies are built there too, and then stored at once.
 */
static __always_inline void *bmc_head_at(struct bmc_work *w, __u64 off)
{
	bmc_hide(off);
	return &w->win.bytes[off & 127];
}

/* Options that have to do with the route are the stack's. Returns their sum; -1. */
static __always_inline int bmc_rx_options(struct bmc_work *w, __u32 at, __u32 len)
{
	for (__u32 i = 0; i < BMC_IP4_OPTIONS_MAX; i++) {
		__u8 byte = bmc_window8(&w->win, at + i);

		if (i >= len)
			break;
		if (byte == 131 || byte == 137) /* loose and strict source route, RFC 791 */
			return -1;
	}
	return (int)bmc_work_sum(w, at, len);
}

/* The addresses, and the header's checksum. -1: not to be answered. */
static __always_inline int bmc_rx_ipv4(struct bmc_work *w, const struct bmc_pkt *pkt)
{
	struct iphdr *ip = bmc_head_at(w, pkt->l3);
	__u32 *words = (__u32 *)ip, options = pkt->l4 - pkt->l3 - sizeof(*ip);
	__u8 first = *(__u8 *)&ip->saddr;
	int more = 0;
	__u64 sum;

	if (first == 0 || first == 127 || first >= 224 || ip->saddr == ip->daddr)
		return -1;
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	*(__u64 *)w->addr = 0;
	*(__u64 *)(w->addr + 8) = 0xffff0000 | (__u64)ip->daddr << 32;
	w->ip_sum = bmc_fold((__u64)ip->saddr + ip->daddr + bpf_htons(IPPROTO_UDP));
	if (options)
		more = bmc_rx_options(w, pkt->l3 + sizeof(*ip), options);
	if (more < 0)
		return -1;
	return bmc_fold(sum + (__u32)more) == 0xffff ? 0 : -1;
}

static __always_inline int bmc_rx_ipv6(struct bmc_work *w, const struct bmc_pkt *pkt)
{
	struct ipv6hdr *ip = bmc_head_at(w, pkt->l3);
	__u64 *src = (__u64 *)&ip->saddr, *dst = (__u64 *)&ip->daddr, sum;

	if (*(__u8 *)src == 0xff || (!src[0] && (!src[1] || src[1] == bpf_cpu_to_be64(1))))
		return -1;
	if (src[0] == dst[0] && src[1] == dst[1])
		return -1;
	((__u64 *)w->addr)[0] = dst[0];
	((__u64 *)w->addr)[1] = dst[1];
	sum = bpf_htons(IPPROTO_UDP);
	sum += (src[0] & 0xffffffff) + (src[0] >> 32) + (src[1] & 0xffffffff) + (src[1] >> 32);
	sum += (dst[0] & 0xffffffff) + (dst[0] >> 32) + (dst[1] & 0xffffffff) + (dst[1] >> 32);
	w->ip_sum = bmc_fold(sum);
	return 0;
}

/* The window gets the packet. */
static __always_inline int bmc_rx_load(struct xdp_md *ctx, struct bmc_work *w, const struct bmc_rx *rx)
{
	__u64 saved = rx->saved;

	bmc_hide(saved);
	if (saved - 1 >= BMC_WINDOW)
		return -1;
	return (int)bpf_xdp_load_bytes(ctx, 0, w->win.bytes, saved);
}

/*
 * The UDP checksum; none is allowed over IPv4 (RFC 768) and not over IPv6 (RFC 8200, section 8.1). A sender that
 * leaves it to the device stores the sum of the pseudo-header alone, and where there is no wire (veth, virtio) that is
 * what comes: as good as right, the bytes have not left memory.
 */
static __always_inline int bmc_rx_checksum(struct bmc_work *w, const struct bmc_rx *rx, const struct udphdr *udp)
{
	__u64 sum;

	if (!udp->check)
		return rx->pkt.family == 4 ? 0 : -1;
	if (udp->check == bmc_fold((__u64)w->ip_sum + udp->len))
		return 0;
	sum = (__u64)w->ip_sum + udp->len + udp->len + udp->source + udp->dest + udp->check;
	sum += bmc_work_sum(w, rx->payload, rx->len);
	return bmc_fold(sum) == 0xffff ? 0 : -1;
}

/*
 * Whether the packet is a UDP datagram to a server's port. 1: it is, `rx` filled, `udp` a copy of its header;
 * 0: it is not; -1: it is, but not one that can be answered.
 */
static __always_inline int bmc_rx_parse(struct xdp_md *ctx, struct bmc_rx *rx, struct udphdr *udp, int *ret_server)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct {
		struct udphdr udp;
		struct mc_udp_frame frame;
		__u8 text[6];
	} *head;
	__u32 l3 = 0;
	__u64 whole;
	__u16 proto;

	proto = bmc_pkt_ethernet(data, end, &l3);
	if (bmc_pkt_ip(data, end, proto, l3, 0, &rx->pkt))
		return 0;
	if (rx->pkt.proto != IPPROTO_UDP || rx->pkt.fragment)
		return 0;
	head = data + rx->pkt.l4;
	if ((void *)(&head->udp + 1) > end)
		return 0;
	*ret_server = bmc_config_server(head->udp.dest);
	if (*ret_server < 0)
		return 0;
	if ((void *)(head + 1) > end || (*(__u8 *)data & 1))
		return -1;
	__builtin_memcpy(udp, &head->udp, sizeof(*udp));
	rx->payload = rx->pkt.l4 + sizeof(*udp);
	rx->len = bpf_ntohs(udp->len) - sizeof(*udp);
	whole = (__u64)(end - data);
	bmc_hide(whole); /* else the compiler subtracts pointers in 32 bits, which is refused */
	rx->saved = (__u32)whole;
	if (bpf_ntohs(udp->len) != rx->pkt.l4_len || rx->pkt.l4_len < sizeof(*udp) + BMC_FRAME_MIN)
		return -1;
	if (rx->payload + rx->len > rx->saved || !udp->source || head->frame.total != bpf_htons(1))
		return -1;
	if (head->text[0] != 'g' && head->text[0] != ' ')
		return -1;
	return 1;
}

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
		struct bmc_entry *e;
		__u64 len;

		e = bmc_cache_text(got);
		if (!e)
			return -1;
		len = got->text_len;
		if (i == last)
			len += BMC_TEXT_TAIL;
		bmc_hide(len);
		if (len - 1 >= BMC_TEXT_MAX + BMC_TEXT_TAIL)
			return -1;
		if (bpf_xdp_store_bytes(ctx, off, e->text, len))
			return -1;
		if (!bmc_cache_same(e, got))
			return -1;
		if (i == last)
			return bmc_config.test & BMC_TEST_LOSE_RACE ? -1 : 0;
		off += (__u32)len;
	}
	return -1;
}

static __always_inline void bmc_reply_ipv4(struct bmc_work *w, const struct bmc_rx *rx, __u32 total)
{
	struct iphdr *ip = bmc_head_at(w, rx->pkt.l3);
	__u32 *words = (__u32 *)ip, src = ip->saddr, header = rx->pkt.l4 - rx->pkt.l3;
	__u64 sum;

	words[0] = bpf_htonl(0x40000000 | (header / 4) << 24 | total);
	words[1] = bpf_htonl(IP_DF);
	words[2] = bpf_htonl(64U << 24 | IPPROTO_UDP << 16);
	ip->saddr = ip->daddr;
	ip->daddr = src;
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	/* the room of options stays, as "no operation" */
	for (__u32 i = 5; i < 15; i++) {
		if (i >= header / 4)
			break;
		BMC_WRITE_ONCE(words[i], 0x01010101); /* else the compiler makes a memset of it */
		sum += 0x01010101;
	}
	ip->check = (__u16)~bmc_fold(sum);
}

static __always_inline void bmc_reply_ipv6(struct bmc_work *w, const struct bmc_rx *rx, __u32 len)
{
	struct ipv6hdr *ip = bmc_head_at(w, rx->pkt.l3);
	struct in6_addr src = ip->saddr;

	*(__u32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(len);
	ip->hop_limit = 64;
	ip->saddr = ip->daddr;
	ip->daddr = src;
}

static __always_inline void bmc_reply_udp(struct bmc_work *w, const struct bmc_rx *rx, __u32 len)
{
	struct udphdr *udp = bmc_head_at(w, rx->pkt.l4);
	struct mc_udp_frame *frame = (struct mc_udp_frame *)(udp + 1);
	__u16 port = udp->source, check;
	__u64 sum;

	udp->source = udp->dest;
	udp->dest = port;
	udp->len = bpf_htons(len);
	frame->seq = 0;
	frame->total = bpf_htons(1);
	frame->reserved = 0;
	sum = (__u64)w->ip_sum + w->csum + udp->source + udp->dest + udp->len + udp->len;
	sum += frame->id + frame->total;
	check = (__u16)~bmc_fold(sum);
	udp->check = check ? check : 0xffff;
}

/* The headers, from Ethernet to the frame. */
__noinline int bmc_reply_headers(struct xdp_md *ctx, struct bmc_work *w, struct bmc_rx *rx)
{
	__u32 len = sizeof(struct udphdr) + sizeof(struct mc_udp_frame);
	struct ethhdr *eth;
	__u64 head;
	__u8 mac[6];

	if (!w || !rx)
		return -1;
	len += w->text_len;
	eth = (struct ethhdr *)w->win.bytes;
	__builtin_memcpy(mac, eth->h_dest, 6);
	__builtin_memcpy(eth->h_dest, eth->h_source, 6);
	__builtin_memcpy(eth->h_source, mac, 6);
	if (rx->pkt.family == 4)
		bmc_reply_ipv4(w, rx, rx->pkt.l4 - rx->pkt.l3 + len);
	else
		bmc_reply_ipv6(w, rx, len);
	bmc_reply_udp(w, rx, len);
	head = rx->payload + sizeof(struct mc_udp_frame);
	bmc_hide(head);
	if (head - 1 >= BMC_HEAD_MAX)
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, 0, w->win.bytes, head);
}

/* Whether a packet of `l3_len` bytes may leave by the interface it came from. */
static __always_inline int bmc_reply_fits(struct xdp_md *ctx, __u32 l3_len, int delta)
{
	__u32 mtu = 0;

	if (l3_len <= BMC_MTU_SAFE)
		return 1;
	return bpf_check_mtu(ctx, 0, &mtu, delta, 0) == 0;
}

/*
 * Makes room for `delta` more bytes: behind, or, where a driver leaves too little there (veth: what rounding left),
 * in front. 0 with *ret_front set; -1: there is none, nothing is changed.
 */
static __always_inline int bmc_reply_grow(struct xdp_md *ctx, int delta, int *ret_front)
{
	*ret_front = 0;
	if (!bpf_xdp_adjust_tail(ctx, delta))
		return 0;
	if (delta > BMC_HEADROOM || bpf_xdp_adjust_head(ctx, -delta))
		return -1;
	*ret_front = 1;
	return 0;
}

/* Puts the request back as it was. */
static __always_inline void bmc_reply_undo(struct xdp_md *ctx, struct bmc_work *w, const struct bmc_rx *rx, int grown,
					   int front)
{
	__u64 saved = rx->saved;

	if (grown && front)
		bpf_xdp_adjust_head(ctx, grown);
	else if (grown)
		bpf_xdp_adjust_tail(ctx, -grown);
	bmc_hide(saved);
	if (saved - 1 < BMC_WINDOW)
		bpf_xdp_store_bytes(ctx, 0, w->win.bytes, saved);
}

static __always_inline void bmc_reply_count(const struct bmc_work *w)
{
	bmc_stats_count(BMC_STAT_HITS);
	bmc_stats_add(BMC_STAT_HIT_KEYS, w->n_got);
	bmc_stats_add(BMC_STAT_HIT_BYTES, w->text_len);
}

static __always_inline enum bmc_verdict bmc_pass(enum bmc_stat why)
{
	bmc_stats_count(why);
	return BMC_TO_STACK;
}

/* All keys are there: the answer, if it fits. */
static __always_inline enum bmc_verdict bmc_reply_write(struct xdp_md *ctx, struct bmc_work *w, struct bmc_rx *rx)
{
	int delta, grown, front = 0;
	__u32 whole;

	/* END\r\n as 16-bit words, from an even or an odd offset on */
	w->csum += bmc_sum_at(bmc_fold(0x4e45 + 0x0d44 + 0x0a), w->text_len);
	w->text_len += BMC_TEXT_TAIL;
	whole = rx->payload + sizeof(struct mc_udp_frame) + w->text_len;
	delta = (int)whole - (int)rx->saved;
	if (w->text_len > BMC_TEXT_MAX || !bmc_reply_fits(ctx, whole - rx->pkt.l3, delta))
		return bmc_pass(BMC_STAT_PASS_LARGE);
	grown = delta > 0 ? delta : 0;
	if (grown && bmc_reply_grow(ctx, grown, &front))
		return bmc_pass(BMC_STAT_PASS_LARGE);
	if (bmc_reply_texts(ctx, w, rx->payload)) {
		bmc_reply_undo(ctx, w, rx, grown, front);
		return bmc_pass(BMC_STAT_PASS_RACE);
	}
	if (delta < 0)
		bpf_xdp_adjust_tail(ctx, delta); /* never refused: what is left is longer than a frame's least */
	bmc_reply_headers(ctx, w, rx);
	bmc_reply_count(w);
	return BMC_REPLIED;
}

/* A datagram to a server's port whose headers are plain: is it a get that can be answered? */
static __always_inline enum bmc_verdict bmc_reply_request(struct xdp_md *ctx, struct bmc_work *w,
							  struct bmc_rx *rx, const struct udphdr *udp)
{
	int r;

	if (bmc_rx_load(ctx, w, rx) || (rx->pkt.family == 4 ? bmc_rx_ipv4(w, &rx->pkt) : bmc_rx_ipv6(w, &rx->pkt)))
		return bmc_pass(BMC_STAT_PASS_FORM);
	if (bmc_rx_checksum(w, rx, udp))
		return bmc_pass(BMC_STAT_PASS_CHECKSUM);
	w->end = rx->payload + rx->len;
	w->now = bpf_ktime_get_ns();
	w->epoch = BMC_READ_ONCE(bmc_server_get(w->server)->epoch);
	bmc_rmb();
	r = bmc_get_parse(w, rx->payload + sizeof(struct mc_udp_frame));
	if (r == BMC_KEY_FORM || (r == BMC_KEY_LAST && !w->n_got))
		return bmc_pass(BMC_STAT_PASS_FORM);
	bmc_stats_count(BMC_STAT_GETS);
	bmc_stats_add(BMC_STAT_KEYS, w->n_got + (r == BMC_KEY_MISS));
	if (r == BMC_KEY_MISS)
		return bmc_pass(BMC_STAT_MISSES);
	return bmc_reply_write(ctx, w, rx);
}

static __always_inline enum bmc_verdict bmc_reply(struct xdp_md *ctx)
{
	enum bmc_verdict verdict;
	struct bmc_rx rx = {};
	struct udphdr udp = {};
	struct bmc_work *w;
	int server = -1, r;

	r = bmc_rx_parse(ctx, &rx, &udp, &server);
	if (!r)
		return BMC_TO_STACK;
	bmc_stats_count(BMC_STAT_REQUESTS);
	if (r < 0)
		return bmc_pass(BMC_STAT_PASS_FORM);
	w = bmc_work_enter(BMC_WORK_XDP);
	if (!w)
		return bmc_pass(BMC_STAT_PASS_BUSY);
	w->server = (__u32)server;
	verdict = bmc_reply_request(ctx, w, &rx, &udp);
	bmc_work_leave(w);
	return verdict;
}

#endif
