// SPDX-License-Identifier: LGPL-2.1-only
#include "shared.h"

#include "pins.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int bmc_shared_open(const char *instance, struct bmc_shared **ret)
{
	int err = 0, fd = bmc_pins_map(instance, "bmc_shared", 0);
	void *at;

	if (fd < 0)
		return fd;
	at = mmap(NULL, sizeof(struct bmc_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		err = -errno;
	else
		*ret = at;
	close(fd);
	return err;
}

void bmc_shared_close(struct bmc_shared *shared)
{
	if (shared)
		munmap(shared, sizeof(*shared));
}

__u16 bmc_shared_socket_up(struct bmc_server *server)
{
	__u64 old =
		__atomic_fetch_add(&server->word, 1ULL << BMC_WORD_SOCKETS_SHIFT, __ATOMIC_SEQ_CST);

	return (__u16)(old >> BMC_WORD_LIFE_SHIFT);
}

void bmc_shared_owner(struct bmc_server *server, __u16 life, __u32 process)
{
	__u64 owner = __atomic_load_n(&server->owner, __ATOMIC_SEQ_CST);

	if (owner >> BMC_OWNER_LIFE_SHIFT != life || !(__u32)owner)
		__atomic_compare_exchange_n(&server->owner, &owner,
					    (__u64)life << BMC_OWNER_LIFE_SHIFT | process, 0,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

void bmc_shared_socket_undo(struct bmc_server *server)
{
	__u64 old = __atomic_load_n(&server->word, __ATOMIC_SEQ_CST), next;

	do {
		next = old - (1ULL << BMC_WORD_SOCKETS_SHIFT);
		if (!(next >> BMC_WORD_SOCKETS_SHIFT & 0xffff))
			next = ((next >> BMC_WORD_LIFE_SHIFT) + 1) << BMC_WORD_LIFE_SHIFT;
	} while (!__atomic_compare_exchange_n(&server->word, &old, next, 0, __ATOMIC_SEQ_CST,
					      __ATOMIC_SEQ_CST));
}

__u16 bmc_shared_sockets(const struct bmc_server *server)
{
	return (__u16)(__atomic_load_n(&server->word, __ATOMIC_SEQ_CST) >> BMC_WORD_SOCKETS_SHIFT);
}

__u16 bmc_shared_life(const struct bmc_server *server)
{
	return (__u16)(__atomic_load_n(&server->word, __ATOMIC_SEQ_CST) >> BMC_WORD_LIFE_SHIFT);
}

int bmc_shared_holds_add(struct bmc_server *server, __u16 life, int delta)
{
	__u64 old = __atomic_load_n(&server->word, __ATOMIC_SEQ_CST);

	do {
		if ((__u16)(old >> BMC_WORD_LIFE_SHIFT) != life)
			return 0;
	} while (!__atomic_compare_exchange_n(&server->word, &old, old + (__u64)(__s64)delta, 0,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return 1;
}

/* As bmc_udp_out and bmc_udp_hold do it in the programs; of a life that ends just now nothing is held. */
void bmc_shared_udp_for_good(struct bmc_server *server)
{
	__u16 life = bmc_shared_life(server);
	int held = bmc_shared_holds_add(server, life, 1);
	__u64 old = __atomic_load_n(&server->gen[BMC_GEN_UDP], __ATOMIC_SEQ_CST), next;

	do {
		next = old;
		if ((__u16)(old >> BMC_GEN_LIFE_SHIFT) != life)
			next = ((old >> BMC_GEN_SHIFT) + 1) << BMC_GEN_SHIFT |
			       (__u64)life << BMC_GEN_LIFE_SHIFT;
		next |= BMC_GEN_HELD | BMC_GEN_OUT_MAX;
	} while (!__atomic_compare_exchange_n(&server->gen[BMC_GEN_UDP], &old, next, 0,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	if (held && (__u16)(old >> BMC_GEN_LIFE_SHIFT) == life && (old & BMC_GEN_HELD))
		bmc_shared_holds_add(server, life, -1);
}

/* *word = max(*word, time) */
static void time_up(__u64 *word, __u64 time)
{
	__u64 old = __atomic_load_n(word, __ATOMIC_SEQ_CST);

	while (old < time && !__atomic_compare_exchange_n(word, &old, time, 0, __ATOMIC_SEQ_CST,
							  __ATOMIC_SEQ_CST))
		;
}

void bmc_shared_quiet_now(struct bmc_server *server)
{
	time_up(&server->t_quiet, bmc_clock_ns(CLOCK_MONOTONIC));
}

void bmc_shared_no_fill_until(struct bmc_server *server, __u16 life, __u64 until)
{
	/* of a life that ends just now it only keeps fills back for longer */
	if (bmc_shared_life(server) == life)
		time_up(&server->no_fill_until, until | BMC_FLUSH_AHEAD);
}

void bmc_shared_unread_add(struct bmc_server *server)
{
	__atomic_fetch_add(&server->unread, 1, __ATOMIC_SEQ_CST);
}

void bmc_shared_unread_clear(struct bmc_server *server, __u64 seen)
{
	__atomic_compare_exchange_n(&server->unread, &seen, 0, 0, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

void bmc_shared_others_add(struct bmc_server *server, int is_loopback, int delta)
{
	__atomic_fetch_add(&server->others, (__u64)(__s64)delta, __ATOMIC_SEQ_CST);
	if (!is_loopback)
		__atomic_fetch_add(&server->others_wire, (__u64)(__s64)delta, __ATOMIC_SEQ_CST);
}

__u64 bmc_shared_missed(const struct bmc_server *server)
{
	return __atomic_load_n(&server->missed, __ATOMIC_SEQ_CST) & ~BMC_MISSED_COUNTS;
}

void bmc_shared_missed_end(struct bmc_server *server)
{
	__atomic_fetch_and(&server->missed, ~BMC_MISSED_COUNTS, __ATOMIC_SEQ_CST);
}

void bmc_shared_epoch_up(struct bmc_server *server)
{
	__atomic_fetch_add(&server->epoch, 1, __ATOMIC_SEQ_CST);
}

void bmc_shared_off(struct bmc_server *server, __u64 why)
{
	__atomic_fetch_or(&server->off, why, __ATOMIC_SEQ_CST);
	bmc_shared_epoch_up(server);
}

void bmc_shared_off_clear(struct bmc_server *server, enum bmc_off why)
{
	__atomic_fetch_and(&server->off, ~(__u64)why, __ATOMIC_SEQ_CST);
}
