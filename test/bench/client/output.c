// SPDX-License-Identifier: LGPL-2.1-only
#include "output.h"

#include <json-c/json.h>
#include <stdio.h>

#include "../bench.h"

static const double shares[] = { 0.5, 0.9, 0.99, 0.999 };
static const char *const share_names[] = { "p50", "p90", "p99", "p99.9" };

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static void put_latency(struct json_object *to, const char *name, const struct bench_histogram *h)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "count", json_object_new_int64((int64_t)h->count));
	json_object_object_add(o, "mean_us",
			       json_object_new_double(bench_histogram_mean(h) / 1000));
	for (size_t i = 0; i < BENCH_COUNT(shares); i++) {
		char field[16];

		snprintf(field, sizeof(field), "%s_us", share_names[i]);
		json_object_object_add(
			o, field,
			json_object_new_double(us(bench_histogram_quantile(h, shares[i]))));
	}
	json_object_object_add(o, "max_us", json_object_new_double(us(h->max)));
	json_object_object_add(to, name, o);
}

static const char *const outcome_names[BENCH_OUTCOMES] = {
	[BENCH_HIT] = "hits",	     [BENCH_MISS] = "misses", [BENCH_STORED] = "stored",
	[BENCH_REFUSED] = "refused", [BENCH_WRONG] = "wrong",
};

void bench_client_print_json(const struct bench_client_result *r)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "seconds", json_object_new_double(r->seconds));
	json_object_object_add(
		o, "rate", json_object_new_double((double)bench_client_answered(r) / r->seconds));
	json_object_object_add(o, "sent", json_object_new_int64((int64_t)r->sent));
	for (int i = 0; i < BENCH_OUTCOMES; i++)
		json_object_object_add(o, outcome_names[i],
				       json_object_new_int64((int64_t)r->outcomes[i]));
	json_object_object_add(o, "lost", json_object_new_int64((int64_t)r->lost));
	json_object_object_add(o, "late", json_object_new_int64((int64_t)r->late));
	json_object_object_add(o, "client_cpu_s", json_object_new_double(r->cpu));
	put_latency(o, "gets", &r->gets);
	put_latency(o, "sets", &r->sets);
	printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

static void print_latency(const char *name, const struct bench_histogram *h)
{
	if (!h->count)
		return;
	printf("%-5s %9llu  mean %.1f", name, (unsigned long long)h->count,
	       bench_histogram_mean(h) / 1000);
	for (size_t i = 0; i < BENCH_COUNT(shares); i++)
		printf("  %s %.1f", share_names[i], us(bench_histogram_quantile(h, shares[i])));
	printf("  max %.1f us\n", us(h->max));
}

void bench_client_print_text(const struct bench_client_result *r)
{
	printf("%.0f answers/s in %g s:", (double)bench_client_answered(r) / r->seconds,
	       r->seconds);
	for (int i = 0; i < BENCH_OUTCOMES; i++)
		printf(" %llu %s,", (unsigned long long)r->outcomes[i], outcome_names[i]);
	printf(" %llu lost, %llu late\n", (unsigned long long)r->lost, (unsigned long long)r->late);
	print_latency("gets", &r->gets);
	print_latency("sets", &r->sets);
}
