/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A log-linear histogram of times: exact below 128, from there on 128 steps for each doubling, so that what is read from it
 * is at most 1/128 above what was recorded. Fixed size, no allocation, adding two of them loses nothing.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define BENCH_HISTOGRAM_STEP_BITS 7
#define BENCH_HISTOGRAM_STEPS (1U << BENCH_HISTOGRAM_STEP_BITS)
#define BENCH_HISTOGRAM_VALUE_BITS 40 /* of nanoseconds: 18 minutes; longer ones count as that */
#define BENCH_HISTOGRAM_BUCKETS                                                                    \
	((BENCH_HISTOGRAM_VALUE_BITS - BENCH_HISTOGRAM_STEP_BITS + 1) * BENCH_HISTOGRAM_STEPS)

/* All zero: empty. */
struct bench_histogram {
	uint64_t count;
	uint64_t max; /* exact */
	double sum;
	uint64_t buckets[BENCH_HISTOGRAM_BUCKETS];
};

void bench_histogram_record(struct bench_histogram *h, uint64_t value);
void bench_histogram_merge(struct bench_histogram *to, const struct bench_histogram *from);

/*
 * The least value of which a `share` (0 to 1) of what was recorded is not above; the upper end of its bucket, and never
 * above the maximum. 0 of an empty one.
 */
uint64_t bench_histogram_quantile(const struct bench_histogram *h, double share);

/* 0 of an empty one. */
double bench_histogram_mean(const struct bench_histogram *h);

#endif
