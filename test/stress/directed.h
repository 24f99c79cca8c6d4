/* SPDX-License-Identifier: LGPL-2.1-only */
/* Schedules that go wrong without a guard of the rules (bmc_mutants.h), and right with it. */
#ifndef BMC_STRESS_DIRECTED_H
#define BMC_STRESS_DIRECTED_H

#include <stddef.h>
#include <stdint.h>

#include "bmc_mutants.h"
#include "world.h"

/* 1: what bmc serves, or refuses to keep, is wrong; 0: it is not; -1: something took too long for that, once more. */
typedef int (*schedule_fn)(struct world *w);

struct directed {
	const char *name;
	uint64_t mutants;
	schedule_fn wrong;
	const char *slow, *after; /* of the preload, ms; NULL: without */
	uint64_t max_age_ns; /* 0: a minute */
	uint32_t writers; /* as in struct instance_settings */
	schedule_fn begin; /* before bmc is started; NULL: nothing */
	void (*learning)(const char *what, size_t n, size_t total); /* --learn, and its progress */
};

#define WITHOUT(id) .name = #id, .mutants = 1ULL << BMC_MUT_##id

/* Whether an answer has this value. */
int directed_is_value(const struct text *t, const char *value);

/* main() of a test program: `at_once` of the schedules at a time, each in a process of its own if that is not 1. */
int directed_main(const struct directed *rows, size_t n, size_t at_once);

#endif
