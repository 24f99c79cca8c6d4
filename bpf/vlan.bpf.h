/* SPDX-License-Identifier: LGPL-2.1-only */
/* VLANs: an address of another one is another host's, though it be the same. */
#ifndef BMC_VLAN_BPF_H
#define BMC_VLAN_BPF_H

#include "pkt.bpf.h"
#include "work.bpf.h"

#define BMC_VLAN_TAGS_AT 12 /* in an Ethernet frame: behind the addresses */
#define BMC_VLAN_BITS 13 /* of a tag that count */

struct bmc_vlan_tag {
	__be16 kind;
	__be16 tci;
};

/* VLANs that are further out, and this tag's. A tag of VLAN 0 has a priority and is as none (IEEE 802.1Q, 9.6). */
static __always_inline __u64 bmc_vlan_add(__u64 outer, struct bmc_vlan_tag tag)
{
	__u64 id = bpf_ntohs(tag.tci) & 0xfff, is_service = tag.kind == bpf_htons(ETH_P_8021AD);

	return id ? outer << BMC_VLAN_BITS | is_service << (BMC_VLAN_BITS - 1) | id : outer;
}

/* The tags of a frame whose network header is at `l3`, behind what was outside of it. */
static __always_inline __u64 bmc_vlan_of_tags(__u64 outer, const struct bmc_vlan_tag *tags,
					      __u32 l3)
{
	for (__u32 i = 0; i < BMC_VLAN_TAGS; i++) {
		if (l3 >= sizeof(struct ethhdr) + (i + 1) * sizeof(*tags))
			outer = bmc_vlan_add(outer, tags[i]);
	}
	return outer;
}

/* w->addr, in a VLAN, is an address that nobody has, and that nobody who does not know the seed can name. */
__noinline int bmc_vlan_address(struct bmc_work *w, __u64 vlan)
{
	__u64 v0, v1, v2, v3, words[3];
	struct mc_sip begin;

	if (!w || !vlan)
		return 0;
	mc_sip_begin(&begin, (const struct mc_seed *)bmc_shared.seed);
	v0 = begin.v[0];
	v1 = begin.v[1];
	v2 = begin.v[2];
	v3 = begin.v[3];
	words[0] = w->addr[0];
	words[1] = w->addr[1];
	words[2] = vlan;
#pragma unroll
	for (__u32 i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		v3 ^= words[i];
		MC_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= words[i];
	}
	MC_SIP_END(v0, v1, v2, v3, (__u64)sizeof(words) << 56);
	w->addr[0] = v0 ^ v1 ^ v2 ^ v3;
	return 0;
}

/* Of a request, w->addr the address that it asks. 0 or -1 */
static __always_inline int bmc_vlan_of_request(struct xdp_md *ctx, struct bmc_work *w, __u32 l3)
{
	struct bmc_vlan_tag tags[BMC_VLAN_TAGS] = {};

	if (l3 == sizeof(struct ethhdr))
		return 0;
	if (bpf_xdp_load_bytes(ctx, BMC_VLAN_TAGS_AT, tags, sizeof(tags)))
		return -1;
	return bmc_vlan_address(w, bmc_vlan_of_tags(0, tags, l3));
}

/* Of a reply, w->addr the address that it comes from. The outermost tag may be the device's to put in. 0 or -1 */
static __always_inline int bmc_vlan_of_reply(struct __sk_buff *skb, struct bmc_work *w, __u32 l3)
{
	struct bmc_vlan_tag tags[BMC_VLAN_TAGS] = {}, outer = {};
	__u64 vlan = 0;

	if (l3 == sizeof(struct ethhdr) && !skb->vlan_present)
		return 0;
	if (skb->vlan_present) {
		outer.kind = (__be16)skb->vlan_proto;
		outer.tci = bpf_htons((__u16)skb->vlan_tci);
		vlan = bmc_vlan_add(0, outer);
	}
	if (bpf_skb_load_bytes(skb, BMC_VLAN_TAGS_AT, tags, sizeof(tags)))
		return -1;
	return bmc_vlan_address(w, bmc_vlan_of_tags(vlan, tags, l3));
}

#endif
