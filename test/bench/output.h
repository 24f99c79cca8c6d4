/* SPDX-License-Identifier: LGPL-2.1-only */
/* Figures for people and for programs, from one model. */
#ifndef BENCH_OUTPUT_H
#define BENCH_OUTPUT_H

#include "figures.h"

struct json_object;

/* A table on stdout, then the targets. -> how many targets were not met */
int bench_print_text(const struct bench_figures *f);

/* The same as an object of the caller's. NULL: no memory */
struct json_object *bench_figures_json(const struct bench_figures *f);

/* Machine, kernel, peers: what figures are worth nothing without. NULL: no memory */
struct json_object *bench_machine_json(const struct bench_options *options);
void bench_print_machine(const struct bench_options *options);

#endif
