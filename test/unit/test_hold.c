// SPDX-License-Identifier: LGPL-2.1-only
/* Holds, the crowd and its flights, step by step: what two CPUs do in between one another is too short for test/net. */
#include "kernel_rules.h"

static struct bmc_conn conns[3];

static int fresh(void **state)
{
	(void)state;
	memset(&server, 0, sizeof(server));
	memset(&bucket, 0, sizeof(bucket));
	memset(writers, 0, sizeof(writers));
	memset(conns, 0, sizeof(conns));
	server.word = (__u64)LIFE << BMC_WORD_LIFE_SHIFT;
	for (size_t i = 0; i < sizeof(conns) / sizeof(conns[0]); i++)
		conns[i].life = LIFE;
	flushed = 0;
	return 0;
}

static int place(__u64 word)
{
	return bmc_flight_shared(0, word >> BMC_GEN_SHIFT << 32 | BMC_WRITER_CROWD,
				 bmc_flight_what(BMC_FLIGHT_GEN, 0, LIFE, 0));
}

static int in_flight(void)
{
	for (int i = 0; i < BMC_FLIGHTS; i++) {
		const struct bmc_flight *f = &bucket.flight[i];

		if (f->what && bmc_flight_look(f->who, f->what) == BMC_IN_FLIGHT)
			return 1;
	}
	return 0;
}

/* The last one of the crowd ends its generation, and the flights of it; not one of those before. */
static void crowd_ends_with_its_last_one(void **state)
{
	(void)state;
	assert_true(place(bmc_crowd_join(&conns[0], 1)));
	assert_true(place(bmc_crowd_join(&conns[1], 1)));
	bmc_unhold(&conns[0], 1);
	assert_true(in_flight());
	bmc_hold_closed(&conns[1]);
	assert_false(in_flight());
	assert_true(place(bmc_crowd_join(&conns[0], 2)));
	assert_true(in_flight());
	bmc_unhold(&conns[0], 2);
	assert_false(in_flight());
}

/* The bug: closed between its two steps, it put its flight, which was over, in the place of a later crowd's. */
static void closed_between_join_and_place(void **state)
{
	__u64 late;

	(void)state;
	late = bmc_crowd_join(&conns[0], 1);
	assert_true(late);
	bmc_hold_closed(&conns[0]);
	assert_true(place(bmc_crowd_join(&conns[1], 1)));
	place(late);
	assert_true(in_flight());
	bmc_unhold(&conns[1], 1);
	assert_false(in_flight());
}

/* A flight of an earlier generation is replaced. */
static void flight_of_a_crowd_that_is_over(void **state)
{
	(void)state;
	assert_true(place(bmc_crowd_join(&conns[0], 1)));
	bmc_hold_closed(&conns[0]);
	assert_true(place(bmc_crowd_join(&conns[1], 1)));
	assert_true(in_flight());
	for (int i = 0; i < BMC_FLIGHT_SHARED; i++)
		assert_int_equal(bucket.flight[i].what, 0);
}

/* The bug: a hold behind the close took from that what a flush_all with a delay had told. */
static void hold_behind_the_close_keeps_the_flush(void **state)
{
	(void)state;
	bmc_hold(&conns[0], BMC_HOLD_ORD | 1);
	conns[0].flush = 60;
	__sync_lock_test_and_set(&conns[0].hold, BMC_HOLD_CLOSED); /* CLOSE, its first step */
	bmc_hold(&conns[0], BMC_HOLD_ORD | 2);
	bmc_hold_over(&conns[0], BMC_HOLD_ORD | 1, conns[0].flush);
	assert_int_equal(flushed, 60);
	assert_int_equal(server.word & BMC_WORD_HOLDS_MASK, 0);
}

static __u32 holds(void)
{
	return (__u32)(server.word & BMC_WORD_HOLDS_MASK);
}

/* In the crowd, then with a hold of all fills: both are over with the later answer. */
static void crowd_and_hold(void **state)
{
	(void)state;
	assert_true(place(bmc_crowd_join(&conns[0], 1)));
	bmc_hold(&conns[0], BMC_HOLD_ORD | 2);
	bmc_unhold(&conns[0], 1);
	assert_int_equal(holds(), 1);
	assert_true(in_flight());
	bmc_unhold(&conns[0], 2);
	assert_int_equal(holds(), 0);
	assert_false(in_flight());
}

/* The bug: a silent write made all fills wait for its answer, which may never come, when its connection held them. */
static void hold_is_over_before_the_crowd(void **state)
{
	const __u32 last = 3; /* ordinals wrap */

	(void)state;
	conns[0].flush = 60;
	bmc_hold(&conns[0], BMC_HOLD_ORD | 0xfffffffeU);
	assert_true(place(bmc_crowd_join(&conns[0], 1)));
	conns[0].flush = 60;
	bmc_hold(&conns[0], BMC_HOLD_ORD | 0xffffffffU);
	assert_true(place(bmc_crowd_join(&conns[0], last)));
	bmc_unhold(&conns[0], 0xfffffffeU);
	assert_int_equal(holds(), 1);
	bmc_unhold(&conns[0], 0xffffffffU);
	assert_int_equal(holds(), 0);
	assert_int_equal(flushed, 60);
	bmc_unhold(&conns[0], 2);
	assert_true(in_flight());
	bmc_hold(&conns[0], BMC_HOLD_ORD | 4);
	bmc_unhold(&conns[0], last);
	assert_int_equal(holds(), 1);
	bmc_hold_closed(&conns[0]);
	assert_int_equal(holds(), 0);
	assert_false(in_flight());
	bmc_unhold(&conns[0], 5);
	assert_int_equal(conns[0].hold, BMC_HOLD_CLOSED);
}

/* Ordinals that are too far from each other for the word: then all fills wait for the later one. */
static void hold_long_before_the_crowd(void **state)
{
	(void)state;
	bmc_hold(&conns[0], BMC_HOLD_ORD | 1);
	assert_true(place(bmc_crowd_join(&conns[0], 1U << 30)));
	bmc_unhold(&conns[0], 1);
	assert_int_equal(holds(), 1);
	bmc_unhold(&conns[0], 1U << 30);
	assert_int_equal(holds(), 0);
	assert_false(in_flight());
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup(crowd_ends_with_its_last_one, fresh),
	cmocka_unit_test_setup(closed_between_join_and_place, fresh),
	cmocka_unit_test_setup(flight_of_a_crowd_that_is_over, fresh),
	cmocka_unit_test_setup(hold_behind_the_close_keeps_the_flush, fresh),
	cmocka_unit_test_setup(crowd_and_hold, fresh),
	cmocka_unit_test_setup(hold_is_over_before_the_crowd, fresh),
	cmocka_unit_test_setup(hold_long_before_the_crowd, fresh),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
