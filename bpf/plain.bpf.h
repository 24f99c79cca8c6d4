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
#include "plain_key.bpf.h"
#include "tx.bpf.h"
#include "verdict.bpf.h"

/* Bytes of text that are copied by two words at a time; above, a helper is faster. */
#define BMC_PLAIN_COPY_MAX 128
#define BMC_PLAIN_STEP 16

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
	__u32 seq; /* of the bucket, when the entry was found */
};

#define BMC_PLAIN_L3 sizeof(struct ethhdr)

/* ---- is it such a one? ---- */

/* Whether the packet is a whole UDP datagram and no more, of `l4_len` bytes; and its local address. */
static __always_inline int bmc_plain_ipv4(void *data, struct bmc_plain *p, __u64 *ret_l4_len)
{
	struct iphdr *ip = data + BMC_PLAIN_L3;

	*ret_l4_len = (__u64)bpf_ntohs(ip->tot_len) - sizeof(*ip);
	bmc_rx_ipv4_addr(ip, p->addr);
	return ip->protocol == IPPROTO_UDP && !(ip->frag_off & bpf_htons(IP_MF | IP_OFFSET));
}

static __always_inline int bmc_plain_ipv6(void *data, struct bmc_plain *p, __u64 *ret_l4_len)
{
	struct ipv6hdr *ip = data + BMC_PLAIN_L3;

	*ret_l4_len = bpf_ntohs(ip->payload_len);
	__builtin_memcpy(p->addr, &ip->daddr, sizeof(p->addr));
	return ip->nexthdr == IPPROTO_UDP;
}

/* The datagram's form, up to the key: total 1, "get ". */
static __always_inline int bmc_plain_form(const struct bmc_plain_head *head)
{
	return head->frame.total == bpf_htons(1) &&
	       *(__u32 *)head->get == (__u32)MC_WORD4("get ") && head->udp.source;
}

/* ---- look it up ---- */

/* Whether an entry is the key's, valid and of this address: as bmc_slot_has. */
static __always_inline int bmc_plain_is_valid(const struct bmc_plain *p,
					      const struct bmc_plain_key *key,
					      const struct bmc_entry *e, __u64 now, __u64 epoch)
{
	return e->key_len == key->len && bmc_entry_is_here(e, p->server, p->addr) &&
	       (now < e->until || bmc_mutant(BMC_MUT_NO_UNTIL)) &&
	       (e->epoch == epoch || bmc_mutant(BMC_MUT_NO_HIT_EPOCH)) &&
	       (bmc_plain_is_key(key, e) || bmc_mutant(BMC_MUT_NO_KEY));
}

/* ---- answer ---- */

/* Whether the UDP checksum is right, or need not be. */
static __always_inline int bmc_plain_is_summed(const struct bmc_plain *p,
					       const struct bmc_plain_key *key,
					       const struct bmc_plain_head *head, int family)
{
	__u64 sum = p->pseudo + key->sum + *(__u32 *)head->get + head->udp.len;

	sum += bmc_halves(*(__u64 *)&head->udp) + bmc_halves(*(__u64 *)&head->frame);
	sum += bmc_sum_at('\r' | '\n' << 8, (__u32)key->len);
	if (head->udp.check && bmc_is_summed(sum))
		return 1;
	return bmc_rx_is_unsummed(&head->udp, family, p->pseudo);
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
	return bmc_plain_is_summed(p, key, head, family);
}

/* `len` bytes of an entry's text, BMC_PLAIN_STEP at the least, to `to`; the last ones may be copied twice. 0 or -1. */
static __always_inline int bmc_plain_copy(void *to, const void *end, const struct bmc_entry *e,
					  __u64 len)
{
	const __u8 *from = e->text;
	__u64 last = len - BMC_PLAIN_STEP;

	bmc_hide(last);
	if (last > BMC_PLAIN_COPY_MAX - BMC_PLAIN_STEP)
		return -1;
#pragma unroll
	for (__u32 at = 0; at < BMC_PLAIN_COPY_MAX; at += BMC_PLAIN_STEP) {
		if (last <= at || to + at + BMC_PLAIN_STEP > end)
			break;
		*(__u64 *)(to + at) = *(__u64 *)(from + at);
		*(__u64 *)(to + at + 8) = *(__u64 *)(from + at + 8);
	}
	to += last;
	if (to + BMC_PLAIN_STEP > end)
		return -1;
	*(__u64 *)to = *(__u64 *)(from + last);
	*(__u64 *)(to + 8) = *(__u64 *)(from + last + 8);
	return 0;
}

/* A short text. */
static __always_inline int bmc_plain_copy_short(struct xdp_md *ctx, const struct bmc_plain *p,
						struct bmc_bucket *b, __u32 at)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return bmc_plain_copy(data + p->text, end, bmc_entry_look(b, at, BMC_REACH_KEY),
			      p->text_len);
}

/* The text behind the frame. 0: it is the entry's; -1: it may not be. */
static __always_inline int bmc_plain_text(struct xdp_md *ctx, const struct bmc_plain *p,
					  struct bmc_bucket *b, __u32 at)
{
	int err;

	if (p->text_len <= BMC_PLAIN_COPY_MAX)
		err = bmc_plain_copy_short(ctx, p, b, at);
	else
		err = bmc_entry_send(ctx, (__u32)p->text, b, at, p->text_len);
	if (err || !bmc_cache_same(b, p->seq))
		return -1;
	return bmc_config.test & BMC_TEST_LOSE_RACE ? -1 : 0;
}

/* Puts the request back as it was. */
static __always_inline void bmc_plain_undo(struct xdp_md *ctx, const struct bmc_plain *p,
					   const struct bmc_plain_key *key, int grown)
{
	__u32 off = (__u32)p->text;
	__u32 get = (__u32)MC_WORD4("get ");

	bpf_xdp_adjust_tail(ctx, -grown);
	bpf_xdp_store_bytes(ctx, off, &get, sizeof(get));
	bmc_plain_key_put(ctx, off + sizeof(get), key);
}

static __always_inline void bmc_plain_headers(struct xdp_md *ctx, const struct bmc_plain *p,
					      int family)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 len = offsetof(struct bmc_plain_head, get) + p->text_len;
	struct bmc_plain_head *head = data + p->l4;

	if ((void *)&head->key[1 + BMC_PLAIN_CRLF] > end)
		return; /* cannot be: it was there */
	bmc_tx_ethernet(data);
	if (family == 4)
		bmc_tx_ipv4(data + BMC_PLAIN_L3, end, sizeof(struct iphdr),
			    sizeof(struct iphdr) + len);
	else
		bmc_tx_ipv6(data + BMC_PLAIN_L3, len);
	bmc_tx_udp(&head->udp, len, p->pseudo + p->text_sum);
}

/* The entry is there: the answer. */
static __always_inline enum bmc_verdict bmc_plain_write(struct xdp_md *ctx, struct bmc_plain *p,
							const struct bmc_plain_key *key,
							struct bmc_bucket *b, __u32 at, int family)
{
	int grown = (int)p->text_len - (int)(BMC_PLAIN_GET + key->len + BMC_PLAIN_CRLF);
	__u32 l3_len = (__u32)(p->text - BMC_PLAIN_L3) + p->text_len;

	if (grown <= 0 || p->text_len > BMC_TEXT_MAX || !bmc_tx_fits(ctx, l3_len, grown) ||
	    bpf_xdp_adjust_tail(ctx, grown))
		return BMC_UNDECIDED;
	if (bmc_plain_text(ctx, p, b, at)) {
		bmc_plain_undo(ctx, p, key, grown);
		return BMC_UNDECIDED;
	}
	bmc_plain_headers(ctx, p, family);
	return BMC_REPLIED;
}

/* HIT of the key: COHERENCE.md. TO_STACK: it is not there. */
static __always_inline enum bmc_verdict bmc_plain_find(struct xdp_md *ctx, void *data,
						       struct bmc_plain *p,
						       const struct bmc_plain_key *key,
						       const struct bmc_plain_head *head,
						       struct bmc_stats *stats, int family)
{
	__u64 epoch = BMC_READ_ONCE(bmc_server_get(p->server)->epoch), bits;
	__u64 hash = bmc_plain_hash(key);
	enum bmc_verdict verdict;
	struct bmc_bucket *b;
	const struct bmc_entry *e;
	__u32 slot, at;

	bmc_rmb();
	b = bmc_bucket_get(bmc_bucket_of(hash));
	if (!b || !stats)
		return BMC_UNDECIDED;
	p->seq = BMC_READ_ONCE(b->seq);
	bmc_rmb();
	bits = bmc_slots_tagged(b, hash) & BMC_READ_ONCE(b->valid);
	if (p->seq & 1)
		return BMC_UNDECIDED;
	if (!bits) {
		stats->plain.misses++;
		return BMC_TO_STACK;
	}
	slot = bmc_lowest(bits);
	at = bmc_slot_at(b, slot);
	e = bmc_entry_look(b, at, BMC_REACH_KEY);
	if (!bmc_plain_is_valid(p, key, e, bmc_stats_clock(stats), epoch) ||
	    !bmc_plain_is_right(data, p, key, head, family))
		return BMC_UNDECIDED;
	p->text_len = e->text_len + BMC_TEXT_TAIL;
	p->text_sum = e->csum + bmc_sum_at(BMC_TEXT_TAIL_SUM, e->text_len);
	verdict = bmc_plain_write(ctx, p, key, b, at, family);
	if (verdict != BMC_REPLIED)
		return verdict;
	bmc_slot_hit(b, slot);
	stats->plain.hits++;
	stats->plain.hit_bytes += p->text_len;
	return BMC_REPLIED;
}

/* A packet of a family, whose IP header has `header` bytes; constants both. */
static __always_inline enum bmc_verdict bmc_plain_of(struct xdp_md *ctx, int family, __u64 header)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bmc_plain p = { .l4 = BMC_PLAIN_L3 + header };
	struct bmc_plain_head *head = data + p.l4;
	__u64 whole = (__u64)(end - data), l4_len = 0;
	struct bmc_plain_key key;
	int server, is_udp;

	if ((void *)&head->key[1 + BMC_PLAIN_CRLF] > end) /* not head + 1: it is padded */
		return BMC_UNDECIDED;
	server = bmc_config_server(head->udp.dest);
	if (server < 0)
		return BMC_TO_STACK; /* without options or extensions, that is where a port is */
	is_udp =
		family == 4 ? bmc_plain_ipv4(data, &p, &l4_len) : bmc_plain_ipv6(data, &p, &l4_len);
	bmc_hide(whole);
	if (!is_udp || bpf_ntohs(head->udp.len) != l4_len || p.l4 + l4_len != whole ||
	    !bmc_plain_form(head))
		return BMC_UNDECIDED;
	p.text = p.l4 + offsetof(struct bmc_plain_head, get);
	p.server = (__u32)server;
	if (bmc_plain_key_read(&key, head->key, l4_len - offsetof(struct bmc_plain_head, key), end))
		return BMC_UNDECIDED;
	return bmc_plain_find(ctx, data, &p, &key, head, bmc_stats_get(), family);
}

/* The packet, if it is a plain get that can be answered at once or is not for us; else UNDECIDED, unchanged. */
static __always_inline enum bmc_verdict bmc_plain(struct xdp_md *ctx)
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
