/* SPDX-License-Identifier: LGPL-2.1-only */
/* A closed loop over TCP: each connection sends a batch of commands in one write, and the next one when all its answers are
 * there, byte for byte as they must be. One thread. Between two runs nothing is on the way. */
#ifndef BENCH_TCP_LOAD_H
#define BENCH_TCP_LOAD_H

#include <stddef.h>
#include <sys/types.h>

struct bench_place;

enum bench_op { BENCH_GET, BENCH_SET };

struct bench_tcp_job {
	int net; /* the namespace of the client */
	const char *address;
	int connections;
	int depth; /* commands in one write */
	enum bench_op op;
	size_t value; /* bytes */
	pid_t server; /* whose CPU time is looked at */
};

struct bench_load {
	double ops; /* commands answered */
	double seconds;
	double server_cpu; /* seconds */
	double client_cpu;
};

struct bench_tcp;

/* Connects, stores what the gets ask for. *ret is to be closed, also after a failure. */
int bench_tcp_open(struct bench_tcp **ret, const struct bench_place *p,
		   const struct bench_tcp_job *job);
/* Sends for `seconds`, at least one batch on each connection, and takes all the answers. May be called again: what it took is added
 * to *sum. The first ones touch what was never touched: not to be measured. */
int bench_tcp_run(struct bench_tcp *l, double seconds, struct bench_load *sum);
void bench_tcp_close(struct bench_tcp *l);

#endif
