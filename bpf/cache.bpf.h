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

#define BMC_FLIGHT_UDP (BMC_FLIGHTS - 1)

#define BMC_TAGS_TRIED 4 /* slots of one tag that a look-up tries */
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

static __always_inline __u16 bmc_tag_of(__u64 hash)
{
	return (__u16)hash;
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

/* The slot's place in `data`, in units. */
static __always_inline __u16 bmc_slot_at(const struct bmc_bucket *b, __u64 slot)
{
	__u64 group = slot / BMC_GROUP_SLOTS;

	bmc_hide(group);
	bmc_hide(slot);
	return BMC_READ_ONCE(b->group[group % BMC_GROUPS].at[slot % BMC_GROUP_SLOTS]);
}

/* A bit for each slot that has this key's tag, of all the bucket's: four tags at a time; exact. */
static __always_inline __u64 bmc_slots_tagged(const struct bmc_bucket *b, __u64 hash)
{
	const __u64 low = 0x7fff7fff7fff7fffULL, one = 0x0001000100010001ULL;
	__u64 group = bmc_group_of(hash), bits = 0;
	const __u64 *words;

	bmc_hide(group);
	group %= BMC_GROUPS;
	words = (const __u64 *)b->group[group].tag;
#pragma unroll
	for (__u32 i = 0; i < BMC_GROUP_SLOTS / 4; i++) {
		__u64 x = words[i] ^ (one * bmc_tag_of(hash));

		x = ~(((x & low) + low) | x | low) >> 15; /* bits 0, 16, 32, 48 */
		bits |= ((x * 0x0001000200040008ULL) >> 48 & 0xf) << (4 * i);
	}
	return bits << (group * BMC_GROUP_SLOTS);
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
struct bmc_key_bytes {
	__u8 bytes[MC_KEY_WORDS * 8];
};

/* Whether `len` bytes of the window at `pos` are `key`'s. */
__noinline int bmc_key_equal(const struct bmc_window *win, __u32 pos, __u32 len,
			     struct bmc_key_bytes *key)
{
	__u64 at = pos;

	if (!win || !key)
		return 0;
	for (__u32 i = 0; i < MC_KEY_WORDS; i++) {
		__u64 diff = bmc_window64(win, at) ^ bmc_load64(key->bytes + 8 * i);

		if (len < 8)
			return !bmc_keep_bytes(diff, len);
		if (diff)
			return 0;
		at += 8;
		len -= 8;
	}
	return 0;
}

/* Whether an entry was filled from this server and local address. */
static __always_inline int bmc_entry_is_here(const struct bmc_entry *e, __u32 server,
					     const __u64 addr[2])
{
	const __u64 *there = (const __u64 *)bmc_shared.where[e->where].addr;

	if (bmc_mutant(BMC_MUT_NO_ADDRESS))
		return e->server == server;
	return e->server == server && there[0] == addr[0] && there[1] == addr[1];
}

/* Whether a slot has w->got[i].key for w->server and w->addr; then got says where its text is. */
__noinline int bmc_slot_has(struct bmc_work *w, __u32 i, __u32 slot)
{
	struct bmc_bucket *b;
	struct bmc_entry *e;
	struct bmc_got *got;
	__u32 why = 0;

	if (!w || i >= BMC_KEYS_MAX)
		return 0;
	got = &w->got[i];
	b = bmc_bucket_get(got->bucket);
	if (!b)
		return 0;
	got->at = bmc_slot_at(b, slot);
	e = bmc_entry_get(b, got->at, BMC_REACH_KEY);
	if (!e)
		return 0;
	if (e->key_len != got->key.len)
		return 0;
	if (!bmc_entry_is_here(e, w->server, w->addr))
		why = BMC_STAT_MISS_ADDRESS;
	if (w->now >= e->until && !bmc_mutant(BMC_MUT_NO_UNTIL))
		why = BMC_STAT_MISS_EXPIRED;
	if (e->epoch != w->epoch && !bmc_mutant(BMC_MUT_NO_HIT_EPOCH))
		why = BMC_STAT_MISS_EPOCH;
	got->text_len = e->text_len;
	got->csum = e->csum;
	if (!bmc_mutant(BMC_MUT_NO_KEY) &&
	    !bmc_key_equal(&w->win, got->key.pos, got->key.len,
			   (struct bmc_key_bytes *)(e->text + BMC_TEXT_KEY)))
		return 0;
	if (why)
		w->miss = why;
	return !why;
}

/* History: the slot was hit. The line is written once a period, not at every hit. */
static __always_inline void bmc_slot_hit(struct bmc_bucket *b, __u32 slot)
{
	__u64 bit = 1ULL << (slot & (BMC_SLOTS - 1));

	if (!(BMC_READ_ONCE(b->recent) & bit))
		__sync_fetch_and_or(&b->recent, bit);
}

/* HIT, its first part: looks w->got[i].key up. 1: got says where the text is and what seq was; 0: not there. */
__noinline int bmc_cache_find(struct bmc_work *w, __u32 i)
{
	struct bmc_bucket *b;
	struct bmc_got *got;
	__u64 bits;

	if (!w || i >= BMC_KEYS_MAX)
		return 0;
	got = &w->got[i];
	got->bucket = bmc_bucket_of(got->key.hash);
	b = bmc_bucket_get(got->bucket);
	if (!b)
		return 0;
	got->seq = BMC_READ_ONCE(b->seq);
	w->miss = 0;
	if (got->seq & 1) {
		w->miss = BMC_STAT_MISS_BUSY;
		return 0;
	}
	bmc_rmb();
	bits = bmc_slots_tagged(b, got->key.hash) & BMC_READ_ONCE(b->valid);
	for (__u32 n = 0; n < BMC_TAGS_TRIED; n++) {
		__u32 slot = bmc_lowest(bits);

		if (!bits)
			return 0;
		if (bmc_slot_has(w, i, slot)) {
			bmc_slot_hit(b, slot);
			return 1;
		}
		bits &= bits - 1;
	}
	return 0;
}

/* HIT, its last part: whether the bytes read since bmc_cache_find are one entry's. */
static __always_inline int bmc_cache_same(const struct bmc_bucket *b, __u32 seq)
{
	bmc_rmb();
	return BMC_READ_ONCE(b->seq) == seq || bmc_mutant(BMC_MUT_NO_SECOND_SEQ);
}

/* ---- answer ---- */

/* An entry's text, `len` bytes of it and its tail, into the packet. 0 or -1. */
static __always_inline int bmc_entry_send_within(struct xdp_md *ctx, __u32 off,
						 struct bmc_bucket *b, __u32 at, __u64 len,
						 __u64 reach)
{
	struct bmc_entry *e = bmc_entry_get(b, at, reach);

	if (!e || !bmc_len_within(&len, reach - sizeof(*e)))
		return -1;
	return (int)bpf_xdp_store_bytes(ctx, off, e->text, len);
}

static __always_inline int bmc_entry_send(struct xdp_md *ctx, __u32 off, struct bmc_bucket *b,
					  __u32 at, __u32 len)
{
	if (len <= BMC_REACH_KEY - sizeof(struct bmc_entry))
		return bmc_entry_send_within(ctx, off, b, at, len, BMC_REACH_KEY);
	if (len <= BMC_REACH_MIDDLE - sizeof(struct bmc_entry))
		return bmc_entry_send_within(ctx, off, b, at, len, BMC_REACH_MIDDLE);
	return bmc_entry_send_within(ctx, off, b, at, len, BMC_REACH_ALL);
}

/* ---- invalidate: under the bucket's lock ---- */
static __always_inline int bmc_cache_forget(struct bmc_bucket *b, __u64 hash)
{
	__u64 bits = bmc_slots_tagged(b, hash) & b->valid;

	if (!bmc_mutant(BMC_MUT_NO_INVAL))
		b->valid &= ~bits;
	return bits != 0;
}

#endif
