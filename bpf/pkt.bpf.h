/* SPDX-License-Identifier: LGPL-2.1-only */
/* Headers of a packet: Ethernet, up to two VLAN tags, IPv4 with options, IPv6 -> offsets. Changes nothing. */
#ifndef BMC_PKT_BPF_H
#define BMC_PKT_BPF_H

#include "bmc_abi.h"
#include "compat.bpf.h"

#define BMC_VLAN_TAGS 2
#define BMC_IP6_EXTENSIONS 3

/* Offsets from the start of the data that was parsed. */
struct bmc_pkt {
	__u32 l3;
	__u32 l4;
	__u32 l4_len; /* bytes of IP payload; 0: a packet of more than 64 KB */
	__u8 family; /* 4 or 6 */
	__u8 proto; /* IPPROTO_* of the payload */
	__u8 fragment; /* not the whole payload */
	__u8 pad;
};

/* Returns the EtherType (host order) behind the VLAN tags with *ret_l3 set; 0: too short, or more tags. */
static __always_inline __u16 bmc_pkt_ethernet(void *data, void *end, __u32 *ret_l3)
{
	struct ethhdr *eth = data;
	__u32 off = sizeof(*eth);
	__u16 proto;

	if (data + sizeof(*eth) > end)
		return 0;
	proto = bpf_ntohs(eth->h_proto);
	for (__u32 i = 0; i < BMC_VLAN_TAGS; i++) {
		struct {
			__be16 tci;
			__be16 proto;
		} *tag = data + off;

		if (proto != ETH_P_8021Q && proto != ETH_P_8021AD)
			break;
		if ((void *)(tag + 1) > end)
			return 0;
		proto = bpf_ntohs(tag->proto);
		off += sizeof(*tag);
	}
	*ret_l3 = off;
	return proto;
}

static __always_inline int bmc_pkt_ipv4(void *data, void *end, __u32 l3, struct bmc_pkt *pkt)
{
	struct iphdr *ip = data + l3;
	__u32 header, total;

	if ((void *)(ip + 1) > end)
		return -1;
	header = ip->ihl * 4;
	total = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip))
		return -1;
	if (total && total < header)
		return -1;
	pkt->l3 = l3;
	pkt->l4 = l3 + header;
	pkt->l4_len = total ? total - header : 0;
	pkt->family = 4;
	pkt->proto = ip->protocol;
	pkt->fragment = !!(ip->frag_off & bpf_htons(IP_MF | IP_OFFSET));
	return 0;
}

/* Up to three extension headers are stepped over when `extensions`; no fragment's. */
static __always_inline int bmc_pkt_ipv6(void *data, void *end, __u32 l3, int extensions,
					struct bmc_pkt *pkt)
{
	struct ipv6hdr *ip = data + l3;
	__u32 off = l3 + sizeof(*ip);
	__u8 next;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return -1;
	next = ip->nexthdr;
	for (__u32 i = 0; extensions && i < BMC_IP6_EXTENSIONS; i++) {
		struct {
			__u8 next;
			__u8 len;
		} *ext = data + off;

		/* hop-by-hop, routing, destination options: RFC 8200, section 4 */
		if (next != 0 && next != 43 && next != 60)
			break;
		if ((void *)(ext + 1) > end)
			return -1;
		next = ext->next;
		off += (ext->len + 1) * 8;
	}
	pkt->l3 = l3;
	pkt->l4 = off;
	pkt->l4_len = bpf_ntohs(ip->payload_len);
	pkt->family = 6;
	pkt->proto = next;
	pkt->fragment = next == 44;
	return 0;
}

/* The IP packet at offset l3. 0, or -1: not IP, or not to be read. */
static __always_inline int bmc_pkt_ip(void *data, void *end, __u16 ethertype, __u32 l3,
				      int extensions, struct bmc_pkt *pkt)
{
	if (ethertype == ETH_P_IP)
		return bmc_pkt_ipv4(data, end, l3, pkt);
	if (ethertype == ETH_P_IPV6)
		return bmc_pkt_ipv6(data, end, l3, extensions, pkt);
	return -1;
}

/* Where the UDP header of an IP packet is whose header is the plain one; 0: other headers, or no UDP. */
static __always_inline __u32 bmc_pkt_plain_udp(void *data, void *end)
{
	struct ipv6hdr *ip6 = data;
	struct iphdr *ip = data;

	if ((void *)(ip + 1) > end)
		return 0;
	if (ip->version == 4)
		return ip->ihl == 5 && ip->protocol == IPPROTO_UDP ? sizeof(*ip) : 0;
	return ip->version == 6 && ip6->nexthdr == IPPROTO_UDP ? sizeof(*ip6) : 0;
}

#endif
