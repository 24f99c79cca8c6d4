// SPDX-License-Identifier: LGPL-2.1-only
/* bmc_xdp: values come back byte for byte, and only while they are valid. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct harness h;

static const struct row {
	const char *name;
	const char *keys;
} rows[] = {
	{ "1 byte", "abc" },
	{ "0 bytes", "empty" },
	{ "newlines", "lines" },
	{ "all bytes", "nuls" },
	{ "END and VALUE in the data", "end" },
	{ "bytes of 0xff", "ones" },
	{ "largest flags", "flags" },
	{ "100 bytes", "v100" },
	{ "700 bytes", "half" },
	{ "1,000 bytes", "v1000" },
	{ "1,300 bytes", "v1300" },
	{ "reply of exactly 1,392 bytes", "full" },
	{ "even and odd", "k1 k2" },
	{ "odd and even", "k2 k1" },
	{ "odd and odd", "k2 k3" },
	{ "odd, odd, odd", "k2 k3 k2" },
	{ "all small ones", "abc k1 k2 k3 empty lines nuls end v100 flags ones" },
	{ "a large one and small ones", "k1 v1000 k2 empty" },
};

static const struct form {
	const char *name;
	struct pkt pkt;
} forms[] = {
	{ "IPv4", { .family = 4 } },
	{ "IPv6", { .family = 6 } },
	{ "IPv4, VLAN tag", { .tags = 1 } },
	{ "IPv4, options", { .options = (const uint8_t *)"\1\1\1\1", .options_len = 4 } },
	{ "IPv4, padding", { .pad_to = 1000, .pad_byte = 0xff } },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	char text[400], name[100];

	snprintf(text, sizeof(text), "get %s\r\n", row->keys);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct pkt p = forms[i].pkt;

		fixture_fill_for(&h, &p);
		p.text = text;
		p.id = (uint16_t)(i * 0x1234 + 1);
		snprintf(name, sizeof(name), "%s, %s", row->name, forms[i].name);
		fixture_expect(&h, name, &p, HIT, row->keys);
	}
}

/* Every length of a value from 0 on: each offset of END in a word, each parity. */
static void test_every_length(void **state)
{
	static char data[BMC_TEXT_MAX], text[BMC_TEXT_MAX + 8];
	struct pkt at = { .family = 4 };

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + 3);
	for (size_t len = 0; len <= 1360; len += len < 300 ? 1 : 13) {
		char key[16], get[32], name[32];
		struct item item = { .key = key, .flags = "0", .data = data, .len = len };
		size_t text_len;

		snprintf(key, sizeof(key), "L%zu", len);
		snprintf(get, sizeof(get), "get %s\r\n", key);
		snprintf(name, sizeof(name), "%zu bytes", len);
		harness_fill(&h, &item, &at);
		text_len = item_text(&item, text, sizeof(text) - 5);
		memcpy(text + text_len, "END\r\n", 5);
		at.text = get;
		harness_expect_hit(&h, name, &at, text, text_len + 5);
	}
}

static void test_epoch_voids_everything(void **state)
{
	const struct pkt get = { .text = "get abc\r\n" }, other = { .text = "get v1300\r\n" };

	(void)state;
	fixture_expect(&h, "before", &get, HIT, "abc");
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	fixture_expect(&h, "epoch + 1", &get, MISS, "abc");
	fixture_expect(&h, "epoch + 1", &other, MISS, "v1300");
	__atomic_fetch_sub(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	fixture_expect(&h, "epoch as before", &get, HIT, "abc");
}

static void test_epoch_of_another_server(void **state)
{
	const struct pkt get = { .text = "get abc\r\n" };

	(void)state;
	__atomic_fetch_add(&h.shared->server[1].epoch, 1, __ATOMIC_SEQ_CST);
	fixture_expect(&h, "the other's epoch + 1", &get, HIT, "abc");
}

/* A switch-off is a flag, then epoch++; the hit reads the epoch alone. */
static void test_server_off(void **state)
{
	const struct item item = { .key = "off", .flags = "0", .data = "x", .len = 1 };
	const struct pkt get = { .text = "get abc\r\n" };
	struct pkt reply = { .family = 4 };
	struct bmc_totals before, after;
	char text[64];
	struct run run;

	(void)state;
	__atomic_fetch_or(&h.shared->server[0].off, (uint64_t)BMC_OFF_UNSEEN, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	harness_expect_pass(&h, "off", &get);
	reply.text_len = item_text(&item, text, sizeof(text));
	reply.text = text;
	harness_stats(&h, &before);
	harness_reply(&h, &reply, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	assert_int_equal(after.count[BMC_STAT_FILLS], before.count[BMC_STAT_FILLS]);
	assert_int_equal(after.count[BMC_STAT_REFUSED_OFF], before.count[BMC_STAT_REFUSED_OFF] + 1);
	assert_false(harness_is_cached(&h, "off", &get));
	__atomic_fetch_and(&h.shared->server[0].off, ~(uint64_t)BMC_OFF_UNSEEN, __ATOMIC_SEQ_CST);
	harness_fill(&h, &item, &get);
	assert_true(harness_is_cached(&h, "off", &get));
	__atomic_fetch_sub(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
}

/* The second look at seq fails: the request is put back byte for byte, whatever its length and its padding. */
static void test_lost_race(void **state)
{
	static const char *const keys[] = { "abc", "k1 k2 k3", "v1300", "full", "abc v100 abc" };
	struct harness lost;
	char text[64], name[100];

	(void)state;
	assert_int_equal(fixture_open(&lost, HARNESS_FOREVER_NS, BMC_TEST_LOSE_RACE), 0);
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		snprintf(text, sizeof(text), "get %s\r\n", keys[k]);
		for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
			struct pkt p = forms[i].pkt;

			fixture_fill_for(&lost, &p);
			p.text = text;
			snprintf(name, sizeof(name), "lost race: %s, %s", keys[k], forms[i].name);
			fixture_expect(&lost, name, &p, RACE, keys[k]);
		}
	}
	harness_close(&lost);
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

static void test_max_age(void **state)
{
	const struct item item = { .key = "age", .flags = "0", .data = "x", .len = 1 };
	const struct pkt get = { .text = "get age\r\n" };
	struct harness aging;

	(void)state;
	assert_int_equal(harness_open(&aging, 800000000, BMC_TEST_STAMP), 0);
	harness_fill(&aging, &item, &get);
	harness_expect_hit(&aging, "young", &get, "VALUE age 0 1\r\nx\r\nEND\r\n", 23);
	pause_ms(850);
	harness_expect_pass(&aging, "older than max_age", &get);
	harness_fill(&aging, &item, &get);
	harness_expect_hit(&aging, "filled again", &get, "VALUE age 0 1\r\nx\r\nEND\r\n", 23);
	harness_close(&aging);
}

/* Far more items than there is room for: whatever is answered is right, and new ones do get in. */
static void test_eviction(void **state)
{
	enum { N = 120000, LAST = 2000 };
	const struct pkt at = { .family = 4 };
	struct pkt get = { .family = 4 };
	char key[16], data[40], text[100], line[32];
	struct bmc_totals stats;
	struct harness full;
	int hits = 0;

	(void)state;
	assert_int_equal(harness_open_buckets(&full, 1024, 0), 0);
	for (int i = 0; i < N; i++) {
		struct item item = { .key = key, .flags = "0", .data = data };

		snprintf(key, sizeof(key), "e%d", i);
		item.len = (size_t)snprintf(data, sizeof(data), "value of %d", i);
		harness_fill(&full, &item, &at);
	}
	for (int i = N - LAST; i < N; i++) {
		struct item item = { .key = key, .flags = "0", .data = data };
		size_t len;

		snprintf(key, sizeof(key), "e%d", i);
		item.len = (size_t)snprintf(data, sizeof(data), "value of %d", i);
		if (!harness_is_cached(&full, key, &at))
			continue;
		hits++;
		len = item_text(&item, text, sizeof(text) - 5);
		memcpy(text + len, "END\r\n", 5);
		snprintf(line, sizeof(line), "get %s\r\n", key);
		get.text = line;
		harness_expect_hit(&full, key, &get, text, len + 5);
	}
	harness_stats(&full, &stats);
	print_message("%d of the last %d items are there, %llu were evicted\n", hits, LAST,
		      (unsigned long long)stats.count[BMC_STAT_EVICTIONS]);
	assert_in_range(hits, LAST * 9 / 10, LAST);
	assert_true(stats.count[BMC_STAT_EVICTIONS] > 0);
	harness_close(&full);
}

/* Lengths at which a text of several is copied in another way, or fills its steps: at even and odd places. */
static void test_every_length_of_two(void **state)
{
	static char data[400], text[1000];
	const struct pkt get = { .text = "get edge edge\r\n" };

	(void)state;
	for (size_t len = 0; len < sizeof(data); len++) {
		struct item item = { .key = "edge", .flags = "0", .data = data, .len = len };
		size_t n;

		memset(data, (int)('a' + len % 26), len);
		harness_fill(&h, &item, &get);
		n = item_text(&item, text, sizeof(text));
		n += item_text(&item, text + n, sizeof(text) - n);
		memcpy(text + n, "END\r\n", 5);
		harness_expect_hit(&h, "two of a length", &get, text, n + 5);
	}
}

HARNESS_GROUP(h, fixture_open(&h, HARNESS_FOREVER_NS, 0))

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_length_of_two),
		cmocka_unit_test(test_epoch_of_another_server),
		cmocka_unit_test(test_server_off),
		cmocka_unit_test(test_lost_race),
		cmocka_unit_test(test_max_age),
		cmocka_unit_test(test_eviction),
	};
	const struct CMUnitTest epoch[] = { cmocka_unit_test(test_epoch_voids_everything) };
	int failed = RUN_ROWS("xdp: values", rows, test_row, group_setup, group_teardown);

	failed += cmocka_run_group_tests_name("xdp: epochs", epoch, group_setup, group_teardown);
	failed += cmocka_run_group_tests_name("xdp: validity", tests, group_setup, group_teardown);
	return failed ? 1 : 0;
}
