/* SPDX-License-Identifier: LGPL-2.1-only */
/* One scenario, from an empty world to the verdict. */
#ifndef BMC_STRESS_RUN_H
#define BMC_STRESS_RUN_H

#include "load.h"

struct result {
	struct load_sums sums;
	double seconds;
	long long hits; /* gets answered by bmc */
	long long lost; /* connections that bmc lost */
	double share; /* of the UDP reads that bmc answered, percent */
	int differs; /* in the end, with all at rest, UDP and TCP say different things of a key */
};

/*
 * Makes the world in *state (world_teardown() ends it), and runs the scenario for so long, or until so many operations
 * are done (0: no matter how many). The test fails only where something cannot be done at all.
 */
void run_scenario(void **state, const struct scenario *s, double seconds, unsigned long ops,
		  struct result *ret);

/* Prints a line about it. */
void run_print(const struct scenario *s, const struct result *r);

#endif
