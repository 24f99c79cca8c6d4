// SPDX-License-Identifier: LGPL-2.1-only
#include "turns.h"

#include <math.h>

/* The shorter, the less the machine changes between two slices: at 25 ms ratios of what is the same spread twice as far. */
#define SLICE_SECONDS 0.005

int bench_turn(int n_arms, int i)
{
	return i / n_arms % 2 ? n_arms - 1 - i % n_arms : i % n_arms;
}

void bench_slices_make(double seconds, struct bench_slices *ret)
{
	ret->n = (int)ceil(seconds / SLICE_SECONDS - 1e-9);
	ret->seconds = seconds / ret->n;
}
