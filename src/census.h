/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the cache holds: its buckets are looked through, by nobody but who asks. The programs keep no count. */
#ifndef BMC_CENSUS_H
#define BMC_CENSUS_H

#include "bmc_abi.h"

struct bmc_census {
	__u64 items; /* that would be served now */
	__u64 bytes; /* their keys and values */
	__u64 voided; /* items that take room, but were forgotten by a flush or are past their time */
	__u32 buckets;
	__u32 looked; /* at so many of them: if not at all, the numbers above are estimates */
};

/* Looks through the map of buckets. `now` is of CLOCK_MONOTONIC. 0 or -errno, *ret then untouched. */
int bmc_census_buckets(int map_fd, __u32 n_buckets, const struct bmc_shared *shared, __u64 now,
		       struct bmc_census *ret);

/* The same for an instance. */
int bmc_census_take(const char *instance, __u32 n_buckets, struct bmc_census *ret);

#endif
