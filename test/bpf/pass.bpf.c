// SPDX-License-Identifier: LGPL-2.1-only
/* For the client's end of a veth pair: XDP_TX reaches a peer only if it has an XDP program as well. */
#include "compat.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}
