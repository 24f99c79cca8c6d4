/* SPDX-License-Identifier: LGPL-2.1-only */
/* Interfaces of this network namespace: what is stacked on one, what is attached to one. Reads only. */
#ifndef BMC_IFACE_H
#define BMC_IFACE_H

#include "bmc_abi.h"
#include <net/if.h>

/*
 * The indices of `base` and of every interface stacked on one of them (VLAN, macvlan, bond, bridge), at any depth; but
 * not a VLAN whose tags the device takes off before XDP can see them (rx-vlan-offload): an answer would leave without
 * its tag. *ret_skipped is such a VLAN's index, 0 for none. ret_list has room for max. Returns how many, or -errno
 * (-ENOSPC: more than max).
 */
int bmc_iface_stack(const __u32 *base, int n_base, __u32 *ret_list, int max, __u32 *ret_skipped);

/* Whether it is one end of a veth pair: native XDP there needs an XDP program at the other end, or answers vanish. */
int bmc_iface_is_veth(__u32 ifindex);

/* Whether it is a bond of such: it hands a native program on to them. */
int bmc_iface_is_veths_bond(__u32 ifindex);

/* Whether it is a VRF: XDP sees nothing there. */
int bmc_iface_is_vrf(__u32 ifindex);

/* The index of the VRF that it is a member of, by a bond or a bridge if need be; 0: of none. */
__u32 bmc_iface_vrf(__u32 ifindex);

/* Whether its packets have Ethernet headers: those of tunnels have none. */
int bmc_iface_has_ethernet(__u32 ifindex);

/* Whether it is down: nothing comes by it. */
int bmc_iface_is_down(__u32 ifindex);

/* Whether it is a loopback interface. */
int bmc_iface_is_loopback(__u32 ifindex);

#define BMC_IFACE_DOUBT 64
/* What may be the reason that it takes no native program: its MTU in words, or "". Returns buf, of BMC_IFACE_DOUBT. */
const char *bmc_iface_doubt(__u32 ifindex, char *buf);

/* The XDP program on an interface: its id, 0 for none; *ret_skb: in generic mode. 0 or -errno. */
int bmc_iface_xdp(__u32 ifindex, __u32 *ret_id, int *ret_skb);

/* 1: the interface has a clsact qdisc; 0: it has not; -errno. */
int bmc_iface_has_clsact(__u32 ifindex);

/* A TC filter of type bpf on clsact. */
struct bmc_filter {
	__u32 ifindex;
	__u32 handle;
	__u32 priority;
	__u32 prog_id;
	int egress;
};

/*
 * Filters on the interface's clsact, egress first. ret_list has room for max. Returns how many there are (filters of
 * other types have prog_id 0), or -errno.
 */
int bmc_iface_filters(__u32 ifindex, struct bmc_filter *ret_list, int max);

/* The indices of all interfaces; *ret_list is to be freed. Returns how many, or -errno. */
int bmc_iface_all(__u32 **ret_list);

#endif
