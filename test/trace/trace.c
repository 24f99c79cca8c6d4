// SPDX-License-Identifier: LGPL-2.1-only
#include "trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ZIPF_EXPONENT .99
#define SCAN_PERIOD 65536 /* requests; the last quarter of them is a scan */
#define SCAN_BEGIN (SCAN_PERIOD / 4 * 3)
#define LOOP_SHARE 20
#define SHIFT_PERIOD 500 /* requests after which each item moves up one rank */

/* Walker's method: with probability `own` the one that was drawn, else the other. */
struct trace_alias {
	double own;
	uint32_t other;
};

const char *const trace_mix_name[TRACE_MIXES] = {
	[TRACE_ZIPF] = "zipf",	     [TRACE_FLOOD] = "flood", [TRACE_SCAN] = "scan",
	[TRACE_LOOP] = "loop",	     [TRACE_SHIFT] = "shift", [TRACE_PAIRS] = "pairs",
	[TRACE_UNIFORM] = "uniform",
};

/* ---- chance: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators") ---- */
uint64_t trace_scramble(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static uint64_t draw(struct trace *t)
{
	t->rng += 0x9e3779b97f4a7c15ULL;
	return trace_scramble(t->rng);
}

/* Above 0, below 1. */
static double draw_unit(struct trace *t)
{
	return ((double)(draw(t) >> 12) + .5) * 0x1p-52;
}

static uint32_t draw_below(struct trace *t, uint32_t n)
{
	return (uint32_t)(((draw(t) >> 32) * n) >> 32);
}

/* ---- sizes ---- */
static uint16_t etc_key(struct trace *t)
{
	const double mean = 30.8, scale = 8.2, shape = .079;
	double len = mean + scale / shape * (pow(-log(draw_unit(t)), -shape) - 1);

	return (uint16_t)(len < TRACE_KEY_MIN ? TRACE_KEY_MIN :
			  len > TRACE_KEY_MAX ? TRACE_KEY_MAX :
						len);
}

static uint16_t etc_value(struct trace *t)
{
	const double least = 15, scale = 214.5, shape = .348;
	double len;

	do
		len = least + scale / shape * (pow(draw_unit(t), -shape) - 1);
	while (len > TRACE_VALUE_MAX);
	return (uint16_t)len;
}

static void make_sizes(struct trace *t, enum trace_sizes sizes)
{
	for (uint32_t i = 0; i < t->n_items; i++) {
		t->items[i].key_len = sizes == TRACE_SMALL ? 16 : etc_key(t);
		t->items[i].value_len = sizes == TRACE_SMALL ? 32 : etc_value(t);
	}
}

/* ---- popularity ---- */
static double zipf_sum(uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += pow(i + 1., -ZIPF_EXPONENT);
	return sum;
}

/* `order` is filled from both ends: with those below the mean, and with those above it. */
static void make_alias(struct trace *t, uint32_t *order)
{
	double scale = t->n_items / zipf_sum(t->n_items);
	uint32_t n_below = 0, n_above = 0, last = t->n_items - 1;

	for (uint32_t i = 0; i < t->n_items; i++) {
		t->alias[i].own = pow(i + 1., -ZIPF_EXPONENT) * scale;
		t->alias[i].other = i;
		order[t->alias[i].own < 1 ? n_below++ : last - n_above++] = i;
	}
	while (n_below && n_above) {
		uint32_t below = order[--n_below], above = order[last - --n_above];

		t->alias[below].other = above;
		t->alias[above].own -= 1 - t->alias[below].own;
		order[t->alias[above].own < 1 ? n_below++ : last - n_above++] = above;
	}
}

static uint32_t draw_rank(struct trace *t)
{
	uint32_t i = draw_below(t, t->n_items);

	return draw_unit(t) < t->alias[i].own ? i : t->alias[i].other;
}

int trace_open(struct trace *t, enum trace_mix mix, enum trace_sizes sizes, uint32_t n_items,
	       uint64_t seed)
{
	uint32_t *order = malloc(n_items * sizeof(*order));

	memset(t, 0, sizeof(*t));
	t->mix = mix;
	t->n_items = n_items;
	t->rng = seed;
	t->items = malloc(n_items * sizeof(*t->items));
	t->alias = malloc(n_items * sizeof(*t->alias));
	if (!order || !t->items || !t->alias) {
		free(order);
		trace_close(t);
		return -1;
	}
	make_sizes(t, sizes);
	make_alias(t, order);
	free(order);
	return 0;
}

void trace_close(struct trace *t)
{
	free(t->items);
	free(t->alias);
	memset(t, 0, sizeof(*t));
}

/* ---- what is asked for ---- */
static uint32_t fresh(struct trace *t)
{
	return t->n_items + t->n_fresh++;
}

static uint32_t next_of_pairs(struct trace *t)
{
	uint64_t round = t->n_asked / TRACE_PAIR_GAP;
	uint32_t *slot = &t->recent[t->n_asked % TRACE_PAIR_GAP];

	if (!(round & 1))
		*slot = fresh(t);
	return *slot;
}

static uint32_t next_of_scan(struct trace *t)
{
	uint64_t round = t->n_asked / SCAN_PERIOD, at = t->n_asked % SCAN_PERIOD;

	if (at < SCAN_BEGIN)
		return draw_rank(t);
	return (uint32_t)((round * (SCAN_PERIOD - SCAN_BEGIN) + at - SCAN_BEGIN) % t->n_items);
}

static uint32_t next_of(struct trace *t)
{
	switch (t->mix) {
	case TRACE_FLOOD:
		return t->n_asked & 1 ? fresh(t) : draw_rank(t);
	case TRACE_SCAN:
		return next_of_scan(t);
	case TRACE_LOOP:
		return (uint32_t)(t->n_asked % (t->n_items / LOOP_SHARE));
	case TRACE_SHIFT:
		return (uint32_t)((draw_rank(t) + t->n_asked / SHIFT_PERIOD) % t->n_items);
	case TRACE_PAIRS:
		return next_of_pairs(t);
	case TRACE_UNIFORM:
		return draw_below(t, t->n_items);
	default:
		return draw_rank(t);
	}
}

uint32_t trace_next(struct trace *t)
{
	uint32_t id = next_of(t);

	t->n_asked++;
	return id;
}

const struct trace_item *trace_item(const struct trace *t, uint32_t id)
{
	return &t->items[id % t->n_items];
}

uint64_t trace_bytes(const struct trace *t)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < t->n_items; i++)
		bytes += t->items[i].key_len + t->items[i].value_len;
	return bytes;
}

double trace_ideal(const struct trace *t, uint64_t bytes)
{
	uint64_t used = 0;
	uint32_t n = 0;
	double share;

	while (n < t->n_items) {
		used += t->items[n].key_len + t->items[n].value_len;
		if (used > bytes)
			break;
		n++;
	}
	share = zipf_sum(n) / zipf_sum(t->n_items);
	switch (t->mix) {
	case TRACE_ZIPF:
		return share;
	case TRACE_FLOOD:
		return share / 2;
	case TRACE_UNIFORM:
		return (double)n / t->n_items;
	default:
		return NAN;
	}
}
