/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Traces: which item is asked for next. The same seed gives the same trace, whoever is asked. Popularity is Zipf's; the
 * sizes are those of Facebook's ETC pool (Atikoglu et al., "Workload analysis of a large-scale key-value store",
 * SIGMETRICS'12), or small ones.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_KEY_MIN 8 /* bytes: as many tell an item's number */
#define TRACE_KEY_MAX 250
#define TRACE_VALUE_MAX 1300
#define TRACE_PAIR_GAP 256 /* requests between the two for an item of TRACE_PAIRS */

enum trace_sizes {
	TRACE_ETC, /* keys GEV(30.8, 8.2, .079), values generalised Pareto(15, 214.5, .348) below 1,301 */
	TRACE_SMALL, /* keys of 16 bytes, values of 32 */
};

enum trace_mix {
	TRACE_ZIPF, /* Zipf, nothing else */
	TRACE_FLOOD, /* every other request is for an item that never comes again */
	TRACE_SCAN, /* a quarter of the requests, in one go, is for all items in turn */
	TRACE_LOOP, /* a twentieth of the items, in turn, again and again */
	TRACE_SHIFT, /* Zipf, but the items change places: each becomes hotter, then the coldest */
	TRACE_PAIRS, /* each item is asked for twice, and never again */
	TRACE_UNIFORM, /* all are equally hot */
	TRACE_MIXES
};

struct trace_item {
	uint16_t key_len;
	uint16_t value_len;
};

struct trace {
	enum trace_mix mix;
	uint32_t n_items;
	struct trace_item *items; /* by rank, hottest first */
	struct trace_alias *alias;
	uint64_t rng;
	uint64_t n_asked;
	uint32_t n_fresh; /* items beyond n_items that were asked for */
	uint32_t recent[TRACE_PAIR_GAP];
};

extern const char *const trace_mix_name[TRACE_MIXES];

/* 0; -1: no memory. */
int trace_open(struct trace *t, enum trace_mix mix, enum trace_sizes sizes, uint32_t n_items,
	       uint64_t seed);
void trace_close(struct trace *t);

/* The number of the next item that is asked for. */
uint32_t trace_next(struct trace *t);

/* The sizes of an item, one beyond n_items too. */
const struct trace_item *trace_item(const struct trace *t, uint32_t id);

/* Keys and values of all n_items together, in bytes. */
uint64_t trace_bytes(const struct trace *t);

/*
 * The hit ratio of a cache that always holds the hottest items, as many as have `bytes` of keys and values: nothing but
 * them takes room in it. NAN for a mix whose items change their places.
 */
double trace_ideal(const struct trace *t, uint64_t bytes);

/* A number that looks random, for each x another one. */
uint64_t trace_scramble(uint64_t x);

#endif
