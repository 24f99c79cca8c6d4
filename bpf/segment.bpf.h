/* SPDX-License-Identifier: LGPL-2.1-only */
/* A TCP segment at a cgroup hook: where its data is, what its header says. */
#ifndef BMC_SEGMENT_BPF_H
#define BMC_SEGMENT_BPF_H

#include "pkt.bpf.h"

#define BMC_TCP_FIN 0x01
#define BMC_TCP_SYN 0x02
#define BMC_TCP_RST 0x04
#define BMC_TCP_ACK 0x10
#define BMC_TCP_URG 0x20

#define BMC_EXTENSIONS_FAR 32
#define BMC_FAR_MAX 4096 /* bytes of IPv6 headers; TCP is not given more in one piece */

#define BMC_TCP_STAMP                                                                              \
	0x0101080a /* two NOPs, kind and length: how senders have timestamps (RFC 7323, appendix A) */
#define BMC_TCP_STAMP_WORDS 8 /* of a header with them, at the least */

struct bmc_segment {
	__u32 seq;
	__u32 ack;
	__u32 head; /* of its header in the skb */
	__u32 off; /* of its data in the skb */
	__u32 len; /* of its data */
	__u32 flags;
	__u32 stamp; /* TSval (RFC 7323, section 3.2); 0: none, or not where senders have it */
};

/* Modulo 2^32 (RFC 9293, section 3.4): a - b, as a signed distance. */
static __always_inline __s32 bmc_after(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

static __always_inline __u32 bmc_segment_stamp(const struct tcphdr *tcp, const void *end)
{
	const __u32 *option = (const __u32 *)(tcp + 1);

	if ((const void *)(option + 2) > end || option[0] != bpf_htonl(BMC_TCP_STAMP))
		return 0;
	return bpf_ntohl(option[1]);
}

/* Where the TCP header is, from the network header on, behind IPv4 without options: of nearly all. 0: it is no such one. */
static __always_inline __u32 bmc_segment_plain(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data;

	if (data + sizeof(*ip) > end || *(__u8 *)data != 0x45 || ip->protocol != IPPROTO_TCP ||
	    (ip->frag_off & bpf_htons(IP_MF | IP_OFFSET)) || skb->protocol != bpf_htons(ETH_P_IP))
		return 0;
	return sizeof(*ip);
}

/* The same, behind headers as senders have them: of what is sent here. 0: none. */
static __always_inline __u32 bmc_segment_near(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u32 head = bmc_segment_plain(skb);
	struct bmc_pkt pkt = {};

	if (head || bmc_pkt_ip(data, end, bpf_ntohs((__u16)skb->protocol), 0, 1, &pkt))
		return head;
	return pkt.proto != IPPROTO_TCP || pkt.fragment ? 0 : pkt.l4;
}

/* Bytes of an IPv6 extension header whose first eight are `ext`; 0: of none that TCP may be behind. */
static __always_inline __u32 bmc_segment_extension(__u8 kind, const __u8 *ext)
{
	switch (kind) {
	case 0: /* hop-by-hop, routing, destination options: RFC 8200, section 4 */
	case 43:
	case 60:
		return (ext[1] + 1) * 8;
	case 44: /* the only fragment: RFC 6946 */
		return (ext[2] | (ext[3] & 0xf9)) ? 0 : 8;
	case 51: /* RFC 4302, section 2.2 */
		return (ext[1] + 2) * 4;
	default:
		return 0;
	}
}

/* Where the TCP header is, behind more IPv6 extension headers than bmc_pkt_ip steps over, or other ones. 0: none. */
__noinline int bmc_segment_far(struct __sk_buff *skb)
{
	__u32 at = sizeof(struct ipv6hdr), len;
	__u8 ext[8] = {}, kind = 0;

	if (bpf_skb_load_bytes(skb, offsetof(struct ipv6hdr, nexthdr), &kind, sizeof(kind)))
		return 0;
	for (__u32 i = 0; i < BMC_EXTENSIONS_FAR && kind != IPPROTO_TCP; i++) {
		if (bpf_skb_load_bytes(skb, at, ext, sizeof(ext)))
			return 0;
		len = bmc_segment_extension(kind, ext);
		if (!len)
			return 0;
		at += len;
		kind = ext[0];
	}
	return kind == IPPROTO_TCP ? (int)at : 0;
}

/* The same, behind any headers. 0: this is no whole TCP segment. */
static __always_inline __u32 bmc_segment_header(struct __sk_buff *skb)
{
	__u32 head = bmc_segment_near(skb);

	if (!head && skb->protocol == bpf_htons(ETH_P_IPV6)) {
		head = (__u32)bmc_segment_far(skb);
		bmc_clamp(head, BMC_FAR_MAX);
	}
	return head;
}

/* Offsets count from the network header; the TCP header is at `head`. 0; -1: not a plain TCP segment. */
static __always_inline int bmc_segment_read_at(struct __sk_buff *skb, __u32 head,
					       struct bmc_segment *seg)
{
	struct tcphdr *tcp;
	__u32 words;
	void *end;

	bmc_hide(skb); /* what is read of it here, and on the ways that lead here, stays apart */
	tcp = (void *)(long)skb->data + head;
	end = (void *)(long)skb->data_end;
	if (!head || (void *)(tcp + 1) > end)
		return -1;
	words = ((__u8 *)tcp)[12] >> 4;
	seg->seq = bpf_ntohl(tcp->seq);
	seg->ack = bpf_ntohl(tcp->ack_seq);
	seg->flags = ((__u8 *)tcp)[13];
	seg->head = head;
	seg->off = head + words * 4;
	if (words < 5 || seg->off > skb->len)
		return -1;
	seg->len = skb->len - seg->off;
	seg->stamp = words < BMC_TCP_STAMP_WORDS ? 0 : bmc_segment_stamp(tcp, end);
	return 0;
}

static __always_inline int bmc_segment_read(struct __sk_buff *skb, struct bmc_segment *seg)
{
	return bmc_segment_read_at(skb, bmc_segment_header(skb), seg);
}

/* The sequence number behind the segment. */
static __always_inline __u32 bmc_segment_end(const struct bmc_segment *seg)
{
	return seg->seq + seg->len + !!(seg->flags & BMC_TCP_FIN);
}

/*
 * Whether a segment takes part in the stream: it has data, or ends it, or says that a byte is urgent, which may be still
 * to come (RFC 9293, section 3.8.5): memcached is not given that one.
 */
static __always_inline int bmc_segment_counts(const struct bmc_segment *seg)
{
	if (seg->flags & (BMC_TCP_RST | BMC_TCP_SYN))
		return 0;
	return seg->len || (seg->flags & (BMC_TCP_FIN | BMC_TCP_URG));
}

#endif
