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
	{ BMC_STAT_UDP_WRITES, "UDP" },	   { BMC_STAT_LEARNT, "Items older than start" },
};

_Static_assert(BMC_ARRAY_SIZE(rows) == BMC_STAT_COUNT, "a row for each counter");

static void print_title(FILE *out, int first)
{
	for (size_t i = 0; i < BMC_ARRAY_SIZE(groups); i++) {
		if ((int)groups[i].first == first)
			fprintf(out, "\n%s\n", groups[i].title);
	}
}

/* Of the memory of all maps: what is keys and values that would be served now. */
static double share(const struct bmc_figures *f)
{
	return f->memory ? (double)f->census.bytes / (double)f->memory : 0;
}

static int is_estimate(const struct bmc_census *c)
{
	return c->looked < c->buckets;
}

static void print_census(FILE *out, const struct bmc_figures *f)
{
	const struct bmc_census *c = &f->census;
	char data[32], memory[32];

	fprintf(out, "holds %s%" PRIu64 " item%s, %s of keys and values: %.1f %% of its %s\n",
		is_estimate(c) ? "about " : "", (uint64_t)c->items, c->items == 1 ? "" : "s",
		bmc_format_size(c->bytes, data, sizeof(data)), 100 * share(f),
		bmc_format_size(f->memory, memory, sizeof(memory)));
	if (c->voided)
		fprintf(out,
			"and %" PRIu64
			" that were flushed or whose time is over, until their room is "
			"needed\n",
			(uint64_t)c->voided);
}

void bmc_stats_print(FILE *out, const struct bmc_figures *f)
{
	char buf[32];

	fprintf(out, "instance %s, up %s\n", f->instance,
		bmc_format_uptime(f->uptime, buf, sizeof(buf)));
	print_census(out, f);
	fprintf(out, "hit ratio %.1f %% of the gets that bmc understands\n",
		100 * bmc_stats_hit_ratio(&f->totals));
	for (int i = 0; i < BMC_STAT_COUNT; i++) {
		print_title(out, i);
		fprintf(out, "  %-16s %14" PRIu64 "  %s\n", rows[i].name,
			(uint64_t)f->totals.count[i], rows[i].what);
	}
}

/* The label is not called "instance": Prometheus has one of that name, for who was asked. */
static void print_metric(FILE *out, const struct bmc_figures *f, const char *name,
			 const char *suffix, const char *what, __u64 value)
{
	fprintf(out, "# HELP bmc_%s%s %s\n# TYPE bmc_%s%s %s\nbmc_%s%s{name=\"%s\"} %" PRIu64 "\n",
		name, suffix, what, name, suffix, *suffix ? "counter" : "gauge", name, suffix,
		f->instance, (uint64_t)value);
}

void bmc_stats_prometheus(FILE *out, const struct bmc_figures *f)
{
	print_metric(out, f, "uptime_seconds", "", "time since start", f->uptime);
	print_metric(out, f, "items", "", "items that would be served now", f->census.items);
	print_metric(out, f, "items_void", "", "items that were flushed or whose time is over",
		     f->census.voided);
	print_metric(out, f, "bytes", "", "bytes of the keys and values of the items",
		     f->census.bytes);
	print_metric(out, f, "memory_bytes", "", "memory of all maps", f->memory);
	for (int i = 0; i < BMC_STAT_COUNT; i++)
		print_metric(out, f, rows[i].name, "_total", rows[i].what, f->totals.count[i]);
}

struct json_object *bmc_json_ratio(double ratio)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6g", ratio);
	return json_object_new_double_s(ratio, text);
}

static void add_number(struct json_object *o, const char *name, __u64 value)
{
	json_object_object_add(o, name, json_object_new_int64((int64_t)value));
}

struct json_object *bmc_stats_json(const struct bmc_figures *f)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "instance", json_object_new_string(f->instance));
	add_number(root, "uptime_seconds", f->uptime);
	add_number(root, "items", f->census.items);
	add_number(root, "items_void", f->census.voided);
	add_number(root, "bytes", f->census.bytes);
	json_object_object_add(root, "items_estimated",
			       json_object_new_boolean(is_estimate(&f->census)));
	add_number(root, "memory_bytes", f->memory);
	json_object_object_add(root, "memory_share", bmc_json_ratio(share(f)));
	json_object_object_add(root, "hit_ratio", bmc_json_ratio(bmc_stats_hit_ratio(&f->totals)));
	for (int i = 0; i < BMC_STAT_COUNT; i++)
		add_number(root, rows[i].name, f->totals.count[i]);
	return root;
}
