/* SPDX-License-Identifier: LGPL-2.1-only */
/* What memcached sends over UDP: an answer that no get can have, to a datagram that is known, ends its write. */
#ifndef BMC_UDP_ANSWERS_BPF_H
#define BMC_UDP_ANSWERS_BPF_H

#include "mc_answer.h"
#include "udp_watch.bpf.h"

/* Who asked for the answer in this packet, if it is the first datagram of one that no get can have. 0, or -1. */
static __always_inline int bmc_udp_answer_read(struct __sk_buff *skb, struct bmc_udp_ask *ask)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bmc_udp_head head;
	struct bmc_pkt pkt = {};
	__u64 text = 0, off, n;

	if (bmc_pkt_ip(data, end, bpf_ntohs((__u16)skb->protocol), 0, 1, &pkt) ||
	    pkt.proto != IPPROTO_UDP || bpf_skb_load_bytes(skb, pkt.l4, &head, sizeof(head)))
		return -1;
	off = pkt.l4 + sizeof(head);
	if (head.frame.seq || !head.frame.total || skb->len <= off)
		return -1;
	n = skb->len - off;
	if (n > sizeof(text))
		n = sizeof(text);
	if (!bmc_len_within(&n, sizeof(text)) || bpf_skb_load_bytes(skb, (__u32)off, &text, n) ||
	    !mc_answer_is_no_gets(text))
		return -1;
	ask->port = head.udp.dest;
	ask->id = head.frame.id;
	return bmc_udp_ask_of(skb, &pkt, 1, ask);
}

/* Whether a reply whose UDP header is at `l4` may be an item, which has more than 8 bytes. */
static __always_inline int bmc_udp_may_be_item(struct __sk_buff *skb, __u32 l4)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	__u64 off = l4 + sizeof(struct bmc_udp_head), *text = data + off;

	if (!l4 || skb->len < off + sizeof(*text))
		return !l4;
	return (void *)(text + 1) > end || bmc_keep_bytes(*text, 6) == MC_WORD6("VALUE ");
}

/* A datagram that memcached sends. */
static __always_inline void bmc_udp_answer_out(struct __sk_buff *skb, const struct bmc_mark *mark)
{
	struct bmc_udp_ask ask = { .server = mark->server };
	__u64 word = BMC_READ_ONCE(bmc_server_get(mark->server)->gen[BMC_GEN_UDP]);
	struct bmc_udp_asked *asked;
	__u32 gen, left;

	if (!(word & BMC_GEN_OUT_MAX) || bmc_gen_life(word) != mark->life)
		return;
	if (bmc_udp_answer_read(skb, &ask))
		return;
	asked = bpf_map_lookup_elem(&bmc_udp_asked, &ask);
	if (!asked)
		return;
	gen = asked->gen;
	left = __sync_fetch_and_add(&asked->left, -1);
	if (left == 1)
		bpf_map_delete_elem(&bmc_udp_asked, &ask);
	if (!left || left > BMC_UDP_STEPS)
		return;
	bmc_udp_answered(mark->server, gen);
	bmc_stats_count(BMC_STAT_UDP_ANSWERS);
}

#endif
