// SPDX-License-Identifier: LGPL-2.1-only
/*
 * The same with one guard of the rules switched off (bmc_mutants.h): each must be found within its time. Those that
 * need a schedule of their own are in test_directed.c, those of the programs alone in test/prog/test_mutants.c.
 */
#include <stdio.h>
#include <string.h>

#include "bmc_abi.h"
#include "bmc_mutants.h"
#include "run.h"
#include "world.h"

#define SECONDS 1.5
#define ATTEMPTS 20

#define WITHOUT(id) .name = #id, .mutants = 1ULL << BMC_MUT_##id
#define KEYS(n, which) .keys = (n), .commands = (which), .udp_readers = 2

static const struct scenario scenarios[] = {
	{ WITHOUT(NO_INVAL), KEYS(4, CMD_TEXT), .writers = 2 },
	{ WITHOUT(NO_FLIGHT), KEYS(4, CMD_TEXT), .faults = FAULT_FREEZE, .writers = 3 },
	{ WITHOUT(NO_OVERFLOW_HOLD), KEYS(1, CMD_SET), .buckets = 1, .faults = FAULT_FREEZE,
	  .writers = 4, .loopback_writers = 3, .pause_us = 6000 },
	{ WITHOUT(SILENT_AT_ONCE), KEYS(2, CMD_SET_NOREPLY), .faults = FAULT_FREEZE, .writers = 3 },
	{ WITHOUT(NO_T_REP), KEYS(2, CMD_SET), .faults = FAULT_SLOW_UDP, .writers = 3,
	  .pause_us = 15000, .burst = 1 },
	{ WITHOUT(NO_T_QUIET), KEYS(2, CMD_SET | CMD_FLUSH), .faults = FAULT_SLOW_UDP, .writers = 3,
	  .pause_us = 15000, .burst = 1, .flush_every = 3 },
	{ WITHOUT(NO_HOLD), KEYS(4, CMD_SET | CMD_FLUSH), .faults = FAULT_FREEZE, .writers = 3,
	  .flush_every = 12 },
	{ WITHOUT(NO_EPOCH_UP), KEYS(4, CMD_SET | CMD_FLUSH), .writers = 2 },
	{ WITHOUT(TAKE_KEEPS_REP), KEYS(2, CMD_SET), .faults = FAULT_FREEZE | FAULT_BREAK,
	  .writers = 4, .places = 4 },
	{ WITHOUT(GONE_NO_EPOCH), KEYS(4, CMD_TEXT), .faults = FAULT_RESTART, .writers = 2,
	  .pause_us = 40000, .burst = 1 },
	{ WITHOUT(NO_UDP_OUT), KEYS(2, CMD_READ), .faults = FAULT_FREEZE, .udp_writers = 4 },
	{ WITHOUT(NO_COUNT), KEYS(4, CMD_SET | CMD_FLUSH), .faults = FAULT_FREEZE, .writers = 3,
	  .flush_every = 12 },
	{ WITHOUT(NO_STAMP), KEYS(2, CMD_SET), .faults = FAULT_SLOW_UDP, .writers = 3,
	  .pause_us = 15000, .burst = 1 },
	{ WITHOUT(NO_RECOMPARE), KEYS(1, CMD_SET), .test = BMC_TEST_SLOW_FILL, .writers = 3,
	  .pause_us = 1000, .burst = 1 },
	{ WITHOUT(NO_LOOK_AGAIN), KEYS(1, CMD_SET), .test = BMC_TEST_SLOW_PUBLISH, .writers = 3,
	  .pause_us = 400, .burst = 1 },
	{ WITHOUT(NO_HIT_EPOCH), KEYS(4, CMD_SET | CMD_FLUSH), .writers = 2 },
	{ WITHOUT(NO_STREAM_ORDER), KEYS(4, CMD_TEXT), .faults = FAULT_WIRE | FAULT_SPLIT,
	  .writers = 3 },
	{ WITHOUT(NO_PARTIAL_LINE), KEYS(4, CMD_TEXT), .faults = FAULT_SPLIT, .writers = 2 },
};

static void mutant(void **state)
{
	const struct scenario *s = *state;
	struct result r;

	for (int i = 0; i < ATTEMPTS; i++) {
		run_scenario(state, s, SECONDS, 0, &r);
		run_print(s, &r);
		if (r.sums.violations || r.differs || r.sums.wrong)
			return;
		world_teardown(state);
		*state = (void *)s;
	}
	*state = NULL;
	fail_msg("%s: not found in %.1f s", s->name, ATTEMPTS * SECONDS);
}

static int mutant_teardown(void **state)
{
	return *state ? world_teardown(state) : 0;
}

int main(void)
{
	struct CMUnitTest tests[TEST_COUNT(scenarios)];
	const char *filter = getenv("BMC_TEST_FILTER");

	for (size_t i = 0; i < TEST_COUNT(scenarios); i++)
		tests[i] = (struct CMUnitTest){ .name = scenarios[i].name,
						.test_func = mutant,
						.teardown_func = mutant_teardown,
						.initial_state = (void *)&scenarios[i] };
	if (filter)
		cmocka_set_test_filter(filter);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
