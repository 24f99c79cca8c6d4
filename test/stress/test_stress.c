// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Many writers and readers of few keys on the real path, with faults: what each saw of a key must be linearizable, and
 * bmc must have answered its share. BMC_TEST_LONG=1: ten million operations in all. BMC_STRESS_SECONDS: of each;
 * BMC_STRESS_OPERATIONS: of each, if they are done sooner.
 */
#include <stdio.h>
#include <string.h>

#include "bmc_abi.h"
#include "run.h"
#include "world.h"

#define SHORT_SECONDS 2.0
#define SLOW_SHARE 6 /* what may be left of the hits with BMC_TEST_SLOW */
#define LEAST_OPS 500 /* fewer prove nothing */
#define LONG_SECONDS 120.0
#define LONG_OPS 800000UL /* of each scenario; the slow ones end by time */
#define LONG_TOTAL 10000000UL

#define KEYS(n, which) .keys = (n), .commands = (which), .udp_readers = 2

static const struct scenario scenarios[] = {
	{ .name = "text",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .writers = 2,
	  .loopback_writers = 1,
	  .ip6_writers = 1,
	  .constant_readers = 1,
	  .ip6_readers = 1,
	  .tcp_readers = 1 },
	{ .name = "meta",
	  KEYS(4, CMD_TEXT | CMD_META),
	  .hits = 30,
	  .writers = 2,
	  .loopback_writers = 1,
	  .faults = FAULT_SPLIT,
	  .tcp_readers = 1 },
	{ .name = "binary",
	  KEYS(4, CMD_TEXT | CMD_FLUSH),
	  .hits = 30,
	  .writers = 1,
	  .binary_writers = 3,
	  .pause_us = 5000,
	  .faults = FAULT_SPLIT | FAULT_FREEZE | FAULT_BREAK },
	{ .name = "one key",
	  KEYS(1, CMD_TEXT),
	  .hits = 30,
	  .writers = 3,
	  .loopback_writers = 1,
	  .tcp_readers = 1 },
	{ .name = "one bucket, six writers",
	  KEYS(2, CMD_TEXT),
	  .hits = 30,
	  .buckets = 1,
	  .writers = 4,
	  .loopback_writers = 2,
	  .pause_us = 8000 },
	{ .name = "writes while a fill publishes",
	  KEYS(1, CMD_SET),
	  .hits = 30,
	  .test = BMC_TEST_SLOW_PUBLISH,
	  .writers = 3,
	  .pause_us = 400,
	  .burst = 1 },
	{ .name = "multi-get",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .get_keys = 4,
	  .writers = 2,
	  .loopback_writers = 1 },
	{ .name = "frozen",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .faults = FAULT_FREEZE,
	  .writers = 3,
	  .loopback_writers = 1,
	  .constant_readers = 1 },
	{ .name = "slow UDP answers",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .faults = FAULT_SLOW_UDP,
	  .pause_us = 150000,
	  .writers = 3,
	  .loopback_writers = 1 },
	{ .name = "slow after TCP answers",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .faults = FAULT_SLOW_TCP,
	  .writers = 3,
	  .loopback_writers = 1 },
	{ .name = "split anywhere",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .faults = FAULT_SPLIT,
	  .writers = 3,
	  .loopback_writers = 1 },
	{ .name = "thousands in one write",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .burst = 2000,
	  .pause_us = 60000,
	  .writers = 2,
	  .loopback_writers = 1 },
	{ .name = "broken connections",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .places = 6, /* one that is closed is soon another's */
	  .faults = FAULT_BREAK | FAULT_SPLIT,
	  .writers = 3,
	  .loopback_writers = 1 },
	{ .name = "flush_all",
	  KEYS(4, CMD_TEXT | CMD_FLUSH),
	  .hits = 30,
	  .faults = FAULT_FREEZE,
	  .writers = 2,
	  .loopback_writers = 1 },
	{ .name = "silent commands that fail",
	  KEYS(4, CMD_TEXT | CMD_META | CMD_FAILS),
	  .hits = 30,
	  .writers = 2,
	  .loopback_writers = 1,
	  .pause_us = 20000 },
	{ .name = "RPS and forgotten neighbours",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .faults = FAULT_RPS | FAULT_NEIGHBOUR,
	  .writers = 3,
	  .tcp_readers = 1 },
	{ .name = "loss and reordering",
	  KEYS(4, CMD_TEXT | CMD_META),
	  .hits = 30,
	  .faults = FAULT_WIRE | FAULT_SPLIT,
	  .writers = 4,
	  .burst = 60 },
	{ .name = "clients that do not read",
	  KEYS(4, CMD_TEXT),
	  .hits = 5,
	  .writers = 2,
	  .stuck_writers = 2 },
	{ .name = "silent writers, more than a bucket has places for",
	  KEYS(2, CMD_SET_NOREPLY),
	  .hits = 3,
	  .buckets = 1,
	  .writers = 2,
	  .loopback_writers = 2,
	  .stuck_writers = 1,
	  .pause_us = 30000,
	  .faults = FAULT_SPLIT },
	{ .name = "more than maxconns",
	  KEYS(4, CMD_TEXT),
	  .hits = 5,
	  .options = "-t 4 -c 40",
	  .writers = 2,
	  .crowd = 1 },
	{ .name = "restarts",
	  KEYS(4, CMD_TEXT),
	  .hits = 30,
	  .faults = FAULT_RESTART,
	  .writers = 3,
	  .loopback_writers = 1 },
	{ .name = "writes over UDP",
	  KEYS(4, CMD_TEXT),
	  .writers = 1,
	  .udp_writers = 4,
	  .constant_readers = 1,
	  .faults = FAULT_FREEZE },
	{ .name = "slow fills",
	  KEYS(2, CMD_TEXT),
	  .hits = 10,
	  .test = BMC_TEST_SLOW_FILL,
	  .writers = 3 },
	{ .name = "lost races",
	  KEYS(4, CMD_TEXT),
	  .hits = 0,
	  .test = BMC_TEST_LOSE_RACE,
	  .writers = 2 },
};

/* A machine with other work may have no time for hits, once; what is wrong or lost is so at the first attempt. */
#define SHARE_ATTEMPTS 3

static unsigned long total; /* operations of all scenarios */

static void stress(void **state)
{
	const struct scenario *s = *state;
	const char *given = getenv("BMC_STRESS_SECONDS"), *most = getenv("BMC_STRESS_OPERATIONS");
	int is_long = getenv("BMC_TEST_LONG") != NULL;
	double seconds = given ? strtod(given, NULL) : is_long ? LONG_SECONDS : SHORT_SECONDS;
	unsigned long ops = most ? strtoul(most, NULL, 10) : is_long ? LONG_OPS : 0;
	/* emulated, a fill takes as long as many writes */
	int hits = getenv("BMC_TEST_SLOW") ? s->hits / SLOW_SHARE : s->hits;
	struct result r;

	for (int i = 0; i < SHARE_ATTEMPTS; i++) {
		run_scenario(state, s, seconds, ops, &r);
		run_print(s, &r);
		total += r.sums.ops;
		if (r.sums.violations || r.differs || r.sums.wrong)
			fail_msg("%s: %zu violations, %d differ, %lu wrong", s->name,
				 r.sums.violations, r.differs, r.sums.wrong);
		if (r.lost && !s->loses)
			fail_msg("%s: bmc lost %lld connections", s->name, r.lost);
		if (r.share >= hits && r.sums.ops >= LEAST_OPS)
			return;
		world_teardown(state);
		*state = (void *)s;
	}
	*state = NULL;
	fail_msg("%s: bmc answered %.1f %% of the reads, not %d; %lu operations", s->name, r.share,
		 hits, r.sums.ops);
}

static int stress_teardown(void **state)
{
	return *state ? world_teardown(state) : 0;
}

static int group_teardown(void **state)
{
	(void)state;
	print_message("%lu operations in all\n", total);
	return getenv("BMC_TEST_LONG") && !getenv("BMC_TEST_FILTER") && total < LONG_TOTAL ? -1 : 0;
}

int main(void)
{
	struct CMUnitTest tests[TEST_COUNT(scenarios)];
	const char *filter = getenv("BMC_TEST_FILTER");

	for (size_t i = 0; i < TEST_COUNT(scenarios); i++)
		tests[i] = (struct CMUnitTest){ .name = scenarios[i].name,
						.test_func = stress,
						.teardown_func = stress_teardown,
						.initial_state = (void *)&scenarios[i] };
	if (filter)
		cmocka_set_test_filter(filter);
	return cmocka_run_group_tests(tests, NULL, group_teardown);
}
