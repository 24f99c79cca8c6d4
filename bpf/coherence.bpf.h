/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The rules of COHERENCE.md for TCP connections, by the names they have there. Any doubt makes `cmd` too large or
 * `rep` too small, never the reverse.
 */
#ifndef BMC_COHERENCE_BPF_H
#define BMC_COHERENCE_BPF_H

#include "hold.bpf.h"

/* UNKNOWN(ord): a write of keys that are not known. */
__noinline int bmc_unknown(struct bmc_conn *conn, __u64 want)
{
	if (!conn)
		return 0;
	if (!bmc_mutant(BMC_MUT_NO_HOLD))
		bmc_hold(conn, want);
	if (!bmc_mutant(BMC_MUT_NO_EPOCH_UP))
		bmc_epoch_up(bmc_server_get(conn->server));
	bmc_stats_count(BMC_STAT_UNKNOWNS);
	return 0;
}

/* LOST: held for ever, and only then known to the other side: what comes from here on is not parsed. */
__noinline int bmc_conn_lost(struct bmc_conn *conn, __u32 why)
{
	if (!conn || BMC_READ_ONCE(conn->lost))
		return 0;
	bmc_unknown(conn, BMC_HOLD_NEVER);
	bmc_server_unread(conn->server);
	if (__sync_val_compare_and_swap(&conn->lost, BMC_IN_STEP, why) == BMC_IN_STEP)
		bmc_stats_count(BMC_STAT_LOST);
	return 0;
}

/* ---- writers ---- */

/*
 * A gen of the writer is over: what it was answered stays known, then it is another one's. The index goes back. Its reps are
 * as few as they are read here.
 */
static __always_inline void bmc_writer_back(struct bmc_writer *writer, __u32 index)
{
	__u64 answers = BMC_READ_ONCE(writer->answers), at = answers >> 32;

	bmc_hide(at);
	BMC_WRITE_ONCE(writer->past[at % BMC_PASTS], (__u32)answers);
	if (!bmc_mutant(BMC_MUT_NO_GEN))
		bmc_ordered(__sync_fetch_and_add(&writer->answers, 1ULL << 32));
	bpf_map_push_elem(&bmc_free_writers, &index, BPF_ANY);
}

#define BMC_WRITER_AGE (1U << 30) /* ordinals that a writer serves; they compare modulo 2^32 */

/*
 * ANEW: a writer that has served so long that its first flights would soon be to come again goes back, if all writes before
 * this one were answered. The conn's word: NONE, if it did.
 */
static __always_inline __u64 bmc_writer_anew(struct bmc_conn *conn, __u64 word)
{
	__u32 index = (__u32)word - 2;
	struct bmc_writer *writer;
	__u64 seen;

	if (word == BMC_WRITER_NONE || word == BMC_WRITER_CLOSED ||
	    (__s32)(BMC_READ_ONCE(conn->rep) - conn->wrote) < 0)
		return word;
	writer = bpf_map_lookup_elem(&bmc_writers, &index);
	if (!writer)
		return word;
	seen = __sync_val_compare_and_swap(&conn->writer, word, BMC_WRITER_NONE);
	if (seen != word)
		return seen;
	/* rep is counted before t_rep is stored: what was answered last may have no time yet, but was carried out before now */
	BMC_WRITE_ONCE(writer->t_rep, bpf_ktime_get_ns());
	bmc_writer_back(writer, index);
	return BMC_WRITER_NONE;
}

/* The index of one that never had a gen, else of the one that was given back the longest ago. 0, or -1: none is left. */
static __always_inline int bmc_writer_take(__u32 *ret_index)
{
	__u64 fresh = BMC_READ_ONCE(bmc_shared.n_fresh);

	if (fresh < bmc_config.n_writers) {
		fresh = __sync_fetch_and_add(&bmc_shared.n_fresh, 1);
		if (fresh < bmc_config.n_writers) {
			*ret_index = (__u32)fresh;
			return 0;
		}
	}
	return bpf_map_pop_elem(&bmc_free_writers, ret_index) ? -1 : 0;
}

/*
 * The connection's writer word; at its first write it takes a writer, if one is left: answers = {gen, conn's rep}
 * first, then the conn's word. Found closed: the index goes back.
 */
__noinline __u64 bmc_writer_of(struct bmc_conn *conn)
{
	struct bmc_writer *writer;
	__u64 word, answers, seen;
	__u32 index;

	if (!conn)
		return BMC_WRITER_NONE;
	word = bmc_writer_anew(conn, BMC_READ_ONCE(conn->writer));
	if (word != BMC_WRITER_NONE)
		return word;
	if (bmc_writer_take(&index))
		return BMC_WRITER_NONE;
	writer = bpf_map_lookup_elem(&bmc_writers, &index);
	if (!writer)
		return BMC_WRITER_NONE;
	answers = BMC_READ_ONCE(writer->answers) >> 32 << 32;
	conn->since = BMC_READ_ONCE(conn->rep);
	if (!bmc_mutant(BMC_MUT_TAKE_KEEPS_REP))
		BMC_WRITE_ONCE(writer->answers, answers | conn->since);
	word = answers | (index + 2);
	seen = __sync_val_compare_and_swap(&conn->writer, BMC_WRITER_NONE, word);
	if (seen == BMC_WRITER_NONE)
		return word;
	bpf_map_push_elem(&bmc_free_writers, &index, BPF_ANY);
	return seen;
}

/* The writer of a conn's word; NULL for NONE and CLOSED. */
static __always_inline struct bmc_writer *bmc_writer_get(__u64 word)
{
	__u32 index = (__u32)word - 2;

	if (word == BMC_WRITER_NONE || word == BMC_WRITER_CLOSED)
		return NULL;
	return bpf_map_lookup_elem(&bmc_writers, &index);
}

/* ---- writes ---- */
#define BMC_SEEN_ITEM 1 /* an item was taken out */
#define BMC_SEEN_HELD 2 /* no place was left: fills are held */
#define BMC_SEEN_CROWDED 4 /* no place was left: the crowd's has it */

/*
 * The entries of a key go: behind its flight, or else under the bucket's lock, since there a fill looks at holds and
 * publishes. Whether there was one.
 */
static __always_inline int bmc_bucket_forget(struct bmc_bucket *b, __u64 hash)
{
	int gone;

	bpf_spin_lock(&b->lock);
	gone = bmc_cache_forget(b, hash);
	bpf_spin_unlock(&b->lock);
	return gone;
}

/* The lines of WRITE_SEEN are asked for; it begins with an exchange, which nothing overtakes. */
static __always_inline void bmc_write_touch(__u64 hash)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));

	if (!b)
		return;
	(void)BMC_READ_ONCE(b->valid);
	(void)BMC_READ_ONCE(b->flight[0].what);
	(void)BMC_READ_ONCE(b->group[bmc_group_of(hash)].tag[0]);
}

/* Where no place was this writer's or free, or another was faster: one whose flight is over will do. Whether it is placed. */
__noinline int bmc_write_crowded(__u64 hash, __u64 who, __u64 what)
{
	struct bmc_flight mine = { .who = who, .what = what };
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));

	if (!b)
		return 0;
	for (__u32 i = 0; i < BMC_PLACE_TRIES; i++) {
		int replaced = bmc_flight_replace(b, &mine), placed = -1;

		if (replaced <= 0)
			placed = bmc_flight_place(b, &mine);
		if (replaced > 0 || placed > 0)
			return 1;
		if (replaced < 0 && placed < 0)
			break;
	}
	return 0;
}

/* CROWD: a silent write, the last command so far, has the crowd's flight. Whether it is placed. */
static __always_inline int bmc_write_joins(struct bmc_conn *conn, __u64 hash, __u32 ord)
{
	__u64 word;

	if ((__s32)(ord - conn->cmd) <= 0)
		return 0;
	word = bmc_crowd_join(conn, ord);
	return word &&
	       bmc_flight_shared(hash, word >> BMC_GEN_SHIFT << 32 | BMC_WRITER_CROWD,
				 bmc_flight_what(BMC_FLIGHT_GEN, conn->server, conn->life, 0));
}

/*
 * No place, or no writer is left. A write that waits for an answer to come later joins the crowd: who knows how long that
 * takes, and its bucket alone is kept from fills. Else HOLD(ord). Then the entries go. Returns BMC_SEEN_*.
 */
__noinline int bmc_write_without(struct bmc_conn *conn, __u64 hash, __u32 ord)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));

	if (!conn || !b)
		return BMC_SEEN_HELD;
	if (bmc_mutant(BMC_MUT_NO_OVERFLOW_HOLD))
		return BMC_SEEN_HELD | (bmc_bucket_forget(b, hash) ? BMC_SEEN_ITEM : 0);
	if (bmc_write_joins(conn, hash, ord))
		return BMC_SEEN_CROWDED | (bmc_cache_forget(b, hash) ? BMC_SEEN_ITEM : 0);
	bmc_hold(conn, BMC_HOLD_ORD | ord);
	return BMC_SEEN_HELD | (bmc_bucket_forget(b, hash) ? BMC_SEEN_ITEM : 0);
}

/*
 * WRITE_SEEN: the write is in flight until its answer, or a later one, is seen, and every entry of the key goes. Returns
 * BMC_SEEN_*.
 */
static __always_inline int bmc_write_seen(struct bmc_conn *conn, __u64 hash, __u32 ord)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));
	struct bmc_flight mine;
	__u64 word;

	if (!b)
		return 0;
	word = BMC_READ_ONCE(conn->writer);
	if (word == BMC_WRITER_NONE || ord - conn->since >= BMC_WRITER_AGE)
		word = bmc_writer_of(conn);
	BMC_WRITE_ONCE(conn->wrote, ord);
	if (word == BMC_WRITER_NONE)
		return bmc_write_without(conn, hash, ord);
	if (word != BMC_WRITER_CLOSED && !bmc_mutant(BMC_MUT_NO_FLIGHT)) {
		mine.who =
			word - 2; /* the index is in the low half: no borrow for a writer's word */
		mine.what = bmc_flight_what(BMC_FLIGHT_ORD, conn->server, conn->life, ord);
		if (bmc_flight_place(b, &mine) <= 0 &&
		    !bmc_write_crowded(hash, mine.who, mine.what))
			return bmc_write_without(conn, hash, ord);
	}
	return bmc_cache_forget(b, hash) ? BMC_SEEN_ITEM : 0;
}

/* Whether the writer is to know of answers behind the first `rep` ones: all writes up to `wrote` were among these if not. */
static __always_inline int bmc_answers_matter(__u32 rep, __u32 wrote)
{
	return (__s32)(rep - wrote) < 0;
}

/* ANSWER, for the connection's writer: t_rep first. */
static __always_inline void bmc_writer_answered(struct bmc_conn *conn, __u32 rep, __u64 now)
{
	__u64 word = BMC_READ_ONCE(conn->writer), gen = word >> 32 << 32, old;
	struct bmc_writer *writer = bmc_writer_get(word);

	if (!writer || bmc_time_up(&writer->t_rep, now))
		return;
	old = BMC_READ_ONCE(writer->answers);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen;

		if (old >> 32 << 32 != gen || (__s32)(rep - (__u32)old) <= 0)
			return;
		seen = __sync_val_compare_and_swap(&writer->answers, old, gen | rep);
		if (seen == old)
			return;
		old = seen;
	}
}

/* CLOSE: what this connection has in flight is over now, and its writer is free for another. */
static __always_inline void bmc_conn_closed(struct bmc_conn *conn)
{
	__u64 word = __sync_lock_test_and_set(&conn->writer, BMC_WRITER_CLOSED);
	struct bmc_writer *writer = bmc_writer_get(word);

	if (writer) {
		__u64 now = bpf_ktime_get_ns();

		if (!bmc_mutant(BMC_MUT_NO_GEN) && bmc_time_up(&writer->t_rep, now))
			BMC_WRITE_ONCE(writer->t_rep, now);
		bmc_writer_back(writer, (__u32)word - 2);
	}
	bmc_hold_closed(conn);
}

#endif
