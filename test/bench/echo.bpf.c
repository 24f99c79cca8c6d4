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

struct bench_wire_counts counts[BENCH_CPUS_MAX];
struct bench_window window;

static __always_inline struct bench_wire_counts *own_counts(void)
{
	return &counts[bpf_get_smp_processor_id() & (BENCH_CPUS_MAX - 1)];
}

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

static __always_inline __u64 all_replies(void)
{
	__u64 sum = 0;

	for (__u32 i = 0; i < BENCH_CPUS_MAX && i < window.cpus; i++)
		sum += *(volatile __u64 *)&counts[i].replies;
	return sum;
}

/* Looks again how many requests are without a reply. */
static __always_inline void window_look(const struct bench_wire_counts *c)
{
	__u64 replies = all_replies(), now = bpf_ktime_get_ns(), in_flight;

	if (replies != window.seen || !window.heard)
		window.heard = now;
	window.seen = replies;
	if (c->sent < replies + window.lost) /* what was thought lost came late */
		window.lost = c->sent - replies;
	in_flight = c->sent - replies - window.lost;
	if (in_flight < window.most)
		window.credit = window.most - in_flight;
	else if (now - window.heard > BENCH_LOST_NS)
		window.lost += in_flight;
	else
		window.skip = BENCH_SKIP;
}

static __always_inline int may_send(const struct bench_wire_counts *c)
{
	if (!window.most)
		return 1;
	if (window.skip) {
		window.skip--;
		return 0;
	}
	if (!window.credit)
		window_look(c);
	if (!window.credit)
		return 0;
	window.credit--;
	return 1;
}

/* Each run sends the next request of this CPU's part of the table, whole: what the frame was before is a reply. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bench_wire_counts *c = own_counts();
	struct bench_frame *f;
	__u32 at;

	if (!may_send(c))
		return XDP_DROP;
	at = (c->first + ((__u32)c->sent & c->mask)) % BENCH_FRAMES;
	c->sent++;
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
static __always_inline int is_hit(void *data, void *end)
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
	for (__u32 i = 0; i < BENCH_KEY_LEN / 8; i++)
		wrong |= *(__u64 *)(f->bytes + BENCH_KEY_AT + i * 8) ^ *(__u64 *)(r->key + i * 8);
	for (__u32 i = 0; i < BENCH_VALUE_LEN / 8; i++)
		wrong |= *(__u64 *)(f->value + i * 8) ^ *(__u64 *)(r->value + i * 8);
	wrong |= differ(r->head, BENCH_REPLY_HEAD, sizeof(r->head));
	wrong |= differ(r->middle, BENCH_REPLY_MIDDLE, sizeof(r->middle));
	wrong |= differ(r->tail, BENCH_REPLY_TAIL, sizeof(r->tail));
	return !wrong;
}

static __always_inline int is_miss(void *data, void *end)
{
	__u8 *text = data + BENCH_HEADERS + 8;

	if (text + sizeof(BENCH_REPLY_MISS) - 1 > (__u8 *)end)
		return 0;
	return !differ(text, BENCH_REPLY_MISS, sizeof(BENCH_REPLY_MISS) - 1);
}

/* At the client: replies are counted, some are looked at, none goes on. */
SEC("xdp")
int count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bench_wire_counts *c = own_counts();
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(ip + 1) > end || ip->protocol != IPPROTO_UDP)
		return XDP_PASS;
	if (++c->replies % BENCH_SAMPLE == 0 && c->expect) {
		c->checked++;
		c->wrong +=
			!(c->expect == BENCH_EXPECT_HIT ? is_hit(data, end) : is_miss(data, end));
	}
	return XDP_DROP;
}
