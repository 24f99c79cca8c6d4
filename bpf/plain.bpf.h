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
#include "tx.bpf.h"
#include "verdict.bpf.h"

#define BMC_PLAIN_WORDS 8
#define BMC_PLAIN_KEY_MAX (BMC_PLAIN_WORDS * 8)
#define BMC_PLAIN_COPY_MAX                                                                         \
	128 /* bytes of text that are copied word by word; above, a helper is faster */
#define BMC_PLAIN_GET 4 /* "get " */
#define BMC_PLAIN_CRLF 2

/* What is behind the IP header; the key is as long as the lengths say. */
struct bmc_plain_head {
	struct udphdr udp;
	struct mc_udp_frame frame;
	__u8 get[BMC_PLAIN_GET];
	__u8 key[1 + BMC_PLAIN_CRLF];
};

struct bmc_plain {
	__u64 l4; /* offset of the UDP header */
	__u32 family; /* 4 or 6 */
	__u32 server;
	__u64 addr[2]; /* the local one, as in struct bmc_where */
	__u64 pseudo; /* sum of the pseudo-header, but for the length */
	__u64 key_len; /* 1 to BMC_PLAIN_KEY_MAX */
	__u64 sum; /* of the key's bytes */
	__u64 hash;
	__u32 seq; /* of the bucket, when the entry was found */
	__u32 text_len; /* of the answer */
	__u64 text_sum;
};

/* The key's words, and \r\n behind it. Apart from the rest, which can be in registers. */
struct bmc_plain_key {
	__u64 word[BMC_PLAIN_WORDS + 2];
};

/* ---- is it such a one? ---- */

/* Finds the UDP header, and its bytes as the IP header has them. 0; -1: not plain. */
static __always_inline int bmc_plain_ip(void *data, struct bmc_plain *p, __u32 *ret_len)
{
	/* EtherType, version, and IPv4's header length, in one look */
	__u32 first = *(__u32 *)(data + offsetof(struct ethhdr, h_proto));
	struct iphdr *ip4 = data + sizeof(struct ethhdr);
	struct ipv6hdr *ip6 = data + sizeof(struct ethhdr);

	if ((first & bpf_htonl(0xffffff00)) == bpf_htonl(ETH_P_IP << 16 | 0x4500)) {
		p->family = 4;
		p->l4 = sizeof(struct ethhdr) + sizeof(*ip4);
		*ret_len = bpf_ntohs(ip4->tot_len) - sizeof(*ip4);
		return 0;
	}
	if ((first & bpf_htonl(0xfffff000)) != bpf_htonl((__u32)ETH_P_IPV6 << 16 | 0x6000))
		return -1;
	p->family = 6;
	p->l4 = sizeof(struct ethhdr) + sizeof(*ip6);
	*ret_len = bpf_ntohs(ip6->payload_len);
	return 0;
}

/* Whether the packet is a whole UDP datagram, and its local address. */
static __always_inline int bmc_plain_is_whole(void *data, struct bmc_plain *p)
{
	struct iphdr *ip4 = data + sizeof(struct ethhdr);
	struct ipv6hdr *ip6 = data + sizeof(struct ethhdr);

	if (p->family == 6) {
		__builtin_memcpy(p->addr, &ip6->daddr, sizeof(p->addr));
		return ip6->nexthdr == IPPROTO_UDP;
	}
	bmc_rx_ipv4_addr(ip4, p->addr);
	return ip4->protocol == IPPROTO_UDP && !(ip4->frag_off & bpf_htons(IP_MF | IP_OFFSET));
}

/* The key's length, by the datagram's; known to the verifier. 0, or -1: too long, or none. */
static __always_inline int bmc_plain_length(struct bmc_plain *p, const struct bmc_plain_head *head)
{
	p->key_len = (__u64)bpf_ntohs(head->udp.len) -
		     (offsetof(struct bmc_plain_head, key) + BMC_PLAIN_CRLF);
	return bmc_len_within(&p->key_len, BMC_PLAIN_KEY_MAX) ? 0 : -1;
}

/* The datagram's form, up to the key: total 1, "get ". */
static __always_inline int bmc_plain_form(const struct bmc_plain_head *head)
{
	return head->frame.total == bpf_htons(1) &&
	       *(__u32 *)head->get == (__u32)MC_WORD4("get ") && head->udp.source;
}

/* Reads the key, and sums it. 0; -1: there is a byte in it that ends a key, or no \r\n behind it. */
static __always_inline int bmc_plain_read(struct bmc_plain *p, struct bmc_plain_key *ret,
					  const __u8 *key, const void *end)
{
	const __u8 *behind = key + p->key_len;
	__u64 word, low = 0, sum = 0, left = p->key_len;
	__u32 i;

	if (behind + BMC_PLAIN_CRLF > (const __u8 *)end)
		return -1;
	if (*(__u16 *)behind != ('\r' | '\n' << 8))
		return -1;
#pragma clang loop unroll(disable)
	for (i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (left < 8 || key + 8 > (const __u8 *)end)
			break;
		word = *(__u64 *)key;
		ret->word[i] = word;
		sum += bmc_halves(word);
		low |= bmc_low_bytes(word);
		key += 8;
		left -= 8;
	}
	word = *(__u64 *)(behind - 8) >> (8 * (7 - left)) >> 8;
	low |= bmc_low_bytes(word | BMC_BYTES('!') << (8 * left));
	p->sum = sum + bmc_halves(word);
	ret->word[i] = word | (__u64)('\r' | '\n' << 8) << (8 * left);
	ret->word[i + 1] = '\n';
	return low ? -1 : 0;
}

/* mc_key_scan's hash of it. A function of its own: looked at once by the verifier, not once for each length. */
__noinline __u64 bmc_plain_hash(const struct bmc_plain_key *key, __u64 len)
{
	const struct mc_seed *seed = (const struct mc_seed *)bmc_shared.seed;
	__u64 v0 = seed->k0 ^ 0x736f6d6570736575ULL, v1 = seed->k1 ^ 0x646f72616e646f6dULL;
	__u64 v2 = seed->k0 ^ 0x6c7967656e657261ULL, v3 = seed->k1 ^ 0x7465646279746573ULL;
	__u64 left = len;
	__u32 i;

	if (!key)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (left < 8)
			break;
		v3 ^= key->word[i];
		MC_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= key->word[i];
		left -= 8;
	}
	MC_SIP_END(v0, v1, v2, v3, bmc_keep_bytes(key->word[i], (__u32)left) | len << 56);
	return v0 ^ v1 ^ v2 ^ v3;
}

/* ---- look it up ---- */

static __always_inline int bmc_plain_is_key(const struct bmc_plain_key *key, __u64 left,
					    const struct bmc_entry *e)
{
	const __u8 *there = e->text + BMC_TEXT_KEY;
	__u32 i;

	if (bmc_mutant(BMC_MUT_NO_KEY))
		return 1;
#pragma clang loop unroll(disable)
	for (i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (left < 8)
			break;
		if (key->word[i] != bmc_load64(there + 8 * i))
			return 0;
		left -= 8;
	}
	return !bmc_keep_bytes(key->word[i] ^ bmc_load64(there + 8 * i), (__u32)left);
}

/* Whether an entry is the key's, valid and of this address: as bmc_slot_has. */
static __always_inline int bmc_plain_is_valid(const struct bmc_plain *p,
					      const struct bmc_plain_key *key,
					      const struct bmc_entry *e, __u64 now, __u64 epoch)
{
	return e->key_len == p->key_len && bmc_entry_is_here(e, p->server, p->addr) &&
	       (now < e->until || bmc_mutant(BMC_MUT_NO_UNTIL)) &&
	       (e->epoch == epoch || bmc_mutant(BMC_MUT_NO_HIT_EPOCH)) &&
	       bmc_plain_is_key(key, p->key_len, e);
}

/* ---- answer ---- */

/* Whether the request may be answered: its addresses and checksums. */
static __always_inline int bmc_plain_is_right(void *data, struct bmc_plain *p,
					      const struct bmc_plain_head *head)
{
	struct iphdr *ip4 = data + sizeof(struct ethhdr);
	struct ipv6hdr *ip6 = data + sizeof(struct ethhdr);
	__u64 sum = p->sum, src[2];

	if (*(__u8 *)data & 1)
		return 0;
	if (p->family == 4) {
		if (!bmc_rx_ipv4_is_hosts(ip4) || bmc_fold(bmc_rx_ipv4_sum(ip4)) != 0xffff)
			return 0;
		p->pseudo = bmc_rx_ipv4_pseudo(ip4);
	} else {
		__builtin_memcpy(src, &ip6->saddr, sizeof(src));
		if (!bmc_rx_ipv6_is_hosts(src, p->addr))
			return 0;
		p->pseudo = bmc_rx_ipv6_pseudo(src, p->addr);
	}
	if (bmc_rx_is_unsummed(&head->udp, (int)p->family, p->pseudo))
		return 1;
	sum += (__u64)head->frame.id + head->frame.seq + head->frame.total + head->frame.reserved;
	sum += *(__u32 *)head->get;
	sum += bmc_sum_at('\r' | '\n' << 8, (__u32)p->key_len);
	return bmc_rx_is_right(&head->udp, p->pseudo, sum);
}

/* `len` bytes of an entry's text to `off`. 0 or -1. */
static __always_inline int bmc_plain_copy(struct xdp_md *ctx, __u64 off, const struct bmc_entry *e,
					  __u64 len)
{
	void *to = (void *)(long)ctx->data + off, *end = (void *)(long)ctx->data_end;
	__u64 last = len - 8; /* overlaps the word before */
	const __u8 *from = e->text;

	bmc_hide(last);
	if (last > BMC_PLAIN_COPY_MAX - 8)
		return -1;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < BMC_PLAIN_COPY_MAX / 8; i++) {
		if (8 * i >= last)
			break;
		if (to + 8 * i + 8 > end)
			return -1;
		*(__u64 *)(to + 8 * i) = *(__u64 *)(from + 8 * i);
	}
	to += last;
	if (to + 8 > end)
		return -1;
	*(__u64 *)to = *(__u64 *)(from + last);
	return 0;
}

/* The text behind the frame. 0: it is the entry's; -1: it may not be. */
static __always_inline int bmc_plain_text(struct xdp_md *ctx, const struct bmc_plain *p,
					  struct bmc_bucket *b, __u32 at)
{
	__u64 off = p->l4 + offsetof(struct bmc_plain_head, get), len = p->text_len;
	struct bmc_entry *e = bmc_entry_get(b, at, BMC_REACH_KEY);
	int err;

	if (e && len <= BMC_PLAIN_COPY_MAX)
		err = bmc_plain_copy(ctx, off, e, len);
	else
		err = bmc_entry_send(ctx, (__u32)off, b, at, (__u32)len);
	if (err || !bmc_cache_same(b, p->seq))
		return -1;
	return bmc_config.test & BMC_TEST_LOSE_RACE ? -1 : 0;
}

/* Puts the request back as it was. */
static __always_inline void bmc_plain_undo(struct xdp_md *ctx, const struct bmc_plain *p,
					   const struct bmc_plain_key *key, int grown)
{
	__u32 off = (__u32)p->l4 + offsetof(struct bmc_plain_head, get);
	__u64 len = p->key_len + BMC_PLAIN_CRLF;
	__u32 get = (__u32)MC_WORD4("get ");

	bpf_xdp_adjust_tail(ctx, -grown);
	bpf_xdp_store_bytes(ctx, off, &get, sizeof(get));
	if (bmc_len_within(&len, sizeof(*key)))
		bpf_xdp_store_bytes(ctx, off + sizeof(get), (void *)key, len);
}

static __always_inline void bmc_plain_headers(struct xdp_md *ctx, const struct bmc_plain *p)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 len = offsetof(struct bmc_plain_head, get) + p->text_len;
	struct bmc_plain_head *head = data + p->l4;

	if ((void *)(head + 1) > end)
		return; /* cannot be: it was there */
	bmc_tx_ethernet(data);
	if (p->family == 4)
		bmc_tx_ipv4(data + sizeof(struct ethhdr), end, sizeof(struct iphdr),
			    sizeof(struct iphdr) + len);
	else
		bmc_tx_ipv6(data + sizeof(struct ethhdr), len);
	bmc_tx_udp(&head->udp, len, p->pseudo + p->text_sum);
}

/* The entry is there: the answer. */
static __always_inline enum bmc_verdict bmc_plain_write(struct xdp_md *ctx, struct bmc_plain *p,
							const struct bmc_plain_key *key,
							struct bmc_bucket *b, __u32 at)
{
	int grown = (int)p->text_len - (int)(BMC_PLAIN_GET + p->key_len + BMC_PLAIN_CRLF);
	__u32 l3_len = (__u32)p->l4 - sizeof(struct ethhdr) + offsetof(struct bmc_plain_head, get) +
		       p->text_len;

	if (grown <= 0 || p->text_len > BMC_TEXT_MAX || !bmc_tx_fits(ctx, l3_len, grown) ||
	    bpf_xdp_adjust_tail(ctx, grown))
		return BMC_UNDECIDED;
	if (bmc_plain_text(ctx, p, b, at)) {
		bmc_plain_undo(ctx, p, key, grown);
		return BMC_UNDECIDED;
	}
	bmc_plain_headers(ctx, p);
	return BMC_REPLIED;
}

static __always_inline void bmc_plain_count(struct bmc_stats *stats, const struct bmc_plain *p)
{
	bmc_stats_plus(stats, BMC_STAT_REQUESTS, 1);
	bmc_stats_plus(stats, BMC_STAT_GETS, 1);
	bmc_stats_plus(stats, BMC_STAT_KEYS, 1);
	if (!p->text_len) {
		bmc_stats_plus(stats, BMC_STAT_MISSES, 1);
		return;
	}
	bmc_stats_plus(stats, BMC_STAT_HITS, 1);
	bmc_stats_plus(stats, BMC_STAT_HIT_KEYS, 1);
	bmc_stats_plus(stats, BMC_STAT_HIT_BYTES, p->text_len);
}

/* HIT of p's key: COHERENCE.md. TO_STACK: it is not there. */
static __always_inline enum bmc_verdict bmc_plain_find(struct xdp_md *ctx, void *data,
						       struct bmc_plain *p,
						       const struct bmc_plain_key *key,
						       const struct bmc_plain_head *head,
						       struct bmc_stats *stats, __u64 now)
{
	__u64 epoch = BMC_READ_ONCE(bmc_server_get(p->server)->epoch), bits;
	enum bmc_verdict verdict;
	struct bmc_bucket *b;
	struct bmc_entry *e;
	__u32 slot, at;

	bmc_rmb();
	b = bmc_bucket_get(bmc_bucket_of(p->hash));
	if (!b)
		return BMC_UNDECIDED;
	p->seq = BMC_READ_ONCE(b->seq);
	bmc_rmb();
	bits = bmc_slots_tagged(b, p->hash) & BMC_READ_ONCE(b->valid);
	if (p->seq & 1)
		return BMC_UNDECIDED;
	p->text_len = 0;
	if (!bits) {
		bmc_plain_count(stats, p);
		return BMC_TO_STACK;
	}
	slot = bmc_lowest(bits);
	at = bmc_slot_at(b, slot);
	e = bmc_entry_get(b, at, BMC_REACH_KEY);
	if (!e || !bmc_plain_is_valid(p, key, e, now, epoch) || !bmc_plain_is_right(data, p, head))
		return BMC_UNDECIDED;
	p->text_len = e->text_len + BMC_TEXT_TAIL;
	p->text_sum = e->csum + bmc_sum_at(BMC_TEXT_TAIL_SUM, e->text_len);
	verdict = bmc_plain_write(ctx, p, key, b, at);
	if (verdict != BMC_REPLIED)
		return verdict;
	bmc_slot_hit(b, slot);
	bmc_plain_count(stats, p);
	return BMC_REPLIED;
}

/* The packet, if it is a plain get that can be answered at once or is not for us; else UNDECIDED, unchanged. */
static __always_inline enum bmc_verdict bmc_plain(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bmc_plain_head *head;
	struct bmc_plain_key key = {}; /* whole, for the verifier of 6.1 */
	struct bmc_stats *stats;
	struct bmc_plain p;
	__u64 now;
	__u64 whole = (__u64)(end - data);
	__u32 l4_len = 0;
	int server;

	if (data + sizeof(struct ethhdr) + sizeof(struct iphdr) > end ||
	    bmc_plain_ip(data, &p, &l4_len))
		return BMC_UNDECIDED;
	head = data + p.l4;
	if ((void *)(head + 1) > end)
		return BMC_UNDECIDED;
	server = bmc_config_server(head->udp.dest);
	if (server < 0)
		return BMC_TO_STACK; /* without options or extensions, that is where a port is */
	stats = bmc_stats_get();
	now = bmc_stats_clock(stats);
	bmc_hide(whole);
	if (!bmc_plain_is_whole(data, &p) || bpf_ntohs(head->udp.len) != l4_len ||
	    p.l4 + l4_len != whole || !bmc_plain_form(head) || bmc_plain_length(&p, head) ||
	    bmc_plain_read(&p, &key, head->key, end))
		return BMC_UNDECIDED;
	p.server = (__u32)server;
	p.hash = bmc_plain_hash(&key, p.key_len);
	return bmc_plain_find(ctx, data, &p, &key, head, stats, now);
}

#endif
