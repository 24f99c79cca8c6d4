/* SPDX-License-Identifier: LGPL-2.1-only */
/* A packet at the wire: is it a plain UDP datagram to a server's port, whole and with right checksums? Changes nothing. */
#ifndef BMC_RX_BPF_H
#define BMC_RX_BPF_H

#include "mc_proto.h"
#include "pkt.bpf.h"
#include "work.bpf.h"

#define BMC_FRAME_MIN (sizeof(struct mc_udp_frame) + 6) /* a frame and "get k\n" */
#define BMC_IP4_OPTIONS_MAX 40
#define BMC_RX_CHECKSUM (-2)

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
	for (__u32 i = 0; i < BMC_IP4_OPTIONS_MAX; i++) {
		__u8 byte = bmc_window8(&w->win, i);

		if (i >= len)
			break;
		if (byte == 131 || byte == 137) /* loose and strict source route, RFC 791 */
			return -1;
	}
	return (int)bmc_work_sum(w, 0, len);
}

/* The addresses, and the header's checksum. -1: not to be answered; BMC_RX_CHECKSUM. */
static __always_inline int bmc_rx_ipv4(struct xdp_md *ctx, struct bmc_work *w,
				       const struct bmc_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 options = pkt->l4 - pkt->l3 - sizeof(struct iphdr), *words, first;
	struct iphdr *ip = data + bmc_rx_offset(pkt->l3);
	int more = 0;
	__u64 sum;

	if ((void *)(ip + 1) > end)
		return -1;
	words = (__u32 *)ip;
	first = ip->saddr & 0xff;
	if (first == 0 || first == 127 || first >= 224 || ip->saddr == ip->daddr)
		return -1;
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	*(__u64 *)w->addr = 0;
	*(__u64 *)(w->addr + 8) = 0xffff0000 | (__u64)ip->daddr << 32;
	w->ip_sum = bmc_fold((__u64)ip->saddr + ip->daddr + bpf_htons(IPPROTO_UDP));
	if (options)
		more = bmc_rx_options(ctx, w, pkt->l3 + sizeof(*ip), options);
	if (more < 0)
		return -1;
	return bmc_fold(sum + (__u32)more) == 0xffff ? 0 : BMC_RX_CHECKSUM;
}

static __always_inline int bmc_rx_ipv6(struct xdp_md *ctx, struct bmc_work *w,
				       const struct bmc_pkt *pkt)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ipv6hdr *ip = data + bmc_rx_offset(pkt->l3);
	__u64 src[2], dst[2], sum;

	if ((void *)(ip + 1) > end)
		return -1;
	__builtin_memcpy(src, &ip->saddr, 16);
	__builtin_memcpy(dst, &ip->daddr, 16);
	if ((src[0] & 0xff) == 0xff || (!src[0] && (!src[1] || src[1] == bpf_cpu_to_be64(1))))
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
 * The UDP checksum; none is allowed over IPv4 (RFC 768) and not over IPv6 (RFC 8200, section 8.1). A sender that
 * leaves it to the device stores the sum of the pseudo-header alone, and where there is no wire (veth, virtio) that is
 * what comes: as good as right, the bytes have not left memory.
 */
static __always_inline int bmc_rx_checksum(struct bmc_work *w, const struct bmc_rx *rx,
					   const struct udphdr *udp)
{
	__u64 sum;

	if (!udp->check)
		return rx->pkt.family == 4 ? 0 : -1;
	if (udp->check == bmc_fold((__u64)w->ip_sum + udp->len))
		return 0;
	sum = (__u64)w->ip_sum + udp->len + udp->len + udp->source + udp->dest + udp->check;
	sum += bmc_work_sum(w, 0, rx->len);
	return bmc_fold(sum) == 0xffff ? 0 : -1;
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
	if (head->text[0] != 'g' && head->text[0] != ' ')
		return -1;
	return 1;
}

#endif
