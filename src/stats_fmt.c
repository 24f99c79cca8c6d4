// SPDX-License-Identifier: LGPL-2.1-only
#include "stats_fmt.h"

#include "util.h"

#include <inttypes.h>
#include <json-c/json.h>

struct row {
	const char *name;
	const char *what;
};

static const struct row rows[] = {
#define ROW(id, name, what) [BMC_STAT_##id] = { name, what },
	BMC_STATS(ROW)
#undef ROW
};

/* Where a group of counters begins. */
static const struct {
	enum bmc_stat first;
	const char *title;
} groups[] = {
	{ BMC_STAT_REQUESTS, "Requests" }, { BMC_STAT_FILLS, "Fills" },
	{ BMC_STAT_WRITES, "Writes" },	   { BMC_STAT_COMMANDS, "TCP connections" },
	{ BMC_STAT_UDP_WRITES, "UDP" },
};

_Static_assert(BMC_ARRAY_SIZE(rows) == BMC_STAT_COUNT, "a row for each counter");

static void print_title(FILE *out, int first)
{
	for (size_t i = 0; i < BMC_ARRAY_SIZE(groups); i++) {
		if ((int)groups[i].first == first)
			fprintf(out, "\n%s\n", groups[i].title);
	}
}

void bmc_stats_print(FILE *out, const char *instance, __u64 uptime, const struct bmc_totals *totals)
{
	char buf[32];

	fprintf(out, "instance %s, up %s\n", instance, bmc_format_uptime(uptime, buf, sizeof(buf)));
	fprintf(out, "hit ratio %.1f %% of understood gets\n", 100 * bmc_stats_hit_ratio(totals));
	for (int i = 0; i < BMC_STAT_COUNT; i++) {
		print_title(out, i);
		fprintf(out, "  %-16s %14" PRIu64 "  %s\n", rows[i].name,
			(uint64_t)totals->count[i], rows[i].what);
	}
}

struct json_object *bmc_stats_json(const char *instance, __u64 uptime,
				   const struct bmc_totals *totals)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "instance", json_object_new_string(instance));
	json_object_object_add(root, "uptime_seconds", json_object_new_int64((int64_t)uptime));
	json_object_object_add(root, "hit_ratio",
			       json_object_new_double(bmc_stats_hit_ratio(totals)));
	for (int i = 0; i < BMC_STAT_COUNT; i++)
		json_object_object_add(root, rows[i].name,
				       json_object_new_int64((int64_t)totals->count[i]));
	return root;
}
