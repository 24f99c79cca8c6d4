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
#define KEYS_OF_GET 8
#define VERDICT_XDP_TX 3

static struct harness h;
static const struct pkt at = { .family = 4 };

/* A reply passes once; `end`: what is behind its item. Whether it was left out. */
static int pass_before(const char *key, size_t len, const char *end)
{
	char text[2048], data[1400];
	struct item item = { .key = key, .flags = "0", .data = data, .len = len };
	struct bmc_totals before, after;
	struct pkt reply = at;
	struct run run;

	memset(data, 'v', sizeof(data));
	reply.text = text;
	reply.text_len = item_text(&item, text, sizeof(text) - 5);
	memcpy(text + reply.text_len, end, strlen(end));
	reply.text_len += strlen(end);
	harness_stats(&h, &before);
	harness_reply(&h, &reply, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	return after.count[BMC_STAT_STAMP_BYPASSED] != before.count[BMC_STAT_STAMP_BYPASSED];
}

static int pass(const char *key, size_t len)
{
	return pass_before(key, len, "END\r\n");
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

/* Clients ask for some keys over and over, memcached answers what is not cached. Until it is over, or so many rounds. */
static void ask_over_and_over(int n_keys, int rounds)
{
	for (int round = 0; round < rounds && h.shared->bypass; round++) {
		for (int i = 0; i < n_keys; i++) {
			char key[64];

			snprintf(key, sizeof(key), "hot-%06d", i);
			if (!harness_is_cached(&h, key, &at))
				pass(key, 10);
		}
	}
	assert_int_equal(h.shared->bypass, 0);
}

/* Nothing has to be renewed: those that are left out have to end it. */
static void keys_that_are_only_read_end_it(void **state)
{
	(void)state;
	begin_bypass();
	ask_over_and_over(200, 40);
}

static void get_of(const char *prefix, int n, char *ret, size_t size)
{
	size_t len = (size_t)snprintf(ret, size, "get");

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(ret + len, size - len, " %s-%06d", prefix, i);
	snprintf(ret + len, size - len, "\r\n");
}

/* A get of many keys is served if all are there: seven of eight that are left out would be all of them. */
static void gets_of_many_keys_end_it(void **state)
{
	int bypassed = 0;

	(void)state;
	begin_bypass();
	for (int round = 0; round < 20 * LOOK && h.shared->bypass; round++) {
		char prefix[16], line[400];
		struct pkt get = { .family = 4, .text = line };
		struct frame frame;
		struct run run;

		snprintf(prefix, sizeof(prefix), "many%d", round % 40);
		get_of(prefix, KEYS_OF_GET, line, sizeof(line));
		pkt_build(&get, &frame);
		harness_xdp(&h, &frame, &run);
		if (run.verdict == VERDICT_XDP_TX)
			continue;
		for (int i = 0; i < KEYS_OF_GET; i++) {
			char key[64];
			const char *end = i == KEYS_OF_GET - 1 ? "END\r\n" : "";
			int left;

			snprintf(key, sizeof(key), "%s-%06d", prefix, i);
			left = pass_before(key, 10, end);
			assert_false(left && !*end);
			bypassed += left;
		}
	}
	assert_true(bypassed > 0);
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
		ALONE(keys_that_are_only_read_end_it),
		ALONE(gets_of_many_keys_end_it),
	};

	return cmocka_run_group_tests_name("bypass", tests, NULL, NULL);
}
