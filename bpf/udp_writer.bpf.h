/* SPDX-License-Identifier: LGPL-2.1-only */
/* The UDP writer of a server: its writes in flight, and its hold. */
#ifndef BMC_UDP_WRITER_BPF_H
#define BMC_UDP_WRITER_BPF_H

#include "coherence.bpf.h"

/* ---- UDP writes: in flight until the server is gone ---- */

/* UNKNOWN over UDP: held once in a life, until the server is gone. */
__noinline int bmc_udp_unknown(__u32 server)
{
	struct bmc_server *s = bmc_server_get(server);
	__u16 life = bmc_word_life(BMC_READ_ONCE(s->word));
	__u64 held = BMC_UDP_HELD | life, old;

	bmc_holds_add(server, life, 1);
	old = BMC_READ_ONCE(s->udp);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen;

		if ((__u32)old == held) {
			bmc_holds_add(server, life, -1);
			break;
		}
		seen = __sync_val_compare_and_swap(&s->udp, old, (old >> 32 << 32) | held);
		if (seen == old)
			break;
		old = seen;
	}
	bmc_epoch_up(s);
	bmc_stats_count(BMC_STAT_UNKNOWNS);
	return 0;
}

/* A write over UDP: its flight ends with the server. Another server's in its place: an unknown write. */
__noinline int bmc_udp_write_seen(__u32 server, __u64 hash)
{
	struct bmc_server *s = bmc_server_get(server);
	struct bmc_bucket *b = bmc_bucket_get(bmc_bucket_of(hash));
	struct bmc_flight mine, *place;
	__u32 gone, placed = 0;

	if (!b)
		return 0;
	if (bmc_mutant(BMC_MUT_NO_UDP_OUT))
		return bmc_bucket_forget(b, hash) ? BMC_SEEN_ITEM : 0;
	place = &b->flight[BMC_FLIGHT_UDP];
	mine.who = BMC_READ_ONCE(s->udp) >> BMC_UDP_GEN_SHIFT << 32 | BMC_WRITER_UDP;
	mine.what =
		bmc_flight_what(BMC_FLIGHT_NEVER, server, bmc_word_life(BMC_READ_ONCE(s->word)), 0);
	bpf_spin_lock(&b->lock);
	gone = bmc_cache_forget(b, hash);
	if (!place->what || (__u8)(place->what >> 48) == (__u8)server) {
		*place = mine;
		placed = 1;
	}
	bpf_spin_unlock(&b->lock);
	if (!placed)
		bmc_udp_unknown(server);
	return gone ? BMC_SEEN_ITEM : 0;
}

#endif
