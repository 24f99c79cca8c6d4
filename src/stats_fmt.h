/* SPDX-License-Identifier: LGPL-2.1-only */
/* Prints counters: text for people, JSON for programs, from the one list. */
#ifndef BMC_STATS_FMT_H
#define BMC_STATS_FMT_H

#include "stats.h"
#include <stdio.h>

struct json_object;

void bmc_stats_print(FILE *out, const char *instance, __u64 uptime,
		     const struct bmc_totals *totals);

/* The caller owns the object. */
struct json_object *bmc_stats_json(const char *instance, __u64 uptime,
				   const struct bmc_totals *totals);

#endif
