/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Generations: those that write without a place of their own (BMC_GEN_*) share one, bmc_server.gen, which is {gen, life,
 * held, out} in one word. Each is counted in `out` before its flight is placed, and until memcached is known to have
 * carried it out. None is left: then all of this generation were, and their flights are over.
 */
#ifndef BMC_GENERATION_BPF_H
#define BMC_GENERATION_BPF_H

#include "server.bpf.h"

static __always_inline __u16 bmc_gen_life(__u64 word)
{
	return (__u16)(word >> BMC_GEN_LIFE_SHIFT);
}

static __always_inline __u32 bmc_gen_of(__u64 word)
{
	return (__u32)(word >> BMC_GEN_SHIFT);
}

static __always_inline __u64 *bmc_gen_word(struct bmc_server *s, __u32 kind)
{
	return &s->gen[kind & (BMC_GENS - 1)];
}

/*
 * out++; the word says of which generation. `ends`: it will be known when it is carried out; else `out` stays at its
 * highest value, which is never left. The first one of a life begins a generation: what a server that is gone had out is
 * forgotten so. Returns 0 when the life is over: nothing of it will be carried out.
 */
__noinline __u64 bmc_gen_out(__u32 server, __u32 kind, __u32 life, int ends)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 *word = bmc_gen_word(s, kind), old = BMC_READ_ONCE(*word);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 next = old, seen;

		if (bmc_gen_life(old) != (__u16)life) {
			if ((__s16)((__u16)life - bmc_gen_life(old)) < 0)
				return 0;
			next = ((old >> BMC_GEN_SHIFT) + 1) << BMC_GEN_SHIFT |
			       (__u64)(__u16)life << BMC_GEN_LIFE_SHIFT;
		}
		if (!ends)
			next |= BMC_GEN_OUT_MAX;
		else if ((next & BMC_GEN_OUT_MAX) != BMC_GEN_OUT_MAX)
			next++;
		seen = __sync_val_compare_and_swap(word, old, next);
		if (seen == old)
			return next;
		old = seen;
	}
	bmc_server_off(s, BMC_OFF_BUSY);
	return 0;
}

/*
 * One of generation `gen` was carried out: out--; at 0 the generation ends in the same exchange. The word that it ended
 * with, 0: it goes on.
 */
__noinline __u64 bmc_gen_back(__u32 server, __u32 kind, __u32 gen)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 *word = bmc_gen_word(s, kind), old = BMC_READ_ONCE(*word);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 out = old & BMC_GEN_OUT_MAX, next = old - 1, seen;

		if (bmc_gen_of(old) != gen || !out || out == BMC_GEN_OUT_MAX)
			return 0;
		if (out == 1)
			next = (next & ~BMC_GEN_HELD) + (1ULL << BMC_GEN_SHIFT);
		seen = __sync_val_compare_and_swap(word, old, next);
		if (seen == old)
			return out == 1 ? old : 0;
		old = seen;
	}
	/* still out: the generation does not end */
	return 0;
}

#endif
