// SPDX-License-Identifier: LGPL-2.1-only
#include "stats.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one CPU has counted. */
static void add(struct bmc_totals *totals, const struct bmc_stats *s)
{
	__u64 gets = s->plain.hits + s->plain.misses;

	for (int i = 0; i < BMC_STAT_COUNT; i++)
		totals->count[i] += s->count[i];
	totals->count[BMC_STAT_REQUESTS] += gets;
	totals->count[BMC_STAT_GETS] += gets;
	totals->count[BMC_STAT_KEYS] += gets;
	totals->count[BMC_STAT_HITS] += s->plain.hits;
	totals->count[BMC_STAT_HIT_KEYS] += s->plain.hits;
	totals->count[BMC_STAT_HIT_BYTES] += s->plain.hit_bytes;
	totals->count[BMC_STAT_MISSES] += s->plain.misses;
}

int bmc_stats_read(int map_fd, struct bmc_totals *ret)
{
	int cpus = libbpf_num_possible_cpus();
	struct bmc_totals totals = { 0 };
	struct bmc_stats *each;
	__u32 zero = 0;

	if (cpus < 0)
		return cpus;
	each = calloc((size_t)cpus, sizeof(*each));
	if (!each)
		return -ENOMEM;
	if (bpf_map_lookup_elem(map_fd, &zero, each)) {
		int err = -errno;

		free(each);
		return err;
	}
	for (int cpu = 0; cpu < cpus; cpu++)
		add(&totals, &each[cpu]);
	free(each);
	*ret = totals;
	return 0;
}

double bmc_stats_hit_ratio(const struct bmc_totals *totals)
{
	__u64 gets = totals->count[BMC_STAT_GETS];

	return gets ? (double)totals->count[BMC_STAT_HITS] / (double)gets : 0;
}
