// SPDX-License-Identifier: LGPL-2.1-only
/* Bypass: which replies fill while next to nothing is asked for again, and when that begins and ends. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "bmc.skel.h"

#define BUCKETS 64
#define LOOK 256 /* fills without free room between two looks: BMC_BYPASS_FILLS */
#define OF 8
#define TURNS 128
#define KEYS 400

static struct harness h;
static const struct pkt at = { .family = 4 };

/* Its reply passes once. Whether it was left out. */
static int pass(const char *key, size_t len)
{
	char text[2048], data[1400];
	struct item item = { .key = key, .flags = "0", .data = data, .len = len };
	struct bmc_totals before, after;
	struct pkt reply = at;
	struct run run;

	memset(data, 'v', sizeof(data));
	reply.text = text;
	reply.text_len = item_text(&item, text, sizeof(text) - 5);
	memcpy(text + reply.text_len, "END\r\n", 5);
	reply.text_len += 5;
	harness_stats(&h, &before);
	harness_reply(&h, &reply, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	return after.count[BMC_STAT_STAMP_BYPASSED] != before.count[BMC_STAT_STAMP_BYPASSED];
}

static int pass_number(const char *prefix, int i, size_t len)
{
	char key[64];

	snprintf(key, sizeof(key), "%s-%06d", prefix, i);
	return pass(key, len);
}

/* Fills that renew an entry nobody asks for, up to the look behind. */
static void begin_bypass(void)
{
	for (int i = 0; i < 2 * LOOK && !h.shared->bypass; i++)
		pass("renewed", 10);
	assert_true(h.shared->bypass != 0);
}

static void a_cache_with_room_is_filled(void **state)
{
	int bypassed = 0;

	(void)state;
	for (int i = 0; i < 4 * LOOK; i++)
		bypassed += pass_number("cold", i, 10);
	assert_int_equal(bypassed, 0);
}

static void renewals_that_nobody_asks_for_begin_it(void **state)
{
	(void)state;
	for (int i = 0; i < LOOK; i++)
		assert_false(pass("renewed", 10));
	begin_bypass();
}

static void evictions_that_nobody_asks_for_begin_it(void **state)
{
	int bypassed = 0;

	(void)state;
	for (int i = 0; i < 40 * LOOK; i++)
		bypassed += pass_number("flood", i, 500);
	assert_true(h.shared->bypass != 0);
	assert_true(bypassed > 20 * LOOK);
}

static void it_does_not_begin_while_items_are_asked_for(void **state)
{
	int bypassed = 0;

	(void)state;
	assert_false(pass("asked", 10));
	for (int i = 0; i < 4 * LOOK; i++) {
		bypassed += pass("renewed", 10);
		if (i % 16 == 0)
			assert_true(harness_is_cached(&h, "asked", &at));
	}
	assert_int_equal(bypassed, 0);
}

/* Keys that differ in their last byte only, and keys behind a long prefix that all have. */
static void one_key_of_eight_fills(void **state)
{
	static const char *const prefix[] = { "k", "a-prefix-of-41-bytes-that-all-keys-have-:" };

	(void)state;
	begin_bypass();
	for (size_t p = 0; p < sizeof(prefix) / sizeof(prefix[0]); p++) {
		int filled = 0;

		for (int i = 0; i < KEYS; i++)
			filled += !pass_number(prefix[p], i, 10);
		expect(filled > KEYS / OF / 2 && filled < KEYS / OF * 2, "%d of %d keys fill",
		       filled, KEYS);
	}
}

static void all_replies_of_a_key_fill_or_none(void **state)
{
	(void)state;
	begin_bypass();
	for (int i = 0; i < KEYS; i++) {
		int first = pass_number("twice", i, 10);

		assert_int_equal(pass_number("twice", i, 10), first);
	}
}

static void each_key_has_its_turn(void **state)
{
	int filled = 0;

	(void)state;
	for (int turn = 0; turn < TURNS; turn++) {
		h.shared->bypass = (__u64)turn << 1 | 1;
		filled += !pass("renewed", 10);
	}
	expect(filled > TURNS / OF / 3 && filled < TURNS / OF * 3, "%d of %d turns", filled, TURNS);
}

static void hits_end_it(void **state)
{
	(void)state;
	assert_false(pass("asked", 10));
	begin_bypass();
	for (int i = 0; i < 4 * OF * LOOK && h.shared->bypass; i++) {
		pass_number("flood", i, 500);
		assert_true(harness_is_cached(&h, "asked", &at));
	}
	assert_int_equal(h.shared->bypass, 0);
}

static int setup(void **state)
{
	(void)state;
	return harness_open_buckets(&h, BUCKETS, BMC_TEST_BYPASS);
}

static int teardown(void **state)
{
	(void)state;
	harness_close(&h);
	return 0;
}

int main(void)
{
#define ALONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ALONE(a_cache_with_room_is_filled),
		ALONE(renewals_that_nobody_asks_for_begin_it),
		ALONE(evictions_that_nobody_asks_for_begin_it),
		ALONE(it_does_not_begin_while_items_are_asked_for),
		ALONE(one_key_of_eight_fills),
		ALONE(all_replies_of_a_key_fill_or_none),
		ALONE(each_key_has_its_turn),
		ALONE(hits_end_it),
	};

	return cmocka_run_group_tests_name("bypass", tests, NULL, NULL);
}
