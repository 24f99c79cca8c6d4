/* SPDX-License-Identifier: LGPL-2.1-only */
/* A packet at the wire: is it a plain UDP datagram to a server's port, whole and with right checksums? Changes nothing. */
#ifndef BMC_RX_BPF_H
#define BMC_RX_BPF_H

#include "glued.bpf.h"
#include "mc_proto.h"
#include "pkt.bpf.h"
#include "work.bpf.h"

#define BMC_FRAME_MIN (sizeof(struct mc_udp_frame) + 6) /* a frame and "get k\n" */
#define BMC_IP4_OPTIONS_MAX 40
#define BMC_RX_CHECKSUM (-2)

/* ---- one's complement arithmetic (RFC 1071), native order ---- */

/* A sum of less than 2^48, in 17 bits; never more than 0x1fffe. */
static __always_inline __u32 bmc_half_fold(__u64 sum)
{
	sum = (__u64)(__u32)sum + (sum >> 32);
	return (__u32)((sum & 0xffff) + (sum >> 16));
}

static __always_inline __u32 bmc_fold(__u64 sum)
{
	sum = bmc_half_fold(sum);
	return (__u32)((sum + (sum >> 16)) & 0xffff);
}

/* Whether what has its own checksum in it, and is not all zero bytes, is right: it folds to 0xffff. */
static __always_inline int bmc_is_summed(__u64 sum)
{
	/* sum % 0xffff == 0: 0xffff * 0x0001000100010001 is -1, so that -0x0001000100010001 divides by it; clang divides */
	return sum * -0x0001000100010001ULL <= 0x0001000100010001ULL;
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
	__u32 rest; /* bytes from the frame to the packet's end: kept in the window, to be parsed and to be put back */
};

/* Of headers and frame. */
static __always_inline __u32 bmc_rx_head(const struct bmc_rx *rx)
{
	return rx->payload + sizeof(struct mc_udp_frame);
}

/* An offset of a header, bounded anew for the verifier, which forgets it in between. */
static __always_inline __u64 bmc_rx_offset(__u64 offset)
{
	bmc_hide(offset);
	return offset & 127;
}

/* Options that have to do with the route are the stack's. Returns the sum of all; -1. */
__noinline int bmc_rx_options(struct xdp_md *ctx, struct bmc_work *w, __u32 at, __u32 len)
{
	__u64 n = len;

	if (!w || !bmc_len_within(&n, BMC_IP4_OPTIONS_MAX) ||
	    bpf_xdp_load_bytes(ctx, at, w->win.bytes, n))
		return -1;
	bmc_hide(len); /* as in bmc_entry_is_key */
	for (__u32 i = 0; i < BMC_IP4_OPTIONS_MAX; i++) {
		__u8 byte = bmc_window8(&w->win, i);

		if (i >= len)
			break;
		if (byte == 131 || byte == 137) /* loose and strict source route, RFC 791 */
			return -1;
	}
	return (int)bmc_work_sum(w, len);
}

/* Whether a packet comes from one host, and another one than it goes to. */
static __always_inline int bmc_rx_ipv4_is_hosts(const struct iphdr *ip)
{
	__u32 first = ip->saddr & 0xff;

	return first - 1 < 223 && first != 127 && ip->saddr != ip->daddr;
}

/* 64 zero bits: unspecified, loopback, and what stands for an IPv4 address, as in struct bmc_where. */
static __always_inline int bmc_rx_ipv6_is_hosts(const __u64 src[2], const __u64 dst[2])
{
	if ((src[0] & 0xff) == 0xff || !src[0] || !dst[0])
		return 0;
	return src[0] != dst[0] || src[1] != dst[1];
}

/* The sum of the two halves of a word, for a sum of many. */
static __always_inline __u64 bmc_halves(__u64 word)
{
	return (__u32)word + (word >> 32);
}

/* The sums of the pseudo-headers, but for the length. */
static __always_inline __u64 bmc_rx_ipv4_pseudo(const struct iphdr *ip)
{
	return (__u64)ip->saddr + ip->daddr + bpf_htons(IPPROTO_UDP);
}

static __always_inline __u64 bmc_rx_ipv6_pseudo(const __u64 src[2], const __u64 dst[2])
{
	return bmc_halves(src[0]) + bmc_halves(src[1]) + bmc_halves(dst[0]) + bmc_halves(dst[1]) +
	       bpf_htons(IPPROTO_UDP);
}

/* The sum of an IPv4 header without options. */
static __always_inline __u64 bmc_rx_ipv4_sum(const struct iphdr *ip)
{
	const __u32 *words = (const __u32 *)ip;

	return (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
}

/* An address as in struct bmc_where. */
static __always_inline void bmc_rx_ipv4_addr(const struct iphdr *ip, __u64 ret[2])
{
	ret[0] = 0;
	ret[1] = 0xffff0000 | (__u64)ip->daddr << 32;
}

/* The addresses, and the header's checksum. -1: not to be answered; BMC_RX_CHECKSUM. */
static __always_inline int bmc_rx_ipv4(struct xdp_md *ctx, struct bmc_work *w,
				       const struct bmc_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 options = pkt->l4 - pkt->l3 - sizeof(struct iphdr);
	struct iphdr *ip = data + bmc_rx_offset(pkt->l3);
	int more = 0;
	__u64 sum;

	if ((void *)(ip + 1) > end || !bmc_rx_ipv4_is_hosts(ip))
		return -1;
	sum = bmc_rx_ipv4_sum(ip);
	bmc_rx_ipv4_addr(ip, w->addr);
	w->ip_sum = bmc_rx_ipv4_pseudo(ip);
	if (options)
		more = bmc_rx_options(ctx, w, pkt->l3 + sizeof(*ip), options);
	if (more < 0)
		return -1;
	return bmc_is_summed(sum + (__u32)more) ? 0 : BMC_RX_CHECKSUM;
}

static __always_inline int bmc_rx_ipv6(struct xdp_md *ctx, struct bmc_work *w,
				       const struct bmc_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = data + bmc_rx_offset(pkt->l3);
	__u64 src[2];

	if ((void *)(ip + 1) > end)
		return -1;
	__builtin_memcpy(src, &ip->saddr, 16);
	__builtin_memcpy(w->addr, &ip->daddr, 16);
	if (!bmc_rx_ipv6_is_hosts(src, w->addr))
		return -1;
	w->ip_sum = bmc_rx_ipv6_pseudo(src, w->addr);
	return 0;
}

/* The window gets the packet from its frame on. */
static __always_inline int bmc_rx_load(struct xdp_md *ctx, struct bmc_work *w,
				       const struct bmc_rx *rx)
{
	__u64 rest = rx->rest;

	if (!bmc_len_within(&rest, BMC_WINDOW))
		return -1;
	return (int)bpf_xdp_load_bytes(ctx, rx->payload, w->win.bytes, rest);
}

/*
 * Whether a UDP checksum need not be compared with the bytes: none is allowed over IPv4 (RFC 768) and not over IPv6
 * (RFC 8200, section 8.1). A sender that leaves it to the device stores the sum of the pseudo-header alone, and where
 * there is no wire (veth, virtio) that is what comes: as good as right, the bytes have not left memory.
 */
static __always_inline int bmc_rx_is_unsummed(const struct udphdr *udp, int family, __u64 pseudo)
{
	if (!udp->check)
		return family == 4;
	return bmc_is_summed(pseudo + udp->len + (udp->check ^ 0xffff));
}

/* Whether a UDP checksum is right; `sum` of the payload. One of 0 over IPv6 is not: a right sum is not 0. */
static __always_inline int bmc_rx_is_right(const struct udphdr *udp, __u64 pseudo, __u64 sum)
{
	sum += pseudo + udp->len + udp->len + udp->source + udp->dest + udp->check;
	return udp->check && bmc_is_summed(sum);
}

/* 0; -1: it is wrong, or of several datagrams. */
static __always_inline int bmc_rx_checksum(struct xdp_md *ctx, struct bmc_work *w,
					   const struct bmc_rx *rx, const struct udphdr *udp)
{
	if (bmc_rx_is_unsummed(udp, rx->pkt.family, w->ip_sum))
		return bmc_is_glued(ctx) ? -1 : 0;
	return bmc_rx_is_right(udp, w->ip_sum, bmc_work_sum(w, rx->len)) ? 0 : -1;
}

/*
 * Whether the packet is a UDP datagram to a server's port. 1: it is, `rx` filled, `udp` a copy of its header;
 * 0: it is not; -1: it is, but not one that can be answered.
 */
static __always_inline int bmc_rx_parse(struct xdp_md *ctx, struct bmc_rx *rx, struct udphdr *udp,
					int *ret_server)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct {
		struct udphdr udp;
		struct mc_udp_frame frame;
		__u8 text[6];
	} * head;
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
	rx->rest = (__u32)whole - rx->payload;
	if (bpf_ntohs(udp->len) != rx->pkt.l4_len || rx->pkt.l4_len < sizeof(*udp) + BMC_FRAME_MIN)
		return -1;
	if (rx->len > rx->rest || !udp->source || head->frame.total != bpf_htons(1))
		return -1;
	if (head->text[0] != 'g')
		return -1;
	return 1;
}

#endif
