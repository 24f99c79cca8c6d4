/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * What a connection keeps of its stream: bytes that came ahead of their turn, and bytes that were parsed although TCP
 * may refuse them, so that it is known whether they come again as they were. A range of sequence numbers each; its
 * bytes are in the connection's place, but for those wholly inside a data block, of which the range is enough.
 * All of it under the connection's `busy`.
 */
#ifndef BMC_AHEAD_BPF_H
#define BMC_AHEAD_BPF_H

#include "coherence.bpf.h"
#include "place.bpf.h"
#include "segment.bpf.h"

static __always_inline int bmc_kept_is_bytes(const struct bmc_conn *conn, __u32 i)
{
	return conn->kept_bytes >> i & 1;
}

static __always_inline void bmc_kept_clear(struct bmc_conn *conn, __u32 i)
{
	conn->kept[i].from = 0;
	conn->kept[i].to = 0;
	conn->kept_bytes &= (__u8) ~(1U << i);
}

/* What TCP has accepted (before `rcv_nxt`) is not needed any more; nor is the place when nothing is. */
__noinline int bmc_kept_trim(struct bmc_conn *conn, __u32 rcv_nxt)
{
	if (!conn)
		return 0;
	conn->n_kept = conn->fin_kept;
	for (__u32 i = 0; i < BMC_KEPT; i++) {
		if (conn->kept[i].from == conn->kept[i].to)
			continue;
		if (bmc_after(conn->kept[i].to, rcv_nxt) <= 0) {
			bmc_kept_clear(conn, i);
			continue;
		}
		if (bmc_after(rcv_nxt, conn->kept[i].from) > 0)
			conn->kept[i].from = rcv_nxt;
		conn->n_kept = 1;
	}
	if (conn->place && !conn->n_kept) {
		bmc_place_give(conn->place);
		conn->place = 0;
	}
	return 0;
}

/* CLOSE: whatever is kept is not needed. */
static __always_inline void bmc_kept_drop(struct bmc_conn *conn)
{
	if (conn->place)
		bmc_place_give(conn->place);
	conn->place = 0;
	conn->n_kept = 0;
	conn->fin_kept = 0;
	conn->kept_bytes = 0;
	__builtin_memset(conn->kept, 0, sizeof(conn->kept));
}

/* ---- to put in ---- */

/* Puts w->range in; ranges of its kind that it touches become one with it. -1: there are too many. */
__noinline int bmc_kept_insert(struct bmc_work *w, struct bmc_conn *conn, __u32 bytes)
{
	__u32 at;

	if (!w || !conn)
		return -1;
	w->range.at = BMC_KEPT;
	for (__u32 i = 0; i < BMC_KEPT; i++) {
		__u32 f = conn->kept[i].from, t = conn->kept[i].to;

		if (f != t) {
			if ((__u32)bmc_kept_is_bytes(conn, i) != bytes ||
			    bmc_after(f, w->range.to) > 0 || bmc_after(w->range.from, t) > 0)
				continue;
			if (bmc_after(w->range.from, f) > 0)
				w->range.from = f;
			if (bmc_after(t, w->range.to) > 0)
				w->range.to = t;
			bmc_kept_clear(conn, i);
		}
		w->range.at = i;
	}
	at = w->range.at;
	if (at >= BMC_KEPT)
		return -1;
	conn->kept[at].from = w->range.from;
	conn->kept[at].to = w->range.to;
	conn->kept_bytes |= (__u8)(bytes << at);
	conn->n_kept = 1;
	return 0;
}

/* Whether w->range fits the place beside what is there: no two bytes that are as far apart as it is long. */
__noinline int bmc_kept_fits(const struct bmc_work *w, const struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	if (w->range.to - w->range.from > BMC_PLACE)
		return 0;
	for (__u32 i = 0; i < BMC_KEPT; i++) {
		if (!bmc_kept_is_bytes(conn, i))
			continue;
		if (bmc_after(w->range.to, conn->kept[i].from + BMC_PLACE) > 0 ||
		    bmc_after(conn->kept[i].to, w->range.from + BMC_PLACE) > 0)
			return 0;
	}
	return 1;
}

/* The segment's bytes from..to (w->range), which begin at `off` in the skb: into the place. 0; -1: no room. */
__noinline int bmc_kept_put(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn,
			    __u32 off)
{
	if (!w || !conn)
		return -1;
	if (!conn->place)
		conn->place = bmc_place_take();
	if (!conn->place || !bmc_kept_fits(w, conn))
		return -1;
	w->move.place = conn->place;
	w->move.seq = w->range.from;
	w->move.off = off;
	w->move.left = w->range.to - w->range.from;
	if (bmc_place_put(skb, w))
		return -1;
	return bmc_kept_insert(w, conn, 1);
}

/*
 * Keeps a segment's bytes from sequence number `from` on, at `off` in the skb, up to `to`: first what lies in the data
 * block that contains `next` (but for the two bytes that end it), then the bytes of the rest. 0; -1: no room.
 */
__noinline int bmc_kept_add(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn,
			    __u32 off, __u32 from)
{
	__u32 to, in_block = 0, len;

	if (!w || !conn)
		return -1;
	len = skb->len - off;
	to = from + len;
	if (conn->in_block > 2)
		in_block = conn->in_block > BMC_PLACE * 256ULL ? BMC_PLACE * 256 :
								 (__u32)conn->in_block;
	if (in_block && bmc_after(conn->in_next + in_block - 2, from) > 0) {
		__u32 n = conn->in_next + in_block - 2 - from;

		if (n > len)
			n = len;
		w->range.from = from;
		w->range.to = from + n;
		if (bmc_kept_insert(w, conn, 0))
			return -1;
		from += n;
		off += n;
	}
	if (from == to)
		return 0;
	w->range.from = from;
	w->range.to = to;
	return bmc_kept_put(skb, w, conn, off);
}

/* ---- to look at ---- */

/*
 * Whether any byte that is kept differs from the segment's, whose data are at `off` in the skb and begin with sequence
 * number `seq`.
 */
__noinline int bmc_kept_differs(struct __sk_buff *skb, struct bmc_work *w, struct bmc_conn *conn,
				__u32 off, __u32 seq)
{
	__u32 end;

	if (!w || !conn)
		return 1;
	end = seq + (skb->len - off);
	w->move.place = conn->place;
	for (__u32 i = 0; i < BMC_KEPT; i++) {
		__u32 from = conn->kept[i].from, to = conn->kept[i].to;

		if (!bmc_kept_is_bytes(conn, i))
			continue;
		if (bmc_after(seq, from) > 0)
			from = seq;
		if (bmc_after(to, end) > 0)
			to = end;
		if (bmc_after(to, from) <= 0)
			continue;
		w->move.seq = from;
		w->move.off = off + (from - seq);
		w->move.left = to - from;
		if (bmc_place_compare(skb, w))
			return 1;
	}
	return 0;
}

/*
 * Whether all of from..to, which was parsed, is kept or lies in the data block that contains `next`; but not when the
 * first of the two bytes that end the block was parsed: what it is tells whether the block is stored.
 */
__noinline int bmc_kept_covers(struct bmc_work *w, const struct bmc_conn *conn, __u32 from,
			       __u32 to)
{
	__u32 block;

	if (!w || !conn)
		return 0;
	w->range.from = from;
	for (__u32 n = 0; n < BMC_KEPT * BMC_KEPT; n++) {
		__u32 i = n % BMC_KEPT;

		if (bmc_after(conn->kept[i].from, w->range.from) <= 0 &&
		    bmc_after(conn->kept[i].to, w->range.from) > 0)
			w->range.from = conn->kept[i].to;
	}
	block = conn->in_next - (__u32)(conn->in_whole - conn->in_block);
	if (conn->in_block > 1 && bmc_after(w->range.from, block) >= 0)
		return 1;
	return bmc_after(w->range.from, to) >= 0;
}

/* ---- to take out ---- */

/*
 * `next` has reached a range: over one inside the data block; one of bytes becomes the source of what is parsed.
 * 1: there is such a source; 0: nothing that is kept is next.
 */
__noinline int bmc_kept_next(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	for (__u32 n = 0; n < BMC_KEPT * BMC_KEPT; n++) {
		__u32 i = n % BMC_KEPT, next = conn->in_next, to = conn->kept[i].to;

		if (bmc_after(conn->kept[i].from, next) > 0 || bmc_after(to, next) <= 0)
			continue;
		if (bmc_kept_is_bytes(conn, i)) {
			w->pos = 0;
			w->end = 0;
			w->place = conn->place;
			w->from = next;
			w->off = 0;
			w->tail = to - next;
			w->source_end = to;
			return 1;
		}
		if (to - next > conn->in_block) { /* cannot be: it was inside the block */
			bmc_conn_lost(conn, BMC_LOST_UNPARSED);
			return 0;
		}
		conn->in_block -= to - next;
		conn->in_next = to;
	}
	if (conn->fin_kept && conn->fin == conn->in_next) {
		conn->fin_kept = 0;
		conn->in_next++;
	}
	return 0;
}

#endif
