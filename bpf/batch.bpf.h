/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The writes of a segment: gathered while it is parsed, then seen together, in their order, before TCP has any of it. Most
 * of what a write costs is the way to memory of lines that nobody has touched for long; so they are on it all at once.
 */
#ifndef BMC_BATCH_BPF_H
#define BMC_BATCH_BPF_H

#include "expiry.bpf.h"

/* What a write tells of its item's life. */
enum bmc_tells {
	BMC_TELLS_NOTHING, /* or not yet: a plain set's block comes first */
	BMC_TELLS_EARLIER, /* bmc_life_note, BMC_NOTE_EARLIER */
	BMC_TELLS_DOUBT, /* ... BMC_NOTE_DOUBT */
	BMC_TELLS_LIFE, /* bmc_life_teach */
};

/* Expiry: what a write tells. It is placed in its bucket. */
static __always_inline void bmc_write_tells(const struct bmc_write *write, struct bmc_conn *conn)
{
	__u64 epoch;

	if (write->tells == BMC_TELLS_NOTHING)
		return;
	if (write->tells == BMC_TELLS_LIFE) {
		bmc_life_teach(conn, write->hash, write->until, write->ord);
		return;
	}
	epoch = BMC_READ_ONCE(bmc_server_get(conn->server)->epoch);
	bmc_rmb();
	if (write->tells == BMC_TELLS_EARLIER &&
	    bmc_life_is_open(write->hash, conn->server, epoch, write->until))
		return;
	bmc_life_note(write->hash, conn->server, epoch, write->until,
		      write->tells == BMC_TELLS_DOUBT ? BMC_NOTE_DOUBT : BMC_NOTE_EARLIER);
}

__noinline int bmc_batch_write(struct bmc_work *w, struct bmc_conn *conn, __u32 i)
{
	struct bmc_write *write;
	int seen;

	if (!w || !conn || i >= BMC_BATCH)
		return 0;
	write = &w->batch[i];
	seen = bmc_write_seen(conn, write->hash, write->ord);
	bmc_write_tells(write, conn);
	w->n_invalidated += seen & BMC_SEEN_ITEM;
	if (seen & BMC_SEEN_HELD)
		bmc_stats_count(BMC_STAT_OVERFLOWS);
	if (seen & BMC_SEEN_CROWDED)
		bmc_stats_count(BMC_STAT_CROWDED);
	return 0;
}

/* The lines of memory that writes need come all at once, not one after the other. */
__noinline int bmc_batch_touch(struct bmc_work *w)
{
	if (!w)
		return 0;
	for (__u32 i = 0; i < BMC_BATCH; i++) {
		if (i >= w->n_batch)
			break;
		bmc_write_touch(w->batch[i].hash);
		bmc_life_touch(w->batch[i].hash);
	}
	return 0;
}

/* WRITE_SEEN of what was gathered, in its order: before TCP has any of it. */
__noinline int bmc_batch_seen(struct bmc_work *w, struct bmc_conn *conn)
{
	if (!w || !conn)
		return 0;
	bmc_batch_touch(w);
	for (__u32 i = 0; i < BMC_BATCH; i++) {
		if (i >= w->n_batch)
			break;
		bmc_batch_write(w, conn, i);
	}
	w->n_batch = 0;
	return 0;
}

/* The source is parsed. */
static __always_inline void bmc_batch_end(struct bmc_work *w, struct bmc_conn *conn)
{
	if (w->n_batch == 1)
		bmc_batch_write(w, conn, 0);
	else if (w->n_batch)
		bmc_batch_seen(w, conn);
}

/* A write is parsed. -1: there is no room, which bmc_in_next makes before each command. */
static __always_inline int bmc_batch_add(struct bmc_work *w, __u64 hash, __u32 ord, __u32 until,
					 enum bmc_tells tells)
{
	struct bmc_write *write;
	__u64 at = w->n_batch;

	bmc_hide(at);
	if (at >= BMC_BATCH)
		return -1;
	write = &w->batch[at];
	write->hash = hash;
	write->ord = ord;
	write->until = until;
	write->tells = tells;
	w->n_batch = (__u32)at + 1;
	return 0;
}

/* A plain set's block was gone over, `until` is what it tells. It is the last one of the batch, or was seen before. */
static __always_inline void bmc_batch_tells(struct bmc_work *w, struct bmc_conn *conn, __u32 until,
					    __u32 ord, enum bmc_tells tells)
{
	struct bmc_write seen = { .hash = conn->in_hash, .ord = ord };
	__u64 last = w->n_batch - 1;

	bmc_hide(last);
	if (w->n_batch && last < BMC_BATCH && w->batch[last].hash == conn->in_hash) {
		w->batch[last].until = until;
		w->batch[last].tells = tells;
		return;
	}
	seen.until = until;
	seen.tells = tells;
	bmc_write_tells(&seen, conn);
}

#endif
