/* SPDX-License-Identifier: LGPL-2.1-only */
/* Writes that come over UDP: each command of a datagram to memcached is read before memcached has it. */
#ifndef BMC_UDP_WATCH_BPF_H
#define BMC_UDP_WATCH_BPF_H

#include "pkt.bpf.h"
#include "udp_writer.bpf.h"
#include "verdict.bpf.h"

#define BMC_UDP_STEPS BMC_WINDOW /* commands of one datagram: a byte each at the least */

/* doc/protocol-binary.txt, section 2: opcodes that change no item */
static __always_inline int bmc_binary_reads(struct bmc_work *w, __u32 len)
{
	__u64 word = bmc_window64(&w->win, 0);
	__u8 opcode = (__u8)(word >> 8);
	__u32 body = bpf_ntohl((__u32)(bmc_window64(&w->win, 8)));

	if (len != 24 + body)
		return 0;
	/* Get, GetQ, No-op, Version, GetK, GetKQ, Stat */
	return opcode == 0x00 || opcode == 0x09 || opcode == 0x0a || opcode == 0x0b ||
	       opcode == 0x0c || opcode == 0x0d || opcode == 0x10;
}

static __always_inline void bmc_udp_key(struct bmc_work *w)
{
	w->n_writes++;
	w->n_invalidated += bmc_udp_write_seen(w->server, w->req.key.hash) & BMC_SEEN_ITEM;
}

/* flush_all */
static __always_inline void bmc_udp_flush(struct bmc_work *w)
{
	/* held until the server is gone: no need to know a delay */
	bmc_udp_unknown(w->server);
	w->n_writes++;
}

/* One command of the datagram in the window. 1: no more. */
__noinline int bmc_udp_step(struct bmc_work *w)
{
	int at;

	if (!w || w->pos >= w->end)
		return 1;
	if (w->keys_pos) {
		at = mc_text_touch_key(&w->win, w->keys_pos, w->end,
				       (const struct mc_seed *)bmc_shared.seed, &w->req);
		if (at < 0) {
			bmc_udp_flush(w);
			return 1;
		}
		if (at > 0) {
			w->keys_pos = (__u32)at;
			bmc_udp_key(w);
			return 0;
		}
		w->keys_pos = 0;
		w->pos = w->req.used;
		return 0;
	}
	if (mc_text_request(&w->win, w->pos, w->end, (const struct mc_seed *)bmc_shared.seed,
			    &w->req)) {
		/* a line without end is never carried out, but beyond the window it may have one */
		if (w->tail > w->end)
			bmc_udp_flush(w);
		return 1;
	}
	if (w->req.op == MC_OP_TOUCH_GET) {
		w->keys_pos = w->pos + w->req.used;
		return 0;
	}
	if (w->req.op == MC_OP_LOST || w->req.op == MC_OP_FLUSH || w->req.any)
		bmc_udp_flush(w);
	if (w->req.op == MC_OP_LOST)
		return 1;
	if (!w->req.any && (w->req.op == MC_OP_STORE || w->req.op == MC_OP_CHANGE))
		bmc_udp_key(w);
	/* behind its block; a block that ends the datagram, or goes beyond it, ends the reading too */
	if (w->req.block >= w->tail - w->pos - w->req.used)
		return 1;
	w->pos += w->req.used + (__u32)w->req.block;
	if (w->pos >= w->end)
		bmc_udp_flush(w); /* more commands beyond the window */
	return 0;
}

static long bmc_udp_next(__u32 i, struct bmc_work **w)
{
	return bmc_loop_stop(bmc_udp_step(*w));
}

/* The datagram's text into the window. 0, or -1: nothing in it that memcached would read. */
static __always_inline int bmc_udp_load(struct __sk_buff *skb, struct bmc_work *w,
					const struct bmc_pkt *pkt)
{
	__u64 head = pkt->l4 + sizeof(struct udphdr) + sizeof(struct mc_udp_frame), n;
	struct mc_udp_frame frame;

	if (skb->len <= head ||
	    bpf_skb_load_bytes(skb, pkt->l4 + sizeof(struct udphdr), &frame, sizeof(frame)))
		return -1;
	if (frame.total != bpf_htons(1)) /* memcached drops it */
		return -1;
	n = skb->len - head;
	w->tail = (__u32)n;
	if (n > BMC_WINDOW)
		n = BMC_WINDOW;
	if (!bmc_len_within(&n, BMC_WINDOW))
		return -1;
	if (bpf_skb_load_bytes(skb, (__u32)head, w->win.bytes, n))
		return -1;
	bmc_window_end(&w->win, n);
	w->req.version = bmc_version_of(
		w->server, bmc_word_life(BMC_READ_ONCE(bmc_server_get(w->server)->word)));
	w->pos = 0;
	w->end = (__u32)n;
	w->keys_pos = 0;
	w->n_writes = 0;
	w->n_invalidated = 0;
	return 0;
}

/* A datagram for memcached, in the window. */
static __always_inline void bmc_udp_commands(struct bmc_work *w)
{
	struct bmc_work *loop = w;

	if (w->win.bytes[0] == 0x80) {
		if (!bmc_binary_reads(w, w->tail))
			bmc_udp_flush(w);
	} else {
		bpf_loop(BMC_UDP_STEPS, bmc_udp_next, &loop, 0);
	}
	if (!w->n_writes)
		return;
	bmc_stats_count(BMC_STAT_UDP_WRITES);
	bmc_stats_add(BMC_STAT_WRITES, w->n_writes);
	bmc_stats_add(BMC_STAT_INVALIDATED, w->n_invalidated);
}

/* A datagram for memcached, before its socket has it. */
static __always_inline enum bmc_verdict bmc_udp_in(struct __sk_buff *skb, const struct bmc_pkt *pkt,
						   __u32 server)
{
	struct bmc_work *w = bmc_work_enter(BMC_WORK_INGRESS);

	if (!w) {
		bmc_stats_count(BMC_STAT_DROP_BUSY);
		return BMC_DROP;
	}
	w->server = server;
	if (!bmc_udp_load(skb, w, pkt))
		bmc_udp_commands(w);
	bmc_work_leave(w);
	return BMC_TO_STACK;
}

#endif
