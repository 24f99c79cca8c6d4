/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The window of a connection's requests: bytes of what is parsed (the segment, or where w->place says), behind the line
 * that was not complete.
 */
#ifndef BMC_WINDOW_BPF_H
#define BMC_WINDOW_BPF_H

#include "early.bpf.h"
#include "place.bpf.h"

#define BMC_FIRST_LOAD                                                                             \
	256 /* of a segment that the window does not hold: most such have a large block */
_Static_assert(BMC_FIRST_LOAD < BMC_LINE_MAX, "a line is long only if more was looked at");

/* Loads what comes next behind `kept` bytes (at most BMC_LINE_MAX) at the window's start. */
__noinline int bmc_load_next(struct __sk_buff *skb, struct bmc_work *w, __u32 kept)
{
	__u64 n, to = kept;

	if (!w)
		return -1;
	n = w->tail - w->off;
	if (n > BMC_WINDOW - BMC_LINE_MAX)
		n = w->end || kept ? BMC_WINDOW - BMC_LINE_MAX : BMC_FIRST_LOAD;
	bmc_hide(to);
	if (to > BMC_LINE_MAX || !bmc_len_within(&n, BMC_WINDOW - BMC_LINE_MAX))
		return -1;
	if (w->place == BMC_FROM_EARLY) {
		n = bmc_early_load(skb, w, to, BMC_WINDOW - BMC_LINE_MAX);
		if (!n)
			return -1;
	} else if (w->place) {
		n = bmc_place_load(w, to, BMC_WINDOW - BMC_LINE_MAX);
		if (!n)
			return -1;
	} else if (bpf_skb_load_bytes(skb, w->off, w->win.bytes + to, n)) {
		return -1;
	}
	w->off += (__u32)n;
	w->pos = 0;
	w->end = (__u32)(to + n);
	bmc_window_end(&w->win, to + n);
	return 0;
}

/* The whole segment, if the window can hold it: most can. 0 or -1 */
static __always_inline int bmc_load_whole(struct __sk_buff *skb, struct bmc_work *w)
{
	__u64 n = w->tail - w->off;

	if (!bmc_len_within(&n, BMC_WINDOW - BMC_LINE_MAX) ||
	    bpf_skb_load_bytes(skb, w->off, w->win.bytes, n))
		return -1;
	w->off = w->tail;
	w->end = (__u32)n;
	bmc_window_end(&w->win, n);
	return 0;
}

/* An incomplete line from the conn to the window's start, and back. Words: both have slack. */
__noinline int bmc_line_take(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	for (__u32 i = 0; i < BMC_LINE_MAX / 8; i++) {
		if (i * 8 >= conn->in_len)
			break;
		*(__u64 *)(w->win.bytes + i * 8) = *(__u64 *)(conn->in_line + i * 8);
	}
	return 0;
}

__noinline int bmc_line_keep(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 at;

	if (!w || !conn)
		return 0;
	at = w->pos;
	conn->in_len = (__u16)(w->end - w->pos);
	if (bmc_mutant(BMC_MUT_NO_PARTIAL_LINE))
		conn->in_len = 0;
	for (__u32 i = 0; i < BMC_LINE_MAX / 8; i++) {
		if (i * 8 >= conn->in_len)
			break;
		*(__u64 *)(conn->in_line + i * 8) = bmc_window64(&w->win, at);
		at += 8;
	}
	return 0;
}

/* Whether there are bytes of the source that were not gone over. */
static __always_inline int bmc_work_left(const struct bmc_work *w)
{
	return w->pos < w->end || w->off < w->tail;
}

#endif
