/* SPDX-License-Identifier: LGPL-2.1-only */
/* The outcome of a measure: one model, from which text, JSON and pictures are made. */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "bench.h"

struct bench_summary {
	int n; /* values; 0: there are none, and the rest is NAN */
	double median, low, high; /* low and high: the quartiles */
};

/* The values of a measure's rounds: cases x arms x metrics x rounds. */
struct bench_figures {
	const struct bench_measure *measure;
	int n_arms, n_cases, n_metrics, n_rounds;
	double *values; /* NAN where there is none */
	struct bench_histogram *distributions; /* cases x arms; NULL: the measure has none */
	int is_without_bmc; /* nothing has a target: ratios of what is the same are left */
};

struct bench_verdict {
	const struct bench_target *target;
	int at; /* the case */
	struct bench_summary summary; /* of the figure or the ratio */
	int is_met; /* 1, 0; -1: there is no figure, or no target */
};

int bench_figures_init(struct bench_figures *f, const struct bench_measure *measure, int rounds);
void bench_figures_free(struct bench_figures *f);
double *bench_figures_at(const struct bench_figures *f, int at, int arm, int metric, int round);
/* NULL: the measure has none */
struct bench_histogram *bench_figures_distribution(const struct bench_figures *f, int at, int arm);

void bench_summarize(const double *values, int n, struct bench_summary *ret);
/*
 * The median of times whose clock has steps that are not small against them: a value that was read n times stands for as
 * many, spread evenly as far as half the way to its neighbours (the median of grouped data). Sorts `ns`; n > 0.
 */
double bench_median_of_ticks(unsigned int *ns, int n);

void bench_figures_summary(const struct bench_figures *f, int at, int arm, int metric,
			   struct bench_summary *ret);

/* Of a target's median and limit; a ratio has none: "". */
const char *bench_target_unit(const struct bench_measure *measure, const struct bench_target *t);

/*
 * Calls fn for each target and each case that it names; ratios are taken within each round. Without bmc only for ratios of
 * what is the same then.
 */
void bench_figures_judge(const struct bench_figures *f,
			 void (*fn)(const struct bench_verdict *verdict, void *arg), void *arg);

#endif
