// SPDX-License-Identifier: LGPL-2.1-only
#include "figures.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/histogram.h"

static int count_names(const char *const *names)
{
	int n = 0;

	while (names[n])
		n++;
	return n;
}

int bench_figures_init(struct bench_figures *f, const struct bench_measure *measure, int rounds)
{
	size_t n;

	*f = (struct bench_figures){ .measure = measure, .n_rounds = rounds };
	f->n_arms = count_names(measure->arms);
	f->n_cases = count_names(measure->cases);
	while (measure->metrics[f->n_metrics].name)
		f->n_metrics++;
	n = (size_t)f->n_arms * (size_t)f->n_cases * (size_t)f->n_metrics * (size_t)rounds;
	f->values = n ? malloc(n * sizeof(*f->values)) : NULL;
	if (!f->values)
		return bench_fail("no memory for the figures of %s", measure->name);
	for (size_t i = 0; i < n; i++)
		f->values[i] = NAN;
	if (!measure->has_distribution)
		return 0;
	f->distributions =
		calloc((size_t)f->n_arms * (size_t)f->n_cases, sizeof(*f->distributions));
	return f->distributions ?
		       0 :
		       bench_fail("no memory for the distributions of %s", measure->name);
}

void bench_figures_free(struct bench_figures *f)
{
	free(f->values);
	free(f->distributions);
	f->values = NULL;
	f->distributions = NULL;
}

double *bench_figures_at(const struct bench_figures *f, int at, int arm, int metric, int round)
{
	int index = ((at * f->n_arms + arm) * f->n_metrics + metric) * f->n_rounds + round;

	return f->values + index;
}

struct bench_histogram *bench_figures_distribution(const struct bench_figures *f, int at, int arm)
{
	return f->distributions ? &f->distributions[at * f->n_arms + arm] : NULL;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value at a fraction of the sorted list, between two where it falls between them. */
static double quantile(const double *sorted, int n, double fraction)
{
	double at = fraction * (n - 1);
	int below = (int)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (sorted[below + 1] - sorted[below]) * (at - below);
}

void bench_summarize(const double *values, int n, struct bench_summary *ret)
{
	double sorted[BENCH_ROUNDS_MAX];

	*ret = (struct bench_summary){ .median = NAN, .low = NAN, .high = NAN };
	for (int i = 0; i < n; i++) {
		if (!isnan(values[i]))
			sorted[ret->n++] = values[i];
	}
	if (!ret->n)
		return;
	qsort(sorted, (size_t)ret->n, sizeof(*sorted), compare_doubles);
	ret->median = quantile(sorted, ret->n, 0.5);
	ret->low = quantile(sorted, ret->n, 0.25);
	ret->high = quantile(sorted, ret->n, 0.75);
}

static int compare_ticks(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

double bench_median_of_ticks(unsigned int *ns, int n)
{
	int half = n / 2, first = half, end = half;
	double middle, below, above;

	qsort(ns, (size_t)n, sizeof(*ns), compare_ticks);
	middle = ns[half];
	while (first > 0 && ns[first - 1] == ns[half])
		first--;
	while (end < n && ns[end] == ns[half])
		end++;
	if (!first && end == n)
		return middle;
	below = first ? (middle - ns[first - 1]) / 2 : (ns[end] - middle) / 2;
	above = end < n ? (ns[end] - middle) / 2 : below;
	return middle - below + (below + above) * (n / 2.0 - first) / (end - first);
}

void bench_figures_summary(const struct bench_figures *f, int at, int arm, int metric,
			   struct bench_summary *ret)
{
	bench_summarize(bench_figures_at(f, at, arm, metric, 0), f->n_rounds, ret);
}

static int find_name(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	return -1;
}

static int find_metric(const struct bench_figures *f, const char *name)
{
	for (int i = 0; i < f->n_metrics; i++) {
		if (!strcmp(f->measure->metrics[i].name, name))
			return i;
	}
	return -1;
}

static void judge(const struct bench_figures *f, struct bench_verdict *v)
{
	const struct bench_target *t = v->target;
	int arm = find_name(f->measure->arms, t->arm), metric = find_metric(f, t->metric);
	int over = t->over ? find_name(f->measure->arms, t->over) : -1, beside = v->at;
	double values[BENCH_ROUNDS_MAX];

	if (t->over_case)
		beside = find_name(f->measure->cases, t->over_case);
	for (int i = 0; i < f->n_rounds; i++) {
		values[i] = *bench_figures_at(f, v->at, arm, metric, i);
		if (over >= 0)
			values[i] /= *bench_figures_at(f, beside, over, metric, i);
	}
	bench_summarize(values, f->n_rounds, &v->summary);
	if (!v->summary.n || f->is_without_bmc)
		v->is_met = -1;
	else if (t->bound == BENCH_AT_MOST)
		v->is_met = v->summary.median <= t->limit;
	else
		v->is_met = v->summary.median >= t->limit;
}

const char *bench_target_unit(const struct bench_measure *measure, const struct bench_target *t)
{
	const struct bench_metric *m = measure->metrics;

	while (!t->over && m->name && strcmp(m->name, t->metric) != 0)
		m++;
	return t->over || !m->name ? "" : m->unit;
}

/* Whether its two arms are one, but for bmc. */
static int is_of_the_same(const struct bench_target *t)
{
	return t->over && strcmp(t->over, "echo") != 0;
}

void bench_figures_judge(const struct bench_figures *f,
			 void (*fn)(const struct bench_verdict *verdict, void *arg), void *arg)
{
	const struct bench_target *t = f->measure->targets;

	for (; t && t->metric; t++) {
		if (f->is_without_bmc && !is_of_the_same(t))
			continue;
		for (int at = 0; at < f->n_cases; at++) {
			struct bench_verdict v = { .target = t, .at = at };

			if (fnmatch(t->cases, f->measure->cases[at], 0))
				continue;
			judge(f, &v);
			fn(&v, arg);
		}
	}
}
