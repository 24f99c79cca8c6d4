// SPDX-License-Identifier: LGPL-2.1-only
/* What bmc's answers are measured against: an echo, which is the least that a reply can cost; and the client's end of the wire:
 * a generator of requests and a counter of replies. */
#include "compat.bpf.h"
#include "wire_abi.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bench_frame);
	__uint(max_entries, BENCH_FRAMES);
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bench_wire_counts);
	__uint(max_entries, 1);
} counts SEC(".maps");

SEC("xdp")
int nothing(struct xdp_md *ctx)
{
	return XDP_PASS;
}

SEC("xdp")
int echo(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u8 mac[6];
	__u32 address;
	__u16 port;

	if ((void *)(udp + 1) > end)
		return XDP_PASS;
	__builtin_memcpy(mac, eth->h_source, sizeof(mac));
	__builtin_memcpy(eth->h_source, eth->h_dest, sizeof(mac));
	__builtin_memcpy(eth->h_dest, mac, sizeof(mac));
	address = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = address;
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	return XDP_TX;
}

/* Each run sends the table's next request, whole: what the frame was before is a reply. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bench_wire_counts *c;
	struct bench_frame *f;
	__u32 zero = 0, at;

	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c)
		return XDP_DROP;
	at = (__u32)(c->first + c->sent++) % BENCH_FRAMES;
	f = bpf_map_lookup_elem(&frames, &at);
	if (!f || data + BENCH_FRAME_LEN > end)
		return XDP_DROP;
	__builtin_memcpy(data, f->bytes, BENCH_FRAME_LEN);
	return XDP_TX;
}

/* Not 0 if they differ; `len` is a constant. */
static __always_inline __u64 differ(const __u8 *a, const char *b, __u32 len)
{
	__u64 wrong = 0;

#pragma unroll
	for (__u32 i = 0; i < len; i++)
		wrong |= a[i] ^ (__u8)b[i];
	return wrong;
}

/* Whether a reply is the one to the request of its id, byte for byte behind the headers. */
static __always_inline int is_right(void *data, void *end)
{
	struct bench_reply *r = data + BENCH_HEADERS;
	struct bench_frame *f;
	__u64 wrong = 0;
	__u32 at;

	if ((void *)(r + 1) > end)
		return 0;
	at = bpf_ntohs(r->id);
	f = bpf_map_lookup_elem(&frames, &at);
	if (!f)
		return 0;
	for (__u32 i = 0; i < BENCH_KEY_LEN / 8; i++) {
		__u64 key;

		__builtin_memcpy(&key, f->bytes + BENCH_KEY_AT + i * 8, 8);
		wrong |= key ^ *(__u64 *)(r->key + i * 8);
		wrong |= key ^ *(__u64 *)(r->value[0] + i * 8);
		wrong |= key ^ *(__u64 *)(r->value[1] + i * 8);
	}
	wrong |= differ(r->head, BENCH_REPLY_HEAD, sizeof(r->head));
	wrong |= differ(r->middle, BENCH_REPLY_MIDDLE, sizeof(r->middle));
	wrong |= differ(r->tail, BENCH_REPLY_TAIL, sizeof(r->tail));
	return !wrong;
}

/* At the client: replies are counted, some are looked at, none goes on. */
SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bench_wire_counts *c;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	__u32 zero = 0;

	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c || (void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if (++c->replies % BENCH_SAMPLE == 0 && c->check) {
		c->checked++;
		c->wrong += !is_right(data, end);
	}
	return XDP_DROP;
}
