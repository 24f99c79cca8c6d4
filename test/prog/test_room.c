// SPDX-License-Identifier: LGPL-2.1-only
/* Room in a bucket: how much goes in, and who is pushed out for whom. One bucket, so that all keys meet. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#define SLOTS 64
#define BUCKET_BYTES 6272
#define ORIGINAL_SLOT 1320 /* what an item takes in BMC's own layout, NSDI'21 */
#define FLOOD 2000
#define DUEL_MAX 2048 /* of bmc_shared.duel */

static struct harness h;
static const struct pkt at = { .family = 4 };

/* Its reply passes once: it is in the cache, or it was not admitted. */
static void pass_once(const char *key, size_t len)
{
	char text[2048], data[1400];
	struct item item = { .key = key, .flags = "0", .data = data, .len = len };
	struct pkt reply = at;
	struct run run;

	memset(data, key[strlen(key) - 1], sizeof(data));
	reply.text = text;
	reply.text_len = item_text(&item, text, sizeof(text) - 5);
	memcpy(text + reply.text_len, "END\r\n", 5);
	reply.text_len += 5;
	harness_reply(&h, &reply, HARNESS_MARK, &run);
}

static const char *key_of(const char *what, int i)
{
	static char key[32];

	snprintf(key, sizeof(key), "%.4s%012d", what, i);
	return key;
}

static int count_cached(const char *what, int n)
{
	int cached = 0;

	for (int i = 0; i < n; i++)
		cached += harness_is_cached(&h, key_of(what, i), &at);
	return cached;
}

static unsigned long long counted(enum bmc_stat stat)
{
	struct bmc_totals stats;

	harness_stats(&h, &stats);
	return stats.count[stat];
}

/* Keys of 16 bytes, values of 32: ten times as many as in the original's layout, at the least. */
static void small_items_are_packed(void **state)
{
	int cached;

	(void)state;
	for (int i = 0; i < 4 * SLOTS; i++)
		pass_once(key_of("tiny", i), 32);
	cached = count_cached("tiny", 4 * SLOTS);
	print_message("%d items of 16 and 32 bytes in %d bytes\n", cached, BUCKET_BYTES);
	assert_in_range(cached, 10 * BUCKET_BYTES / ORIGINAL_SLOT, SLOTS);
}

static void large_items_fill_the_bucket(void **state)
{
	int cached;

	(void)state;
	for (int i = 0; i < 20; i++)
		pass_once(key_of("big_", i), 1300);
	cached = count_cached("big_", 20);
	assert_int_equal(cached, 4);
}

/* The hot ones were hit in more than one period; a flood of keys that come once leaves them alone. */
static void one_hit_wonders_push_nobody_out(void **state)
{
	unsigned long long cold = counted(BMC_STAT_REFUSED_COLD);
	int hot;

	(void)state;
	for (int i = 0; i < SLOTS; i++)
		pass_once(key_of("hot_", i), 40);
	hot = count_cached("hot_", SLOTS);
	for (int i = 0; i < FLOOD; i++) {
		pass_once(key_of("once", i), 40);
		if (i % 40 == 0)
			assert_in_range(count_cached("hot_", SLOTS), hot - 6, hot);
	}
	assert_in_range(count_cached("hot_", SLOTS), hot - 6, hot);
	assert_true(counted(BMC_STAT_REFUSED_COLD) - cold > FLOOD / 2);
}

/* Nobody asks for the old ones any more: new ones that are asked for again and again take their place. */
static void what_is_asked_for_comes_in(void **state)
{
	(void)state;
	for (int i = 0; i < SLOTS; i++)
		pass_once(key_of("old_", i), 40);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 12; i++) {
			if (!harness_is_cached(&h, key_of("new_", i), &at))
				pass_once(key_of("new_", i), 40);
		}
	}
	assert_int_equal(count_cached("new_", 12), 12);
}

/* The history's bucket has the more misses: who comes is taken in, whatever was asked for before. */
static void a_queue_takes_everybody(void **state)
{
	unsigned long long cold = counted(BMC_STAT_REFUSED_COLD);

	(void)state;
	h.shared->duel = DUEL_MAX;
	for (int i = 0; i < FLOOD; i++) {
		pass_once(key_of("once", i), 400);
		assert_true(harness_is_cached(&h, key_of("once", i), &at));
	}
	assert_int_equal(counted(BMC_STAT_REFUSED_COLD), cold);
	/* the oldest go first */
	for (int i = 0; i < 5; i++) {
		assert_true(harness_is_cached(&h, key_of("once", FLOOD - 1 - i), &at));
		assert_false(harness_is_cached(&h, key_of("once", i), &at));
	}
}

/* How often a new key must be asked for to push out items that were all hit, and then perhaps filled once more. */
static int asks_that_push_out(int refills)
{
	int asks = 0;

	for (int i = 0; i < 12; i++)
		pass_once(key_of("hot_", i), 400);
	assert_int_equal(count_cached("hot_", 12), 12);
	h.shared->server[0].epoch += (unsigned int)refills;
	for (int i = 0; i < 12 * refills; i++)
		pass_once(key_of("hot_", i), 400);
	while (asks < 20 && !harness_is_cached(&h, key_of("new_", 0), &at)) {
		pass_once(key_of("new_", 0), 400);
		asks++;
	}
	return asks;
}

/* What is filled again, after a write or when its time was over, is as hot as it was. */
static void a_refill_keeps_its_history(void **state)
{
	int once = asks_that_push_out(0);

	(void)state;
	harness_close(&h);
	assert_int_equal(harness_open_buckets(&h, 1, 0), 0);
	assert_in_range(once, 2, 19);
	assert_int_equal(asks_that_push_out(1), once);
}

static int setup(void **state)
{
	(void)state;
	return harness_open_buckets(&h, 1, 0);
}

static int teardown(void **state)
{
	(void)state;
	harness_close(&h);
	return 0;
}

#define ROOM_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROOM_TEST(small_items_are_packed),	    ROOM_TEST(large_items_fill_the_bucket),
		ROOM_TEST(one_hit_wonders_push_nobody_out), ROOM_TEST(what_is_asked_for_comes_in),
		ROOM_TEST(a_queue_takes_everybody),	    ROOM_TEST(a_refill_keeps_its_history),
	};

	return cmocka_run_group_tests_name("room in a bucket", tests, NULL, NULL);
}
