/* SPDX-License-Identifier: LGPL-2.1-only */
/* How often memcached reads a UDP socket, and finds nothing there: a thread was woken without work. */
#ifndef BENCH_READS_H
#define BENCH_READS_H

#define BENCH_READS_PAGE "BENCH_READS_PAGE" /* environment: the file whose first word counts */

struct bench_reads {
	int fd; /* of the page */
	volatile unsigned long *empty;
};

/* Processes that are started from now on until bench_reads_hide() count there. 0 or -1 (said) */
int bench_reads_open(struct bench_reads *r);
void bench_reads_hide(void);
/* Also after a failure. */
void bench_reads_close(struct bench_reads *r);

/* Reads that found nothing, so far. */
double bench_reads_empty(const struct bench_reads *r);

#endif
