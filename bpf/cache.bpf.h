/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The cache: find and invalidate. This file, admit.bpf.h and room.bpf.h, which make room for a fill, are the only programs
 * that know the layout of a bucket (bmc_bucket.h).
 *
 * A hit takes no lock: it reads seq (odd while a fill changes bytes or places), copies, and looks at seq again.
 */
#ifndef BMC_CACHE_BPF_H
#define BMC_CACHE_BPF_H

#include "bmc_bucket.h"
#include "config.bpf.h"
#include "maps.bpf.h"
#include "work.bpf.h"

#define BMC_TAGS_TRIED 4 /* slots of one tag that a look-up tries */
#define BMC_TEXT_SMALL 256
#define BMC_TEXT_TAIL 5 /* END\r\n */
#define BMC_TEXT_TAIL_SUM (0x4e45 + 0x0d44 + 0x0a) /* its 16-bit words */

/*
 * For the verifier what is read or written of an entry has a constant bound, and may not leave the bucket: an entry is put
 * where the bound of its size fits. KEY suffices for all that a look-up reads.
 */
#define BMC_REACH_KEY 320
#define BMC_REACH_MIDDLE 704
#define BMC_REACH_ALL 1424
#define BMC_DATA_BYTES (sizeof(struct bmc_bucket) - __builtin_offsetof(struct bmc_bucket, data))
#define BMC_TEXT_WITHIN(reach) ((reach) - sizeof(struct bmc_entry) - BMC_TEXT_TAIL)

_Static_assert(BMC_DATA_BYTES - BMC_DATA >= BMC_REACH_KEY, "a small entry may be anywhere");
_Static_assert(sizeof(struct bmc_entry) + BMC_TEXT_KEY + 8 * MC_KEY_WORDS <= BMC_REACH_KEY, "");
_Static_assert(BMC_TEXT_WITHIN(BMC_REACH_ALL) >= BMC_TEXT_MAX, "");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_bucket);
	__uint(max_entries, 1);
} bmc_buckets SEC(".maps");

/* The index of a local address in bmc_shared.where. */
struct bmc_addr {
	__u8 addr[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct bmc_addr);
	__type(value, __u32);
	__uint(max_entries, BMC_WHERE_MAX);
} bmc_locals SEC(".maps");

/* ---- places ---- */
static __always_inline __u32 bmc_bucket_of(__u64 hash)
{
	return (__u32)(((hash >> 32) * bmc_config.n_buckets) >> 32);
}

/* 15 bits: the highest one of a lane is for bmc_group_tagged's arithmetic. */
static __always_inline __u16 bmc_tag_of(__u64 hash)
{
	return (__u16)hash & 0x7fff;
}

static __always_inline __u32 bmc_group_of(__u64 hash)
{
	return (__u32)(hash >> 16) % BMC_GROUPS;
}

static __always_inline struct bmc_bucket *bmc_bucket_get(__u32 index)
{
	return bpf_map_lookup_elem(&bmc_buckets, &index);
}

/* The entry at `at` units, of which up to `reach` bytes (BMC_REACH_*) are touched; NULL: none can be there. */
static __always_inline struct bmc_entry *bmc_entry_get(struct bmc_bucket *b, __u64 at, __u64 reach)
{
	at *= BMC_UNIT;
	bmc_hide(at);
	if (at > BMC_DATA_BYTES - reach)
		return NULL;
	return (struct bmc_entry *)(b->data + at);
}

/*
 * The same for readers, who find out by seq whether there was one: what is too far behind was changed while it was read,
 * and another place is looked at instead.
 */
static __always_inline const struct bmc_entry *bmc_entry_look(const struct bmc_bucket *b, __u64 at,
							      __u64 reach)
{
	at *= BMC_UNIT;
	bmc_clamp(at, BMC_DATA_BYTES - reach);
	return (const struct bmc_entry *)(b->data + at);
}

/* The slot's place in `data`, in units. */
static __always_inline __u16 bmc_slot_at(const struct bmc_bucket *b, __u64 slot)
{
	__u64 group = slot / BMC_GROUP_SLOTS;

	bmc_hide(group);
	bmc_hide(slot);
	return BMC_READ_ONCE(b->group[group % BMC_GROUPS].at[slot % BMC_GROUP_SLOTS]);
}

/*
 * A bit for each slot of a group that has this key's tag: four tags at a time. The lowest one of every four slots is
 * exact; above a slot that has it, another whose tag differs in the lowest bit alone may be said to have it too.
 */
static __always_inline __u64 bmc_group_tagged(const struct bmc_slots *slots, __u64 hash)
{
	const __u64 one = 0x0001000100010001ULL, high = 0x8000800080008000ULL;
	const __u64 *words = (const __u64 *)slots->tag;
	__u64 wanted = one * bmc_tag_of(hash), marks = 0;

#pragma unroll
	for (__u32 i = 0; i < BMC_TAG_WORDS; i++) /* no tag has the bit, so that only 0 - 1 does */
		marks |= (((words[i] ^ wanted) - one) & high) >> (BMC_TAG_WORDS - 1 - i);
	/* of each lane its four highest bits, one lane's beside the other's */
	return (marks * 0x0000001001001001ULL) >> 48;
}

/* The same of all the bucket's slots. */
static __always_inline __u64 bmc_slots_tagged(const struct bmc_bucket *b, __u64 hash)
{
	__u64 group = bmc_group_of(hash);

	bmc_hide(group);
	group %= BMC_GROUPS;
	return bmc_group_tagged(&b->group[group], hash) << (group * BMC_GROUP_SLOTS);
}

/* Index of the lowest bit of what is not 0: a multiplication and a table, no branch for the verifier to follow. */
const volatile __u8 bmc_bit_index[64] = { 0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38,
					  29, 17, 4,  62, 55, 59, 36, 53, 51, 43, 22, 45, 39,
					  33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37,
					  16, 54, 35, 52, 21, 44, 32, 23, 11, 46, 26, 40, 15,
					  34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6 };

static __always_inline __u32 bmc_lowest(__u64 bits)
{
	__u64 index = ((bits & -bits) * 0x03f79d71b4cb0a89ULL) >> 58;

	bmc_hide(index);
	return bmc_bit_index[index & 63];
}

/* ---- find ---- */

enum bmc_taken {
	BMC_TAKEN,
	BMC_MISSED, /* w->miss: enum bmc_stat, why; 0: it is not there */
	BMC_RACED, /* with a fill */
};

/* Whether an entry's key is the window's, which is as long. */
static __always_inline int bmc_entry_is_key(const struct bmc_window *win, const struct mc_key *key,
					    const struct bmc_entry *e)
{
	const __u8 *there = e->text + BMC_TEXT_KEY;
	const __u8 *here = bmc_window_at(win, key->pos);
	__u64 left = key->len;

	/* else clang 22 knows that the loop's bound is never reached, and leaves it out */
	bmc_hide(left);
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < MC_KEY_WORDS; i++) {
		if (left <= 8)
			break;
		if (bmc_load64(here) != bmc_load64(there))
			return bmc_mutant(BMC_MUT_NO_KEY);
		here += 8;
		there += 8;
		left -= 8;
	}
	return !((bmc_load64(here) ^ bmc_load64(there)) << (64 - 8 * left)) ||
	       bmc_mutant(BMC_MUT_NO_KEY);
}

/* Whether an entry was filled from this server and local address. */
static __always_inline int bmc_entry_is_here(const struct bmc_entry *e, __u32 server,
					     const __u64 addr[2])
{
	const __u64 *there = (const __u64 *)bmc_shared.where[e->where].addr;

	return e->server == server &&
	       ((there[0] == addr[0] && there[1] == addr[1]) || bmc_mutant(BMC_MUT_NO_ADDRESS));
}

/* An entry's key_len, where and server in one look. */
static __always_inline __u32 bmc_entry_whose(const struct bmc_entry *e)
{
	return *(const __u32 *)&e->key_len & 0xffffff;
}

/* Whether an entry is of w->server and w->addr; looks at the address itself once, and then at its index. */
static __always_inline int bmc_entry_is_asked(struct bmc_work *w, const struct bmc_entry *e)
{
	__u32 here = bmc_entry_whose(e) >> 8;

	if (here == w->here)
		return 1;
	if (!bmc_entry_is_here(e, w->server, w->addr))
		return 0;
	w->here = here;
	return 1;
}

/* Why the entry of a key that was asked for may not be served: enum bmc_stat; 0: it may. */
static __always_inline __u32 bmc_entry_why_not(struct bmc_work *w, const struct bmc_entry *e)
{
	if (e->epoch != w->epoch && !bmc_mutant(BMC_MUT_NO_HIT_EPOCH))
		return BMC_STAT_MISS_EPOCH;
	if (w->now >= e->until && !bmc_mutant(BMC_MUT_NO_UNTIL))
		return BMC_STAT_MISS_EXPIRED;
	if (!bmc_entry_is_asked(w, e))
		return BMC_STAT_MISS_ADDRESS;
	return 0;
}

/* History: the slot was hit. The line is written once a period, not at every hit. */
static __always_inline void bmc_slot_hit(struct bmc_bucket *b, __u32 slot)
{
	__u64 bit = 1ULL << (slot & (BMC_SLOTS - 1));

	if (!(BMC_READ_ONCE(b->recent) & bit))
		__sync_fetch_and_or(&b->recent, bit);
}

/* HIT, its last part: whether the bytes read since seq was are one entry's. */
static __always_inline int bmc_cache_same(const struct bmc_bucket *b, __u32 seq)
{
	bmc_rmb();
	return BMC_READ_ONCE(b->seq) == seq || bmc_mutant(BMC_MUT_NO_SECOND_SEQ);
}

/*
 * `len` bytes of an entry's text to `off` of w->text; behind them may be more of its steps. 0 or -1. Most are small:
 * from there on a helper is faster.
 */
static __always_inline int bmc_text_take(struct bmc_work *w, __u64 off, const struct bmc_entry *e,
					 __u64 len)
{
	__u8 *to;

	bmc_hide(off);
	to = w->text + (off & (BMC_TEXT_REACH - 1));
	if (len > BMC_TEXT_SMALL) {
		if (!bmc_len_within(&len, BMC_TEXT_MAX))
			return -1;
		return (int)bpf_probe_read_kernel(to, (__u32)len, e->text);
	}
	bmc_hide(len); /* as in bmc_entry_is_key */
#pragma clang loop unroll(disable)
	for (__u64 i = 0; i < BMC_TEXT_SMALL; i += 32) {
		if (i >= len)
			break;
		*(__u64 *)(to + i) = *(const __u64 *)(e->text + i);
		*(__u64 *)(to + i + 8) = *(const __u64 *)(e->text + i + 8);
		*(__u64 *)(to + i + 16) = *(const __u64 *)(e->text + i + 16);
		*(__u64 *)(to + i + 24) = *(const __u64 *)(e->text + i + 24);
	}
	return 0;
}

/* END\r\n behind the texts, which are `off` bytes. */
static __always_inline void bmc_text_end(struct bmc_work *w, __u64 off)
{
	bmc_hide(off);
	*(__u64 *)(w->text + (off & (BMC_TEXT_REACH - 1))) = MC_WORD4("END\r") | (__u64)'\n' << 32;
}

/* The entry of a key of the window that may be served; NULL: there is none, w->miss says why. */
static __always_inline struct bmc_entry *bmc_cache_find(struct bmc_work *w, struct bmc_bucket *b,
							const struct mc_key *key)
{
	__u64 bits = bmc_slots_tagged(b, key->hash) & BMC_READ_ONCE(b->valid);

	w->miss = 0; /* an earlier key may have had entries of other addresses */
	for (__u32 n = 0; n < BMC_TAGS_TRIED; n++, bits &= bits - 1) {
		__u32 slot = bmc_lowest(bits), why;
		struct bmc_entry *e;

		if (!bits)
			break;
		e = bmc_entry_get(b, bmc_slot_at(b, slot), BMC_REACH_KEY);
		if (!e)
			break;
		if (e->key_len != key->len || !bmc_entry_is_key(&w->win, key, e))
			continue;
		why = bmc_entry_why_not(w, e);
		if (!why) {
			bmc_slot_hit(b, slot);
			return e;
		}
		w->miss = why;
	}
	return NULL;
}

/* HIT of one key of w->win: its text, behind those that w->text has. enum bmc_taken. */
static __always_inline enum bmc_taken bmc_cache_take(struct bmc_work *w, const struct mc_key *key)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(key->hash));
	__u32 off, len, seq;
	struct bmc_entry *e;
	__u64 csum;

	if (!b)
		return BMC_MISSED;
	seq = BMC_READ_ONCE(b->seq);
	if ((seq & 1) && !bmc_mutant(BMC_MUT_ODD_READ)) {
		w->miss = BMC_STAT_MISS_BUSY;
		return BMC_MISSED;
	}
	bmc_rmb();
	e = bmc_cache_find(w, b, key);
	if (!e)
		return BMC_MISSED;
	off = w->text_len;
	len = e->text_len;
	csum = e->csum;
	if (off + len <= BMC_TEXT_MAX && bmc_text_take(w, off, e, len))
		return BMC_RACED;
	if (!bmc_cache_same(b, seq))
		return BMC_RACED;
	w->text_len = off + len;
	w->csum += off & 1 ? csum << 8 : csum;
	w->n_got++;
	return BMC_TAKEN;
}

/* ---- valid: all change it, each only its own bits ---- */
#define BMC_GROUP_MASK ((1ULL << BMC_GROUP_SLOTS) - 1)

static __always_inline void bmc_slots_close(struct bmc_bucket *b, __u64 bits)
{
	bmc_ordered(__sync_fetch_and_and(&b->valid, ~bits));
}

/*
 * Every entry of a key goes, by its tag. Behind its flight: what a fill published before that is seen, and what comes
 * after it is taken back. Tags may change meanwhile: of slots that are not valid. Whether there was one.
 */
static __always_inline int bmc_cache_forget(struct bmc_bucket *b, __u64 hash)
{
	__u64 bits = BMC_READ_ONCE(b->valid) & BMC_GROUP_MASK
						       << (bmc_group_of(hash) * BMC_GROUP_SLOTS);

	if (!bits)
		return 0;
	bmc_rmb();
	bits &= bmc_slots_tagged(b, hash);
	if (bits && !bmc_mutant(BMC_MUT_NO_INVAL))
		bmc_slots_close(b, bits);
	return bits != 0;
}

#endif
