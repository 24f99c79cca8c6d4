/* SPDX-License-Identifier: LGPL-2.1-only */
/* What a reply must be to fill: a whole datagram of a server's, and in it one plain item as memcached prints it. */
#ifndef BMC_FILL_FORM_BPF_H
#define BMC_FILL_FORM_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "pkt.bpf.h"
#include "vlan.bpf.h"
#include "work.bpf.h"

#define BMC_CR_LF ('\r' | '\n' << 8)

/* The number at `at`, and where it ends; MC_NO_NUMBER: there is none of 1 to 10 digits. */
static __always_inline __u64 bmc_fill_number(const struct bmc_window *win, __u64 at, __u64 *ret_end)
{
	__u64 word = bmc_window64(win, at), marks = bmc_low_bytes(word);
	__u32 n;

	if (!marks) {
		*ret_end = mc_token_end(win, (__u32)at);
		return mc_number(win, (__u32)at, (__u32)(*ret_end - at));
	}
	n = bmc_first_byte(marks);
	*ret_end = at + n;
	return n ? mc_digits8(word, n) : MC_NO_NUMBER;
}

static __always_inline __u32 bmc_fill_two(const struct bmc_window *win, __u64 at)
{
	return (__u32)bmc_window64(win, at) & 0xffff;
}

/*
 * Whether the window holds the text of one plain item, whole: "VALUE key flags bytes\r\n", the block, then the end or
 * "END\r\n", exactly as memcached prints it. Returns the length of the text without END\r\n, w->key filled; 0: it is not.
 */
__noinline int bmc_fill_form(struct bmc_work *w)
{
	__u64 at, bytes, text;
	struct mc_sip begin;

	if (!w || bmc_keep_bytes(bmc_window64(&w->win, 0), 6) != MC_WORD6("VALUE "))
		return 0;
	mc_sip_begin(&begin, (const struct mc_seed *)bmc_shared.seed);
	if (mc_key_read(&w->win, BMC_TEXT_KEY, &begin, &w->key) < 0 || !w->key.len)
		return 0;
	at = BMC_TEXT_KEY + w->key.len;
	if (bmc_window8(&w->win, at) != ' ' ||
	    bmc_fill_number(&w->win, at + 1, &at) == MC_NO_NUMBER ||
	    bmc_window8(&w->win, at) != ' ')
		return 0;
	bytes = bmc_fill_number(&w->win, at + 1, &at);
	if (bytes > BMC_TEXT_MAX)
		return 0;
	if (bmc_mutant(BMC_MUT_NO_FORM))
		at = mc_newline(&w->win, (__u32)at, w->end) - 1;
	text = at + 2 + bytes + 2;
	if (bmc_fill_two(&w->win, at) != BMC_CR_LF || text > w->end ||
	    bmc_fill_two(&w->win, text - 2) != BMC_CR_LF)
		return 0;
	if (text == w->end)
		return (int)text;
	if (text + BMC_TEXT_TAIL != w->end ||
	    bmc_keep_bytes(bmc_window64(&w->win, text), 5) != MC_WORD5("END\r\n"))
		return 0;
	return (int)text;
}

struct bmc_fill_head {
	struct udphdr udp;
	struct mc_udp_frame frame;
};

/* 0, or -1: not there. Nearly always it is in the packet's first piece. */
static __always_inline int bmc_fill_head_read(struct __sk_buff *skb, const struct bmc_pkt *pkt,
					      struct bmc_fill_head *ret)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bmc_fill_head *head = data + pkt->l4;

	if ((void *)(head + 1) > end)
		return (int)bpf_skb_load_bytes(skb, pkt->l4, ret, sizeof(*ret));
	__builtin_memcpy(ret, head, sizeof(*ret));
	return 0;
}

/* Loads the text of a reply into the window. 0, or -1: not a whole datagram of ours. */
static __always_inline int bmc_fill_load(struct __sk_buff *skb, struct bmc_work *w,
					 const struct bmc_pkt *pkt,
					 const struct bmc_fill_head *head)
{
	__u64 len;

	if (bpf_ntohs(head->udp.len) != pkt->l4_len || head->frame.seq ||
	    head->frame.total != bpf_htons(1))
		return -1;
	if (pkt->l4_len <= sizeof(*head) || pkt->l4_len > sizeof(*head) + BMC_TEXT_MAX)
		return -1;
	len = pkt->l4_len - sizeof(*head);
	w->off = pkt->l4 + sizeof(*head);
	w->end = (__u32)len;
	if (!bmc_len_within(&len, BMC_TEXT_MAX))
		return -1;
	if (bpf_skb_load_bytes(skb, w->off, w->win.bytes, len))
		return -1;
	bmc_window_end(&w->win, len);
	return 0;
}

/* The local address of a reply: its source. */
static __always_inline int bmc_fill_addr(struct __sk_buff *skb, struct bmc_work *w,
					 const struct bmc_pkt *pkt)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ipv6hdr *ip6 = data + pkt->l3;
	struct iphdr *ip4 = data + pkt->l3;

	if ((void *)(ip4 + 1) > end)
		return -1;
	if (pkt->family == 4) {
		w->addr[0] = 0;
		w->addr[1] = 0xffff0000 | (__u64)ip4->saddr << 32;
		return 0;
	}
	if ((void *)(ip6 + 1) > end)
		return -1;
	__builtin_memcpy(w->addr, &ip6->saddr, sizeof(w->addr));
	return 0;
}

/* The server that this reply comes from: by its socket's mark, its port checked. -1: none of ours. */
static __always_inline int bmc_fill_server(struct __sk_buff *skb, __u16 port)
{
	int server = bmc_config_server(port);
	struct bpf_sock *sk = skb->sk;
	struct bmc_mark *mark;

	if (bmc_config.test & BMC_TEST_STAMP)
		return server;
	if (!sk)
		return -1;
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	if (!mark || !mark->ready || mark->server != server)
		return -1;
	return server;
}

/* The request that this reply, an answer over UDP, may have had: its size; 0: not known. */
static __always_inline __u32 bmc_fill_request(struct __sk_buff *skb, const struct bmc_pkt *pkt,
					      struct bpf_sock_tuple *ret)
{
	struct udphdr udp;

	if (bpf_skb_load_bytes(skb, pkt->l4, &udp, sizeof(udp)))
		return 0;
	if (pkt->family == 4) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, pkt->l3, &ip, sizeof(ip)))
			return 0;
		ret->ipv4.saddr = ip.daddr;
		ret->ipv4.daddr = ip.saddr;
		ret->ipv4.sport = udp.dest;
		ret->ipv4.dport = udp.source;
		return sizeof(ret->ipv4);
	}
	if (bpf_skb_load_bytes(skb, pkt->l3 + offsetof(struct ipv6hdr, daddr), ret->ipv6.saddr,
			       sizeof(ret->ipv6.saddr)) ||
	    bpf_skb_load_bytes(skb, pkt->l3 + offsetof(struct ipv6hdr, saddr), ret->ipv6.daddr,
			       sizeof(ret->ipv6.daddr)))
		return 0;
	ret->ipv6.sport = udp.dest;
	ret->ipv6.dport = udp.source;
	return sizeof(ret->ipv6);
}

/*
 * Whether who asks at the reply's source asks this server: memcached may answer from an address at which another user has a
 * socket of its own.
 */
__noinline int bmc_fill_is_asked(struct __sk_buff *skb, struct bmc_work *w)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bpf_sock_tuple request = {};
	struct bmc_pkt pkt = {};
	struct bmc_mark *mark;
	struct bpf_sock *sk;
	__u32 l3 = 0, size;
	__u16 proto;
	int ours;

	if (!w)
		return 0;
	proto = bmc_pkt_ethernet(data, end, &l3);
	if (bmc_pkt_ip(data, end, proto, l3, 0, &pkt))
		return 0;
	size = bmc_fill_request(skb, &pkt, &request);
	sk = size ? bpf_sk_lookup_udp(skb, &request, size, BPF_F_CURRENT_NETNS, 0) : NULL;
	if (!sk)
		return 0;
	mark = bpf_sk_storage_get(&bmc_marks, sk, 0, 0);
	ours = mark && mark->ready == BMC_READY_UDP && mark->server == w->server;
	bpf_sk_release(sk);
	return ours;
}

/* A reply that goes out: the length of its text without END\r\n, all of it in `w`, the key as well; 0: it may not fill. */
static __always_inline int bmc_fill_read(struct __sk_buff *skb, struct bmc_work *w)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct bmc_fill_head head;
	struct bmc_pkt pkt = {};
	__u16 proto;
	__u32 l3 = 0;
	int server;

	proto = bmc_pkt_ethernet(data, end, &l3);
	if (bmc_pkt_ip(data, end, proto, l3, 0, &pkt) || pkt.proto != IPPROTO_UDP || pkt.fragment ||
	    bmc_fill_head_read(skb, &pkt, &head))
		return 0;
	server = bmc_fill_server(skb, head.udp.source);
	if (server < 0 || bmc_fill_addr(skb, w, &pkt) || bmc_vlan_of_reply(skb, w, l3) ||
	    bmc_fill_load(skb, w, &pkt, &head))
		return 0;
	w->server = (__u32)server;
	return bmc_fill_form(w);
}

#endif
