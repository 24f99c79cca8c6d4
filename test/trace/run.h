/* SPDX-License-Identifier: LGPL-2.1-only */
/* One policy, one trace, one size of memory: the hit ratio. */
#ifndef TRACE_RUN_H
#define TRACE_RUN_H

#include "policy.h"

struct trace_case {
	enum trace_mix mix;
	enum trace_sizes sizes;
	double percent; /* memory, of the bytes of all keys and values */
	uint32_t n_items;
	uint32_t n_warm; /* requests before any is counted */
	uint32_t n_counted;
	uint64_t seed;
};

struct trace_result {
	uint64_t bytes; /* of memory */
	double hit_ratio; /* 0 to 1 */
	double ideal; /* NAN: there is none for this mix */
	uint32_t held; /* of the n_items, in the end */
};

/* 0; -1: the policy or the trace cannot be had. */
int trace_run(const struct policy *policy, const struct trace_case *what, struct trace_result *ret);

#endif
