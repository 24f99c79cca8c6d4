/* SPDX-License-Identifier: LGPL-2.1-only */
/* Whose turn it is, and for how long. */
#ifndef BENCH_TURNS_H
#define BENCH_TURNS_H

/* The arm of the i-th turn: forth and back, a b b a a b b a, so that what drifts evenly is in all arms the same. */
int bench_turn(int n_arms, int i);

/* Before a slice is measured, until the caches are the arm's. */
#define BENCH_LEAD_SECONDS 0.001

struct bench_slices {
	int n; /* of each arm */
	double seconds; /* of each slice */
};

/* So many seconds of each arm. */
void bench_slices_make(double seconds, struct bench_slices *ret);

#endif
