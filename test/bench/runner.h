/* SPDX-License-Identifier: LGPL-2.1-only */
/* Runs one measure: its arms in turn, by rounds or by slices of time, round after round. */
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

#include "figures.h"

int bench_run_measure(const struct bench_measure *measure, const struct bench_options *options,
		      struct bench_figures *ret);

#endif
