/* SPDX-License-Identifier: LGPL-2.1-only */
/* A closed loop over TCP: each connection sends a batch of commands in one write, and the next one when all its answers are
 * there, byte for byte as they must be. One thread. */
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
	double seconds; /* that are measured; a tenth more goes before */
	pid_t server; /* whose CPU time is looked at */
};

struct bench_load {
	double ops; /* commands answered while it was measured */
	double all_ops; /* and with those before that, since the connections were there */
	double seconds;
	double server_cpu; /* seconds */
	double client_cpu;
};

int bench_tcp_load(const struct bench_place *p, const struct bench_tcp_job *job,
		   struct bench_load *ret);

#endif
