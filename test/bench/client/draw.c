// SPDX-License-Identifier: LGPL-2.1-only
#include "draw.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define GOLDEN 0x9e3779b97f4a7c15ULL
#define UNIT_BITS 53 /* of a double's mantissa */

uint64_t bench_mix(uint64_t value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

uint64_t bench_random_next(struct bench_random *r)
{
	r->state += GOLDEN;
	return bench_mix(r->state);
}

double bench_random_unit(struct bench_random *r)
{
	uint64_t bits = bench_random_next(r) >> (64 - UNIT_BITS);

	return ((double)bits + 0.5) / (double)(1ULL << UNIT_BITS);
}

/* ---- Zipf ---- */

/* Vose's way: slots with less than their share are filled up by one that has more. */
static void fill_slots(struct bench_zipf *z, double *share, uint32_t *order)
{
	uint32_t
		low = 0,
		high = z->n; /* order: those with too little from the left, the others from the right */

	for (uint32_t i = 0; i < z->n; i++) {
		if (share[i] < 1)
			order[low++] = i;
		else
			order[--high] = i;
	}
	while (low > 0 && high < z->n) {
		uint32_t little = order[--low], much = order[high];

		z->slots[little] = (struct bench_zipf_slot){ (float)share[little], much };
		share[much] -= 1 - share[little];
		if (share[much] < 1) {
			high++;
			order[low++] = much;
		}
	}
	while (low > 0)
		z->slots[order[--low]] = (struct bench_zipf_slot){ 1, order[low] };
	for (; high < z->n; high++)
		z->slots[order[high]] = (struct bench_zipf_slot){ 1, order[high] };
}

int bench_zipf_init(struct bench_zipf *z, uint32_t n, double s)
{
	double *share = calloc(n, sizeof(*share)), sum = 0;
	uint32_t *order = malloc(n * sizeof(*order));

	*z = (struct bench_zipf){ .n = n, .slots = malloc(n * sizeof(*z->slots)) };
	if (!share || !order || !z->slots) {
		free(share);
		free(order);
		bench_zipf_free(z);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		share[i] = pow((double)i + 1, -s);
		sum += share[i];
	}
	for (uint32_t i = 0; i < n; i++)
		share[i] *= n / sum;
	fill_slots(z, share, order);
	free(share);
	free(order);
	return 0;
}

void bench_zipf_free(struct bench_zipf *z)
{
	free(z->slots);
	z->slots = NULL;
}

uint32_t bench_zipf_draw(const struct bench_zipf *z, struct bench_random *r)
{
	uint64_t bits = bench_random_next(r);
	uint32_t slot = (uint32_t)((bits >> 32) * z->n >> 32);
	float rest = (float)(uint32_t)bits * 0x1p-32F;

	return rest < z->slots[slot].own ? slot : z->slots[slot].other;
}

/* ---- sizes ---- */

double bench_gev(double u, double location, double scale, double shape)
{
	return location + scale / shape * (pow(-log(u), -shape) - 1);
}

double bench_pareto(double u, double location, double scale, double shape)
{
	return location + scale / shape * (pow(1 - u, -shape) - 1);
}
