// SPDX-License-Identifier: LGPL-2.1-only
#include <math.h>
#include <stdio.h>

#include "output.h"

#define NUMBER 24

/* Three or four digits that say something. */
static const char *number(double value, char *buf)
{
	if (isnan(value))
		snprintf(buf, NUMBER, "-");
	else
		snprintf(buf, NUMBER, "%.*f",
			 fabs(value) < 10  ? 3 :
			 fabs(value) < 100 ? 1 :
					     0,
			 value);
	return buf;
}

static void print_head(const struct bench_figures *f)
{
	printf("\n%s: %s\n  %-20s %-14s", f->measure->name, f->measure->what, "", "");
	for (int m = 0; m < f->n_metrics; m++)
		printf(" %22s", f->measure->metrics[m].name);
	printf("\n  %-20s %-14s", "", "");
	for (int m = 0; m < f->n_metrics; m++)
		printf(" %22s", f->measure->metrics[m].unit);
	printf("\n");
}

static void print_row(const struct bench_figures *f, int at, int arm)
{
	char median[NUMBER], low[NUMBER], high[NUMBER], cell[4 * NUMBER];
	struct bench_summary first;

	bench_figures_summary(f, at, arm, 0, &first);
	if (!first.n)
		return;
	printf("  %-20s %-14s", arm ? "" : f->measure->cases[at], f->measure->arms[arm]);
	for (int m = 0; m < f->n_metrics; m++) {
		struct bench_summary s;

		bench_figures_summary(f, at, arm, m, &s);
		snprintf(cell, sizeof(cell), "%s (%s-%s)", number(s.median, median),
			 number(s.low, low), number(s.high, high));
		printf(" %22s", cell);
	}
	printf("\n");
}

struct judging {
	const struct bench_figures *f;
	int missed;
};

static void print_verdict(const struct bench_verdict *v, void *arg)
{
	struct judging *j = arg;
	const struct bench_target *t = v->target;
	char median[NUMBER], low[NUMBER], high[NUMBER], limit[NUMBER];

	if (v->is_met < 0) /* the case was not asked for */
		return;
	j->missed += !v->is_met;
	printf("  %-12s  %-20s %s of %s%s%s: %s (%s-%s), to be at %s %s: %s\n",
	       v->is_met ? "met" : "NOT MET", j->f->measure->cases[v->at], t->metric, t->arm,
	       t->over ? " / " : "", t->over ? t->over : "", number(v->summary.median, median),
	       number(v->summary.low, low), number(v->summary.high, high),
	       t->bound == BENCH_AT_MOST ? "most" : "least", number(t->limit, limit), t->why);
}

int bench_print_text(const struct bench_figures *f)
{
	struct judging j = { .f = f };

	print_head(f);
	for (int at = 0; at < f->n_cases; at++) {
		for (int arm = 0; arm < f->n_arms; arm++)
			print_row(f, at, arm);
	}
	bench_figures_judge(f, print_verdict, &j);
	fflush(stdout);
	return j.missed;
}
