/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * HIT, the straight way: a datagram that is one `get <key>\r\n` of one key, behind Ethernet, IPv4 without options or
 * IPv6, and UDP, and nothing behind it. Nearly every request is such a one. What is not, and what needs more than a
 * look and a copy, is left to reply.bpf.h, which answers it in the same way: nothing is changed until then.
 *
 * The lengths say where the key is. Its words are read once, from the packet, for the hash and for the checksum, and
 * are kept on the stack: they are compared with the entry's, and put back when the bytes that were copied turn out to
 * be no entry's. Whether headers and checksums are right is looked at when there is something to answer.
 */
#ifndef BMC_PLAIN_BPF_H
#define BMC_PLAIN_BPF_H

#include "coherence.bpf.h"
#include "home.bpf.h"
#include "plain_grow.bpf.h"
#include "plain_key.bpf.h"
#include "plain_text.bpf.h"
#include "tx.bpf.h"
#include "verdict.bpf.h"

/* What is behind the IP header; the key is as long as the lengths say. */
struct bmc_plain_head {
	struct udphdr udp;
	struct mc_udp_frame frame;
	__u8 get[BMC_PLAIN_GET];
	__u8 key[1 + BMC_PLAIN_CRLF];
};

/* `l3`, and with it `l4` and `text`, are constants wherever they are used: a path for each family. */
struct bmc_plain {
	__u64 l4; /* offset of the UDP header */
	__u64 text; /* offset of the request's text, and of the answer's */
	__u32 server;
	__u32 text_len; /* of the answer */
	__u64 addr[2]; /* the local one, as in struct bmc_where */
	__u64 pseudo; /* sum of the pseudo-header, but for the length */
	__u64 text_sum;
	__u32 bucket; /* its index */
	__u32 seq; /* the bucket's, when the entry was found */
};

#define BMC_PLAIN_L3 sizeof(struct ethhdr)

/* A call costs, but later versions of clang take so much of the stack that bmc_reply has too little below. */
#if __clang_major__ > 14
#define BMC_PLAIN_INLINE __noinline
#else
#define BMC_PLAIN_INLINE static __always_inline
#endif

/* ---- is it such a one? ---- */

/* Whether the packet, of `whole` bytes, is a whole UDP datagram and no more; and its local address. */
static __always_inline int bmc_plain_ipv4(void *data, __u64 whole, struct bmc_plain *p)
{
	struct iphdr *ip = data + BMC_PLAIN_L3;

	bmc_rx_ipv4_addr(ip, p->addr);
	return ip->tot_len == bpf_htons(whole - BMC_PLAIN_L3) && ip->protocol == IPPROTO_UDP &&
	       !(ip->frag_off & bpf_htons(IP_MF | IP_OFFSET));
}

static __always_inline int bmc_plain_ipv6(void *data, __u64 whole, struct bmc_plain *p)
{
	struct ipv6hdr *ip = data + BMC_PLAIN_L3;

	__builtin_memcpy(p->addr, &ip->daddr, sizeof(p->addr));
	return ip->payload_len == bpf_htons(whole - p->l4) && ip->nexthdr == IPPROTO_UDP;
}

/* The datagram's form, up to the key: total 1, "get ". */
static __always_inline int bmc_plain_form(const struct bmc_plain_head *head)
{
	return head->frame.total == bpf_htons(1) &&
	       bmc_load32(head->get) == (__u32)MC_WORD4("get ") && head->udp.source;
}

/* ---- look it up ---- */

/* Whether an entry is the key's, and of this address. */
static __always_inline int bmc_plain_is_asked(const struct bmc_plain *p,
					      const struct bmc_plain_key *key,
					      const struct bmc_entry *e)
{
	return e->key_len == key->len && bmc_entry_is_here(e, p->server, p->addr) &&
	       (bmc_plain_is_key(key, e) || bmc_mutant(BMC_MUT_NO_KEY));
}

/* Passed on, as memcached is to answer: such an entry's time is over, or it was forgotten with all others. */
static __always_inline enum bmc_verdict bmc_plain_over(struct bmc_stats *stats,
						       const struct bmc_entry *e, __u64 epoch)
{
	__u32 why = e->epoch == epoch ? BMC_STAT_MISS_EXPIRED : BMC_STAT_MISS_EPOCH;

	bmc_hide(why);
	stats->plain.misses++;
	bmc_stats_plus(stats, why, 1);
	return BMC_TO_STACK;
}

/* ---- answer ---- */

/*
 * Whether there is a UDP checksum, and a right one. What has none may be several datagrams that GRO has put together, and
 * what the sender's device was to sum may be summed again on its way, from where its header is now, so that it had better
 * grow to the back: both are reply.bpf.h's.
 */
static __always_inline int bmc_plain_is_summed(const struct bmc_plain *p,
					       const struct bmc_plain_key *key,
					       const struct bmc_plain_head *head)
{
	__u64 sum = p->pseudo + key->sum + bmc_load32(head->get) + head->udp.len;

	sum += bmc_halves(bmc_load64((const __u8 *)&head->udp));
	sum += bmc_halves(bmc_load64((const __u8 *)&head->frame));
	sum += bmc_sum_at('\r' | '\n' << 8, (__u32)key->len);
	return head->udp.check && bmc_is_summed(sum);
}

/* Whether the request may be answered: its addresses and checksums. */
static __always_inline int bmc_plain_is_right(void *data, struct bmc_plain *p,
					      const struct bmc_plain_key *key,
					      const struct bmc_plain_head *head, int family)
{
	struct iphdr *ip4 = data + BMC_PLAIN_L3;
	struct ipv6hdr *ip6 = data + BMC_PLAIN_L3;
	__u64 src[2];

	if (*(__u8 *)data & 1)
		return 0;
	if (family == 4) {
		if (!bmc_rx_ipv4_is_hosts(ip4) || !bmc_is_summed(bmc_rx_ipv4_sum(ip4)))
			return 0;
		p->pseudo = bmc_rx_ipv4_pseudo(ip4);
	} else {
		__builtin_memcpy(src, &ip6->saddr, sizeof(src));
		if (!bmc_rx_ipv6_is_hosts(src, p->addr))
			return 0;
		p->pseudo = bmc_rx_ipv6_pseudo(src, p->addr);
	}
	return bmc_plain_is_summed(p, key, head);
}

/* Puts the request back as it was. */
static __always_inline void bmc_plain_undo(struct xdp_md *ctx, const struct bmc_plain *p,
					   const struct bmc_plain_key *key,
					   const struct bmc_plain_grown *grown)
{
	__u32 off = (__u32)p->text;
	__u32 get = (__u32)MC_WORD4("get ");

	bmc_plain_shrink(ctx, grown, p->text);
	bpf_xdp_store_bytes(ctx, off, &get, sizeof(get));
	bmc_plain_key_put(ctx, off + sizeof(get), key);
}

/* The text at `to`. 0: it is the entry's; -1: it may not be. */
static __always_inline int bmc_plain_text(struct xdp_md *ctx, const struct bmc_plain *p,
					  struct bmc_bucket *b, __u32 at, void *to, void *end)
{
	int err;

	if (p->text_len <= BMC_PLAIN_SHORT)
		err = bmc_plain_copy(to, end, bmc_entry_look(b, at, BMC_REACH_KEY), p->text_len);
	else
		err = bmc_plain_text_long(ctx, p->bucket, at, p->text_len, (__u32)p->text);
	if (err || !bmc_cache_same(b, p->seq))
		return -1;
	return bmc_config.test & BMC_TEST_LOSE_RACE ? -1 : 0;
}

static __always_inline void bmc_plain_headers(void *data, void *end, const struct bmc_plain *p,
					      int family)
{
	__u32 len = offsetof(struct bmc_plain_head, get) + p->text_len;
	struct bmc_plain_head *head = data + p->l4;

	bmc_tx_ethernet(data);
	if (family == 4)
		bmc_tx_ipv4(data + BMC_PLAIN_L3, end, sizeof(struct iphdr),
			    sizeof(struct iphdr) + len);
	else
		bmc_tx_ipv6(data + BMC_PLAIN_L3, len);
	bmc_tx_udp(&head->udp, len, p->pseudo + p->text_sum);
}

/* The packet has grown: the answer. 0; -1: it is none, and must be put back. */
static __always_inline int bmc_plain_fill_in(struct xdp_md *ctx, const struct bmc_plain *p,
					     const struct bmc_plain_grown *grown,
					     struct bmc_bucket *b, __u32 at, int family)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	void *behind = bmc_plain_behind(data, grown);

	if (data + p->text > end || behind + p->text > end)
		return -1; /* cannot be: it is longer */
	/* header by header: what is then read of one must not lie across two words that were just written */
	bmc_plain_move_down(data, behind, BMC_PLAIN_L3);
	bmc_plain_move_down(data + BMC_PLAIN_L3, behind + BMC_PLAIN_L3, p->text - BMC_PLAIN_L3);
	if (bmc_plain_text(ctx, p, b, at, data + p->text, end))
		return -1;
	bmc_plain_headers(data, end, p, family);
	return 0;
}

/* The entry is there: the answer. 0; -1: there is none, the packet is as it was. */
static __always_inline int bmc_plain_write(struct xdp_md *ctx, struct bmc_plain *p,
					   const struct bmc_plain_key *key, struct bmc_bucket *b,
					   __u32 at, struct bmc_stats *stats, int family)
{
	int more = (int)p->text_len - (int)(BMC_PLAIN_GET + key->len + BMC_PLAIN_CRLF);
	__u32 l3_len = (__u32)(p->text - BMC_PLAIN_L3) + p->text_len;
	struct bmc_plain_grown grown;

	if (more <= 0 || p->text_len > BMC_TEXT_MAX || !bmc_tx_fits(ctx, stats, l3_len, more) ||
	    bmc_plain_grow(ctx, &grown, more))
		return -1;
	if (!bmc_plain_fill_in(ctx, p, &grown, b, at, family))
		return 0;
	bmc_plain_undo(ctx, p, key, &grown);
	return -1;
}

/* HIT of the key: COHERENCE.md. TO_STACK: it is not there. */
static __always_inline enum bmc_verdict bmc_plain_find(struct xdp_md *ctx, void *data,
						       struct bmc_plain *p,
						       const struct bmc_plain_key *key,
						       const struct bmc_plain_head *head,
						       struct bmc_stats *stats, int family)
{
	__u64 epoch = BMC_READ_ONCE(bmc_server_get(p->server)->epoch), bits, group, at;
	__u32 shared = bmc_server_is_shared(p->server), index;
	__u64 hash = bmc_plain_hash(key);
	const struct bmc_entry *e;
	struct bmc_bucket *b;

	bmc_rmb();
	p->bucket = bmc_bucket_of(hash);
	b = bmc_bucket_get(p->bucket);
	if (!b || !stats)
		return BMC_UNDECIDED;
	p->seq = BMC_READ_ONCE(b->seq) | shared; /* odd: left to reply.bpf.h */
	bmc_rmb();
	group = bmc_group_of(hash);
	bmc_hide(group);
	group %= BMC_GROUPS;
	bits = bmc_group_tagged(&b->group[group], hash) &
	       BMC_READ_ONCE(b->valid) >> (group * BMC_GROUP_SLOTS);
	if ((p->seq & 1) && !bmc_mutant(BMC_MUT_ODD_READ))
		return BMC_UNDECIDED;
	if (!bits) {
		stats->plain.misses++;
		return BMC_TO_STACK;
	}
	index = bmc_lowest(bits);
	bmc_hide(index);
	index %= BMC_GROUP_SLOTS;
	at = BMC_READ_ONCE(b->group[group].at[index]);
	e = bmc_entry_look(b, at, BMC_REACH_KEY);
	if (!bmc_plain_is_asked(p, key, e))
		return BMC_UNDECIDED;
	if ((e->epoch != epoch && !bmc_mutant(BMC_MUT_NO_HIT_EPOCH)) ||
	    (bmc_stats_clock(stats) >= e->until && !bmc_mutant(BMC_MUT_NO_UNTIL)))
		return bmc_plain_over(stats, e, epoch);
	if (!bmc_plain_is_right(data, p, key, head, family))
		return BMC_UNDECIDED;
	p->text_len = e->text_len + BMC_TEXT_TAIL;
	p->text_sum = e->csum + bmc_sum_at(BMC_TEXT_TAIL_SUM, e->text_len);
	if (bmc_plain_write(ctx, p, key, b, (__u32)at, stats, family))
		return BMC_UNDECIDED;
	bmc_slot_hit(b, (__u32)group * BMC_GROUP_SLOTS + index);
	stats->plain.hits++;
	stats->plain.hit_bytes += p->text_len;
	return bmc_home_left(ctx, stats) ? BMC_DROP : BMC_REPLIED;
}

/* A packet of a family, whose IP header has `header` bytes; constants both. */
static __always_inline enum bmc_verdict bmc_plain_of(struct xdp_md *ctx, int family, __u64 header)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bmc_plain p = { .l4 = BMC_PLAIN_L3 + header };
	struct bmc_plain_head *head = data + p.l4;
	__u64 whole = (__u64)(end - data);
	struct bmc_plain_key key;
	int server, is_udp;

	if ((void *)&head->key[1 + BMC_PLAIN_CRLF] > end) /* not head + 1: it is padded */
		return BMC_UNDECIDED;
	server = bmc_config_server(head->udp.dest);
	if (server < 0)
		return BMC_TO_STACK; /* without options or extensions, that is where a port is */
	bmc_hide(whole);
	is_udp = family == 4 ? bmc_plain_ipv4(data, whole, &p) : bmc_plain_ipv6(data, whole, &p);
	if (!is_udp || head->udp.len != bpf_htons(whole - p.l4) || !bmc_plain_form(head))
		return BMC_UNDECIDED;
	p.text = p.l4 + offsetof(struct bmc_plain_head, get);
	p.server = (__u32)server;
	if (bmc_plain_key_read(&key, head->key, whole - p.l4 - offsetof(struct bmc_plain_head, key),
			       end))
		return BMC_UNDECIDED;
	return bmc_plain_find(ctx, data, &p, &key, head, bmc_stats_get(), family);
}

/* The packet, if it is a plain get that can be answered at once or is not for us; else UNDECIDED, unchanged. */
BMC_PLAIN_INLINE int bmc_plain(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 first;

	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > end)
		return BMC_UNDECIDED;
	/* EtherType, version, and IPv4's header length, in one look */
	first = *(__u32 *)(data + offsetof(struct ethhdr, h_proto));
	if ((first & bpf_htonl(0xffffff00)) == bpf_htonl(ETH_P_IP << 16 | 0x4500))
		return bmc_plain_of(ctx, 4, sizeof(struct iphdr));
	if ((first & bpf_htonl(0xfffff000)) == bpf_htonl((__u32)ETH_P_IPV6 << 16 | 0x6000))
		return bmc_plain_of(ctx, 6, sizeof(struct ipv6hdr));
	return BMC_UNDECIDED;
}

#endif
