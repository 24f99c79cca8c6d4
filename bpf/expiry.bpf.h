/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Expiry: what writes taught about the lives of items, kept beside the buckets, beyond an entry's eviction.
 *
 * A life says until when its item is served: `until`, exact if LIFE_KNOWN, else a bound beside --max-age. A write that
 * sets the life whatever it was (a set, a touch) is noted as LIFE_TAUGHT once nothing can stop memcached from carrying
 * it out but the end of its connection; its time replaces what was known when a fill finds that an answer ended it.
 * All others only make the time earlier, and so does one that has company: another write of the bucket in flight,
 * fills held, or the server not open yet. Each looks for that after it was placed in the bucket and noted here, so
 * that of two at least one sees the other.
 */
#ifndef BMC_EXPIRY_BPF_H
#define BMC_EXPIRY_BPF_H

#include "lives.bpf.h"

/* How a write is noted. */
#define BMC_NOTE_EARLIER 0U /* at the most until then, and otherwise as it was */
#define BMC_NOTE_DOUBT 1U /* the same, but what is known no longer holds */

/* ---- the write that taught it ---- */
enum bmc_fate { BMC_FATE_OPEN, BMC_FATE_ANSWERED, BMC_FATE_ENDED };

/*
 * What became of a write: an answer ended it, or the end of its connection did, or it was so many connections ago that it is
 * not known any more (ENDED too).
 */
__noinline int bmc_write_fate(__u64 who, __u32 ord)
{
	__u32 index = (__u32)who, gen = (__u32)(who >> 32), gens, rep;
	struct bmc_writer *writer = bpf_map_lookup_elem(&bmc_writers, &index);
	__u64 answers, at;

	if (!writer)
		return BMC_FATE_OPEN;
	answers = BMC_READ_ONCE(writer->answers);
	gens = (__u32)(answers >> 32) - gen;
	if (!gens)
		return (__s32)((__u32)answers - ord) < 0 ? BMC_FATE_OPEN : BMC_FATE_ANSWERED;
	bmc_rmb();
	at = gen % BMC_PASTS;
	bmc_hide(at);
	rep = BMC_READ_ONCE(writer->past[at % BMC_PASTS]);
	bmc_rmb();
	answers = BMC_READ_ONCE(writer->answers);
	/* the gen that has the same place may have ended by then */
	if ((__u32)(answers >> 32) - gen >= BMC_PASTS)
		return BMC_FATE_ENDED;
	return (__s32)(rep - ord) < 0 ? BMC_FATE_ENDED : BMC_FATE_ANSWERED;
}

/* Whether the write is the only one that may be carried out now, as far as its bucket knows. */
__noinline int bmc_write_is_alone(__u64 hash, __u32 server, __u64 who)
{
	struct bmc_server *s = bmc_server_get(server);
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));

	if (!b || BMC_READ_ONCE(s->off) || (BMC_READ_ONCE(s->word) & BMC_WORD_HOLDS_MASK))
		return 0;
	for (__u32 i = 0; i < BMC_FLIGHTS; i++) {
		__u64 what = BMC_READ_ONCE(b->flight[i].what),
		      other = BMC_READ_ONCE(b->flight[i].who);

		if (!what || (other == who && what != BMC_FLIGHT_TAKEN))
			continue;
		if (bmc_flight_look(other, what) == BMC_IN_FLIGHT)
			return 0;
	}
	return 1;
}

/* ---- notes ---- */

/*
 * A write that may be carried out leaves a life of `until` (units). `how` is BMC_NOTE_*; `epoch` the server's, read
 * before. Placed in the bucket before.
 */
__noinline int bmc_life_note(__u64 hash, __u32 server, __u64 epoch, __u32 until, __u32 how)
{
	struct bmc_lives *lives = bmc_lives_get(hash);
	__u64 id = bmc_life_id(hash, server, epoch), who = 0;
	__u64 past = bmc_stats_clock(bmc_stats_get()) >> BMC_LIFE_SHIFT;
	__u32 at, ord = 0, carried_out = 0;
	struct bmc_life *life;

	if (!lives)
		return 0;
	past = past > BMC_LIFE_PAST ? past - BMC_LIFE_PAST : 0;
	life = bmc_life_at(lives, bmc_life_find(lives, id));
	if (life && BMC_READ_ONCE(life->state) & BMC_LIFE_TAUGHT) {
		who = BMC_READ_ONCE(life->who);
		ord = BMC_READ_ONCE(life->ord);
		carried_out = bmc_write_fate(who, ord) == BMC_FATE_ANSWERED;
	}
	bpf_spin_lock(&lives->lock);
	at = bmc_life_find(lives, id);
	life = at < BMC_LIVES ? bmc_life_at(lives, at) : bmc_life_make(lives, id);
	if (life) {
		bmc_life_settle(life, carried_out && life->who == who && life->ord == ord);
		/* nothing is left of what was seen: the item is gone, or was never seen to be written */
		if (life->latest < past && !(life->state & BMC_LIFE_TAUGHT)) {
			life->until = BMC_LIFE_NEVER;
			life->state = 0;
		}
		if (!bmc_mutant(BMC_MUT_NOTE_KEEPS))
			bmc_life_earlier(life, until);
		if (how == BMC_NOTE_DOUBT)
			life->state = 0;
	}
	bpf_spin_unlock(&lives->lock);
	return 0;
}

/*
 * A write of `who` like the one before it: its item never expires, and it is known, or `until` is what `who` itself taught
 * last. So it stays, and nothing has to be noted. Looked at behind its place in the bucket: who notes another time from
 * now on sees that it has company.
 */
static __always_inline int bmc_life_stays(struct bmc_lives *lives, __u64 id, __u64 who, __u32 until)
{
	struct bmc_life *life = bmc_life_at(lives, bmc_life_find(lives, id));
	__u64 word;

	if (!life)
		return 0;
	bmc_rmb();
	word = BMC_READ_ONCE(*(__u64 *)&life->until);
	bmc_rmb();
	if (word >> 32 & BMC_LIFE_TAUGHT) {
		if (BMC_READ_ONCE(life->who) != who)
			return 0;
		bmc_rmb();
		return BMC_READ_ONCE(life->next) == until || bmc_mutant(BMC_MUT_ANY_TIME);
	}
	return until == BMC_LIFE_NEVER && word == ((__u64)BMC_LIFE_KNOWN << 32 | BMC_LIFE_NEVER) &&
	       bmc_life_find(lives, id) < BMC_LIVES;
}

/* The conn's writer, as a flight has it. */
static __always_inline __u64 bmc_conn_who(const struct bmc_conn *conn)
{
	return BMC_READ_ONCE(conn->writer) - 2; /* as WRITE_SEEN has it */
}

/* Notes what `ord` of the conn's writer taught of the life `id`. */
__noinline int bmc_life_note_taught(struct bmc_conn *conn, __u64 hash, __u64 id, __u32 until,
				    __u32 ord)
{
	struct bmc_lives *lives = bmc_lives_get(hash);
	struct bmc_life *life;
	__u64 who;

	if (!conn || !lives)
		return 0;
	who = bmc_conn_who(conn);
	bpf_spin_lock(&lives->lock);
	life = bmc_life_at(lives, bmc_life_find(lives, id));
	if (!life)
		life = bmc_life_make(lives, id);
	if (life) {
		bmc_life_settle(life, 0);
		life->who = who;
		life->ord = ord;
		life->next = until;
		life->state |= BMC_LIFE_TAUGHT;
	}
	bpf_spin_unlock(&lives->lock);
	return 0;
}

/* A write that taught has company: then it only makes the time earlier. */
__noinline int bmc_life_company(struct bmc_conn *conn, __u64 hash, __u64 epoch, __u32 until)
{
	bmc_mb(); /* its life is noted for all */
	if (!conn || bmc_mutant(BMC_MUT_NO_COMPANY) ||
	    bmc_write_is_alone(hash, conn->server, bmc_conn_who(conn)))
		return 0;
	return bmc_life_note(hash, conn->server, epoch, until, BMC_NOTE_EARLIER);
}

/*
 * A write that sets the life to `until` (units), whatever it was, and that only the end of its connection can stop now:
 * `ord` of the conn's writer. Placed in the bucket before.
 */
static __always_inline void bmc_life_teach(struct bmc_conn *conn, __u64 hash, __u32 until,
					   __u32 ord)
{
	__u64 epoch = BMC_READ_ONCE(bmc_server_get(conn->server)->epoch), id;
	struct bmc_lives *lives = bmc_lives_get(hash);

	/* it is in flight for all, by an exchange: of two, one at the least sees the other */
	id = bmc_life_id(hash, conn->server, epoch);
	if (!lives || bmc_life_stays(lives, id, bmc_conn_who(conn), until))
		return;
	bmc_life_note_taught(conn, hash, id, until, ord);
	bmc_life_company(conn, hash, epoch, until);
}

/*
 * Whether a write that makes the time no earlier has nothing to note: the item never expires then, or is what it was, and
 * of that nothing is known. What is learnt of it afterwards is no later.
 */
static __always_inline int bmc_life_is_open(__u64 hash, __u32 server, __u64 epoch, __u32 until)
{
	struct bmc_lives *lives = until == BMC_LIFE_NEVER ? bmc_lives_get(hash) : NULL;

	return lives && bmc_life_find(lives, bmc_life_id(hash, server, epoch)) == BMC_LIVES;
}

/* ---- fills ---- */

/* The same as bmc_life_until, of an item of which something is known. */
__noinline __u64 bmc_life_known_until(struct bmc_work *w, __u64 unknown)
{
	struct bmc_lives *lives;
	struct bmc_life *life, copy;
	__u64 id, until;
	int fate = BMC_FATE_OPEN;

	if (!w)
		return 0;
	lives = bmc_lives_get(w->key.hash);
	id = bmc_life_id(w->key.hash, w->server, w->epoch);
	if (!lives)
		return unknown;
	life = bmc_life_at(lives, bmc_life_find(lives, id));
	if (!life)
		return unknown;
	copy.who = BMC_READ_ONCE(life->who);
	copy.ord = BMC_READ_ONCE(life->ord);
	if (BMC_READ_ONCE(life->state) & BMC_LIFE_TAUGHT)
		fate = bmc_write_fate(copy.who, copy.ord);
	bpf_spin_lock(&lives->lock);
	life = bmc_life_at(lives, bmc_life_find(lives, id));
	if (life) {
		if (fate != BMC_FATE_OPEN && life->who == copy.who && life->ord == copy.ord)
			bmc_life_settle(life, fate == BMC_FATE_ANSWERED ||
						      bmc_mutant(BMC_MUT_ENDED_TEACHES));
		copy = *life;
	} else {
		copy.state = 0;
		copy.until = BMC_LIFE_NEVER;
	}
	bpf_spin_unlock(&lives->lock);
	until = copy.until == BMC_LIFE_NEVER ? ~0ULL : (__u64)copy.until << BMC_LIFE_SHIFT;
	if (copy.state & BMC_LIFE_TAUGHT) {
		__u64 next = (__u64)copy.next << BMC_LIFE_SHIFT;

		if (until > next)
			until = next;
	}
	return copy.state == BMC_LIFE_KNOWN || until < unknown ? until : unknown;
}

/*
 * Until when the item in w may be served, nanoseconds; `unknown` is the answer for one of which nothing is known.
 * Called when no write of the bucket was seen in flight, before the fill is published.
 */
static __always_inline __u64 bmc_life_until(struct bmc_work *w, __u64 unknown)
{
	const struct bmc_lives *lives = bmc_lives_get(w->key.hash);
	__u64 id = bmc_life_id(w->key.hash, w->server, w->epoch), until;

	if (!lives || bmc_life_find(lives, id) == BMC_LIVES)
		return unknown;
	until = bmc_life_known_until(w, unknown);
	/* a flush_all that was not read may come at any time */
	if (until > unknown && BMC_READ_ONCE(bmc_server_get(w->server)->unread) &&
	    !bmc_mutant(BMC_MUT_ALL_READ))
		return unknown;
	return until;
}

#endif
