/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Segments of one packet: what a sender left to the device to cut into datagrams (UDP_SEGMENT), or GRO has put together.
 * In skb mode it comes in one piece, its headers made for the whole, and only the kernel's own notes tell.
 */
#ifndef BMC_GLUED_BPF_H
#define BMC_GLUED_BPF_H

#include "compat.bpf.h"

#define BMC_CACHE_LINE 64 /* SMP_CACHE_BYTES of x86 and arm64 */

/* Of the kernel's own what is read here; its places are the running kernel's. Newer ones have frame_sz in a union. */
struct xdp_buff___bmc {
	void *data_hard_start;
	__u32 frame_sz; /* bytes, the notes' included */
} __attribute__((preserve_access_index));

struct skb_shared_info___bmc {
	__u16 gso_size;
} __attribute__((preserve_access_index));

/*
 * Whether it is such a packet. The notes are at the end of the buffer, as xdp_get_shared_info_from_buff has it. A driver's
 * own buffer may have none there: what was left of another packet's then sends this one on, which is right as well.
 */
__noinline int bmc_is_glued(struct xdp_md *ctx)
{
	struct xdp_buff___bmc *xdp = (void *)ctx;
	__u64 notes = (bpf_core_type_size(struct skb_shared_info___bmc) + BMC_CACHE_LINE - 1) &
		      ~(__u64)(BMC_CACHE_LINE - 1);
	void *end = BPF_CORE_READ(xdp, data_hard_start) + BPF_CORE_READ(xdp, frame_sz);
	struct skb_shared_info___bmc *shared = end - notes;

	return BPF_CORE_READ(shared, gso_size) != 0;
}

#endif
