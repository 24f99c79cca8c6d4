// SPDX-License-Identifier: LGPL-2.1-only
/*
 * The layout of BMC, NSDI'21: a slot of 1,320 bytes for each item, found by its hash alone; whoever comes has it. Keys
 * of up to 250 bytes, values of up to 1,000.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#define SLOT 1320
#define VALUE_MAX 1000

struct original {
	const struct trace *trace;
	uint32_t n;
	uint32_t slot[];
};

static void *original_open(const struct trace *t, uint64_t bytes)
{
	uint32_t n = (uint32_t)(bytes / SLOT);
	struct original *o;

	if (!n)
		return NULL;
	o = malloc(sizeof(*o) + n * sizeof(o->slot[0]));
	if (!o)
		return NULL;
	o->trace = t;
	o->n = n;
	memset(o->slot, 0xff, n * sizeof(o->slot[0]));
	return o;
}

static uint32_t *slot_of(struct original *o, uint32_t id)
{
	return &o->slot[trace_scramble(id) % o->n];
}

static int original_ask(void *cache, uint32_t id)
{
	return *slot_of(cache, id) == id;
}

static void original_answer(void *cache, uint32_t id)
{
	struct original *o = cache;

	if (trace_item(o->trace, id)->value_len <= VALUE_MAX)
		*slot_of(o, id) = id;
}

const struct policy policy_original = {
	.name = "original",
	.what = "BMC's layout of 2021: 1,320 bytes a slot, direct-mapped",
	.open = original_open,
	.close = free,
	.ask = original_ask,
	.answer = original_answer,
};
