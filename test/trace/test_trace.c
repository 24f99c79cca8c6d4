// SPDX-License-Identifier: LGPL-2.1-only
/*
 * What the cache's memory is good for: hit ratios of the real programs on traces. Nothing here depends on time or
 * chance: the same seeds give the same requests, and the programs' history counts fills, not seconds.
 * BMC_TEST_LONG: more items and requests.
 */
#include "harness.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>

#define ORIGINAL_SLOT 1320.

struct row {
	const char *name;
	enum trace_mix mix;
	enum trace_sizes sizes;
	double percent;
	uint32_t n_items;
	double of_ideal; /* at least; 0: nothing is asked */
	double items_of_original; /* the same */
};

static const struct row rows[] = {
	{ "zipf, 1 % of the data", TRACE_ZIPF, TRACE_ETC, 1, 50000, .90, 3.5 },
	{ "zipf, 6 % of the data", TRACE_ZIPF, TRACE_ETC, 6, 50000, .93, 3.5 },
	{ "zipf, 25 % of the data", TRACE_ZIPF, TRACE_ETC, 25, 20000, .96, 3.5 },
	{ "small items", TRACE_ZIPF, TRACE_SMALL, 6, 50000, .80, 10 },
	{ "one-hit wonders", TRACE_FLOOD, TRACE_ETC, 6, 50000, .85, 0 },
	{ "scans", TRACE_SCAN, TRACE_ETC, 6, 50000, 0, 0 },
	{ "a loop", TRACE_LOOP, TRACE_ETC, 1, 50000, 0, 0 },
	{ "items that change their places", TRACE_SHIFT, TRACE_ETC, 6, 50000, 0, 0 },
	{ "each asked for twice", TRACE_PAIRS, TRACE_ETC, 6, 50000, 0, 0 },
	{ "small ones, each asked for twice", TRACE_PAIRS, TRACE_SMALL, 25, 20000, 0, 0 },
	{ "all equally hot", TRACE_UNIFORM, TRACE_ETC, 6, 20000, .95, 0 },
};

static void run_row(void **state)
{
	const struct row *row = *state;
	int is_long = getenv("BMC_TEST_LONG") != NULL;
	struct trace_case what = {
		.mix = row->mix,
		.sizes = row->sizes,
		.percent = row->percent,
		.n_items = is_long ? 1000000 : row->n_items,
		.n_warm = is_long	     ? 10000000 :
			  row->of_ideal > .9 ? 350000 :
					       200000,
		.n_counted = is_long ? 5000000 : 50000,
		.seed = 1,
	};
	struct trace_result ours, original;

	expect(!trace_run(&policy_bmc, &what, &ours), "no run of the programs");
	expect(!trace_run(&policy_original, &what, &original), "no run of the original's layout");
	print_message("%s: %.4f; ideal %.4f; the original's layout %.4f, 1/%.1f of the items\n",
		      row->name, ours.hit_ratio, ours.ideal, original.hit_ratio,
		      ours.held * ORIGINAL_SLOT / (double)ours.bytes);
	expect(ours.hit_ratio >= original.hit_ratio, "below the original's layout");
	if (row->of_ideal > 0)
		expect(ours.hit_ratio >= row->of_ideal * ours.ideal, "%.4f of the ideal, not %.2f",
		       ours.hit_ratio / ours.ideal, row->of_ideal);
	if (row->items_of_original > 0)
		expect(ours.held * ORIGINAL_SLOT >= row->items_of_original * (double)ours.bytes,
		       "not %.1f times the items", row->items_of_original);
}

int main(void)
{
	return RUN_ROWS("hit ratios on traces", rows, run_row, NULL, NULL);
}
