/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Places: rings of BMC_PLACE bytes, one a connection, that keep bytes of its stream. The byte with sequence number n
 * lies at n modulo BMC_PLACE, so that bytes that are at most BMC_PLACE apart never meet. What a place holds, the
 * connection's ranges say (ahead.bpf.h); a place is used under the connection's `busy` only.
 */
#ifndef BMC_PLACE_BPF_H
#define BMC_PLACE_BPF_H

#include "server.bpf.h"
#include "work.bpf.h"

#define BMC_PLACE_CHUNK 2048 /* bytes moved or compared in one go */

struct bmc_place {
	__u8 bytes[BMC_PLACE + BMC_PLACE_CHUNK +
		   8]; /* the rest is slack: no access goes over the end */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_place);
	__uint(max_entries, BMC_PLACES);
} bmc_places SEC(".maps");

/* The place of a conn's `place`, which is the index + 1. */
static __always_inline struct bmc_place *bmc_place_get(__u32 place)
{
	__u32 index = place - 1;

	return bpf_map_lookup_elem(&bmc_places, &index);
}

/* The number of the one bit that is set. */
static __always_inline __u32 bmc_bit_number(__u64 bit)
{
	return (__u32) !!(bit & 0xffffffff00000000ULL) << 5 |
	       (__u32) !!(bit & 0xffff0000ffff0000ULL) << 4 |
	       (__u32) !!(bit & 0xff00ff00ff00ff00ULL) << 3 |
	       (__u32) !!(bit & 0xf0f0f0f0f0f0f0f0ULL) << 2 |
	       (__u32) !!(bit & 0xccccccccccccccccULL) << 1 |
	       (__u32) !!(bit & 0xaaaaaaaaaaaaaaaaULL);
}

/* Takes a place for a connection. 0: none is left. */
__noinline __u32 bmc_place_take(void)
{
	__u64 old = BMC_READ_ONCE(bmc_shared.places);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 bit = ~old & -~old, seen;

		if (!bit)
			return 0;
		seen = __sync_val_compare_and_swap(&bmc_shared.places, old, old | bit);
		if (seen == old)
			return bmc_bit_number(bit) + 1;
		old = seen;
	}
	return 0;
}

static __always_inline void bmc_place_give(__u32 place)
{
	bmc_ordered(__sync_fetch_and_and(&bmc_shared.places,
					 ~(1ULL << ((place - 1) & (BMC_PLACES - 1)))));
}

/* ---- bytes: w->move says which ---- */

/* The next chunk of a move: at most `max` bytes, none behind the ring's end. */
static __always_inline __u64 bmc_move_chunk(const struct bmc_move *m, __u64 max)
{
	__u64 n = m->left, to_end = BMC_PLACE - (m->seq & (BMC_PLACE - 1));

	if (n > max)
		n = max;
	return n > to_end ? to_end : n;
}

static __always_inline void bmc_move_on(struct bmc_move *m, __u64 n)
{
	m->seq += (__u32)n;
	m->off += (__u32)n;
	m->left -= (__u32)n;
}

/* One chunk of the skb into the place. 1: it was the last one, or it failed (then `left` is not 0). */
__noinline int bmc_place_put_chunk(struct __sk_buff *skb, struct bmc_work *w)
{
	struct bmc_place *place;
	__u64 n, at;

	if (!w)
		return 1;
	place = bmc_place_get(w->move.place);
	n = bmc_move_chunk(&w->move, BMC_PLACE_CHUNK);
	at = w->move.seq & (BMC_PLACE - 1);
	bmc_hide(at);
	if (!place || at >= BMC_PLACE || !bmc_len_within(&n, BMC_PLACE_CHUNK))
		return 1;
	if (bpf_skb_load_bytes(skb, w->move.off, place->bytes + at, n))
		return 1;
	bmc_move_on(&w->move, n);
	return !w->move.left;
}

/* Whether `n` bytes (at most BMC_PLACE_CHUNK) at the window's start differ from those in the place at `at`. */
__noinline int bmc_place_differs(struct bmc_work *w, __u32 at, __u32 n)
{
	struct bmc_place *place;
	__u64 differ = 0, pos = at;

	if (!w)
		return 1;
	place = bmc_place_get(w->move.place);
	if (!place)
		return 1;
	for (__u32 i = 0; i < BMC_PLACE_CHUNK / 8; i++) {
		if (n < 8)
			break;
		differ |= bmc_load64(w->win.bytes + 8 * i) ^
			  bmc_load64(place->bytes + (pos & (BMC_PLACE - 1)));
		pos += 8;
		n -= 8;
	}
	for (__u32 i = 0; i < 8; i++) {
		if (i < n)
			differ |= w->win.bytes[(pos - at + i) & (BMC_WINDOW - 1)] ^
				  place->bytes[(pos + i) & (BMC_PLACE - 1)];
	}
	return differ != 0;
}

/* One chunk of the skb is compared with the place. 1: the last one, or they differ (then `left` is not 0). */
__noinline int bmc_place_compare_chunk(struct __sk_buff *skb, struct bmc_work *w)
{
	__u64 n;

	if (!w)
		return 1;
	n = bmc_move_chunk(&w->move, BMC_PLACE_CHUNK);
	if (!bmc_len_within(&n, BMC_PLACE_CHUNK))
		return 1;
	if (bpf_skb_load_bytes(skb, w->move.off, w->win.bytes, n))
		return 1;
	if (bmc_place_differs(w, w->move.seq & (BMC_PLACE - 1), (__u32)n))
		return 1;
	bmc_move_on(&w->move, n);
	return !w->move.left;
}

struct bmc_move_loop {
	struct __sk_buff *skb;
	struct bmc_work *work;
};

static long bmc_put_next(__u32 i, struct bmc_move_loop *loop)
{
	return bmc_loop_stop(bmc_place_put_chunk(loop->skb, loop->work));
}

static long bmc_compare_next(__u32 i, struct bmc_move_loop *loop)
{
	return bmc_loop_stop(bmc_place_compare_chunk(loop->skb, loop->work));
}

#define BMC_MOVES_MAX (BMC_PLACE / BMC_PLACE_CHUNK + 2)

/* w->move.left bytes of the skb from `off` on into the place, from `seq` on. 0 or -1 */
__noinline int bmc_place_put(struct __sk_buff *skb, struct bmc_work *w)
{
	struct bmc_move_loop loop = { .skb = skb, .work = w };

	if (!w)
		return -1;
	bpf_loop(BMC_MOVES_MAX, bmc_put_next, &loop, 0);
	return w->move.left ? -1 : 0;
}

/* The same bytes: are they those in the place? 0: yes. Overwrites the window. */
__noinline int bmc_place_compare(struct __sk_buff *skb, struct bmc_work *w)
{
	struct bmc_move_loop loop = { .skb = skb, .work = w };

	if (!w)
		return -1;
	bpf_loop(BMC_MOVES_MAX, bmc_compare_next, &loop, 0);
	return w->move.left ? -1 : 0;
}

/*
 * Bytes of the source that is a place, to `to` in the window: at most `max` of them. Returns how many; 0: none, or it
 * failed.
 */
static __always_inline __u64 bmc_place_load(struct bmc_work *w, __u64 to, __u64 max)
{
	struct bmc_move m = { .seq = w->from + w->off, .left = w->tail - w->off };
	struct bmc_place *place = bmc_place_get(w->place);
	__u64 n = bmc_move_chunk(&m, BMC_PLACE_CHUNK), at = m.seq & (BMC_PLACE - 1);

	if (n > max)
		n = max;
	bmc_hide(at);
	if (!place || at >= BMC_PLACE || !bmc_len_within(&n, BMC_PLACE_CHUNK))
		return 0;
	if (to > BMC_LINE_MAX || bpf_probe_read_kernel(w->win.bytes + to, n, place->bytes + at))
		return 0;
	return n;
}

#endif
