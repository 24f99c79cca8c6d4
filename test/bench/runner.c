// SPDX-License-Identifier: LGPL-2.1-only
#include "runner.h"

#include <fnmatch.h>
#include <stdio.h>
#include <unistd.h>

#include "awake.h"
#include "child.h"
#include "place.h"
#include "turns.h"

struct runner {
	const struct bench_measure *measure;
	struct bench_figures *figures;
	struct bench_run run;
	struct bench_place places[BENCH_ARMS_MAX];
	int n_places;
	int n_up; /* arms that are up at once */
	int round;
};

/* The arm of a turn, in its place. */
static void take_turn(struct runner *r, int turn)
{
	r->run.arm = bench_turn(r->figures->n_arms, turn);
	r->run.place = &r->places[(r->run.arm + r->round) % r->n_places];
}

/* fn() of so many arms from a turn on; what they open is their client's. */
static int each_arm(struct runner *r, int turn, int (*fn)(struct bench_run *run))
{
	for (int i = 0; fn && i < r->n_up; i++) {
		take_turn(r, turn + i);
		if (bench_place_enter(r->run.place) || fn(&r->run))
			return -1;
	}
	return 0;
}

static int run_slices(struct runner *r, int turn)
{
	struct bench_slices slices;

	bench_slices_make(r->run.options->seconds, &slices);
	for (int i = 0; i < slices.n * r->n_up; i++) {
		take_turn(r, turn + i);
		if (bench_interrupted)
			return bench_fail("interrupted");
		if (r->measure->slice(&r->run, slices.seconds))
			return -1;
	}
	return 0;
}

static int take_values(struct runner *r, int turn)
{
	const struct bench_run *run = &r->run;
	double values[BENCH_METRICS_MAX];

	for (int i = 0; i < r->n_up; i++) {
		take_turn(r, turn + i);
		r->run.distribution = bench_figures_distribution(r->figures, run->at, run->arm);
		if (bench_place_enter(run->place) || r->measure->run(&r->run, values))
			return -1;
		for (int m = 0; m < r->figures->n_metrics; m++)
			*bench_figures_at(r->figures, run->at, run->arm, m, r->round) = values[m];
	}
	return 0;
}

static int run_cases(struct runner *r, int turn)
{
	for (r->run.at = 0; r->run.at < r->figures->n_cases; r->run.at++) {
		if (fnmatch(r->run.options->cases, r->measure->cases[r->run.at], 0))
			continue;
		if (bench_interrupted)
			return bench_fail("interrupted");
		if (each_arm(r, turn, r->measure->begin) ||
		    (r->measure->slice && run_slices(r, turn)) || take_values(r, turn))
			return -1;
	}
	return 0;
}

static void show(const struct runner *r)
{
	if (!isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%s: round %d of %d, %-20s", r->measure->name, r->round + 1,
		r->figures->n_rounds, r->measure->arms[r->run.arm]);
}

/* From a turn on, those that are up at once. */
static int run_arms(struct runner *r, int turn)
{
	int up = 0, err = 0;

	while (!err && up < r->n_up) {
		if (bench_interrupted) {
			err = bench_fail("interrupted");
			break;
		}
		take_turn(r, turn + up++);
		show(r);
		err = bench_place_enter(r->run.place);
		if (!err && r->measure->enter)
			err = r->measure->enter(&r->run);
	}
	if (!err)
		err = run_cases(r, turn);
	while (up--) {
		take_turn(r, turn + up);
		if (r->measure->leave && r->measure->leave(&r->run))
			err = -1;
	}
	return err;
}

/* Each round takes the arms in the other direction, so that none is always the first. */
static int run_rounds(struct runner *r)
{
	int n_arms = r->figures->n_arms;

	for (r->round = 0; r->round < r->figures->n_rounds; r->round++) {
		for (int i = 0; i < n_arms; i += r->n_up) {
			if (run_arms(r, r->round * n_arms + i))
				return -1;
		}
	}
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%60s\r", "");
	return 0;
}

static int make_places(struct runner *r, int n)
{
	while (r->n_places < n) {
		struct bench_place *p = &r->places[r->n_places];

		if (bench_place_make(p, r->run.options->bmcctl, r->n_places++))
			return -1;
	}
	return bench_pin(BENCH_CLIENT_CPU);
}

int bench_run_measure(const struct bench_measure *measure, const struct bench_options *options,
		      struct bench_figures *ret)
{
	struct runner r = { .measure = measure, .figures = ret, .run.options = options };
	struct bench_awake awake = {};
	int err;

	if (bench_figures_init(ret, measure, options->rounds))
		return -1;
	ret->is_without_bmc = options->is_without_bmc;
	r.n_up = measure->slice ? ret->n_arms : 1;
	r.run.place = r.places;
	err = options->is_awake ? bench_awake_start(&awake) : 0;
	if (!err)
		err = make_places(&r, r.n_up);
	if (!err && measure->setup)
		err = measure->setup(&r.run);
	if (!err)
		err = run_rounds(&r);
	r.run.place = r.places;
	if (measure->teardown)
		measure->teardown(&r.run);
	while (r.n_places)
		bench_place_remove(&r.places[--r.n_places]);
	bench_awake_stop(&awake);
	return err;
}
