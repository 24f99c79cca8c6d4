// SPDX-License-Identifier: LGPL-2.1-only
#include "run.h"

#include <string.h>

const struct policy *const policies[] = {
	&policy_bmc,   &policy_frequency, &policy_lru, &policy_sieve,
	&policy_clock, &policy_original,  NULL,
};

static uint32_t run(const struct policy *policy, void *cache, struct trace *t, uint32_t requests)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < requests; i++) {
		uint32_t id = trace_next(t);

		if (policy->ask(cache, id))
			hits++;
		else
			policy->answer(cache, id);
	}
	return hits;
}

static uint32_t count_held(const struct policy *policy, void *cache, const struct trace *t)
{
	uint32_t held = 0;

	for (uint32_t id = 0; id < t->n_items; id++)
		held += policy->ask(cache, id) != 0;
	return held;
}

int trace_run(const struct policy *policy, const struct trace_case *what, struct trace_result *ret)
{
	struct trace trace;
	void *cache;

	memset(ret, 0, sizeof(*ret));
	if (trace_open(&trace, what->mix, what->sizes, what->n_items, what->seed))
		return -1;
	ret->bytes = (uint64_t)((double)trace_bytes(&trace) * what->percent / 100);
	ret->ideal = trace_ideal(&trace, ret->bytes);
	cache = policy->open(&trace, ret->bytes);
	if (cache) {
		run(policy, cache, &trace, what->n_warm);
		ret->hit_ratio =
			(double)run(policy, cache, &trace, what->n_counted) / what->n_counted;
		ret->held = count_held(policy, cache, &trace);
		policy->close(cache);
	}
	trace_close(&trace);
	return cache ? 0 : -1;
}
