/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A server's words: {life, sockets, holds}, epoch, t_quiet, no_fill_until, and why it is off. Words are changed by
 * exchange or compare-and-exchange; an exchange that does not succeed in BMC_TRIES tries switches the server off (its
 * items are neither filled nor served).
 */
#ifndef BMC_SERVER_BPF_H
#define BMC_SERVER_BPF_H

#include "config.bpf.h"
#include "maps.bpf.h"
#include "stats.bpf.h"

#define BMC_TRIES 32

static __always_inline struct bmc_server *bmc_server_get(__u32 index)
{
	return &bmc_shared.server[index & (BMC_PORTS_MAX - 1)];
}

static __always_inline __u16 bmc_word_life(__u64 word)
{
	return (__u16)(word >> BMC_WORD_LIFE_SHIFT);
}

static __always_inline __u16 bmc_word_sockets(__u64 word)
{
	return (__u16)(word >> BMC_WORD_SOCKETS_SHIFT);
}

/* Whether requests at the wire may be another user's socket's: 1 or 0, without a branch. */
static __always_inline __u32 bmc_server_is_shared(__u32 server)
{
	return (__u32)(-BMC_READ_ONCE(bmc_server_get(server)->others_wire) >> 63);
}

/* Version of the server's memcached in this life of it: `start` asked the first one; 0: not known. */
static __always_inline __u32 bmc_version_of(__u32 server, __u16 life)
{
	return life ? 0 : bmc_config.version[server & (BMC_PORTS_MAX - 1)];
}

static __always_inline void bmc_epoch_up(struct bmc_server *s)
{
	bmc_ordered(__sync_fetch_and_add(&s->epoch, 1));
}

/* Neither hits nor fills from now on. First the flag, then the epoch: a fill that does not see one has the old other. */
static __always_inline void bmc_server_off(struct bmc_server *s, __u64 why)
{
	bmc_ordered(__sync_fetch_and_or(&s->off, why));
	bmc_epoch_up(s);
}

/* *word = max(*word, time). 0, or -1 if the tries ran out. */
static __always_inline int bmc_time_up(__u64 *word, __u64 time)
{
	__u64 old = BMC_READ_ONCE(*word);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen;

		if (old >= time)
			return 0;
		seen = __sync_val_compare_and_swap(word, old, time);
		if (seen == old)
			return 0;
		old = seen;
	}
	return -1;
}

/* ---- holds: {life, sockets, holds} ---- */

/* holds += delta (1 or -1), only while the server's life is `life`. */
__noinline int bmc_holds_add(__u32 server, __u32 life, int delta)
{
	struct bmc_server *s = bmc_server_get(server);
	__u64 old = BMC_READ_ONCE(s->word);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen;

		if (bmc_word_life(old) != (__u16)life)
			return 0;
		seen = __sync_val_compare_and_swap(&s->word, old, old + (__s64)delta);
		if (seen == old)
			return 0;
		old = seen;
	}
	bmc_server_off(s, BMC_OFF_BUSY);
	return 0;
}

/* flush_all N: no fill until it has happened. */
__noinline int bmc_no_fill_until(__u32 server, __u64 until)
{
	struct bmc_server *s = bmc_server_get(server);

	if (bmc_time_up(&s->no_fill_until, until | BMC_FLUSH_AHEAD))
		bmc_server_off(s, BMC_OFF_BUSY);
	return 0;
}

/*
 * Flushes with delays of up to `delay` seconds (0: none) were carried out now at the latest, which may be long after they
 * were seen. Before the hold is over that they have had since.
 */
__noinline int bmc_flush_from_now(__u32 server, __u64 delay)
{
	if (delay)
		bmc_no_fill_until(server,
				  bpf_ktime_get_ns() + (delay + BMC_SECONDS_LATE) * BMC_SECOND_NS);
	return 0;
}

/* A hold is over: t_quiet=now, then holds--. */
__noinline int bmc_quiet(__u32 server, __u32 life)
{
	struct bmc_server *s = bmc_server_get(server);

	if (!bmc_mutant(BMC_MUT_NO_T_QUIET) && bmc_time_up(&s->t_quiet, bpf_ktime_get_ns())) {
		bmc_server_off(s, BMC_OFF_BUSY);
		return 0;
	}
	return bmc_holds_add(server, life, -1);
}

/*
 * UNREAD: what was not read of a connection, which holds fills: before that hold is over. Of an older life as well: the one
 * that takes over its items does what it was told. (A memcached that does not has forgotten this with its first socket.)
 */
static __always_inline void bmc_server_unread(__u32 server)
{
	bmc_ordered(__sync_fetch_and_add(&bmc_server_get(server)->unread, 1));
}

/* ---- sockets of the server ---- */

/* sockets++; the exchange that does it gives the life. -1: the tries ran out. */
static __always_inline int bmc_socket_up(struct bmc_server *s)
{
	__u64 old = BMC_READ_ONCE(s->word);

	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 seen = __sync_val_compare_and_swap(&s->word, old,
							 old + (1ULL << BMC_WORD_SOCKETS_SHIFT));

		if (seen == old)
			return bmc_word_life(old);
		old = seen;
	}
	return -1;
}

/* SERVER GONE: t_quiet=now, epoch++, then sockets--; at 0 in the same exchange {life+1, 0, 0}. */
static __always_inline void bmc_socket_gone(struct bmc_server *s)
{
	__u64 old;

	if (bmc_time_up(&s->t_quiet, bpf_ktime_get_ns()))
		bmc_server_off(s, BMC_OFF_BUSY);
	if (!bmc_mutant(BMC_MUT_GONE_NO_EPOCH))
		bmc_epoch_up(s);
	old = BMC_READ_ONCE(s->word);
	for (__u32 i = 0; i < BMC_TRIES; i++) {
		__u64 next = old - (1ULL << BMC_WORD_SOCKETS_SHIFT), seen;

		if (!bmc_word_sockets(next))
			next = ((next >> BMC_WORD_LIFE_SHIFT) + 1) << BMC_WORD_LIFE_SHIFT;
		seen = __sync_val_compare_and_swap(&s->word, old, next);
		if (seen == old)
			return;
		old = seen;
	}
	bmc_server_off(s, BMC_OFF_BUSY);
}

#endif
