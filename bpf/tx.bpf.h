/* SPDX-License-Identifier: LGPL-2.1-only */
/* The headers of an answer, made of its request's, where they are. The text is there already. */
#ifndef BMC_TX_BPF_H
#define BMC_TX_BPF_H

#include "rx.bpf.h"

#define BMC_MTU_SAFE 576 /* no interface has less: RFC 791 */

/* The addresses change places: as 12 bytes in two words. */
static __always_inline void bmc_tx_ethernet(struct ethhdr *eth)
{
	__u64 *first = (__u64 *)eth, low = *first;
	__u32 *rest = (__u32 *)(first + 1), high = *rest;

	*first = low >> 48 | (__u64)high << 16 | low << 48;
	*rest = (__u32)(low >> 16);
}

/* The room of options stays, as "no operation". Returns their sum. */
static __always_inline __u64 bmc_tx_options(struct iphdr *ip, void *end, __u32 words)
{
	__u32 *option = (__u32 *)(ip + 1);
	__u64 sum = 0;

	for (__u32 i = 0; i < BMC_IP4_OPTIONS_MAX / 4; i++) {
		if (i >= words || (void *)(option + i + 1) > end)
			break;
		BMC_WRITE_ONCE(option[i], 0x01010101); /* else the compiler makes a memset of it */
		sum += 0x01010101;
	}
	return sum;
}

static __always_inline void bmc_tx_ipv4(struct iphdr *ip, void *end, __u32 header, __u32 total)
{
	__u32 *words = (__u32 *)ip, src = ip->saddr;
	__u64 sum;

	words[0] = bpf_htonl(0x40000000 | (header / 4) << 24 | total);
	words[1] = bpf_htonl(IP_DF);
	words[2] = bpf_htonl(64U << 24 | IPPROTO_UDP << 16);
	ip->saddr = ip->daddr;
	ip->daddr = src;
	sum = (__u64)words[0] + words[1] + words[2] + words[3] + words[4];
	if (header > sizeof(*ip))
		sum += bmc_tx_options(ip, end, header / 4 - 5);
	ip->check = (__u16)~bmc_fold(sum);
}

static __always_inline void bmc_tx_ipv6(struct ipv6hdr *ip, __u32 len)
{
	struct in6_addr src = ip->saddr;

	*(__u32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(len);
	ip->hop_limit = 64;
	ip->saddr = ip->daddr;
	ip->daddr = src;
}

static __always_inline void bmc_store32(__u8 *at, __u32 word)
{
	*(__u32 *)at = word;
}

/* `len` bytes, UDP header included; `sum` of addresses, protocol and text. */
static __always_inline void bmc_tx_udp(struct udphdr *udp, __u32 len, __u64 sum)
{
	struct mc_udp_frame *frame = (struct mc_udp_frame *)(udp + 1);
	__u32 ports = bmc_load32((const __u8 *)udp), rest = bpf_htons(1); /* total, reserved */
	__u16 check;

	bmc_store32((__u8 *)udp, ports << 16 | ports >> 16);
	frame->seq = 0;
	bmc_store32((__u8 *)&frame->total, rest);
	sum += (__u64)ports + frame->id + rest;
	sum += 2 * (__u64)bpf_htons(len);
	udp->len = bpf_htons(len);
	check = (__u16)~bmc_fold(sum);
	udp->check = check ? check : 0xffff;
}

/*
 * Whether the packet may leave by the interface it came from when it has `delta` more bytes, `l3_len` without Ethernet.
 * The interface's MTU is asked for once a jiffy, which costs a call.
 */
static __always_inline int bmc_tx_fits(struct xdp_md *ctx, struct bmc_stats *stats, __u32 l3_len,
				       int delta)
{
	__u32 mtu = 0, ifindex;
	__u64 tick;

	if (l3_len <= BMC_MTU_SAFE)
		return 1;
	if (!stats)
		return bpf_check_mtu(ctx, 0, &mtu, delta, 0) == 0;
	tick = bpf_jiffies64();
	ifindex = ctx->ingress_ifindex;
	if (stats->mtu.tick != tick || stats->mtu.ifindex != ifindex) {
		if (bpf_check_mtu(ctx, 0, &mtu, 0, 0) < 0)
			return 0;
		stats->mtu.tick = tick;
		stats->mtu.ifindex = ifindex;
		stats->mtu.frame_max = mtu + sizeof(struct ethhdr);
	}
	return (__u64)(ctx->data_end - ctx->data) + delta <= stats->mtu.frame_max;
}

#endif
