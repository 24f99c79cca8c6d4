/* SPDX-License-Identifier: LGPL-2.1-only */
/* Starts an instance of bmc as `bmcctl start` does, but with what no option reaches. */
#ifndef BMC_STRESS_INSTANCE_H
#define BMC_STRESS_INSTANCE_H

#include <stddef.h>
#include <stdint.h>

struct world;

struct instance_settings {
	uint32_t buckets; /* at most; 0: as memory says */
	uint32_t writers; /* connections that write at a time; 0: as memcached's maxconns say */
	uint32_t test; /* enum bmc_test */
	uint64_t mutants;
	uint64_t max_age_ns;
	void (*learning)(const char *what, size_t n, size_t total); /* --learn, and its progress */
};

/* World's memcached runs; the test fails if bmc cannot be started. world_teardown() stops it. */
void instance_start(struct world *w, const struct instance_settings *settings);

#endif
