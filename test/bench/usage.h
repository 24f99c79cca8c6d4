/* SPDX-License-Identifier: LGPL-2.1-only */
/* What a server takes of the machine. */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

#include <sys/types.h>

struct bench_usage {
	/* CPU seconds of the process's threads, with the interrupts that came upon them unless the kernel counts those apart
	 * (CONFIG_IRQ_TIME_ACCOUNTING). */
	double cpu;
	/* Seconds that the CPUs on which the server does not run spent in softirqs, to the clock's tick: the receiving side of its
	 * network, and XDP. */
	double softirq;
	double switches; /* context switches of the process's threads, voluntary and not */
	double waits; /* the voluntary ones: a thread had nothing to do, and was woken later */
};

/* So far. 0 or -1 (said) */
int bench_usage_read(pid_t pid, int server_cpu, struct bench_usage *ret);
/* What lies between two of them is added to *sum. */
void bench_usage_add(const struct bench_usage *before, const struct bench_usage *after,
		     struct bench_usage *sum);

#endif
