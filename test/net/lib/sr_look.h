/* SPDX-License-Identifier: LGPL-2.1-only */
/* Looks at a memcached from outside, by /proc: its UDP sockets and its threads. */
#ifndef BMC_TEST_SR_LOOK_H
#define BMC_TEST_SR_LOOK_H

#include <sys/types.h>

#define SR_LOOK_THREADS 64

struct sr_wakeups {
	int n;
	pid_t tid[SR_LOOK_THREADS];
	long count[SR_LOOK_THREADS]; /* voluntary context switches */
};

/* Waits until the process's namespace has exactly `want` UDP sockets at address:port; the test fails
 * if it never has. */
void sr_look_wait(pid_t pid, int port, const char *address, int want);

void sr_look_wakeups(pid_t pid, struct sr_wakeups *ret);
/* How many threads woke up at least `least` times in between. */
int sr_look_woken(const struct sr_wakeups *before, const struct sr_wakeups *after, long least);

/* Waits until exactly `want` threads are allowed one CPU only, all different. */
void sr_look_wait_pinned(pid_t pid, int want);

#endif
