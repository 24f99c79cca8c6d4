/* SPDX-License-Identifier: LGPL-2.1-only */
/* Child processes in a network namespace, a cgroup and on CPUs of their own; they die with the benchmark. */
#ifndef BENCH_CHILD_H
#define BENCH_CHILD_H

#include <sys/types.h>

struct bench_where {
	int net; /* fd of a network namespace; -1: ours */
	const char *cgroup; /* a folder of cgroup2; NULL: ours */
	int cpu; /* -1: any */
};

#define BENCH_HERE ((struct bench_where){ .net = -1, .cpu = -1 })

/* A child that stays; its output goes nowhere. -> pid, or -1 */
pid_t bench_child_start(const struct bench_where *where, char *const argv[]);

/* Ends it, waits for it at most some seconds, then kills it. 0 pids are left alone. */
void bench_child_stop(pid_t pid);

/* A line of words, run to its end by `sh -c`, at most `seconds`; what it writes to stderr is shown if it fails. */
int bench_child_sh(const struct bench_where *where, int seconds, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* This thread runs on one CPU (-1: on all). */
int bench_pin(int cpu);

/* CPU time that a process has used, in all its threads, once it is at rest, for which this waits a little: what a thread has
 * used since it was put on its CPU, the kernel adds at its clock's ticks, or when the thread sleeps. 0 if it cannot be had. */
double bench_cpu_seconds(pid_t pid);
/* The same of this thread. */
double bench_cpu_here(void);

/* Seconds that only grow. */
double bench_now(void);
void bench_sleep(double seconds);

#endif
