/* SPDX-License-Identifier: LGPL-2.1-only */
/* A memcached's workers and its listener: the threads that wait for events, and whether they wait just now. */
#ifndef BMC_THREADS_H
#define BMC_THREADS_H

#include <stddef.h>
#include <linux/types.h>
#include <sys/types.h>

struct bmc_thread;

struct bmc_threads {
	struct bmc_thread *list;
	size_t n;
	int all; /* as many as there must be have been seen waiting for events */
};

/*
 * All threads of a process, of which at least `least` wait for events: ready as soon as so many have been seen at it,
 * which sets ret->all, after a second at the most. Free with bmc_threads_close. 0; -errno: they cannot be seen.
 */
int bmc_threads_open(pid_t pid, size_t least, struct bmc_threads *ret);
void bmc_threads_close(struct bmc_threads *threads);

/*
 * Waits until each thread that waits for events, or the one of this number (0: all), has been seen at it once more, or
 * is gone: what it was at when this was called is over. 0; -ETIMEDOUT after so long; -ESRCH: they are not all known.
 */
int bmc_threads_wait(struct bmc_threads *threads, pid_t one, __u64 patience_ns);

/* Whether it has a thread of this number. */
int bmc_threads_has(const struct bmc_threads *threads, pid_t one);

#endif
