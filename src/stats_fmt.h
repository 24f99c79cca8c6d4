/* SPDX-License-Identifier: LGPL-2.1-only */
/* Prints counters: text for people, JSON and metrics for programs, from the one list. */
#ifndef BMC_STATS_FMT_H
#define BMC_STATS_FMT_H

#include "census.h"
#include "stats.h"
#include <stdio.h>

struct json_object;

/* All that `stats` tells of an instance. */
struct bmc_figures {
	const char *instance;
	__u64 uptime; /* seconds */
	__u64 memory; /* bytes of all maps */
	struct bmc_totals totals;
	struct bmc_census census;
};

void bmc_stats_print(FILE *out, const struct bmc_figures *figures);

/* Metrics in the text format of Prometheus: bmc_<counter>_total, and gauges. */
void bmc_stats_prometheus(FILE *out, const struct bmc_figures *figures);

/* The caller owns the object. */
struct json_object *bmc_stats_json(const struct bmc_figures *figures);

/* A ratio with as many digits as tell something: 0.8, not 0.80000000000000004. The caller owns the object. */
struct json_object *bmc_json_ratio(double ratio);

#endif
