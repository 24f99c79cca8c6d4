// SPDX-License-Identifier: LGPL-2.1-only
/* For the client's end of a veth pair: XDP_TX reaches a peer only if it has an XDP program as well.
 * And a foreign filter. */
#include "compat.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("tc")
int pass_tc(struct __sk_buff *skb)
{
	return -1; /* TC_ACT_UNSPEC: the next filter */
}

SEC("classifier")
int end_tc(struct __sk_buff *skb)
{
	return 0; /* TC_ACT_OK: no further filter */
}
