/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Keeps the CPUs of client and server from going to sleep while nothing runs there: by a loop on each that gives way to
 * everything else (SCHED_IDLE). What it takes a CPU to wake, in a virtual machine above all, is the host's affair, differs
 * from hour to hour, and may be more than what is measured. Where two CPUs share a core, the loop slows the other one down.
 */
#ifndef BENCH_AWAKE_H
#define BENCH_AWAKE_H

#include <limits.h>
#include <sys/types.h>

#define BENCH_AWAKE_CPUS 2

struct bench_awake {
	pid_t pids[BENCH_AWAKE_CPUS];
	char cgroup[PATH_MAX]; /* theirs; "": none */
};

/* To be stopped also after a failure. 0, or -1 (said) */
int bench_awake_start(struct bench_awake *a);
void bench_awake_stop(struct bench_awake *a);

#endif
