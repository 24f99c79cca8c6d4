/* SPDX-License-Identifier: LGPL-2.1-only */
/* Hits on one CPU while the same items are filled again and again on others. */
#ifndef BMC_TEST_RACE_H
#define BMC_TEST_RACE_H

#include "harness.h"

struct race_result {
	const char *wrong; /* what an answer had; NULL: nothing */
	int err; /* of BPF_PROG_RUN */
	unsigned long hits;
	unsigned long passes;
};

/*
 * One reader and one filler, until an answer is wrong or the time is over. No write happens, so that any of the
 * values will do; but each answer must be one, whole.
 */
void race_run(const struct harness *h, int family, double seconds, struct race_result *ret);

/* Two fills of one item at once, then a hit, again and again. */
void race_fills(const struct harness *h, double seconds, struct race_result *ret);

#endif
