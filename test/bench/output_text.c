// SPDX-License-Identifier: LGPL-2.1-only
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "output.h"
#include "report/model.h"

#define CELL (4 * REPORT_NUMBER)
#define NAMES "  %-20s %-14s"

/* The same numbers as those of a report. */
static const char *number(double value, const char *unit, char *buf)
{
	return isnan(value) ? "-" : report_format(value, unit, buf);
}

static const char *cell(const struct bench_summary *s, const char *unit, char *buf)
{
	char median[REPORT_NUMBER], low[REPORT_NUMBER], high[REPORT_NUMBER];

	snprintf(buf, CELL, "%s (%s-%s)", number(s->median, unit, median),
		 number(s->low, unit, low), number(s->high, unit, high));
	return buf;
}

static const char *figure(const struct bench_figures *f, int at, int arm, int metric, char *buf)
{
	struct bench_summary s;

	bench_figures_summary(f, at, arm, metric, &s);
	return cell(&s, f->measure->metrics[metric].unit, buf);
}

/* Of a metric's column: that of the longest text in it. */
static int width_of(const struct bench_figures *f, int metric)
{
	size_t width = strlen(f->measure->metrics[metric].name),
	       unit = strlen(f->measure->metrics[metric].unit);
	char buf[CELL];

	width = unit > width ? unit : width;
	for (int at = 0; at < f->n_cases; at++) {
		for (int arm = 0; arm < f->n_arms; arm++) {
			size_t len = strlen(figure(f, at, arm, metric, buf));

			width = len > width ? len : width;
		}
	}
	return (int)width;
}

static void print_head(const struct bench_figures *f, const int *width)
{
	printf("\n%s: %s\n" NAMES, f->measure->name, f->measure->what, "", "");
	for (int m = 0; m < f->n_metrics; m++)
		printf("  %*s", width[m], f->measure->metrics[m].name);
	printf("\n" NAMES, "", "");
	for (int m = 0; m < f->n_metrics; m++)
		printf("  %*s", width[m], f->measure->metrics[m].unit);
	printf("\n");
}

static void print_row(const struct bench_figures *f, const int *width, int at, int arm)
{
	struct bench_summary first;
	char buf[CELL];

	bench_figures_summary(f, at, arm, 0, &first);
	if (!first.n)
		return;
	printf(NAMES, arm ? "" : f->measure->cases[at], f->measure->arms[arm]);
	for (int m = 0; m < f->n_metrics; m++)
		printf("  %*s", width[m], figure(f, at, arm, m, buf));
	printf("\n");
}

struct judging {
	const struct bench_figures *f;
	int missed;
};

/* "rate of bmc / memcached: 1.01 (0.99-1.02)" */
static void print_judged(const struct judging *j, const struct bench_verdict *v)
{
	const struct bench_target *t = v->target;
	char buf[CELL];

	printf("%-20s %s of %s%s%s%s%s: %s", j->f->measure->cases[v->at], t->metric, t->arm,
	       t->over ? " / " : "", t->over ? t->over : "", t->over_case ? " at " : "",
	       t->over_case ? t->over_case : "", cell(&v->summary, "", buf));
}

static void print_verdict(const struct bench_verdict *v, void *arg)
{
	struct judging *j = arg;
	const struct bench_target *t = v->target;
	const char *unit = bench_target_unit(j->f->measure, t);

	if (!v->summary.n) /* the case was not asked for */
		return;
	if (j->f->is_without_bmc) {
		printf("  ");
		print_judged(j, v);
		printf(", to be 1: the same twice\n");
		return;
	}
	j->missed += !v->is_met;
	printf("  %-6s  ", v->is_met ? "met" : "MISSED");
	print_judged(j, v);
	printf(", at %s %g%s%s: %s\n", t->bound == BENCH_AT_MOST ? "most" : "least", t->limit,
	       *unit ? " " : "", unit, t->why);
}

int bench_print_text(const struct bench_figures *f)
{
	struct judging j = { .f = f };
	int width[BENCH_METRICS_MAX];

	for (int m = 0; m < f->n_metrics; m++)
		width[m] = width_of(f, m);
	print_head(f, width);
	for (int at = 0; at < f->n_cases; at++) {
		for (int arm = 0; arm < f->n_arms; arm++)
			print_row(f, width, at, arm);
	}
	bench_figures_judge(f, print_verdict, &j);
	fflush(stdout);
	return j.missed;
}
