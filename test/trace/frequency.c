// SPDX-License-Identifier: LGPL-2.1-only
/* The sketch of TinyLFU (Einziger, Friedman, Manes: "TinyLFU: a highly efficient cache admission policy"). */
#include "policy.h"

#include <stdlib.h>

#define ROWS 4
#define MOST 15
#define SAMPLE 10 /* requests for each counter of a row, after which all are halved */

struct frequency {
	uint32_t n; /* counters of a row */
	uint64_t noted;
	uint8_t count[];
};

struct frequency *frequency_open(uint32_t n_items)
{
	struct frequency *f = calloc(1, sizeof(*f) + (size_t)n_items * ROWS);

	if (f)
		f->n = n_items;
	return f;
}

void frequency_close(struct frequency *f)
{
	free(f);
}

static size_t place_of(const struct frequency *f, uint32_t row, uint32_t id)
{
	return (size_t)row * f->n + trace_scramble((uint64_t)row << 32 | id) % f->n;
}

static void halve(struct frequency *f)
{
	for (size_t i = 0; i < (size_t)f->n * ROWS; i++)
		f->count[i] /= 2;
}

void frequency_note(struct frequency *f, uint32_t id)
{
	for (uint32_t row = 0; row < ROWS; row++) {
		uint8_t *count = &f->count[place_of(f, row, id)];

		*count += *count < MOST;
	}
	if (++f->noted % ((uint64_t)SAMPLE * f->n) == 0)
		halve(f);
}

unsigned int frequency_of(const struct frequency *f, uint32_t id)
{
	unsigned int least = MOST;

	for (uint32_t row = 0; row < ROWS; row++) {
		unsigned int count = f->count[place_of(f, row, id)];

		if (count < least)
			least = count;
	}
	return least;
}
