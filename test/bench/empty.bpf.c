// SPDX-License-Identifier: LGPL-2.1-only
/* Programs that do nothing: what the kernel's statistics count for them is the statistics' own time. */
#include "compat.bpf.h"

char LICENSE[] SEC("license") = "GPL";

SEC("cgroup_skb/ingress")
int empty_ingress(struct __sk_buff *skb)
{
	return 1;
}

SEC("cgroup_skb/egress")
int empty_egress(struct __sk_buff *skb)
{
	return 1;
}
