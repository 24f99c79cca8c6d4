/* SPDX-License-Identifier: LGPL-2.1-only */
/* Random numbers: the same from the same seed, everywhere. */
#ifndef BENCH_DRAW_H
#define BENCH_DRAW_H

#include <stdint.h>

/* Scrambles 64 bits, so that neighbours have nothing in common (splitmix64's finalizer). */
uint64_t bench_mix(uint64_t value);

struct bench_random {
	uint64_t state; /* the seed: any */
};

uint64_t bench_random_next(struct bench_random *r);
/* Even, above 0 and below 1. */
double bench_random_unit(struct bench_random *r);

/* Zipf's law over 0 … n - 1: the share of i goes with (i + 1)^-s; s = 0: all alike. One draw is O(1) (Walker's alias table). */
struct bench_zipf {
	uint32_t n;
	struct bench_zipf_slot {
		float own; /* the share of this slot that is its own index's */
		uint32_t other; /* whose the rest is */
	} * slots;
};

/* 0 or -ENOMEM, nothing is said. */
int bench_zipf_init(struct bench_zipf *z, uint32_t n, double s);
void bench_zipf_free(struct bench_zipf *z);
uint32_t bench_zipf_draw(const struct bench_zipf *z, struct bench_random *r);

/* The value of two distributions at a share `u` of (0, 1): generalised extreme value, and generalised Pareto. shape > 0 */
double bench_gev(double u, double location, double scale, double shape);
double bench_pareto(double u, double location, double scale, double shape);

#endif
