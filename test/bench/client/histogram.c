// SPDX-License-Identifier: LGPL-2.1-only
#include "histogram.h"

#include <math.h>

#define BITS BENCH_HISTOGRAM_STEP_BITS
#define STEPS BENCH_HISTOGRAM_STEPS
#define VALUE_MAX ((1ULL << BENCH_HISTOGRAM_VALUE_BITS) - 1)

static unsigned int highest_bit(uint64_t value)
{
	return 63U - (unsigned int)__builtin_clzll(value);
}

/* Two rows of STEPS have a width of 1; each further one is twice as wide as the one before. */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value > VALUE_MAX)
		value = VALUE_MAX;
	if (value < STEPS)
		return (unsigned int)value;
	shift = highest_bit(value) - BITS;
	return (shift << BITS) + (unsigned int)(value >> shift);
}

/* The highest value that belongs into a bucket. */
static uint64_t bucket_end(unsigned int bucket)
{
	unsigned int shift;

	if (bucket < STEPS)
		return bucket;
	shift = (bucket >> BITS) - 1;
	return ((uint64_t)(bucket - (shift << BITS) + 1) << shift) - 1;
}

void bench_histogram_record(struct bench_histogram *h, uint64_t value)
{
	h->buckets[bucket_of(value)]++;
	h->count++;
	h->sum += (double)value;
	if (value > h->max)
		h->max = value;
}

void bench_histogram_merge(struct bench_histogram *to, const struct bench_histogram *from)
{
	for (unsigned int i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++)
		to->buckets[i] += from->buckets[i];
	to->count += from->count;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

uint64_t bench_histogram_quantile(const struct bench_histogram *h, double share)
{
	double rank = ceil(share * (double)h->count);
	uint64_t seen = 0;

	if (!h->count)
		return 0;
	for (unsigned int i = 0; i < BENCH_HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen && (double)seen >= rank)
			return bucket_end(i) < h->max ? bucket_end(i) : h->max;
	}
	return h->max;
}

double bench_histogram_mean(const struct bench_histogram *h)
{
	return h->count ? h->sum / (double)h->count : 0;
}
