/* SPDX-License-Identifier: LGPL-2.1-only */
/* FILL: memcached's own UDP replies fill the cache. */
#ifndef BMC_FILL_BPF_H
#define BMC_FILL_BPF_H

#include "bypass.bpf.h"
#include "expiry.bpf.h"
#include "fill_form.bpf.h"
#include "room.bpf.h"
#include "stamp.bpf.h"

#define BMC_SLOW_STEPS 20000 /* of BMC_TEST_SLOW_FILL: some hundred microseconds */
#define BMC_LINGER_STEPS 10000 /* of BMC_TEST_SLOW_PUBLISH: some microseconds */

/* The index of a local address, which it gets now if it has none; -1: there are too many. */
static __always_inline int bmc_where_of(struct bmc_work *w)
{
	struct bmc_addr addr; /* on the stack: 6.1 takes no key from elsewhere here */
	__u32 *known, index;

	__builtin_memcpy(addr.addr, w->addr, sizeof(addr));
	known = bpf_map_lookup_elem(&bmc_locals, &addr);
	if (known)
		return (int)*known;
	if (BMC_READ_ONCE(bmc_shared.n_where) >= BMC_WHERE_MAX)
		return -1;
	index = (__u32)__sync_fetch_and_add(&bmc_shared.n_where, 1);
	if (index >= BMC_WHERE_MAX)
		return -1;
	__builtin_memcpy(bmc_shared.where[index].addr, w->addr, sizeof(w->addr));
	bmc_wmb();
	if (bpf_map_update_elem(&bmc_locals, &addr, &index, BPF_NOEXIST))
		return -1; /* another CPU was first: the next fill finds it */
	return (int)index;
}

/* A text of the packet and its tail into the entry at `at`. 0, or -1: not to be loaded. */
static __always_inline int bmc_entry_load(struct __sk_buff *skb, __u32 off, struct bmc_bucket *b,
					  __u16 at, __u64 len, __u64 reach)
{
	__u64 place = (__u64)at * BMC_UNIT;
	struct bmc_entry *e;

	if (place > BMC_DATA_BYTES - reach || !bmc_len_within(&len, BMC_TEXT_WITHIN(reach)))
		return -1;
	/* for the verifier: clang 22 makes one comparison of two reaches' */
	bmc_clamp(place, BMC_DATA_BYTES - reach);
	bmc_clamp(len, BMC_TEXT_WITHIN(reach));
	e = (struct bmc_entry *)(b->data + place);
	*(__u32 *)(e->text + len) = (__u32)MC_WORD4("END\r");
	e->text[len + 4] = '\n';
	return (int)bpf_skb_load_bytes(skb, off, e->text, len);
}

/* A time for readers, whose clock is late. */
static __always_inline __u64 bmc_entry_until(__u64 until)
{
	return until > BMC_CLOCK_LATE_NS ? until - BMC_CLOCK_LATE_NS : 0;
}

/* The bytes of the entry in w->slot, and all that a reader compares, but for the tag. */
__noinline int bmc_entry_write(struct __sk_buff *skb, struct bmc_work *w, __u32 len)
{
	struct bmc_bucket *b;
	struct bmc_entry *e;
	__u16 at;
	int where;

	if (!w)
		return -1;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return -1;
	at = bmc_slot_at(b, w->slot);
	e = bmc_entry_get(b, at, BMC_REACH_KEY);
	where = bmc_where_of(w);
	if (!e || where < 0)
		return -1;
	e->text_len = (__u16)len;
	e->key_len = (__u8)w->key.len;
	e->where = (__u8)where;
	e->server = (__u8)w->server;
	e->csum = (__u16)bmc_work_sum(w, len);
	e->epoch = w->epoch;
	e->until = w->until;
	if (len <= BMC_TEXT_WITHIN(BMC_REACH_KEY))
		return bmc_entry_load(skb, w->off, b, at, len, BMC_REACH_KEY);
	if (len <= BMC_TEXT_WITHIN(BMC_REACH_MIDDLE))
		return bmc_entry_load(skb, w->off, b, at, len, BMC_REACH_MIDDLE);
	return bmc_entry_load(skb, w->off, b, at, len, BMC_REACH_ALL);
}

/* The writes in flight, of which there are some: each one's writer is looked at. 1: one is not over. */
__noinline int bmc_fill_look_at(struct bmc_work *w)
{
	struct bmc_bucket *b;
	int busy = 0;

	if (!w)
		return 1;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return 1;
	for (__u32 i = 0; i < BMC_FLIGHTS; i++) {
		__u64 what = BMC_READ_ONCE(b->flight[i].what),
		      who = BMC_READ_ONCE(b->flight[i].who);

		w->seen_what[i] = what;
		w->seen_who[i] = who;
		w->ended[i] = what ? bmc_flight_look(who, what) : BMC_OVER;
		if (w->ended[i] == BMC_IN_FLIGHT)
			busy = 1;
	}
	w->now = bpf_ktime_get_ns();
	return busy;
}

/* FILL, its first step: copies the writes in flight and looks at each one's writer. 1: one is not over. */
static __always_inline int bmc_fill_look(struct bmc_work *w, const struct bmc_bucket *b)
{
	__u64 any = 0;

#pragma unroll
	for (__u32 i = 0; i < BMC_FLIGHTS; i++) {
		w->seen_what[i] = BMC_READ_ONCE(b->flight[i].what);
		any |= w->seen_what[i];
	}
	return any ? bmc_fill_look_at(w) : 0;
}

static __always_inline int bmc_fills_held(const struct bmc_server *s)
{
	return !bmc_mutant(BMC_MUT_NO_COUNT) && (BMC_READ_ONCE(s->word) & BMC_WORD_HOLDS_MASK);
}

/*
 * Whether a flush_all with a delay may still take the item. memcached's clock goes on once a second, but not while it stands
 * still (SIGSTOP, a frozen cgroup), and the first requests behind that are answered by the old one: so the first reply of
 * later only says that memcached is running.
 */
static __always_inline int bmc_fill_is_flushed(struct bmc_server *s, __u64 stamp)
{
	__u64 until = BMC_READ_ONCE(s->no_fill_until);

	if (bmc_mutant(BMC_MUT_NO_FLUSH_TIME))
		return 0;
	if (stamp <= until)
		return 1;
	if (!(until & BMC_FLUSH_AHEAD))
		return 0;
	stamp += BMC_SECONDS_LATE * BMC_SECOND_NS;
	bmc_ordered(
		__sync_val_compare_and_swap(&s->no_fill_until, until, stamp & ~BMC_FLUSH_AHEAD));
	return 1;
}

/* Whether memcached may have taken a request of this time before something that changed the item. */
static __always_inline int bmc_fill_is_old(struct bmc_server *s, const struct bmc_bucket *b,
					   __u64 stamp)
{
	if (bmc_mutant(BMC_MUT_NO_STAMP))
		return 0;
	if (stamp <= b->t_change || stamp <= BMC_READ_ONCE(s->t_quiet))
		return 1;
	return bmc_fill_is_flushed(s, stamp);
}

/*
 * Under the lock: whether no write of the bucket is in flight, the server's fills are not held, and the request is later
 * than all that ended. What is over is cleared. BMC_STAT_FILLS; else why not.
 */
static __always_inline enum bmc_stat bmc_fill_judge(struct bmc_work *w, struct bmc_server *s,
						    struct bmc_bucket *b, __u64 stamp)
{
	enum bmc_stat why = BMC_STAT_FILLS;

#pragma unroll
	for (__u32 i = 0; i < BMC_FLIGHTS; i++) {
		__u64 time, what;

		what = BMC_READ_ONCE(b->flight[i].what);
		if (!what)
			continue;
		if (what != w->seen_what[i] || w->ended[i] == BMC_IN_FLIGHT ||
		    !bmc_flight_clear(&b->flight[i], w->seen_who[i], what)) {
			if (!bmc_mutant(BMC_MUT_NO_RECOMPARE))
				why = BMC_STAT_REFUSED_FLIGHT;
			continue;
		}
		time = w->ended[i] == BMC_OVER ? w->now : w->ended[i];
		if (b->t_change < time)
			b->t_change = time;
	}
	if (why == BMC_STAT_FILLS && bmc_fills_held(s))
		why = BMC_STAT_REFUSED_HELD;
	bmc_rmb();
	if (why == BMC_STAT_FILLS && bmc_fill_is_old(s, b, stamp))
		why = BMC_STAT_REFUSED_STAMP;
	if (why == BMC_STAT_FILLS && BMC_READ_ONCE(s->off))
		why = BMC_STAT_REFUSED_OFF;
	return why;
}

/* BMC_TEST_SLOW_PUBLISH: time for a write to be placed. */
static __always_inline void bmc_fill_linger(const struct bmc_bucket *b)
{
	for (__u32 i = 0; i < BMC_LINGER_STEPS; i++)
		(void)BMC_READ_ONCE(b->seq);
}

/*
 * Under the lock, seq is odd: the entry in w->slot is valid, unless a write was placed since the flights were judged; one
 * that is placed from now on sees that it is. Hits take it when seq is even. Whether it is.
 */
static __always_inline int bmc_fill_publish(const struct bmc_work *w, struct bmc_bucket *b)
{
	__u64 bit = 1ULL << (w->slot & (BMC_SLOTS - 1));

	if (bmc_config.test & BMC_TEST_SLOW_PUBLISH)
		bmc_fill_linger(b);
	bmc_ordered(__sync_fetch_and_or(&b->valid, bit));
	if (!bmc_flights_any(b) || bmc_mutant(BMC_MUT_NO_LOOK_AGAIN) ||
	    bmc_mutant(BMC_MUT_NO_RECOMPARE))
		return 1;
	bmc_slots_close(b, bit);
	return 0;
}

/*
 * Under the lock, of an entry that has these bytes: it is of this epoch now, and has another end; refused, it stays what it
 * was. BMC_STAT_FILLS; else why not.
 */
static __always_inline enum bmc_stat bmc_fill_renew(struct bmc_work *w, struct bmc_bucket *b,
						    struct bmc_entry *e)
{
	int is_there;

	if (b->seq != w->seq || (w->seq & 1))
		return BMC_STAT_REFUSED_BUSY;
	BMC_WRITE_ONCE(b->seq, w->seq + 1);
	bmc_wmb();
	e->epoch = w->epoch;
	e->until = w->until;
	is_there = bmc_fill_publish(w, b);
	bmc_wmb();
	BMC_WRITE_ONCE(b->seq, w->seq + 2);
	return is_there ? BMC_STAT_FILLS : BMC_STAT_REFUSED_FLIGHT;
}

/* The same of an entry that was written, whose bucket this fill has. */
static __always_inline enum bmc_stat bmc_fill_new(struct bmc_work *w, struct bmc_bucket *b)
{
	if (!w->is_written)
		return BMC_STAT_REFUSED_PLACE;
	bmc_room_done(w, b);
	return bmc_fill_publish(w, b) ? BMC_STAT_FILLS : BMC_STAT_REFUSED_FLIGHT;
}

/* FILL, its last step: the entry becomes valid, and the bucket is given back. Returns the counter of what happened. */
__noinline int bmc_fill_end(struct bmc_work *w, __u64 stamp)
{
	struct bmc_bucket *b;
	struct bmc_server *s;
	struct bmc_entry *e;
	enum bmc_stat why;

	if (!w)
		return BMC_STAT_REFUSED_BUSY;
	s = bmc_server_get(w->server);
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return BMC_STAT_REFUSED_BUSY;
	e = bmc_entry_get(b, bmc_slot_at(b, w->slot), BMC_REACH_KEY);
	stamp -= BMC_CLOCK_SKEW_NS;
	bpf_spin_lock(&b->lock);
	why = bmc_fill_judge(w, s, b, stamp);
	if (why == BMC_STAT_FILLS && w->is_same)
		why = e ? bmc_fill_renew(w, b, e) : BMC_STAT_REFUSED_BUSY;
	else if (why == BMC_STAT_FILLS)
		why = bmc_fill_new(w, b);
	if (!w->is_same) {
		bmc_wmb(); /* the bytes are there before seq is even */
		BMC_WRITE_ONCE(b->seq, b->seq + !bmc_mutant(BMC_MUT_NO_ODD));
	}
	bpf_spin_unlock(&b->lock);
	return why;
}

/*
 * Makes room for a text of `len` bytes and takes the bucket, unless there is an entry with this text. BMC_STAT_FILLS; else
 * why not.
 */
static __always_inline enum bmc_stat bmc_fill_room(struct bmc_work *w, struct bmc_bucket *b,
						   __u32 len)
{
	int room = bmc_room_plan(w, len);
	__u64 others;

	if (room == BMC_ROOM_SAME)
		return BMC_STAT_FILLS;
	if (room == BMC_ROOM_NOT_ADMITTED)
		return BMC_STAT_REFUSED_COLD;
	if (room != BMC_ROOM_FOUND)
		return BMC_STAT_REFUSED_PLACE;
	others = w->gone & BMC_READ_ONCE(b->valid) & ~w->tagged;
	if (!bmc_room_take(w, b))
		return BMC_STAT_REFUSED_BUSY;
	if (others)
		bmc_stats_add(BMC_STAT_EVICTIONS, (__u64)__builtin_popcountll(others));
	return BMC_STAT_FILLS;
}

static long bmc_slow_step(__u32 i, void *ctx)
{
	return 0;
}

/* Asks for the lines that are needed before the first of them is waited for. */
static __always_inline void bmc_fill_touch(const struct bmc_work *w, const struct bmc_bucket *b)
{
	__u64 group = bmc_group_of(w->key.hash);

	bmc_hide(group);
	(void)BMC_READ_ONCE(b->seq);
	(void)BMC_READ_ONCE(b->flight[0].what);
	(void)BMC_READ_ONCE(b->group[group % BMC_GROUPS].tag[0]);
	bmc_life_touch(w->key.hash);
}

/*
 * FILL of the item in the window: text of `len` bytes, stamp S. The epoch is read first. Returns the counter of what
 * happened.
 */
static __always_inline enum bmc_stat bmc_fill_item(struct __sk_buff *skb, struct bmc_work *w,
						   struct bmc_stats *stats, __u32 len, __u64 stamp)
{
	struct bmc_server *s = bmc_server_get(w->server);
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	enum bmc_stat why;

	if (!b)
		return BMC_STAT_REFUSED_PLACE;
	bmc_fill_touch(w, b);
	w->epoch = BMC_READ_ONCE(s->epoch);
	bmc_rmb();
	if (BMC_READ_ONCE(s->off))
		return BMC_STAT_REFUSED_OFF;
	if (bmc_fills_held(s))
		return BMC_STAT_REFUSED_HELD;
	if (bmc_fill_look(w, b))
		return BMC_STAT_REFUSED_FLIGHT;
	if (BMC_READ_ONCE(s->others) && !bmc_mutant(BMC_MUT_NO_OWNER_OF_ADDRESS) &&
	    !bmc_fill_is_asked(skb, w))
		return BMC_STAT_REFUSED_ADDRESS;
	why = bmc_fill_room(w, b, len);
	if (why == BMC_STAT_REFUSED_COLD || w->is_reused || w->gone)
		bmc_bypass_fill(stats);
	if (why != BMC_STAT_FILLS)
		return why;
	if (bmc_config.test & BMC_TEST_SLOW_FILL)
		bpf_loop(BMC_SLOW_STEPS, bmc_slow_step, NULL, 0);
	w->until = bmc_entry_until(bmc_life_until(w, stamp + bmc_config.max_age_ns));
	if (!w->is_same)
		w->is_written = !bmc_room_settle(w) && !bmc_entry_write(skb, w, len);
	return (enum bmc_stat)bmc_fill_end(w, stamp);
}

/* A reply that carries a stamp, at TC egress. */
static __always_inline enum bmc_stat bmc_fill_reply(struct __sk_buff *skb, struct bmc_work *w,
						    struct bmc_stats *stats, __u32 mark)
{
	int len = bmc_fill_read(skb, w);
	__u64 stamp;

	if (len <= 0)
		return BMC_STAT_REFUSED_FORM;
	if ((bmc_config.test & BMC_TEST_BYPASS) &&
	    bmc_bypass_reply(skb, (w->off & 127) + BMC_TEXT_KEY)) {
		bmc_bypass_left();
		return BMC_STAT_COUNT; /* counted */
	}
	if (bmc_config.test & BMC_TEST_STAMP)
		stamp = bpf_ktime_get_ns();
	else /* by a clock that is not behind: what it is ahead makes no other time of the mark */
		stamp = bmc_stamp_read(mark, bmc_stats_clock(stats) + BMC_STAMP_CLOCK_LATE_NS);
	if (stamp <= BMC_CLOCK_SKEW_NS)
		return BMC_STAT_REFUSED_STAMP;
	return bmc_fill_item(skb, w, stats, (__u32)len, stamp);
}

/* FILL. The mark is ours: it goes, whatever becomes of the reply. */
static __always_inline void bmc_fill(struct __sk_buff *skb)
{
	struct bmc_stats *stats;
	__u32 mark = skb->mark;
	struct bmc_work *w;

	if (mark >> 24 != bmc_config.tag)
		return;
	skb->mark = 0;
	stats = bmc_stats_get();
	w = bmc_work_enter(BMC_WORK_FILL);
	if (!w) {
		bmc_stats_plus(stats, BMC_STAT_REFUSED_BUSY, 1);
		return;
	}
	bmc_stats_plus_any(stats, bmc_fill_reply(skb, w, stats, mark));
	bmc_work_leave(w);
}

#endif
