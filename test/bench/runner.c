// SPDX-License-Identifier: LGPL-2.1-only
#include "runner.h"

#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "place.h"

static int run_cases(struct bench_run *run, struct bench_figures *f, int round)
{
	double values[BENCH_METRICS_MAX];

	for (run->at = 0; run->at < f->n_cases; run->at++) {
		if (fnmatch(run->options->cases, f->measure->cases[run->at], 0))
			continue;
		if (bench_interrupted)
			return bench_fail("interrupted");
		run->distribution = bench_figures_distribution(f, run->at, run->arm);
		if (f->measure->run(run, values))
			return -1;
		for (int i = 0; i < f->n_metrics; i++)
			*bench_figures_at(f, run->at, run->arm, i, round) = values[i];
	}
	return 0;
}

static int run_arm(struct bench_run *run, struct bench_figures *f, int round)
{
	const struct bench_measure *m = f->measure;
	int err = m->enter ? m->enter(run) : 0;

	if (!err)
		err = run_cases(run, f, round);
	if (m->leave && m->leave(run))
		err = -1;
	return err;
}

/* Each round takes the arms in the other direction, so that none is always the first. */
static int run_rounds(struct bench_run *run, struct bench_figures *f)
{
	for (int round = 0; round < f->n_rounds; round++) {
		for (int i = 0; i < f->n_arms; i++) {
			run->arm = round % 2 ? f->n_arms - 1 - i : i;
			if (isatty(STDERR_FILENO))
				fprintf(stderr, "\r%s: round %d of %d, %-20s", f->measure->name,
					round + 1, f->n_rounds, f->measure->arms[run->arm]);
			if (run_arm(run, f, round))
				return -1;
		}
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%60s\r", "");
	return 0;
}

int bench_run_measure(const struct bench_measure *measure, const struct bench_options *options,
		      struct bench_figures *ret)
{
	struct bench_run run = { .options = options };
	struct bench_place place;
	int err;

	if (bench_figures_init(ret, measure, options->rounds))
		return -1;
	run.place = &place;
	err = bench_place_make(&place, options->bmcctl);
	if (!err)
		err = bench_pin(BENCH_CLIENT_CPU);
	if (!err && measure->setup)
		err = measure->setup(&run);
	if (!err)
		err = run_rounds(&run, ret);
	if (measure->teardown)
		measure->teardown(&run);
	bench_place_remove(&place);
	return err;
}
