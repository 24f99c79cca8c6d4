// SPDX-License-Identifier: LGPL-2.1-only
#include "pending.h"

#include "memcached.h"
#include "shared.h"
#include "sockets.h"
#include "util.h"

#include <stdlib.h>
#include <time.h>

#define CLOCK_FIRST 60 /* memcached's clock begins here, its uptime at 0 (ITEM_UPDATE_INTERVAL) */
#define LATE_S (1 + BMC_SECONDS_LATE)

/* Until when nothing may be filled, nanoseconds; 0: no flush is to come. */
static __u64 flush_end(const struct bmc_memcached *m)
{
	__s64 clock = m->uptime + CLOCK_FIRST;

	if (m->oldest < clock)
		return 0;
	return bmc_clock_ns(CLOCK_MONOTONIC) + (__u64)(m->oldest - clock + LATE_S) * BMC_SECOND_NS;
}

static void look(const struct bmc_socket *listener, struct bmc_server *words)
{
	__u64 unread = __atomic_load_n(&words->unread, __ATOMIC_SEQ_CST);
	/* each of `unread` that is open holds fills */
	int all_closed = !(__u32)__atomic_load_n(&words->word, __ATOMIC_SEQ_CST);
	__u16 life = bmc_shared_life(words);
	struct bmc_memcached m;
	__u64 end;

	if (bmc_memcached_ask_at(listener, &m) || m.oldest < 0 || m.uptime < 0) {
		bmc_shared_unread_add(words);
		return;
	}
	end = flush_end(&m);
	if (end)
		bmc_shared_no_fill_until(words, life, end);
	if (all_closed)
		bmc_shared_unread_clear(words, unread);
}

void bmc_pending_look(__u16 port, __u32 uid, struct bmc_server *words)
{
	struct bmc_socket_list sockets;
	const struct bmc_socket *listener = NULL;

	if (bmc_sockets_of_port(port, &sockets)) {
		bmc_shared_unread_add(words);
		return;
	}
	for (size_t i = 0; i < sockets.n && !listener; i++) {
		if (sockets.list[i].listener && sockets.list[i].uid == uid)
			listener = &sockets.list[i];
	}
	if (listener)
		look(listener, words);
	free(sockets.list);
}
