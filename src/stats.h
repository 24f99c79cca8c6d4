/* SPDX-License-Identifier: LGPL-2.1-only */
/* The counters of an instance, summed over CPUs. */
#ifndef BMC_STATS_H
#define BMC_STATS_H

#include "bmc_abi.h"

struct bmc_totals {
	__u64 count[BMC_STAT_COUNT];
};

/* Reads the per-CPU map. 0 or -errno, *ret then untouched. */
int bmc_stats_read(int map_fd, struct bmc_totals *ret);

/* Hits among understood gets, 0 to 1; 0 when there were none. */
double bmc_stats_hit_ratio(const struct bmc_totals *totals);

#endif
