// SPDX-License-Identifier: LGPL-2.1-only
/*
 * A bad wire, at TC egress of the client's end: TCP segments with data are lost, overtaken, doubled, or have wrong
 * bytes under a wrong checksum. There is no netem everywhere, and it would not count what it did.
 */
#include "compat.bpf.h"
#include "wire_abi.h"

char LICENSE[] SEC("license") = "GPL";

#define WIRE_MARK 0x77697265 /* on segments that have been here */
#define WIRE_SEGMENT_MAX 1600
#define WIRE_ETH 14
#define WIRE_TCP_CHECK 16
/* TC_ACT_STOLEN: who sends thinks that it was sent. Of TC_ACT_SHOT it would know, and send it again at once. */
#define WIRE_GONE 4

enum wire_held { WIRE_EMPTY, WIRE_MOVING, WIRE_FULL };

struct {
	struct wire_set set;
	struct wire_count count;
	__u32 state; /* enum wire_held */
	__u32 wait;
	__u32 len;
	__u8 bytes[WIRE_SEGMENT_MAX + 8];
} wire;

/* The offset of the TCP header of a segment with data, or 0. */
static __always_inline __u32 wire_segment(struct __sk_buff *skb)
{
	__u8 ip[20], doff = 0;
	__u32 l4;

	if (skb->protocol != bpf_htons(ETH_P_IP) ||
	    bpf_skb_load_bytes(skb, WIRE_ETH, ip, sizeof(ip)))
		return 0;
	l4 = WIRE_ETH + (ip[0] & 15) * 4;
	if (ip[9] != IPPROTO_TCP || bpf_skb_load_bytes(skb, l4 + 12, &doff, 1))
		return 0;
	return skb->len > l4 + (doff >> 4) * 4 ? l4 : 0;
}

static __always_inline int wire_happens(__u32 share, __u32 *next)
{
	__u32 left = *next;

	if (left && __sync_val_compare_and_swap(next, left, left - 1) == left)
		return 1;
	return share && bpf_get_prandom_u32() % 1000000 < share;
}

/* The bytes of the held segment take the place of this one's, which a clone has brought away. */
static __always_inline void wire_release(struct __sk_buff *skb)
{
	__u64 len = wire.len;

	skb->mark = WIRE_MARK;
	if (bpf_clone_redirect(skb, skb->ifindex, 0))
		return;
	if (len && len <= WIRE_SEGMENT_MAX && !bpf_skb_change_tail(skb, (__u32)len, 0)) {
		bmc_hide(len);
		if (len && len <= WIRE_SEGMENT_MAX)
			bpf_skb_store_bytes(skb, 0, wire.bytes, (__u32)len, 0);
	}
}

static __always_inline int wire_hold(struct __sk_buff *skb)
{
	__u64 len = skb->len;

	if (__sync_val_compare_and_swap(&wire.state, WIRE_EMPTY, WIRE_MOVING) != WIRE_EMPTY)
		return 0;
	bmc_hide(len);
	if (!len || len > WIRE_SEGMENT_MAX || bpf_skb_load_bytes(skb, 0, wire.bytes, (__u32)len)) {
		wire.state = WIRE_EMPTY;
		return 0;
	}
	wire.len = (__u32)len;
	wire.wait = wire.set.behind;
	(void)__sync_lock_test_and_set(&wire.state, WIRE_FULL);
	__sync_fetch_and_add(&wire.count.held, 1);
	return 1;
}

/* The checksum's field has the sum of the pseudo header so far, the rest is added by who sends: off by one stays so. */
static __always_inline void wire_corrupt(struct __sk_buff *skb, __u32 l4)
{
	__u16 check = 0;
	__u8 byte = 0;

	bpf_skb_load_bytes(skb, skb->len - 3, &byte, 1);
	byte ^= 1;
	bpf_skb_store_bytes(skb, skb->len - 3, &byte, 1, 0);
	bpf_skb_load_bytes(skb, l4 + WIRE_TCP_CHECK, &check, 2);
	check = check == 0xfffe ? 0x1234 : check + 1;
	bpf_skb_store_bytes(skb, l4 + WIRE_TCP_CHECK, &check, 2, 0);
	__sync_fetch_and_add(&wire.count.corrupt, 1);
}

SEC("tc")
int wire_tc(struct __sk_buff *skb)
{
	__u32 l4;

	if (skb->mark == WIRE_MARK)
		return TC_ACT_UNSPEC;
	l4 = wire_segment(skb);
	if (!l4)
		return TC_ACT_UNSPEC;
	__sync_fetch_and_add(&wire.count.segments, 1);
	if (wire_happens(wire.set.lose, &wire.set.lose_next)) {
		__sync_fetch_and_add(&wire.count.lost, 1);
		return WIRE_GONE;
	}
	if (wire_happens(wire.set.hold, &wire.set.hold_next) && wire_hold(skb))
		return WIRE_GONE;
	if (wire_happens(wire.set.corrupt, &wire.set.corrupt_next))
		wire_corrupt(skb, l4);
	if (wire_happens(wire.set.twice, &wire.set.twice_next)) {
		skb->mark = WIRE_MARK;
		if (!bpf_clone_redirect(skb, skb->ifindex, 0))
			__sync_fetch_and_add(&wire.count.twice, 1);
	}
	if (wire.state == WIRE_FULL && !wire.wait &&
	    __sync_val_compare_and_swap(&wire.state, WIRE_FULL, WIRE_MOVING) == WIRE_FULL) {
		wire_release(skb);
		(void)__sync_lock_test_and_set(&wire.state, WIRE_EMPTY);
	} else if (wire.state == WIRE_FULL && wire.wait) {
		wire.wait--;
	}
	return TC_ACT_UNSPEC;
}
