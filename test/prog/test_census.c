// SPDX-License-Identifier: LGPL-2.1-only
/* What `bmcctl stats` finds in the buckets, and the counters of who came in and who went, against what was done. */
#include "census.h"
#include "harness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bmc.skel.h"

#define BUCKETS 3

static struct harness h;
static const struct pkt at = { .family = 4 };

static __u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (__u64)t.tv_sec * 1000000000ULL + (__u64)t.tv_nsec;
}

static struct bmc_census census_at(__u64 now)
{
	struct bmc_census c;

	assert_int_equal(bmc_census_buckets(bpf_map__fd(h.skel->maps.bmc_buckets), BUCKETS,
					    h.shared, now, &c),
			 0);
	assert_int_equal(c.buckets, BUCKETS);
	assert_int_equal(c.looked, BUCKETS);
	return c;
}

static void expect_census(__u64 items, __u64 bytes, __u64 voided)
{
	struct bmc_census c = census_at(now_ns());

	assert_int_equal(c.items, items);
	assert_int_equal(c.bytes, bytes);
	assert_int_equal(c.voided, voided);
}

/* Its reply passes once. */
static void pass(const char *key, size_t len)
{
	char text[2048], data[1400];
	struct item item = { .key = key, .flags = "65535", .data = data, .len = len };
	struct pkt reply = at;
	struct run run;

	memset(data, '\n', sizeof(data));
	reply.text = text;
	reply.text_len = item_text(&item, text, sizeof(text) - 5);
	memcpy(text + reply.text_len, "END\r\n", 5);
	reply.text_len += 5;
	harness_reply(&h, &reply, HARNESS_MARK, &run);
}

static __u64 counted(enum bmc_stat stat)
{
	struct bmc_totals stats;

	harness_stats(&h, &stats);
	return stats.count[stat];
}

static void items_and_bytes_are_those_filled(void **state)
{
	(void)state;
	expect_census(0, 0, 0);
	pass("a", 0);
	expect_census(1, 1, 0);
	pass("key-of-16-bytes-", 32);
	pass("large", 1300);
	expect_census(3, 1 + 48 + 1305, 0);
	/* the same item with another value */
	pass("large", 7);
	expect_census(3, 1 + 48 + 12, 0);
}

static void flushed_items_are_void(void **state)
{
	(void)state;
	pass("a", 10);
	pass("b", 20);
	h.shared->server[0].epoch++;
	expect_census(0, 0, 2);
	pass("a", 10);
	expect_census(1, 11, 1);
}

static void items_past_their_time_are_void(void **state)
{
	struct bmc_census c;

	(void)state;
	pass("a", 10);
	c = census_at(now_ns() + 2 * HARNESS_FOREVER_NS);
	assert_int_equal(c.items, 0);
	assert_int_equal(c.voided, 1);
}

/* Who came is there, or made room for another one, or was not let in. */
static void evictions_and_refusals_add_up(void **state)
{
	char key[32];
	__u64 fills;

	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(key, sizeof(key), "key%d", i % 50);
		if (!harness_is_cached(&h, key, &at))
			pass(key, 900);
	}
	fills = counted(BMC_STAT_FILLS);
	assert_true(counted(BMC_STAT_EVICTIONS) > 0);
	assert_true(counted(BMC_STAT_REFUSED_COLD) > 0);
	assert_int_equal(census_at(now_ns()).items, fills - counted(BMC_STAT_EVICTIONS));
	assert_int_equal(fills + counted(BMC_STAT_REFUSED_COLD), counted(BMC_STAT_MISSES));
}

/* Bytes that no fill has written are no items, whatever they say. */
static void nonsense_is_not_counted(void **state)
{
	int fd = bpf_map__fd(h.skel->maps.bmc_buckets);
	static unsigned char bytes[16384];
	__u32 size = bpf_map__value_size(h.skel->maps.bmc_buckets), index = 0;

	(void)state;
	assert_true(size <= sizeof(bytes));
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(bpf_map_update_elem(fd, &index, bytes, BPF_ANY), 0);
	expect_census(0, 0, 0);
}

static int setup(void **state)
{
	(void)state;
	return harness_open_buckets(&h, BUCKETS, 0);
}

static int teardown(void **state)
{
	(void)state;
	harness_close(&h);
	return 0;
}

#define CENSUS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CENSUS_TEST(items_and_bytes_are_those_filled),
		CENSUS_TEST(flushed_items_are_void),
		CENSUS_TEST(items_past_their_time_are_void),
		CENSUS_TEST(evictions_and_refusals_add_up),
		CENSUS_TEST(nonsense_is_not_counted),
	};

	return cmocka_run_group_tests_name("what the cache holds", tests, NULL, NULL);
}
