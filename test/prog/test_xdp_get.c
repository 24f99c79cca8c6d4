// SPDX-License-Identifier: LGPL-2.1-only
/* bmc_xdp: what a get may look like, and what is not one. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

static struct harness h;

#define LEN(s) .text = (s), .text_len = sizeof(s) - 1
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50
#define SPACES40 "                                        "

static const struct row {
	const char *name;
	struct pkt pkt;
	enum outcome outcome;
	const char *keys;
} rows[] = {
	{ "get, key cached", { LEN("get abc\r\n") }, HIT, "abc" },
	{ "get, key not cached", { LEN("get abd\r\n") }, MISS, "abd" },
	{ "get, prefix of a cached key", { LEN("get ab\r\n") }, MISS, "ab" },
	{ "get, cached key is a prefix", { LEN("get abcd\r\n") }, MISS, "abcd" },
	{ "get, other case", { LEN("get ABC\r\n") }, MISS, "ABC" },
	{ "get, longest key not cached", { LEN("get " A250 "\r\n") }, MISS, A250 },
	{ "get, longest key + 1", { LEN("get " A250 "a\r\n") }, FORM, NULL },
	{ "get, key of 300", { LEN("get " A250 A50 "\r\n") }, FORM, NULL },
	{ "get, cached key and longest key + 1", { LEN("get abc " A250 "a\r\n") }, FORM, NULL },
	{ "get, key of high bytes",
	  { LEN("get \xff\x80\x7f\xa0!\r\n") },
	  HIT,
	  "\xff\x80\x7f\xa0!" },
	{ "get, request id is given back", { LEN("get abc\r\n"), .id = 0xbeef }, HIT, "abc" },
	/* several keys */
	{ "multi-get, two keys", { LEN("get abc k1\r\n") }, HIT, "abc k1" },
	{ "multi-get, order of the request", { LEN("get k3 abc k2\r\n") }, HIT, "k3 abc k2" },
	{ "multi-get, odd lengths",
	  { LEN("get k1 k2 k3 abc empty flags\r\n") },
	  HIT,
	  "k1 k2 k3 abc empty flags" },
	{ "multi-get, odd lengths first", { LEN("get k2 k1\r\n") }, HIT, "k2 k1" },
	{ "multi-get, the same key twice", { LEN("get abc abc\r\n") }, HIT, "abc abc" },
	{ "multi-get, the same key apart", { LEN("get k2 abc k2\r\n") }, HIT, "k2 abc k2" },
	{ "multi-get, the first misses", { LEN("get no abc\r\n") }, PASSED, NULL },
	{ "multi-get, the last misses", { LEN("get abc no\r\n") }, MISS, "abc no" },
	{ "multi-get, the middle misses", { LEN("get abc no k1\r\n") }, PASSED, NULL },
	{ "multi-get, text of 1,400 and more", { LEN("get half half\r\n") }, LARGE, "half half" },
	{ "multi-get, one byte too many", { LEN("get full empty\r\n") }, LARGE, "full empty" },
	/* spaces and ends of line */
	{ "get, space before the command", { LEN(" get abc\r\n") }, FORM, NULL },
	{ "get, spaces before the command", { LEN("     get abc\r\n") }, FORM, NULL },
	{ "get, two spaces before the key", { LEN("get  abc\r\n") }, HIT, "abc" },
	{ "get, many spaces",
	  { LEN("get" SPACES40 "abc" SPACES40 "k1" SPACES40 "\r\n") },
	  HIT,
	  "abc k1" },
	{ "get, space before the end", { LEN("get abc \r\n") }, HIT, "abc" },
	{ "get, spaces before the end", { LEN("get abc    \r\n") }, HIT, "abc" },
	{ "get, newline alone", { LEN("get abc\n") }, HIT, "abc" },
	{ "get, space and newline alone", { LEN("get abc \n") }, HIT, "abc" },
	{ "get, two carriage returns", { LEN("get abc\r\r\n") }, FORM, NULL },
	{ "get, carriage return alone", { LEN("get abc\r") }, FORM, NULL },
	{ "get, carriage return in the line", { LEN("get abc\rk1\r\n") }, FORM, NULL },
	{ "get, newline and carriage return", { LEN("get abc\n\r") }, FORM, NULL },
	{ "get, no end of line", { LEN("get abc") }, FORM, NULL },
	{ "get, space and no end of line", { LEN("get abc ") }, FORM, NULL },
	/* not one plain get */
	{ "get, no key", { LEN("get\r\n") }, FORM, NULL },
	{ "get, space and no key", { LEN("get \r\n") }, FORM, NULL },
	{ "get, spaces and no key", { LEN("get      \r\n") }, FORM, NULL },
	{ "gets", { LEN("gets abc\r\n") }, FORM, NULL },
	{ "gat", { LEN("gat 0 abc\r\n") }, FORM, NULL },
	{ "gats", { LEN("gats 0 abc\r\n") }, FORM, NULL },
	{ "geta", { LEN("geta abc\r\n") }, FORM, NULL },
	{ "GET", { LEN("GET abc\r\n") }, FORM, NULL },
	{ "set", { LEN("set abc 0 0 1\r\ny\r\n") }, FORM, NULL },
	{ "delete", { LEN("delete abc\r\n") }, FORM, NULL },
	{ "flush_all", { LEN("flush_all\r\n") }, FORM, NULL },
	{ "mg", { LEN("mg abc v\r\n") }, FORM, NULL },
	{ "stats", { LEN("stats\r\n") }, FORM, NULL },
	{ "binary get",
	  { LEN("\x80\0\0\3\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0abc") },
	  FORM,
	  NULL },
	{ "get, tab for space", { LEN("get\tabc\r\n") }, FORM, NULL },
	{ "get, tab behind the key", { LEN("get abc\tk1\r\n") }, FORM, NULL },
	{ "get, control character in the key", { LEN("get ab\1c\r\n") }, FORM, NULL },
	{ "get, NUL in the key", { LEN("get abc\0d\r\n") }, FORM, NULL },
	{ "get, NUL behind the command", { LEN("get\0abc\r\n") }, FORM, NULL },
	{ "get, NUL before the end", { LEN("get abc\0\r\n") }, FORM, NULL },
	{ "get, byte behind the line", { LEN("get abc\r\nx") }, FORM, NULL },
	{ "get, NUL behind the line", { LEN("get abc\r\n\0") }, FORM, NULL },
	{ "get, empty line behind the line", { LEN("get abc\r\n\r\n") }, FORM, NULL },
	{ "two gets in one datagram", { LEN("get abc\r\nget k1\r\n") }, FORM, NULL },
	{ "get and set in one datagram", { LEN("get abc\r\nset abc 0 0 1\r\ny\r\n") }, FORM, NULL },
	{ "get behind an empty line", { LEN("\r\nget abc\r\n") }, FORM, NULL },
	/* memcached's frame */
	{ "frame, total 2", { LEN("get abc\r\n"), .total = 2 }, FORM, NULL },
	{ "frame, total 0", { LEN("get abc\r\n"), .total = -1 }, FORM, NULL },
	{ "frame, total 256", { LEN("get abc\r\n"), .total = 256 }, FORM, NULL },
	{ "frame, sequence is ignored", { LEN("get abc\r\n"), .seq = 5 }, HIT, "abc" },
	{ "frame, reserved is ignored", { LEN("get abc\r\n"), .reserved = 0x7777 }, HIT, "abc" },
	{ "frame alone", { .text = "" }, FORM, NULL },
	{ "no frame", { LEN("get abc\r\n"), .no_frame = 1 }, FORM, NULL },
	{ "empty datagram", { .text = "", .no_frame = 1 }, FORM, NULL },
};

static void test_row(void **state)
{
	const struct row *row = *state;

	fixture_fill_for(&h, &row->pkt);
	fixture_expect(&h, row->name, &row->pkt, row->outcome, row->keys);
}

/*
 * The bug: an entry of another address that was passed over for one that is served was the reason of a later key's miss,
 * which is not there at all.
 */
static void test_reason_of_a_later_miss(void **state)
{
	static const struct pkt other = { .server = "10.0.0.3" }, ours = { .family = 4 };
	const struct pkt get = { .text = "get abc no\r\n" };
	struct bmc_totals before, after;

	(void)state;
	harness_forget(&h);
	harness_fill(&h, &items[ITEM_ABC], &other);
	harness_fill(&h, &items[ITEM_ABC], &ours);
	harness_stats(&h, &before);
	harness_expect_pass(&h, "the second is missing", &get);
	harness_stats(&h, &after);
	assert_int_equal(after.count[BMC_STAT_MISSES] - before.count[BMC_STAT_MISSES], 1);
	assert_int_equal(after.count[BMC_STAT_MISS_ADDRESS], before.count[BMC_STAT_MISS_ADDRESS]);
}

/* Every length to which the datagram, its headers being right, can be cut. */
static void test_truncated_text(void **state)
{
	static const char *const texts[] = { "get abc\r\n", "get k1  k2 \r\n" };

	(void)state;
	fixture_fill(&h, 4);
	for (size_t i = 0; i < 2; i++) {
		for (size_t len = 0; len < strlen(texts[i]); len++) {
			struct pkt p = { .text = texts[i], .text_len = len };
			char name[40];

			if (!len)
				p.text = "";
			snprintf(name, sizeof(name), "text %zu cut to %zu", i, len);
			fixture_expect(&h, name, &p, FORM, NULL);
		}
	}
}

/* Every length to which the frame can be cut, its headers being those of the whole. */
static void test_truncated_frame(void **state)
{
	static const struct pkt whole[] = {
		{ LEN("get abc\r\n"), .pad_to = 14 },
		{ LEN("get abc\r\n"), .pad_to = 14, .family = 6 },
		{ LEN("get abc\r\n"), .pad_to = 14, .tags = 2 },
	};
	struct frame f;
	struct run run;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		fixture_fill(&h, whole[i].family);
		pkt_build(&whole[i], &f);
		for (uint32_t len = f.len - 1; len >= 14; len--) {
			f.len = len;
			harness_xdp(&h, &f, &run);
			expect(run.verdict == 2, "packet %zu cut to %u: verdict %u", i, len,
			       run.verdict);
			expect(run.out.len == len && !memcmp(run.out.data, f.data, len),
			       "packet %zu cut to %u: the packet was changed", i, len);
		}
	}
}

/* The same, with the padding of a short frame behind it: full of bytes that would complete the line. */
static void test_truncated_text_in_padding(void **state)
{
	static const uint8_t pads[] = { '\n', '\r', ' ', 'c', 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof(pads); i++) {
		for (size_t len = 1; len < 9; len++) {
			struct pkt p = { .text = "get abc\r\n",
					 .text_len = len,
					 .pad_byte = pads[i],
					 .pad_to = 100 };
			char name[60];

			snprintf(name, sizeof(name), "cut to %zu, padded with 0x%02x", len,
				 pads[i]);
			fixture_expect(&h, name, &p, FORM, NULL);
		}
	}
}

static void expect_n_keys(size_t n, enum outcome outcome)
{
	char text[4 + 65 * 4 + 3] = "get", keys[65 * 4 + 1] = "", name[20];
	struct pkt p = { .text = text };

	for (size_t i = 0; i < n; i++) {
		strcat(text, " abc");
		strcat(keys, i ? " abc" : "abc");
	}
	strcat(text, "\r\n");
	snprintf(name, sizeof(name), "%zu keys", n);
	fixture_expect(&h, name, &p, outcome, keys);
}

static void test_63_and_64_keys(void **state)
{
	(void)state;
	expect_n_keys(63, HIT);
	expect_n_keys(64, HIT);
}

static void test_65_keys(void **state)
{
	(void)state;
	expect_n_keys(65, FORM);
}

static void test_longest_key(void **state)
{
	char text[600];
	struct pkt p = { .text = text };

	(void)state;
	snprintf(text, sizeof(text), "get %s\r\n", long_key);
	fixture_expect(&h, "longest key", &p, HIT, long_key);
	snprintf(text, sizeof(text), "get abc %s k1\r\n", long_key);
	snprintf(text + 300, 300, "abc %s k1", long_key);
	fixture_expect(&h, "longest key among others", &p, HIT, text + 300);
	snprintf(text, sizeof(text), "get %.249s\r\n", long_key);
	fixture_expect(&h, "longest key less one", &p, MISS, "x");
	snprintf(text, sizeof(text), "get %s!\r\n", long_key);
	fixture_expect(&h, "longest key and one more", &p, FORM, NULL);
}

HARNESS_GROUP(h, fixture_open(&h, HARNESS_FOREVER_NS, 0))

/* The second group goes on with the first one's programs: a load is dear where the machine is emulated. */
static int next_group(void **state)
{
	(void)state;
	fixture_fill(&h, 4);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reason_of_a_later_miss),
		cmocka_unit_test(test_truncated_text),
		cmocka_unit_test(test_truncated_frame),
		cmocka_unit_test(test_truncated_text_in_padding),
		cmocka_unit_test(test_63_and_64_keys),
		cmocka_unit_test(test_65_keys),
		cmocka_unit_test(test_longest_key),
	};
	int failed = RUN_ROWS("xdp: forms of a get", rows, test_row, group_setup, NULL);

	failed += cmocka_run_group_tests_name("xdp: cut and long gets", tests, next_group,
					      group_teardown);
	return failed ? 1 : 0;
}
