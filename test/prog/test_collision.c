// SPDX-License-Identifier: LGPL-2.1-only
/* Keys that meet: in one bucket, under one tag. An answer is the key's own, or there is none. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "mc_hash.h"

#define MET_MAX 8
#define MET_BITS                                                                                   \
	0x3ffffU /* of the hash: tag and group of slots, all that a bucket compares beside the key */

static struct harness h;
static char keys[MET_MAX][16]; /* all of one tag */

static uint32_t tag_of(const char *key)
{
	const uint64_t words[2] = HARNESS_SEED;
	const struct mc_seed seed = { words[0], words[1] };
	static struct bmc_window win;
	struct mc_key found;

	snprintf((char *)win.bytes, 64, "%s ", key);
	return mc_key_scan(&win, 0, &seed, &found) ? 0 : (uint32_t)found.hash & MET_BITS;
}

/* Keys of one tag; all the others begin with the first one. */
static int find_keys(void)
{
	uint32_t tag;
	int n = 1;

	snprintf(keys[0], sizeof(keys[0]), "p");
	tag = tag_of(keys[0]);
	for (unsigned int i = 0; n < MET_MAX && i < MET_BITS * MET_MAX * 4; i++) {
		snprintf(keys[n], sizeof(keys[n]), "p%07u", i);
		if (tag_of(keys[n]) == tag)
			n++;
	}
	return n == MET_MAX ? 0 : -1;
}

static void fill(const char *key)
{
	const struct item item = { .key = key, .flags = "0", .data = key, .len = strlen(key) };
	const struct pkt at = { .family = 4 };

	harness_fill(&h, &item, &at);
}

/* 1: answered, with its own value; 0: passed. */
static int ask(const char *key)
{
	const struct item item = { .key = key, .flags = "0", .data = key, .len = strlen(key) };
	char line[32], text[64];
	struct pkt get = { .text = line };
	size_t len = item_text(&item, text, sizeof(text) - 5);

	snprintf(line, sizeof(line), "get %s\r\n", key);
	if (!harness_is_cached(&h, key, &get)) {
		harness_expect_pass(&h, key, &get);
		return 0;
	}
	memcpy(text + len, "END\r\n", 5);
	harness_expect_hit(&h, key, &get, text, len + 5);
	return 1;
}

static void forget(void)
{
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
}

static void test_prefix_key_with_equal_hash(void **state)
{
	(void)state;
	forget();
	fill(keys[1]);
	assert_int_equal(ask(keys[0]), 0);
	assert_int_equal(ask(keys[1]), 1);
	forget();
	fill(keys[0]);
	assert_int_equal(ask(keys[1]), 0);
	assert_int_equal(ask(keys[0]), 1);
}

/*
 * The bug: what is behind a key's whole words was compared with its first bytes, so that "userdatauser" was answered with
 * the item of any "userdata" and four more, of its bucket and tag.
 */
static void test_key_that_ends_as_it_begins(void **state)
{
	static const char asked[] = "userdatauser";
	uint32_t tag = tag_of(asked);
	char key[16];
	int n = 0;

	(void)state;
	for (unsigned int i = 0; n < 3 && i < 1U << 24; i++) {
		snprintf(key, sizeof(key), "userdata%c%c%c%c", (int)('0' + i % 64),
			 (int)('0' + i / 64 % 64), (int)('0' + i / 4096 % 64),
			 (int)('0' + i / 262144 % 64));
		if (tag_of(key) != tag || !strcmp(key, asked))
			continue;
		forget();
		fill(key);
		assert_int_equal(ask(asked), 0);
		assert_int_equal(ask(key), 1);
		n++;
	}
	assert_int_equal(n, 3);
}

static void test_keys_of_one_length_with_equal_hash(void **state)
{
	(void)state;
	for (int i = 1; i < MET_MAX; i++) {
		forget();
		fill(keys[i]);
		for (int k = 0; k < MET_MAX; k++)
			expect(ask(keys[k]) == (k == i), "filled '%s', asked '%s'", keys[i],
			       keys[k]);
	}
}

/* One after the other: the last one is always there. */
static void test_many_keys_with_equal_hash(void **state)
{
	int answered = 0;

	(void)state;
	forget();
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MET_MAX; i++) {
			fill(keys[i]);
			expect(ask(keys[i]), "'%s' is not there", keys[i]);
			for (int k = 0; k < MET_MAX; k++)
				answered += ask(keys[k]);
		}
	}
	print_message("%d of %d answered\n", answered, 3 * MET_MAX * MET_MAX);
}

/* Far more keys than the one bucket has room for, of every size: whatever is answered is right. */
static void test_one_bucket(void **state)
{
	char key[16];
	int answered = 0;

	(void)state;
	forget();
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "b%d", i);
		fill(key);
		expect(ask(key), "'%s' is not there", key);
		for (int k = i > 40 ? i - 40 : 0; k < i; k++) {
			snprintf(key, sizeof(key), "b%d", k);
			answered += ask(key);
		}
	}
	print_message("%d older ones answered\n", answered);
	assert_true(answered > 2000);
}

HARNESS_GROUP(h, find_keys() || harness_open_buckets(&h, 1, 0) ? -1 : 0)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_key_with_equal_hash),
		cmocka_unit_test(test_key_that_ends_as_it_begins),
		cmocka_unit_test(test_keys_of_one_length_with_equal_hash),
		cmocka_unit_test(test_many_keys_with_equal_hash),
		cmocka_unit_test(test_one_bucket),
	};

	return cmocka_run_group_tests_name("keys that meet", tests, group_setup, group_teardown) ?
		       1 :
		       0;
}
