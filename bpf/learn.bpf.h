/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * LEARN: when an item that was there before `start` is over, as memcached told it. By BPF_PROG_RUN, once for each line
 * of a dump that began when the server was followed without a hold, in its first epoch.
 *
 * Every write that memcached carries out after the line was read is noted before memcached gets it. Noted earlier than
 * this: there is a life of the key, or one had to make room, and nothing is learnt. Noted later: it changes what is
 * learnt, as it changes what is known. What is noted for no key (an unknown write, a server that is gone) moves the
 * epoch, and with it the name that fills look for.
 */
#ifndef BMC_LEARN_BPF_H
#define BMC_LEARN_BPF_H

#include "expiry.bpf.h"

/* A key as mc_sip wants it: 8 bytes at each place. */
struct bmc_learn_area {
	struct bmc_learn item;
	__u64 slack;
};

/* One `start` at a time runs the program, and nothing interrupts it that uses this. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_learn_area);
	__uint(max_entries, 1);
} bmc_learn_area SEC(".maps");

/* The end of the item's life in units; -1: it is over, or memcached's clock is not known. */
static __always_inline __s64 bmc_learn_until(const struct bmc_learn *item, __u16 life)
{
	__u32 until;

	if (item->expires == BMC_LEARN_NEVER)
		return BMC_LIFE_NEVER;
	if (item->expires <= BMC_RELATIVE_MAX)
		return -1;
	until = bmc_life_time(item->expires, item->server, life);
	return until ? (__s64)until : -1;
}

/* Notes a life of which nothing is known, and never was: its place has room. */
static __always_inline enum bmc_learnt bmc_life_learn(struct bmc_lives *lives, __u64 id,
						      __u32 until)
{
	enum bmc_learnt ret = BMC_LEARN_NO_ROOM;
	struct bmc_life *life;

	bpf_spin_lock(&lives->lock);
	life = bmc_life_at(lives, bmc_life_find(lives, id));
	if (life && !bmc_mutant(BMC_MUT_LEARN_ANYWAY)) {
		ret = BMC_LEARN_BETTER;
	} else if (life || bmc_life_find(lives, 0) < BMC_LIVES ||
		   bmc_mutant(BMC_MUT_LEARN_MAKES_ROOM)) {
		if (!life)
			life = bmc_life_make(lives, id);
		if (life) {
			life->until = until;
			life->latest = until;
			life->state = BMC_LIFE_KNOWN;
			ret = BMC_LEARN_DONE;
		}
	}
	bpf_spin_unlock(&lives->lock);
	return ret;
}

static __always_inline enum bmc_learnt bmc_learn_item(struct xdp_md *ctx)
{
	const struct mc_seed *seed = (const struct mc_seed *)bmc_shared.seed;
	struct bmc_learn_area *area;
	struct bmc_lives *lives;
	struct bmc_server *s;
	enum bmc_learnt ret;
	__u32 zero = 0;
	__s64 until;
	__u64 hash;

	area = bpf_map_lookup_elem(&bmc_learn_area, &zero);
	if (!area || bpf_xdp_load_bytes(ctx, 0, &area->item, sizeof(area->item)))
		return BMC_LEARN_ODD;
	if (!area->item.len || area->item.len > BMC_KEY_MAX ||
	    area->item.server >= bmc_config.n_ports)
		return BMC_LEARN_ODD;
	s = bmc_server_get(area->item.server);
	if (BMC_READ_ONCE(s->epoch) != BMC_EPOCH_FIRST)
		return BMC_LEARN_VOID;
	until = bmc_learn_until(&area->item, bmc_word_life(BMC_READ_ONCE(s->word)));
	if (until < 0)
		return BMC_LEARN_ODD;
	hash = mc_sip(area->item.key, 255, 0, area->item.len, seed);
	lives = bmc_lives_get(hash);
	if (!lives)
		return BMC_LEARN_ODD;
	ret = bmc_life_learn(lives, bmc_life_id(hash, area->item.server, BMC_EPOCH_FIRST),
			     (__u32)until);
	if (ret == BMC_LEARN_DONE)
		bmc_stats_count(BMC_STAT_LEARNT);
	return ret;
}

#endif
