/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The cache: find, fill, invalidate. The only file that knows the layout of a bucket.
 *
 * A bucket is one map value: a line with the lock, the coherence state and the tags of its ways, a line with the
 * writes in flight, then ways of mixed sizes. A look-up reads the first line, then one way. The bucket is chosen by
 * the key alone, so that a write finds every entry of its key, whatever address it was filled from.
 *
 * A hit takes no lock: it reads seq (odd while the bytes change), copies, and looks at seq again.
 */
#ifndef BMC_CACHE_BPF_H
#define BMC_CACHE_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "work.bpf.h"

#define BMC_WAYS 20
#define BMC_WAY_MAX 1536
#define BMC_WAYS_BYTES (8 * 128 + 6 * 256 + 4 * 512 + 2 * BMC_WAY_MAX)
#define BMC_FLIGHT_UDP (BMC_FLIGHTS - 1)

/* A write in flight; compared and copied as two words. */
struct bmc_flight {
	__u64 who; /* gen in the high 32 bits, writer in the low */
	__u64 what; /* ord, life << 32, server << 48, state << 56 */
};
#define BMC_FLIGHT_ORD 1ULL /* states; 0: free */
#define BMC_FLIGHT_NEVER 2ULL
#define BMC_WRITER_UDP 0xffffffffU

struct bmc_bucket {
	struct bpf_spin_lock lock;
	__u32 valid; /* a bit for each way; under the lock */
	__u32 recent; /* the same: hit since the hand passed (CLOCK) */
	__u32 hand;
	__u64 t_change; /* under the lock; only grows */
	__u16 tag[BMC_WAYS];
	struct bmc_flight flight[BMC_FLIGHTS]; /* under the lock */
	__u8 ways[BMC_WAYS_BYTES];
};

struct bmc_entry {
	__u32 seq; /* odd: its bytes change; even: they are one entry's */
	__u16 text_len; /* without the END\r\n that follows it */
	__u8 key_len;
	__u8 where; /* index into bmc_shared.where */
	__u16 csum; /* one's complement sum of the text, native order */
	__u8 server;
	__u8 pad[5];
	__u64 until;
	__u64 epoch;
	__u8 text[]; /* VALUE key flags bytes\r\ndata\r\nEND\r\n */
};

_Static_assert(__builtin_offsetof(struct bmc_bucket, flight) == 64, "tags and lock in one line");
_Static_assert(__builtin_offsetof(struct bmc_bucket, ways) == 128, "ways begin with a line");
_Static_assert(sizeof(struct bmc_entry) == 32, "");

#define BMC_TAGS_TRIED 4 /* ways of one tag that a look-up tries */
#define BMC_TEXT_KEY 6 /* where the key is in a text: behind "VALUE " */
#define BMC_TEXT_TAIL 5 /* END\r\n */

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

/* Where a way begins. */
const volatile __u16 bmc_way_at[32] = {
	0,    128,  256,  384,	512,  640,  768,  896,	1024, 1280,
	1536, 1792, 2048, 2304, 2560, 3072, 3584, 4096, 4608, 6144
};

static __always_inline __u32 bmc_way_offset(__u64 way)
{
	bmc_hide(way); /* the mask is for the verifier: the compiler must not find it needless */
	return bmc_way_at[way & 31];
}

/* ---- places ---- */
static __always_inline __u32 bmc_bucket_of(__u64 hash)
{
	return (__u32)(((hash >> 32) * bmc_config.n_buckets) >> 32);
}

static __always_inline __u16 bmc_tag_of(__u64 hash)
{
	return (__u16)hash;
}

static __always_inline struct bmc_bucket *bmc_bucket_get(__u32 index)
{
	return bpf_map_lookup_elem(&bmc_buckets, &index);
}

/* The entry at `at` of a bucket's ways; NULL for a place that is none. */
static __always_inline struct bmc_entry *bmc_entry_get(struct bmc_bucket *b, __u64 at)
{
	bmc_hide(at);
	if (at > BMC_WAYS_BYTES - BMC_WAY_MAX)
		return NULL;
	return (struct bmc_entry *)(b->ways + at);
}

/* A bit for each way that has this tag: four tags at a time; exact. */
static __always_inline __u32 bmc_ways_tagged(const struct bmc_bucket *b, __u16 tag)
{
	const __u64 low = 0x7fff7fff7fff7fffULL, one = 0x0001000100010001ULL;
	const __u64 *words = (const __u64 *)b->tag;
	__u32 bits = 0;

#pragma unroll
	for (__u32 i = 0; i < BMC_WAYS / 4; i++) {
		__u64 x = words[i] ^ (one * tag);

		x = ~(((x & low) + low) | x | low) >> 15; /* bits 0, 16, 32, 48 */
		bits |= (__u32)((x * 0x0001000200040008ULL) >> 48 & 0xf) << (4 * i);
	}
	return bits;
}

/* Index of the lowest bit of what is not 0: a multiplication and a table, no branch for the verifier to follow. */
const volatile __u8 bmc_bit_index[32] = { 0,  1,  28, 2,  29, 14, 24, 3,  30, 22, 20,
					  15, 25, 17, 4,  8,  31, 27, 13, 23, 21, 19,
					  16, 7,  26, 12, 18, 6,  11, 5,  10, 9 };

static __always_inline __u32 bmc_lowest(__u32 bits)
{
	__u64 index = ((bits & -bits) * 0x077cb531U) >> 27;

	bmc_hide(index);
	return bmc_bit_index[index & 31];
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
static __always_inline int bmc_entry_is_here(const struct bmc_entry *e, const struct bmc_work *w)
{
	const __u64 *there = (const __u64 *)bmc_shared.where[e->where].addr;
	const __u64 *here = (const __u64 *)w->addr;

	if (bmc_mutant(BMC_MUT_NO_ADDRESS))
		return e->server == w->server;
	return e->server == w->server && there[0] == here[0] && there[1] == here[1];
}

/* Whether a way has w->got[i].key for w->server and w->addr; then got says where its text is and what seq was. */
__noinline int bmc_way_has(struct bmc_work *w, __u32 i, __u32 way)
{
	struct bmc_bucket *b;
	struct bmc_entry *e;
	struct bmc_got *got;

	if (!w || i >= BMC_KEYS_MAX)
		return 0;
	got = &w->got[i];
	b = bmc_bucket_get(got->bucket);
	if (!b)
		return 0;
	got->at = bmc_way_offset(way);
	e = bmc_entry_get(b, got->at);
	if (!e)
		return 0;
	got->seq = BMC_READ_ONCE(e->seq);
	bmc_rmb();
	if ((got->seq & 1) || !(BMC_READ_ONCE(b->valid) & (1U << (way & 31))))
		return 0;
	if (e->key_len != got->key.len)
		return 0;
	if (e->epoch != w->epoch && !bmc_mutant(BMC_MUT_NO_HIT_EPOCH))
		return 0;
	if (w->now >= e->until && !bmc_mutant(BMC_MUT_NO_UNTIL))
		return 0;
	if (!bmc_entry_is_here(e, w))
		return 0;
	got->text_len = e->text_len;
	got->csum = e->csum;
	if (bmc_mutant(BMC_MUT_NO_KEY))
		return 1;
	return bmc_key_equal(&w->win, got->key.pos, got->key.len,
			     (struct bmc_key_bytes *)(e->text + BMC_TEXT_KEY));
}

/* HIT, its first part: looks w->got[i].key up. 1: got says where the text is and what seq was; 0: not there. */
__noinline int bmc_cache_find(struct bmc_work *w, __u32 i)
{
	struct bmc_bucket *b;
	struct bmc_got *got;
	__u32 bits;

	if (!w || i >= BMC_KEYS_MAX)
		return 0;
	got = &w->got[i];
	got->bucket = bmc_bucket_of(got->key.hash);
	b = bmc_bucket_get(got->bucket);
	if (!b)
		return 0;
	bits = bmc_ways_tagged(b, bmc_tag_of(got->key.hash)) & BMC_READ_ONCE(b->valid);
	for (__u32 n = 0; n < BMC_TAGS_TRIED; n++) {
		__u32 way = bmc_lowest(bits);

		if (!bits)
			return 0;
		if (bmc_way_has(w, i, way)) {
			if (!(BMC_READ_ONCE(b->recent) & (1U << (way & 31))))
				__sync_fetch_and_or(&b->recent, 1U << (way & 31));
			return 1;
		}
		bits &= bits - 1;
	}
	return 0;
}

/* The text of what was found; NULL: gone. Its bytes are good only if bmc_cache_same says so afterwards. */
static __always_inline struct bmc_entry *bmc_cache_text(const struct bmc_got *got)
{
	struct bmc_bucket *b = bmc_bucket_get(got->bucket);

	return b ? bmc_entry_get(b, got->at) : NULL;
}

/* HIT, its last part: whether the bytes read since bmc_cache_find are one entry's. */
static __always_inline int bmc_cache_same(const struct bmc_entry *e, const struct bmc_got *got)
{
	bmc_rmb();
	return BMC_READ_ONCE(e->seq) == got->seq || bmc_mutant(BMC_MUT_NO_SECOND_SEQ);
}

/* ---- fill ---- */

/* Whether a way of w->key's bucket was filled from w->server and w->addr. */
__noinline int bmc_way_is_here(struct bmc_work *w, __u32 way)
{
	struct bmc_bucket *b;
	struct bmc_entry *e;

	if (!w)
		return 0;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return 0;
	e = bmc_entry_get(b, bmc_way_offset(way));
	return e && bmc_entry_is_here(e, w);
}

/*
 * The way for a text of `len` bytes (its tail not counted) of this key: the one that has the key, else an invalid
 * one, else the hand's choice, always among those large enough. -1: none is.
 */
__noinline int bmc_cache_choose(struct bmc_work *w, __u32 len)
{
	__u32 fits = 0, bits, valid, recent, hand;
	struct bmc_bucket *b;

	if (!w)
		return -1;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return -1;
	/* the smallest size that is large enough, and all above */
	fits |= len + 8 + sizeof(struct bmc_entry) <= 128 ? 0x000ff : 0;
	fits |= len + 8 + sizeof(struct bmc_entry) <= 256 ? 0x03f00 : 0;
	fits |= len + 8 + sizeof(struct bmc_entry) <= 512 ? 0x3c000 : 0;
	fits |= len + 8 + sizeof(struct bmc_entry) <= BMC_WAY_MAX ? 0xc0000 : 0;
	if (!fits)
		return -1;
	valid = BMC_READ_ONCE(b->valid);
	bits = bmc_ways_tagged(b, bmc_tag_of(w->key.hash)) & valid & fits;
	for (__u32 n = 0; n < BMC_TAGS_TRIED; n++) {
		if (!bits)
			break;
		if (bmc_way_is_here(w, bmc_lowest(bits)))
			return (int)bmc_lowest(bits);
		bits &= bits - 1;
	}
	bits = fits & ~valid;
	if (bits)
		return (int)bmc_lowest(bits);
	/* CLOCK among the ways of the smallest size that fits: an item does not push out a larger one */
	fits &= fits & 0xff ? 0xff : fits & 0x3f00 ? 0x3f00 : fits & 0x3c000 ? 0x3c000 : 0xc0000;
	recent = BMC_READ_ONCE(b->recent);
	hand = b->hand & 31;
	bits = fits & ~recent;
	if (!bits) {
		__sync_fetch_and_and(&b->recent, ~fits);
		bits = fits;
	}
	if (bits & ~((1U << hand) - 1))
		bits &= ~((1U << hand) - 1);
	b->hand = bmc_lowest(bits) + 1;
	return (int)bmc_lowest(bits);
}

/* ---- invalidate: under the bucket's lock ---- */
static __always_inline __u32 bmc_cache_forget(struct bmc_bucket *b, __u16 tag)
{
	__u32 bits = bmc_ways_tagged(b, tag) & b->valid;

	if (!bmc_mutant(BMC_MUT_NO_INVAL))
		b->valid &= ~bits;
	return bits;
}

#endif
