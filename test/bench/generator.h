/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A client in the kernel, for more requests a second than user space could make: BPF_PROG_RUN sends frames from a table out of the
 * client's end of the wire; a program there counts the replies, and compares a sample byte for byte.
 */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include "client/items.h"
#include "wire_abi.h"

struct bench_place;
struct echo_bpf;

struct bench_generator {
	struct echo_bpf *skel;
	int echo; /* fd of the program that answers with what it gets */
	int pass; /* ... and of one that does nothing */
};

struct bench_generator_job {
	const struct bench_place *place; /* where it sends; the counter is there */
	double seconds;
	int cpus; /* one sender on each of the first so many; the caller is on CPU 0 */
	int parts; /* the table is in so many parts, a power of two, the n-th CPU's is the n-th one; 1: all have the whole one */
	/* Requests without a reply at any time, of one sender; 0: any number, for who answers at once. Those that stay without are
	 * lost. */
	unsigned int window;
	enum bench_expect expect;
};

struct bench_generator_result {
	double seconds;
	double sent, replies, checked;
};

/* Programs loaded. To be closed also after a failure; all below: 0 or -1 (said). */
int bench_generator_open(struct bench_generator *g, const struct bench_place *p);
void bench_generator_close(struct bench_generator *g);

/* The counter of replies, at the client's end of a wire. */
int bench_generator_attach(const struct bench_generator *g, const struct bench_place *p);

/* The requests: `pick` tells the item of each place in the table. Items are of BENCH_KEY_LEN, BENCH_VALUE_LEN. */
int bench_generator_fill(const struct bench_generator *g, const struct bench_items *items,
			 uint32_t (*pick)(void *arg, uint32_t place), void *arg);

/* Sends, and waits for the replies; what comes of it is added to *sum. It is a failure if there was no reply at all, or a wrong one. */
int bench_generator_run(const struct bench_generator *g, const struct bench_generator_job *job,
			struct bench_generator_result *sum);

/* A program at an end of the wire, natively, in place of what is there; -1: none. -> the interface's index, or -1 (said) */
int bench_xdp_attach(const struct bench_place *p, int net, const char *ifname, int prog);

#endif
