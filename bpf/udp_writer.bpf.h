/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The UDP writer of a server: the generation BMC_GEN_UDP. What is in `out` may still be carried out; each token of it is
 * one command whose answer no get can have, counted before memcached has it and taken back by one such answer.
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

/* out++, before the flight is placed. `ends`: an answer to it can be told. As bmc_gen_out. */
static __always_inline __u64 bmc_udp_out(__u32 server, __u32 life, int ends)
{
	return bmc_gen_out(server, BMC_GEN_UDP, life, ends);
}

/* An answer to a command of generation `gen`: out--; with the generation its hold ends. */
__noinline int bmc_udp_answered(__u32 server, __u32 gen)
{
	__u64 ended = bmc_gen_back(server, BMC_GEN_UDP, gen);

	if (!(ended & BMC_GEN_HELD))
		return 0;
	bmc_flush_from_now(server, BMC_READ_ONCE(bmc_server_get(server)->udp_flush));
	bmc_quiet(server, bmc_gen_life(ended));
	return 0;
}

/* HOLD of the UDP writer, once in a generation. The caller's own command is out: the generation cannot end meanwhile. */
__noinline int bmc_udp_hold(__u32 server, __u32 life)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 old;

	bmc_holds_add(server, life, 1);
	old = BMC_READ_ONCE(s->gen[BMC_GEN_UDP]);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen;

		if (bmc_gen_life(old) != (__u16)life || (old & BMC_GEN_HELD)) {
			bmc_holds_add(server, life, -1);
			return 0;
		}
		seen = __sync_val_compare_and_swap(&s->gen[BMC_GEN_UDP], old, old | BMC_GEN_HELD);
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

/* WRITE_SEEN over UDP. Where there is no place the caller holds, and this comes again. Returns BMC_SEEN_*. */
__noinline int bmc_udp_write_seen(__u64 hash, __u64 who, __u64 what)
{
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));

	if (!b)
		return 0;
	if (!bmc_mutant(BMC_MUT_NO_UDP_OUT) && !bmc_flight_shared(hash, who, what))
		return BMC_SEEN_HELD | (bmc_bucket_forget(b, hash) ? BMC_SEEN_ITEM : 0);
	return bmc_cache_forget(b, hash) ? BMC_SEEN_ITEM : 0;
}

#endif
