// SPDX-License-Identifier: LGPL-2.1-only
/* bmc_stamp.h: the times of requests, as they travel with the replies. */
#include "bmc_stamp.h"
#include "unit.h"

#define UNIT (1ULL << BMC_STAMP_SHIFT)
#define THREADS 64

static uint32_t mark_of(uint64_t time)
{
	return 0xb5U << 24 | ((uint32_t)(time >> BMC_STAMP_SHIFT) & BMC_STAMP_MASK);
}

static void test_a_time_is_rounded_down(void **state)
{
	(void)state;
	for (uint64_t now = 100 * BMC_SECOND_NS; now < 300 * BMC_SECOND_NS; now += 777777777) {
		for (uint64_t age = 0; age < BMC_STAMP_MAX_AGE_NS; age += 123456789) {
			uint64_t read = bmc_stamp_read(mark_of(now - age), now);

			assert_true(read <= now - age);
			assert_true(read + UNIT > now - age);
		}
	}
}

/* A clock that is up to BMC_STAMP_CLOCK_LATE_NS behind, with that much added. */
static void test_a_clock_that_is_late_reads_the_same(void **state)
{
	const uint64_t now = 300 * BMC_SECOND_NS, late = BMC_STAMP_CLOCK_LATE_NS;

	(void)state;
	for (uint64_t age = 0; age < BMC_STAMP_MAX_AGE_NS; age += 12345678) {
		uint64_t right = (now - age) >> BMC_STAMP_SHIFT << BMC_STAMP_SHIFT;

		for (uint64_t behind = 0; behind <= late; behind += late / 4)
			assert_true(bmc_stamp_read(mark_of(now - age), now - behind + late) ==
				    right);
	}
}

/* The bug: of a clock that was behind the stamp's, in the first minute, a time later than all others was read. */
static void test_a_mark_of_the_future_is_none(void **state)
{
	(void)state;
	for (uint64_t now = 0; now < 200 * BMC_SECOND_NS; now += 333333333) {
		for (uint64_t ahead = UNIT; ahead < BMC_SECOND_NS; ahead = ahead * 3 + 1)
			assert_true(bmc_stamp_read(mark_of(now + ahead), now) == 0);
	}
}

static void test_an_age_that_is_none(void **state)
{
	const uint64_t now = 500 * BMC_SECOND_NS;

	(void)state;
	assert_true(bmc_stamp_read(mark_of(now - BMC_STAMP_MAX_AGE_NS), now) != 0);
	assert_true(bmc_stamp_read(mark_of(now - BMC_STAMP_MAX_AGE_NS - 2 * BMC_SECOND_NS), now) ==
		    0);
}

static void test_a_time_tells_its_server(void **state)
{
	(void)state;
	for (uint32_t server = 0; server < BMC_PORTS_MAX; server++) {
		uint64_t time = bmc_stamp_of_server(123456789, server);

		assert_true(time / BMC_PORTS_MAX == 123456789 / BMC_PORTS_MAX);
		for (uint32_t other = 0; other < BMC_PORTS_MAX; other++)
			assert_true((time == bmc_stamp_of_server(time, other)) ==
				    (other == server));
	}
}

/* Threads that were started one after the other. */
static void test_threads_share_no_place(void **state)
{
	const uint32_t firsts[] = { 1, 4000, 32700, 4194303 };

	(void)state;
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		uint8_t taken[BMC_STAMPS] = {};

		for (uint32_t thread = firsts[i]; thread < firsts[i] + BMC_STAMPS; thread++) {
			uint32_t place = bmc_stamp_place_of(thread);

			assert_true(place < BMC_STAMPS);
			assert_true(!taken[place]);
			taken[place] = 1;
		}
	}
}

/* Nor a cache line, while they are as many as a server may have. */
static void test_threads_share_no_line(void **state)
{
	(void)state;
	for (uint32_t apart = 1; apart < THREADS; apart++) {
		uint32_t between = bmc_stamp_place_of(apart);

		if (between > BMC_STAMPS / 2)
			between = BMC_STAMPS - between;
		assert_true(between * sizeof(struct bmc_stamp) >= 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_time_is_rounded_down),
		cmocka_unit_test(test_a_mark_of_the_future_is_none),
		cmocka_unit_test(test_a_clock_that_is_late_reads_the_same),
		cmocka_unit_test(test_an_age_that_is_none),
		cmocka_unit_test(test_a_time_tells_its_server),
		cmocka_unit_test(test_threads_share_no_place),
		cmocka_unit_test(test_threads_share_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
