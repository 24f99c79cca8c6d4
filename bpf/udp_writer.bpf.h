/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The UDP writer of a server: bmc_server.udp. What is in `out` may still be carried out; each token of it is one
 * command whose answer no get can have, counted before memcached has it and taken back by one such answer. None is
 * left: then all of this generation were carried out, and their flights are over.
 */
#ifndef BMC_UDP_WRITER_BPF_H
#define BMC_UDP_WRITER_BPF_H

#include "coherence.bpf.h"

/* Who asked: the key of bmc_udp_asked. */
struct bmc_udp_ask {
	__u8 peer[16]; /* its address in network order; IPv4 in the first 4 bytes */
	__u16 port; /* the peer's, network order */
	__u16 id; /* of the request, as it is in the frame */
	__u32 server;
};

struct bmc_udp_asked {
	__u32 gen;
	__u32 left; /* answers to come */
};

/* What is pushed out of it stays in flight. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__type(key, struct bmc_udp_ask);
	__type(value, struct bmc_udp_asked);
	__uint(max_entries, 8192);
} bmc_udp_asked SEC(".maps");

static __always_inline __u16 bmc_udp_life(__u64 word)
{
	return (__u16)(word >> BMC_UDP_LIFE_SHIFT);
}

static __always_inline __u32 bmc_udp_gen(__u64 word)
{
	return (__u32)(word >> BMC_UDP_GEN_SHIFT);
}

/*
 * out++, before the flight is placed; the word says of which generation. `ends`: an answer to it can be told; else
 * `out` stays at its highest value, which is never left. The first one of a life begins a generation: what a server
 * that is gone had out is forgotten so. Returns 0 when the life is over: nothing of it will be carried out.
 */
__noinline __u64 bmc_udp_out(__u32 server, __u32 life, int ends)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 old = BMC_READ_ONCE(s->udp);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 next = old, seen;

		if (bmc_udp_life(old) != (__u16)life) {
			if ((__s16)((__u16)life - bmc_udp_life(old)) < 0)
				return 0;
			next = ((old >> BMC_UDP_GEN_SHIFT) + 1) << BMC_UDP_GEN_SHIFT |
			       (__u64)(__u16)life << BMC_UDP_LIFE_SHIFT;
		}
		if (!ends)
			next |= BMC_UDP_OUT_MAX;
		else if ((next & BMC_UDP_OUT_MAX) != BMC_UDP_OUT_MAX)
			next++;
		seen = __sync_val_compare_and_swap(&s->udp, old, next);
		if (seen == old)
			return next;
		old = seen;
	}
	bmc_server_off(s, BMC_OFF_BUSY);
	return 0;
}

/* An answer to a command of generation `gen`: out--; at 0 the generation ends in the same exchange, and its hold. */
__noinline int bmc_udp_answered(__u32 server, __u32 gen)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 old = BMC_READ_ONCE(s->udp);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 out = old & BMC_UDP_OUT_MAX, next = old - 1, seen;

		if (bmc_udp_gen(old) != gen || !out || out == BMC_UDP_OUT_MAX)
			return 0;
		if (out == 1)
			next = (next & ~BMC_UDP_HELD) + (1ULL << BMC_UDP_GEN_SHIFT);
		seen = __sync_val_compare_and_swap(&s->udp, old, next);
		if (seen == old) {
			if (out != 1 || !(old & BMC_UDP_HELD))
				return 0;
			bmc_flush_from_now(server, BMC_READ_ONCE(s->udp_flush));
			bmc_quiet(server, bmc_udp_life(old));
			return 0;
		}
		old = seen;
	}
	/* still out: the generation does not end */
	return 0;
}

/* HOLD of the UDP writer, once in a generation. The caller's own command is out: the generation cannot end meanwhile. */
__noinline int bmc_udp_hold(__u32 server, __u32 life)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 old;

	bmc_holds_add(server, life, 1);
	old = BMC_READ_ONCE(s->udp);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen;

		if (bmc_udp_life(old) != (__u16)life || (old & BMC_UDP_HELD)) {
			bmc_holds_add(server, life, -1);
			return 0;
		}
		seen = __sync_val_compare_and_swap(&s->udp, old, old | BMC_UDP_HELD);
		if (seen == old)
			return 0;
		old = seen;
	}
	bmc_server_off(s, BMC_OFF_BUSY);
	return 0;
}

/* UNKNOWN over UDP; the command is out. */
__noinline int bmc_udp_unknown(__u32 server, __u32 life)
{
	if (!bmc_mutant(BMC_MUT_NO_HOLD))
		bmc_udp_hold(server, life);
	if (!bmc_mutant(BMC_MUT_NO_EPOCH_UP))
		bmc_epoch_up(bmc_server_get(server));
	bmc_stats_count(BMC_STAT_UNKNOWNS);
	return 0;
}

/* Whether two flights are of one server's UDP writer. */
static __always_inline int bmc_udp_same(__u64 who, __u64 what, __u64 mine)
{
	return what && what != BMC_FLIGHT_TAKEN && (__u32)who == BMC_WRITER_UDP &&
	       (__u16)(what >> 32) == (__u16)(mine >> 32) &&
	       (__u8)(what >> 48) == (__u8)(mine >> 48);
}

/*
 * Puts the flight {who, what} at the place that this server's UDP writer has (the same flight, or one that is never over, stays
 * there), else at a free one or one that is over, the last one first: it is no connection's. `waits`: nor is there
 * another one for it while that is taken. Whether it is placed.
 */
__noinline int bmc_udp_place(__u64 hash, __u64 who, __u64 what, int waits)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));
	struct bmc_flight mine = { .who = who, .what = what }, found = {};
	__u32 at = BMC_FLIGHTS;

	if (!b)
		return 0;
	for (__u32 i = 0; i < BMC_FLIGHTS; i++) {
		const struct bmc_flight *f = bmc_flight_at(b, i);
		__u64 that = BMC_READ_ONCE(f->what), other = BMC_READ_ONCE(f->who);

		if (waits && i == BMC_FLIGHT_UDP && that == BMC_FLIGHT_TAKEN)
			return 0;
		if (bmc_udp_same(other, that, what)) {
			if (that >> 56 == BMC_FLIGHT_NEVER || (that == what && other == who)) {
				bmc_rmb();
				return 1;
			}
		} else if ((found.what && bmc_udp_same(found.who, found.what, what)) ||
			   (that && bmc_flight_look(other, that) == BMC_IN_FLIGHT)) {
			continue;
		}
		at = i;
		found.who = other;
		found.what = that;
	}
	if (at == BMC_FLIGHTS || !bmc_flight_take(bmc_flight_at(b, at), found.who, found.what))
		return 0;
	bmc_flight_give(bmc_flight_at(b, at), &mine);
	return 1;
}

/* WRITE_SEEN over UDP. Where there is no place the caller holds, and this comes again. Returns BMC_SEEN_*. */
__noinline int bmc_udp_write_seen(__u64 hash, __u64 who, __u64 what)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));

	if (!b)
		return 0;
	if (!bmc_mutant(BMC_MUT_NO_UDP_OUT)) {
		int placed = 0;

		for (__u32 i = 0; i < BMC_PLACE_TRIES && !placed; i++)
			placed = bmc_udp_place(hash, who, what, i + 1 < BMC_PLACE_TRIES);
		if (!placed)
			return BMC_SEEN_HELD | (bmc_bucket_forget(b, hash) ? BMC_SEEN_ITEM : 0);
	}
	return bmc_cache_forget(b, hash) ? BMC_SEEN_ITEM : 0;
}

#endif
