// SPDX-License-Identifier: LGPL-2.1-only
/* Connections to one port go to the listener of another (Documentation/bpf/prog_sk_lookup.rst). */
#include "compat.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 steer_port; /* host order */

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} steer_listener SEC(".maps");

SEC("sk_lookup")
int steer(struct bpf_sk_lookup *ctx)
{
	__u32 zero = 0;
	struct bpf_sock *sk;

	if (ctx->local_port != steer_port)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&steer_listener, &zero);
	if (!sk)
		return SK_PASS;
	bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return SK_PASS;
}
