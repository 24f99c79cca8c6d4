/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Room for an answer: the packet grows to the front, its headers move there; by more, or where a driver has no room in
 * front, to the back. bpf_xdp_adjust_tail clears what it adds, which costs twice as much even for a few bytes.
 */
#ifndef BMC_PLAIN_GROW_BPF_H
#define BMC_PLAIN_GROW_BPF_H

#include "compat.bpf.h"

/* XDP's 256 bytes are fewer with some drivers, and the kernel's own frame, and metadata, are in them. */
#define BMC_PLAIN_FRONT_MAX 128

struct bmc_plain_grown {
	__u32 front; /* bytes */
	__u32 back;
};

/*
 * `len` bytes, a constant, from `from` to `to`, which overlaps: first to last, or last to first. One piece after the other,
 * in that order.
 */
static __always_inline void bmc_plain_move_down(void *to, const void *from, __u64 len)
{
	__u64 at = 0;

#pragma unroll
	for (; at + 8 <= len; at += 8)
		BMC_WRITE_ONCE(*(__u64 *)(to + at), BMC_READ_ONCE(*(__u64 *)(from + at)));
	if (len & 4) {
		BMC_WRITE_ONCE(*(__u32 *)(to + at), BMC_READ_ONCE(*(__u32 *)(from + at)));
		at += 4;
	}
	if (len & 2)
		BMC_WRITE_ONCE(*(__u16 *)(to + at), BMC_READ_ONCE(*(__u16 *)(from + at)));
}

static __always_inline void bmc_plain_move_up(void *to, const void *from, __u64 len)
{
	__u64 at = len;

	if (len & 2) {
		at -= 2;
		BMC_WRITE_ONCE(*(__u16 *)(to + at), BMC_READ_ONCE(*(__u16 *)(from + at)));
	}
	if (len & 4) {
		at -= 4;
		BMC_WRITE_ONCE(*(__u32 *)(to + at), BMC_READ_ONCE(*(__u32 *)(from + at)));
	}
#pragma unroll
	for (; at >= 8; at -= 8)
		BMC_WRITE_ONCE(*(__u64 *)(to + at - 8), BMC_READ_ONCE(*(__u64 *)(from + at - 8)));
}

/* Where the headers came to be received. */
static __always_inline void *bmc_plain_behind(void *data, const struct bmc_plain_grown *grown)
{
	__u64 front = grown->front;

	bmc_hide(front);
	return data + (front & (2 * BMC_PLAIN_FRONT_MAX - 1));
}

/* By `by` bytes, 1 or more; the headers are left where they are. 0; -1: it has no room, nothing has changed. */
static __always_inline int bmc_plain_grow(struct xdp_md *ctx, struct bmc_plain_grown *grown, int by)
{
	grown->front = (__u32)by;
	grown->back = 0;
	if (by <= BMC_PLAIN_FRONT_MAX && !bpf_xdp_adjust_head(ctx, -by))
		return 0;
	grown->front = 0;
	grown->back = (__u32)by;
	return bpf_xdp_adjust_tail(ctx, by) ? -1 : 0;
}

/* `len` bytes of headers, a constant, go back to where they were received; what is behind them is left as it is. */
static __always_inline void bmc_plain_shrink(struct xdp_md *ctx,
					     const struct bmc_plain_grown *grown, __u64 len)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *behind = bmc_plain_behind(data, grown);

	if (data + len <= end && behind + len <= end)
		bmc_plain_move_up(behind, data, len);
	if (grown->front)
		bpf_xdp_adjust_head(ctx, (int)grown->front);
	else
		bpf_xdp_adjust_tail(ctx, -(int)grown->back);
}

#endif
