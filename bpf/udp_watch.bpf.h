/* SPDX-License-Identifier: LGPL-2.1-only */
/* What memcached gets over UDP: each command of a datagram is read before memcached has it. */
#ifndef BMC_UDP_WATCH_BPF_H
#define BMC_UDP_WATCH_BPF_H

#include "expiry.bpf.h"
#include "pkt.bpf.h"
#include "requests.bpf.h"
#include "udp_writer.bpf.h"
#include "verdict.bpf.h"

#define BMC_UDP_GET_WORDS 32 /* of a get that is told at a look; a power of two */
#define BMC_UDP_STEPS BMC_WINDOW /* commands of one datagram: a byte each at the least */

/* ---- commands ---- */

/* The command's answer will be one that no get can have: it is out. If it may be silent, for good. */
static __always_inline void bmc_udp_expect(struct bmc_work *w, int ends)
{
	w->udp = bmc_udp_out(w->server, w->life, ends);
	w->n_out++;
}

/* Keys that are not known may be written; the command is out. */
static __always_inline void bmc_udp_any(struct bmc_work *w)
{
	w->n_writes++;
	bmc_udp_unknown(w->server, w->life);
}

/* What memcached reads from here on is not known: UNREAD. */
static __always_inline void bmc_udp_unread(struct bmc_work *w)
{
	bmc_server_unread(w->server);
	bmc_udp_expect(w, 0);
	bmc_udp_any(w);
}

/* Expiry: what the write in w->req tells, which is placed in its bucket. Nothing tells that it was carried out. */
__noinline int bmc_udp_expiry(struct bmc_work *w)
{
	__u32 until, timed;
	__u64 epoch;

	if (!w || w->req.kept)
		return 0;
	epoch = BMC_READ_ONCE(bmc_server_get(w->server)->epoch);
	bmc_rmb();
	timed = w->req.touch || (w->req.op == MC_OP_STORE && (!w->req.meta || w->req.plain));
	until = bmc_life_time(w->req.exptime, w->server, w->life);
	return bmc_life_note(w->req.key.hash, w->server, epoch, until,
			     timed ? BMC_NOTE_EARLIER : BMC_NOTE_DOUBT);
}

/* The key of w->req is written; the flight's state is BMC_FLIGHT_GEN if the command is out. */
static __always_inline void bmc_udp_key(struct bmc_work *w, __u64 state)
{
	__u64 who = w->udp >> BMC_GEN_SHIFT << 32 | BMC_WRITER_UDP;
	__u64 what = bmc_flight_what(state, w->server, w->life, 0);
	int seen = bmc_udp_write_seen(w->req.key.hash, who, what);

	w->n_writes++;
	if (seen & BMC_SEEN_HELD) {
		if (state == BMC_FLIGHT_NEVER)
			bmc_udp_out(w->server, w->life, 0);
		bmc_udp_hold(w->server, w->life);
		bmc_stats_count(BMC_STAT_OVERFLOWS);
		seen |= bmc_udp_write_seen(w->req.key.hash, who, what);
	}
	w->n_invalidated += seen & BMC_SEEN_ITEM;
	bmc_udp_expiry(w);
}

/*
 * A write. What answers to noreply and to quiet opcodes look like (errors, a quiet opcode) is never counted: they are
 * not out, and in flight as long as memcached lives. A silent meta command's failure looks like any answer.
 */
static __always_inline void bmc_udp_write(struct bmc_work *w)
{
	int quiet;

	quiet = w->req.silent && !w->req.meta;
	if (!quiet || w->req.any)
		bmc_udp_expect(w, !w->req.silent);
	if (w->req.any)
		bmc_udp_any(w);
	else if (w->req.key.len)
		bmc_udp_key(w, quiet ? BMC_FLIGHT_NEVER : BMC_FLIGHT_GEN);
}

/* flush_all */
__noinline int bmc_udp_flush(struct bmc_work *w)
{
	if (!w)
		return 0;
	if (w->req.delay <= BMC_RELATIVE_MAX &&
	    bmc_time_up(&bmc_server_get(w->server)->udp_flush, w->req.delay))
		bmc_server_off(bmc_server_get(w->server), BMC_OFF_BUSY);
	if (w->req.delay)
		bmc_no_fill_until(w->server,
				  bmc_flush_time(w->req.delay, w->server, (__u16)w->life));
	bmc_udp_expect(w, !w->req.silent);
	bmc_udp_any(w);
	return 0;
}

/* The next key of a gat, whose answer is a get's: in flight for good. 1: what follows cannot be read. */
static __always_inline int bmc_udp_touch(struct bmc_work *w)
{
	int at = mc_text_touch_key(&w->win, w->keys_pos, w->end,
				   (const struct mc_seed *)bmc_shared.seed, &w->req);

	if (at < 0) {
		bmc_udp_unread(w);
		return 1;
	}
	if (at > 0) {
		w->keys_pos = (__u32)at;
		bmc_udp_key(w, BMC_FLIGHT_NEVER);
		return 0;
	}
	w->keys_pos = 0;
	w->pos = w->req.used;
	return 0;
}

/* The command in w->req, all but gat. 1: no more are to be read. */
__noinline int bmc_udp_command(struct bmc_work *w)
{
	if (!w)
		return 1;
	switch (w->req.op) {
	case MC_OP_GET:
	case MC_OP_QUIT:
		break;
	case MC_OP_STORE:
	case MC_OP_CHANGE:
		bmc_udp_write(w);
		break;
	case MC_OP_FLUSH:
		bmc_udp_flush(w);
		break;
	case MC_OP_LOST:
		bmc_udp_unread(w);
		return 1;
	default:
		/*
		 * it writes nothing, but its answer must not be taken for that of a write with the same id; a silent
		 * setting has errors only, which never are
		 */
		if (!w->req.silent || w->req.meta)
			bmc_udp_expect(w, !w->req.silent);
		break;
	}
	/* behind its block; a block that ends the datagram, or goes beyond it, ends the reading too */
	if (w->req.block >= w->tail - w->pos - w->req.used)
		return 1;
	w->pos += w->req.used + (__u32)w->req.block;
	if (w->pos >= w->end)
		bmc_udp_unread(w); /* more commands beyond the window */
	return 0;
}

/*
 * Whether what is cut off at the datagram's end may be carried out: beyond the window there may be its end; and of a binary
 * request whose header is there 1.5 takes the rest from the next datagram, whatever is in that.
 */
static __always_inline int bmc_udp_may_go_on(const struct bmc_work *w, int is_binary)
{
	return w->tail > w->end || (is_binary && w->end - w->pos >= MC_BINARY_HEADER &&
				    w->req.version < MC_VERSION_CLASSIC_LAST);
}

/* One command of the datagram in the window. 1: no more. */
__noinline int bmc_udp_step(struct bmc_work *w)
{
	const struct mc_seed *seed = (const struct mc_seed *)bmc_shared.seed;
	int open, is_binary;

	if (!w || w->pos >= w->end)
		return 1;
	if (w->keys_pos)
		return bmc_udp_touch(w);
	is_binary = w->win.bytes[0] == MC_BINARY_MAGIC;
	if (is_binary)
		open = mc_binary_request(&w->win, w->pos, w->end, seed, &w->req);
	else
		open = mc_text_request(&w->win, w->pos, w->end, seed, &w->req);
	if (open) {
		if (bmc_udp_may_go_on(w, is_binary))
			bmc_udp_unread(w);
		return 1;
	}
	if (w->req.op == MC_OP_TOUCH_GET) {
		w->keys_pos = w->pos + w->req.used;
		return 0;
	}
	return bmc_udp_command(w);
}

static long bmc_udp_next(__u32 i, struct bmc_work **w)
{
	return bmc_loop_stop(bmc_udp_step(*w));
}

/* ---- datagrams ---- */

/* An address of the packet, 4 or 16 bytes at `off`. */
static __always_inline int bmc_udp_addr(struct __sk_buff *skb, __u32 off, __u8 family, __u8 *to)
{
	if (family == 6)
		return (int)bpf_skb_load_bytes(skb, off, to, 16);
	return (int)bpf_skb_load_bytes(skb, off, to, 4);
}

/*
 * Who asked, from the packet's addresses. Not where: memcached may answer from another of its addresses, and NAT, which has
 * given it the request, has its answer back when it is seen.
 */
static __always_inline int bmc_udp_ask_of(struct __sk_buff *skb, const struct bmc_pkt *pkt,
					  int is_answer, struct bmc_udp_ask *ask)
{
	__u32 from = pkt->l3 + (pkt->family == 6 ? offsetof(struct ipv6hdr, saddr) :
						   offsetof(struct iphdr, saddr));
	__u32 to = from + (pkt->family == 6 ? 16 : 4);

	return bmc_udp_addr(skb, is_answer ? to : from, pkt->family, ask->peer);
}

struct bmc_udp_head {
	struct udphdr udp;
	struct mc_udp_frame frame;
};

/*
 * Commands of this datagram are out: who asked is known until all are answered. An id that is there already with
 * commands of this generation is not known which answer is whose: the new ones stay out.
 */
__noinline int bmc_udp_remember(struct __sk_buff *skb, struct bmc_work *w, struct bmc_pkt *pkt)
{
	struct bmc_udp_asked now = {}, *old;
	struct bmc_udp_ask ask = {};
	struct bmc_udp_head head;

	if (!w || !pkt || bpf_skb_load_bytes(skb, pkt->l4, &head, sizeof(head)) ||
	    bmc_udp_ask_of(skb, pkt, 0, &ask))
		return 0;
	ask.server = w->server;
	ask.port = head.udp.source;
	ask.id = head.frame.id;
	now.gen = bmc_gen_of(w->udp);
	now.left = w->n_out;
	old = bpf_map_lookup_elem(&bmc_udp_asked, &ask);
	if (!old || old->gen != now.gen)
		bpf_map_update_elem(&bmc_udp_asked, &ask, &now, BPF_ANY);
	return 0;
}

/* The datagram's text into the window. 0, or -1: nothing in it that memcached would read. */
static __always_inline int bmc_udp_load(struct __sk_buff *skb, struct bmc_work *w,
					const struct bmc_pkt *pkt)
{
	__u64 head = pkt->l4 + sizeof(struct bmc_udp_head), n;
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
	w->req.version = bmc_version_of(w->server, (__u16)w->life);
	w->pos = 0;
	w->end = (__u32)n;
	w->keys_pos = 0;
	w->n_writes = 0;
	w->n_invalidated = 0;
	w->n_out = 0;
	w->udp = 0;
	return 0;
}

/* A datagram for memcached, in the window. */
static __always_inline void bmc_udp_commands(struct __sk_buff *skb, struct bmc_work *w,
					     struct bmc_pkt *pkt)
{
	struct bmc_work *loop = w;

	bpf_loop(BMC_UDP_STEPS, bmc_udp_next, &loop, 0);
	if (w->n_out)
		bmc_udp_remember(skb, w, pkt);
	if (!w->n_writes)
		return;
	bmc_stats_count(BMC_STAT_UDP_WRITES);
	bmc_stats_add(BMC_STAT_WRITES, w->n_writes);
	bmc_stats_add(BMC_STAT_INVALIDATED, w->n_invalidated);
}

/*
 * Whether all of a datagram is one get: its only newline is its last byte, and ends a line that begins with "get " or
 * "gets ". Its UDP header is at `l4`. 0: it is not, or is to be read by all the rules.
 */
static __always_inline int bmc_udp_is_get(struct __sk_buff *skb, __u32 l4)
{
	__u64 off = l4 + sizeof(struct bmc_udp_head), len = skb->len - off;
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	void *text = data + off;

	if (!l4 || text + 8 > end || skb->len < off || len < 8 || len > 8 * BMC_UDP_GET_WORDS)
		return 0;
	if (bmc_keep_bytes(*(__u64 *)text, 4) != MC_WORD4("get ") &&
	    bmc_keep_bytes(*(__u64 *)text, 5) != MC_WORD5("gets "))
		return 0;
	for (__u32 i = 0; i < BMC_UDP_GET_WORDS - 1; i++) {
		__u64 *word = text + 8 * i;

		if (8 * i + 8 >= len)
			break;
		if ((void *)(word + 1) > end || bmc_equal_bytes(*word, '\n'))
			return 0;
	}
	bmc_hide(len);
	text += (len - 8) & (8 * BMC_UDP_GET_WORDS - 1);
	return text + 8 <= end && bmc_equal_bytes(*(__u64 *)text, '\n') == 1ULL << 63;
}

/* Of struct sk_buff, where they are members of an unnamed union. */
struct sk_buff___headers {
	__u16 transport_header;
	__u16 network_header;
} __attribute__((preserve_access_index));

/*
 * The headers of a datagram that a socket has. Where its UDP header is the kernel knows: in front of it there may be any number
 * of extension headers, that of an atomic fragment (RFC 6946), another UDP header (FOU, GUE). 0; -1: not to be read.
 */
static __always_inline int bmc_udp_headers(struct __sk_buff *skb, struct bmc_pkt *pkt)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct sk_buff___headers *kernel = (struct sk_buff___headers *)skb;

	if (bmc_pkt_ip(data, end, bpf_ntohs((__u16)skb->protocol), 0, 0, pkt))
		return -1;
	pkt->l4 = BPF_CORE_READ(kernel, transport_header) - BPF_CORE_READ(kernel, network_header);
	return pkt->l4 < sizeof(struct iphdr) || pkt->l4 > skb->len ? -1 : 0;
}

/* All commands of a datagram for memcached. */
static __always_inline enum bmc_verdict bmc_udp_read(struct __sk_buff *skb, __u32 server,
						     __u32 life)
{
	struct bmc_pkt pkt = {};
	struct bmc_work *w;

	w = bmc_work_enter(BMC_WORK_INGRESS);
	if (!w) {
		bmc_stats_count(BMC_STAT_DROP_BUSY);
		return BMC_DROP;
	}
	w->server = server;
	w->life = life;
	if (bmc_udp_headers(skb, &pkt))
		bmc_udp_unread(w);
	else if (!bmc_udp_load(skb, w, &pkt))
		bmc_udp_commands(skb, w, &pkt);
	bmc_work_leave(w);
	return BMC_TO_STACK;
}

/* A datagram for memcached, its UDP header at `l4` (0: behind other headers), before its socket has it. */
static __always_inline enum bmc_verdict bmc_udp_in(struct __sk_buff *skb, __u32 server, __u32 life,
						   __u32 l4)
{
	if (bmc_udp_is_get(skb, l4))
		return BMC_TO_STACK;
	return bmc_udp_read(skb, server, life);
}

#endif
