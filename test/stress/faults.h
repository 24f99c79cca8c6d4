/* SPDX-License-Identifier: LGPL-2.1-only */
/* What happens to memcached and to the wire while a load runs. */
#ifndef BMC_STRESS_FAULTS_H
#define BMC_STRESS_FAULTS_H

#include "load.h"
#include "world.h"

/* memcached, with the preload that the scenario wants; then what is set once. */
void faults_memcached(struct world *w, const struct scenario *s);
void faults_prepare(struct world *w, const struct scenario *s);

/* Injects the scenario's faults until `seconds` have passed or `enough` says so. memcached runs when it returns. */
void faults_run(struct world *w, struct load *load, double seconds,
		int (*enough)(const struct load *load));
/* The wire is good again. Works twice. */
void faults_end(void);

#endif
