/* SPDX-License-Identifier: LGPL-2.1-only */
/* MARK for the listeners and UDP sockets that memcached had before `start`, and what was in those. */
#ifndef BMC_MARK_H
#define BMC_MARK_H

#include "adopt.h"
#include "sockets.h"
#include "threads.h"

/* Marks the server's sockets. All of them or none: a listener without mark has connections that nobody follows. 0 or -errno. */
int bmc_mark_all(struct bmc_adopt *a, int server, pid_t pid);

/*
 * Waits until the datagrams that its UDP sockets held when they were marked are taken, and those that took them are at
 * something else. 0; -EBUSY: that cannot be told (seconds); -errno.
 */
int bmc_mark_drained(struct bmc_adopt *a, int server, pid_t pid, struct bmc_threads *threads);

#endif
