// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Hits while the same items are filled again and again on another CPU: every answer is one item, whole, and what is
 * passed is the request as it was.
 */
#include "race.h"

#include <string.h>

#define SECONDS 3

static struct harness h;

static void run_race(int family)
{
	struct race_result r;
	struct bmc_totals stats;

	race_run(&h, family, SECONDS, &r);
	harness_stats(&h, &stats);
	print_message("%lu hits, %lu passed (%llu lost a race), %llu fills\n", r.hits, r.passes,
		      (unsigned long long)stats.count[BMC_STAT_PASS_RACE],
		      (unsigned long long)stats.count[BMC_STAT_FILLS]);
	expect(!r.err, "BPF_PROG_RUN: %s", strerror(-r.err));
	expect(!r.wrong, "answered: %s", r.wrong);
	assert_true(r.hits > 100);
}

static void test_two_fills_at_once(void **state)
{
	struct race_result r;

	(void)state;
	race_fills(&h, SECONDS, &r);
	print_message("%lu hits, %lu passed\n", r.hits, r.passes);
	expect(!r.err, "BPF_PROG_RUN: %s", strerror(-r.err));
	expect(!r.wrong, "answered: %s", r.wrong);
	assert_true(r.hits > 100);
}

static void test_ipv4(void **state)
{
	(void)state;
	run_race(4);
}

static void test_ipv6(void **state)
{
	(void)state;
	run_race(6);
}

HARNESS_GROUP(h, harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP))

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_two_fills_at_once),
	};

	return cmocka_run_group_tests_name("hits against fills", tests, group_setup,
					   group_teardown) ?
		       1 :
		       0;
}
