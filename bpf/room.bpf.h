/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Room for a fill: where the new entry is put, once admit.bpf.h has told who goes. Decided without the lock, from what
 * may change meanwhile; the bucket is then taken only if its seq is still that of the decision.
 *
 * Entries lie one behind the other; what goes leaves a hole until the entries are packed.
 */
#ifndef BMC_ROOM_BPF_H
#define BMC_ROOM_BPF_H

#include "admit.bpf.h"

#define BMC_UNITS (BMC_DATA / BMC_UNIT)
#define BMC_GROUP_BITS 0xffffULL

/* Where a fill finds its room; else why there is none. */
enum bmc_room { BMC_ROOM_FOUND, BMC_ROOM_SAME, BMC_ROOM_NONE, BMC_ROOM_NOT_ADMITTED };

static __always_inline __u32 bmc_room_units(__u32 text_len)
{
	return (sizeof(struct bmc_entry) + text_len + BMC_TEXT_TAIL + BMC_UNIT - 1) / BMC_UNIT;
}

/* The units that these slots have: eight slots a step, a byte each. */
static __always_inline __u32 bmc_room_sum(const struct bmc_bucket *b, __u64 slots)
{
	const __u64 *words = (const __u64 *)b->size;
	__u64 sum = 0;

#pragma unroll
	for (__u32 i = 0; i < BMC_SLOTS / 8; i++) {
		/* a bit a slot -> a byte a slot, 0xff or 0 */
		__u64 mask = ((slots >> (8 * i) & 0xff) * BMC_BYTES(1)) & 0x8040201008040201ULL;

		mask = ((mask + (BMC_HIGH - BMC_BYTES(1))) | mask) & BMC_HIGH;
		mask = (mask >> 7) * 0xff & words[i];
		sum += (mask & 0x00ff00ff00ff00ffULL) + (mask >> 8 & 0x00ff00ff00ff00ffULL);
	}
	return (__u32)((sum * 0x0001000100010001ULL) >> 48);
}

/* ---- decide ---- */

/* The slots that have this key's entry now; it is replaced. */
static __always_inline __u64 bmc_room_own(const struct bmc_work *w, struct bmc_bucket *b)
{
	__u64 bits = w->tagged & BMC_READ_ONCE(b->valid), own = 0;

	for (__u32 n = 0; n < BMC_TAGS_TRIED; n++) {
		struct bmc_entry *e;

		if (!bits)
			break;
		e = bmc_entry_get(b, bmc_slot_at(b, bmc_lowest(bits)), BMC_REACH_KEY);
		if (e && bmc_entry_is_here(e, w->server, w->addr))
			own |= bits & -bits;
		bits &= bits - 1;
	}
	return own;
}

/* The last slot that a look-up tries, if it tries as many as it may: an entry behind it would not be found. */
static __always_inline __u64 bmc_room_last_tried(const struct bmc_work *w,
						 const struct bmc_bucket *b)
{
	__u64 bits = w->tagged & BMC_READ_ONCE(b->valid);

	for (__u32 n = 1; n < BMC_TAGS_TRIED; n++)
		bits &= bits - 1;
	return bits & -bits;
}

static __always_inline __u8 bmc_slot_size(const struct bmc_bucket *b, __u64 slot)
{
	bmc_hide(slot);
	return b->size[slot % BMC_SLOTS];
}

/* Whether an entry of w->units can be put at `used` units: it ends in `data`, and its bound in the bucket. */
static __always_inline int bmc_room_has(const struct bmc_work *w, __u32 used)
{
	__u32 bytes = w->units * BMC_UNIT, reach = BMC_REACH_ALL;

	if (bytes <= BMC_REACH_MIDDLE)
		reach = bytes <= BMC_REACH_KEY ? BMC_REACH_KEY : BMC_REACH_MIDDLE;
	return used + w->units <= BMC_UNITS && used * BMC_UNIT + reach <= BMC_DATA_BYTES;
}

/* A slot that had this key, whose units suffice and are not many more: the entry goes where it was. */
static __always_inline int bmc_room_reuse(struct bmc_work *w, struct bmc_bucket *b)
{
	__u64 dead = w->tagged & ~(BMC_READ_ONCE(b->valid) & ~w->gone);
	__u32 slot, size;

	if (!dead)
		return 0;
	slot = bmc_lowest(dead);
	size = bmc_slot_size(b, slot);
	if (size < w->units || size > w->units + w->units / 4 + 1)
		return 0;
	if (!bmc_room_has(w, bmc_slot_at(b, slot))) /* its bound was a smaller entry's */
		return 0;
	w->slot = slot;
	return 1;
}

/* Whether this key has one entry, and that has the text of the window, `len` bytes: it stays in its slot. */
static __always_inline int bmc_room_same(struct bmc_work *w, struct bmc_bucket *b, __u32 len)
{
	struct bmc_entry *e;
	__u64 diff = 0;

	if (!w->gone || (w->gone & (w->gone - 1)) || len > BMC_TEXT_WITHIN(BMC_REACH_KEY))
		return 0;
	w->slot = bmc_lowest(w->gone);
	e = bmc_entry_get(b, bmc_slot_at(b, w->slot), BMC_REACH_KEY);
	if (!e || e->text_len != len)
		return 0;
#pragma clang loop unroll(disable)
	for (__u64 i = 0; i < BMC_TEXT_WITHIN(BMC_REACH_KEY); i += 8) {
		if (diff || len <= i)
			break;
		diff = bmc_load64(&e->text[i]) ^ bmc_load64(&w->win.bytes[i]);
		if (len < i + 8)
			diff = bmc_keep_bytes(diff, len);
	}
	return !diff;
}

/* Whether there is room for w->units once w->gone are gone. */
static __always_inline int bmc_room_suffices(const struct bmc_work *w, const struct bmc_bucket *b,
					     __u64 group)
{
	__u64 left = BMC_READ_ONCE(b->valid) & ~w->gone;

	return bmc_room_has(w, bmc_room_sum(b, left)) && (left & group) != group;
}

/* One more entry goes: a slot of the group, if it has none left. 1: there is room now. */
__noinline int bmc_room_step(struct bmc_work *w)
{
	struct bmc_bucket *b;
	__u64 group, left;

	if (!w)
		return 1;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return 1;
	group = BMC_GROUP_BITS << (bmc_group_of(w->key.hash) * BMC_GROUP_SLOTS);
	if (bmc_room_suffices(w, b, group))
		return 1;
	left = BMC_READ_ONCE(b->valid) & ~w->gone;
	if ((left & group) == group)
		left = group;
	w->gone |= w->is_queue ? bmc_room_oldest(w, left) : bmc_room_victim(w, b, left);
	return 0;
}

static long bmc_room_next(__u32 i, struct bmc_work **w)
{
	return bmc_loop_stop(bmc_room_step(*w));
}

/* Whether w->key may push out others now. */
static __always_inline int bmc_room_admits(struct bmc_work *w, struct bmc_bucket *b, __u64 group)
{
	__u64 left = BMC_READ_ONCE(b->valid) & ~w->gone;
	__u32 heat;

	if (w->is_queue)
		return 1;
	bmc_room_coldest(b, (left & group) == group ? group : left, &heat);
	return bmc_ghost_admits(b, bmc_ghost_tag(w->key.hash), bmc_ghost_asked(heat, w->units));
}

/* Decides where a text of `len` bytes (its tail not counted) goes, and who goes for it. enum bmc_room. */
__noinline int bmc_room_plan(struct bmc_work *w, __u32 len)
{
	struct bmc_work *loop = w;
	struct bmc_bucket *b;
	__u64 group;

	if (!w)
		return BMC_ROOM_NONE;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	w->units = bmc_room_units(len);
	if (!b || w->units > BMC_REACH_ALL / BMC_UNIT)
		return BMC_ROOM_NONE;
	bmc_room_tick(b); /* a store: the line is this CPU's when it is locked */
	w->seq = BMC_READ_ONCE(b->seq);
	bmc_rmb();
	w->is_queue = bmc_duel_miss(bmc_bucket_of(w->key.hash));
	w->tagged = bmc_slots_tagged(b, w->key.hash);
	w->gone = bmc_room_own(w, b);
	w->is_same = bmc_room_same(w, b, len);
	if (!w->gone)
		w->gone = bmc_room_last_tried(w, b);
	w->is_reused = w->is_same || bmc_room_reuse(w, b);
	if (w->is_same)
		return BMC_ROOM_SAME;
	if (w->is_reused)
		return BMC_ROOM_FOUND;
	group = BMC_GROUP_BITS << (bmc_group_of(w->key.hash) * BMC_GROUP_SLOTS);
	if (bmc_room_suffices(w, b, group))
		return BMC_ROOM_FOUND;
	if (!bmc_room_admits(w, b, group))
		return BMC_ROOM_NOT_ADMITTED;
	bpf_loop(BMC_SLOTS, bmc_room_next, &loop, 0);
	return BMC_ROOM_FOUND;
}

/* ---- the bucket is this fill's ---- */

/* What was decided happens, and seq is odd. 0: another fill has the bucket, or had it since. */
static __always_inline int bmc_room_take(struct bmc_work *w, struct bmc_bucket *b)
{
	__u32 taken = 0;

	bpf_spin_lock(&b->lock);
	if ((b->seq == w->seq && !(b->seq & 1)) || bmc_mutant(BMC_MUT_WAY_SHARED)) {
		b->seq += !bmc_mutant(BMC_MUT_NO_ODD);
		if (w->gone)
			bmc_slots_close(b, w->gone);
		taken = 1;
	}
	bpf_spin_unlock(&b->lock);
	bmc_wmb(); /* seq is odd before a byte changes */
	return taken;
}

/* Moves an entry of so many units down in `data`; the ranges may overlap. */
__noinline int bmc_room_move(struct bmc_work *w, __u32 from, __u32 to, __u32 units)
{
	struct bmc_bucket *b;

	if (!w)
		return 0;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return 0;
	for (__u32 i = 0; i < 256; i++) {
		__u64 source = from + i, target = to + i;

		if (i >= units)
			break;
		bmc_hide(source);
		bmc_hide(target);
		if (source >= BMC_UNITS || target >= BMC_UNITS)
			break;
		*(__u64 *)(b->data + target * BMC_UNIT) = *(__u64 *)(b->data + source * BMC_UNIT);
	}
	return 0;
}

/* The i-th of `order`: its entry moves down, or its units become free. */
__noinline int bmc_room_pack_one(struct bmc_work *w, __u32 i)
{
	__u64 slot = i, next, group;
	struct bmc_bucket *b;
	__u16 at;

	if (!w)
		return 1;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b || i >= BMC_SLOTS)
		return 1;
	slot = b->order[i] % BMC_SLOTS;
	if (!(BMC_READ_ONCE(b->valid) >> slot & 1)) {
		b->size[slot] = 0;
		return 0;
	}
	at = bmc_slot_at(b, slot);
	if (at != b->used) {
		bmc_room_move(w, at, b->used, b->size[slot]);
		group = slot / BMC_GROUP_SLOTS;
		b->group[group].at[slot % BMC_GROUP_SLOTS] = b->used;
	}
	b->used += b->size[slot];
	next = b->n_order++;
	bmc_hide(next);
	b->order[next % BMC_SLOTS] = (__u8)slot;
	return 0;
}

struct bmc_pack_loop {
	struct bmc_work *work;
	__u32 n;
};

static long bmc_room_pack_next(__u32 i, struct bmc_pack_loop *loop)
{
	return bmc_loop_stop(i >= loop->n || bmc_room_pack_one(loop->work, i));
}

/* Packs the entries: no hole is left between them. Those that a write takes out meanwhile keep their units. */
static __always_inline void bmc_room_pack(struct bmc_work *w, struct bmc_bucket *b)
{
	struct bmc_pack_loop loop = { .work = w, .n = b->n_order };

	b->n_order = 0;
	b->used = 0;
	bpf_loop(BMC_SLOTS, bmc_room_pack_next, &loop, 0);
}

/* The slots of a group that have no units: eight a step, a byte each. */
static __always_inline __u64 bmc_room_unused(const struct bmc_bucket *b, __u64 group)
{
	__u64 unused = 0;

	bmc_hide(group);
#pragma unroll
	for (__u32 i = 0; i < BMC_GROUP_SLOTS / 8; i++) {
		__u64 word = *(const __u64 *)&b->size[group % BMC_GROUPS * BMC_GROUP_SLOTS + 8 * i];

		word = ~(((word & ~BMC_HIGH) + ~BMC_HIGH) | word);
		unused |= bmc_room_bits(word) << (8 * i);
	}
	return unused;
}

/* A slot of w->key's group without an entry and without units, or BMC_SLOTS. */
static __always_inline __u32 bmc_room_slot(const struct bmc_work *w, const struct bmc_bucket *b)
{
	__u32 group = bmc_group_of(w->key.hash), first = group * BMC_GROUP_SLOTS;
	__u64 slots = bmc_room_unused(b, group) & ~(BMC_READ_ONCE(b->valid) >> first);

	return slots ? first + bmc_lowest(slots) : BMC_SLOTS;
}

/* Gives the entry its slot, w->slot, and its units there. 0; -1: there is no room after all. */
__noinline int bmc_room_settle(struct bmc_work *w)
{
	struct bmc_bucket *b;
	__u64 slot, next;

	if (!w)
		return -1;
	b = bmc_bucket_get(bmc_bucket_of(w->key.hash));
	if (!b)
		return -1;
	if (w->is_reused)
		return 0;
	slot = bmc_room_slot(w, b);
	if (slot == BMC_SLOTS || !bmc_room_has(w, b->used)) {
		bmc_room_pack(w, b);
		slot = bmc_room_slot(w, b);
	}
	if (slot == BMC_SLOTS || !bmc_room_has(w, b->used))
		return -1;
	w->slot = (__u32)slot;
	bmc_hide(slot);
	slot %= BMC_SLOTS;
	b->group[slot / BMC_GROUP_SLOTS].at[slot % BMC_GROUP_SLOTS] = b->used;
	b->size[slot] = (__u8)w->units;
	b->used += (__u16)w->units;
	next = b->n_order++;
	bmc_hide(next);
	b->order[next % BMC_SLOTS] = (__u8)slot;
	return 0;
}

/* Under the lock, before it is valid: what finds the entry in w->slot; as newly hit, unless it was there before. */
static __always_inline void bmc_room_done(const struct bmc_work *w, struct bmc_bucket *b)
{
	__u64 slot = w->slot, at, bit;

	bmc_hide(slot);
	slot %= BMC_SLOTS;
	bit = 1ULL << slot;
	at = BMC_TAG_OF_SLOT(slot % BMC_GROUP_SLOTS);
	bmc_hide(at);
	b->group[slot / BMC_GROUP_SLOTS].tag[at % BMC_GROUP_SLOTS] = bmc_tag_of(w->key.hash);
	if (w->is_reused)
		return;
	__sync_fetch_and_and(&b->recent, ~bit);
	b->past[0] |= bit;
#pragma unroll
	for (__u32 i = 1; i < BMC_PAST; i++)
		b->past[i] &= ~bit;
}

#endif
