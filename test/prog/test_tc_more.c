// SPDX-License-Identifier: LGPL-2.1-only
/* bmc_tc_egress: cut replies, marks, addresses, holds and stamps. */
#include "harness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "bmc.skel.h"
#include "bmc_bucket.h"

static struct harness h;

#define LEN(s) .text = (s), .text_len = sizeof(s) - 1
#define VALID LEN("VALUE k 0 5\r\nabcde\r\nEND\r\n")

/* Every length to which a right reply can be cut, headers being right: only two of them are whole. */
static void test_truncated(void **state)
{
	static const char text[] = "VALUE k 0 5\r\nabcde\r\nEND\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct pkt p = { .text = len ? text : "", .text_len = len };
		struct run run;

		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_reply(&h, &p, HARNESS_MARK, &run);
		expect(harness_is_cached(&h, "k", &p) == (len == 20), "cut to %zu bytes", len);
	}
}

static void test_truncated_frame(void **state)
{
	const struct pkt whole = { VALID, .from_server = 1, .pad_to = 14 };
	struct frame f;
	struct run run;

	(void)state;
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	pkt_build(&whole, &f);
	for (f.len--; f.len >= 34; f.len--) {
		harness_tc(&h, &f, HARNESS_MARK, &run);
		expect(run.mark == 0, "%u bytes: the mark is %08x", f.len, run.mark);
		expect(!harness_is_cached(&h, "k", &whole), "%u bytes filled", f.len);
	}
}

static void test_marks(void **state)
{
	static const uint32_t others[] = { 0,	       1,	   0x00ffffff, 0x01000000,
					   0xb4ffffff, 0xb6000000, 0xff123456 };
	static const uint32_t ours[] = { HARNESS_TAG << 24, HARNESS_MARK,
					 HARNESS_TAG << 24 | 0xffffff };
	const struct pkt p = { VALID };
	struct bmc_totals before, after;
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_stats(&h, &before);
		harness_reply(&h, &p, others[i], &run);
		harness_stats(&h, &after);
		expect(run.mark == others[i], "mark %08x became %08x", others[i], run.mark);
		expect(!harness_is_cached(&h, "k", &p), "mark %08x filled", others[i]);
		expect(!memcmp(&before, &after, sizeof(before)), "mark %08x was counted",
		       others[i]);
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_reply(&h, &p, ours[i], &run);
		expect(run.mark == 0, "mark %08x became %08x", ours[i], run.mark);
		expect(harness_is_cached(&h, "k", &p), "mark %08x did not fill", ours[i]);
	}
}

/* Other traffic with our mark: the mark goes, nothing else happens. */
static void test_requests_do_not_fill(void **state)
{
	const struct pkt p = { .text = "get k\r\n" };
	struct frame f;
	struct run run;

	(void)state;
	pkt_build(&p, &f);
	harness_tc(&h, &f, HARNESS_MARK, &run);
	assert_int_equal(run.mark, 0);
}

static void test_largest(void **state)
{
	static char data[2000], text[2100];
	/* "VALUE k 0 1369\r\n": 16; "\r\n": 2; "END\r\n": 5 */
	static const size_t right = BMC_TEXT_MAX - 23;

	(void)state;
	memset(data, 'd', sizeof(data));
	for (size_t len = right - 2; len <= right + 6; len++) {
		struct item item = { .key = "k", .flags = "0", .data = data, .len = len };
		struct pkt p = { .text = text };
		size_t text_len = item_text(&item, text, sizeof(text) - 5);
		struct run run;

		memcpy(text + text_len, "END\r\n", 5);
		p.text_len = text_len + 5;
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_reply(&h, &p, HARNESS_MARK, &run);
		expect(harness_is_cached(&h, "k", &p) == (len <= right),
		       "value of %zu bytes, text of %zu", len, p.text_len);
		/* without END it is a datagram that memcached sends, but its get has no reply of one datagram */
		p.text_len = text_len;
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_reply(&h, &p, HARNESS_MARK, &run);
		expect(harness_is_cached(&h, "k", &p) == (len <= right),
		       "value of %zu bytes without END", len);
	}
}

static void test_two_servers(void **state)
{
	struct pkt first = { VALID }, other = { LEN("VALUE k 0 3\r\nfoo\r\nEND\r\n"),
						.server_port = HARNESS_OTHER_PORT };
	struct pkt get = { .text = "get k\r\n" },
		   get_other = { .text = "get k\r\n", .server_port = HARNESS_OTHER_PORT };
	struct run run;

	(void)state;
	for (int i = 0; i < 2; i++)
		__atomic_fetch_add(&h.shared->server[i].epoch, 1, __ATOMIC_SEQ_CST);
	harness_reply(&h, &first, HARNESS_MARK, &run);
	harness_expect_hit(&h, "first", &get, first.text, first.text_len);
	harness_expect_pass(&h, "other", &get_other);
	harness_reply(&h, &other, HARNESS_MARK, &run);
	harness_expect_hit(&h, "other", &get_other, other.text, other.text_len);
}

/* An address's item is never another's, and IPv4's 10.0.0.2 is not IPv6's ::10.0.0.2. */
static void test_addresses(void **state)
{
	struct pkt other = { .text = "get k\r\n", .family = 6, .server = "::10.0.0.2" };
	struct pkt third = { .text = "get k\r\n", .server = "10.0.0.3" };
	const struct pkt p = { VALID };
	struct run run;

	(void)state;
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	harness_reply(&h, &p, HARNESS_MARK, &run);
	assert_true(harness_is_cached(&h, "k", &p));
	harness_expect_pass(&h, "IPv6", &other);
	harness_expect_pass(&h, "another address", &third);
}

/* One key at several addresses and servers: several items, none of which pushes the others out. */
static void test_addresses_side_by_side(void **state)
{
	static const struct pkt from[] = {
		{ LEN("VALUE k 0 1\r\na\r\nEND\r\n") },
		{ LEN("VALUE k 0 1\r\nb\r\nEND\r\n"), .family = 6 },
		{ LEN("VALUE k 0 1\r\nc\r\nEND\r\n"), .server_port = HARNESS_OTHER_PORT },
		{ LEN("VALUE k 0 1\r\nd\r\nEND\r\n"), .server = "10.0.0.3" },
	};
	struct run run;

	(void)state;
	for (int i = 0; i < 2; i++)
		__atomic_fetch_add(&h.shared->server[i].epoch, 1, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < 4; i++)
		harness_reply(&h, &from[i], HARNESS_MARK, &run);
	for (size_t i = 0; i < 4; i++) {
		struct pkt get = from[i];

		get.text = "get k\r\n";
		get.text_len = 0;
		harness_expect_hit(&h, "side by side", &get, from[i].text, from[i].text_len);
	}
}

static size_t count_entries(void)
{
	static struct bmc_bucket b;
	size_t n = 0;

	for (__u32 i = 0; i < HARNESS_BUCKETS; i++) {
		assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(h.skel->maps.bmc_buckets), &i, &b),
				 0);
		n += (size_t)__builtin_popcountll(b.valid);
	}
	return n;
}

/*
 * The bug: a look-up tries four entries of a key, but a fill from a fifth address added one each time, until all slots of
 * the key's group were taken by what nobody could find.
 */
static void test_more_addresses_than_are_tried(void **state)
{
	static const struct pkt from[] = {
		{ VALID },
		{ VALID, .family = 6 },
		{ VALID, .server_port = HARNESS_OTHER_PORT },
		{ VALID, .server = "10.0.0.3" },
		{ VALID, .server = "10.0.0.4" },
		{ VALID, .server = "10.0.0.5", .server_port = HARNESS_OTHER_PORT },
	};
	struct run run;

	(void)state;
	harness_forget(&h);
	for (int i = 0; i < 60; i++) {
		struct pkt get = from[i % 6];

		harness_reply(&h, &from[i % 6], HARNESS_MARK, &run);
		get.text = "get k\r\n";
		get.text_len = 0;
		harness_expect_hit(&h, "the last one", &get, from[0].text, from[0].text_len);
		assert_in_range(count_entries(), 1, 4);
	}
}

static void test_holds_and_stamps(void **state)
{
	struct bmc_server *s = &h.shared->server[0];
	const struct pkt p = { VALID };
	struct bmc_totals before, after;
	__u64 *const words[] = { &s->t_quiet, &s->no_fill_until };
	struct run run;

	(void)state;
	__atomic_fetch_add(&s->epoch, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&s->word, 1, __ATOMIC_SEQ_CST);
	harness_stats(&h, &before);
	harness_reply(&h, &p, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	assert_false(harness_is_cached(&h, "k", &p));
	assert_int_equal(after.count[BMC_STAT_REFUSED_HELD],
			 before.count[BMC_STAT_REFUSED_HELD] + 1);
	__atomic_fetch_sub(&s->word, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++) {
		*words[i] = ~0ULL >> 1;
		harness_stats(&h, &before);
		harness_reply(&h, &p, HARNESS_MARK, &run);
		harness_stats(&h, &after);
		*words[i] = 0;
		assert_false(harness_is_cached(&h, "k", &p));
		assert_int_equal(after.count[BMC_STAT_REFUSED_STAMP],
				 before.count[BMC_STAT_REFUSED_STAMP] + 1);
	}
	harness_reply(&h, &p, HARNESS_MARK, &run);
	assert_true(harness_is_cached(&h, "k", &p));
}

/* A second reply of the same item replaces the first. */
static void test_filled_again(void **state)
{
	struct pkt p = { .text = "VALUE k 0 5\r\nabcde\r\nEND\r\n" };
	const struct pkt get = { .text = "get k\r\n" };
	struct run run;

	(void)state;
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	harness_reply(&h, &p, HARNESS_MARK, &run);
	p.text = "VALUE k 9 4\r\nwxyz\r\nEND\r\n";
	harness_reply(&h, &p, HARNESS_MARK, &run);
	harness_expect_hit(&h, "again", &get, p.text, strlen(p.text));
}

/* The table of local addresses is full: later ones are not served, earlier ones are. */
static void test_many_addresses(void **state)
{
	struct bmc_totals stats;
	struct harness many;

	(void)state;
	assert_int_equal(harness_open(&many, HARNESS_FOREVER_NS, BMC_TEST_STAMP), 0);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < BMC_WHERE_MAX + 50; i++) {
			char addr[32], text[64], key[16];
			struct pkt p = { .server = addr, .text = text };
			struct run run;

			snprintf(addr, sizeof(addr), "10.1.%d.%d", i / 200, i % 200 + 1);
			snprintf(key, sizeof(key), "k%d", i);
			snprintf(text, sizeof(text), "VALUE %s 0 1\r\nx\r\nEND\r\n", key);
			harness_reply(&many, &p, HARNESS_MARK, &run);
			expect(harness_is_cached(&many, key, &p) == (i < BMC_WHERE_MAX),
			       "address %d", i);
		}
	}
	harness_stats(&many, &stats);
	assert_int_equal(stats.count[BMC_STAT_REFUSED_PLACE], 100);
	harness_close(&many);
}

/* Parts of the packet lie in pages: where its headers do not, it fills; otherwise it may. */
static void test_pages(void **state)
{
	const struct pkt p = { VALID, .from_server = 1, .pad_to = 14 };
	const struct pkt get = { .text = "get k\r\n" };
	struct frame f;
	struct run run;

	(void)state;
	pkt_build(&p, &f);
	for (uint32_t linear = 14; linear < f.len; linear++) {
		int whole;

		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		whole = harness_tc_pages(&h, &f, linear, HARNESS_MARK, &run);
		assert_int_equal(run.mark, 0);
		expect(whole || linear < 34 || harness_is_cached(&h, "k", &get), "%u bytes linear",
		       linear);
		if (harness_is_cached(&h, "k", &get))
			harness_expect_hit(&h, "pages", &get, p.text, p.text_len);
	}
}

/* BPF_PROG_RUN's packet has a socket, but none that is memcached's: without the test's setting it fills nothing. */
static void test_unmarked_socket(void **state)
{
	const struct pkt p = { VALID };
	struct bmc_totals stats;
	struct harness real;
	struct run run;

	(void)state;
	assert_int_equal(harness_open(&real, HARNESS_FOREVER_NS, 0), 0);
	harness_reply(&real, &p, HARNESS_MARK, &run);
	assert_int_equal(run.mark, 0);
	assert_false(harness_is_cached(&real, "k", &p));
	harness_stats(&real, &stats);
	assert_int_equal(stats.count[BMC_STAT_FILLS], 0);
	harness_close(&real);
}

HARNESS_GROUP(h, harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP))

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_truncated_frame),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_requests_do_not_fill),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_two_servers),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_addresses_side_by_side),
		cmocka_unit_test(test_more_addresses_than_are_tried),
		cmocka_unit_test(test_holds_and_stamps),
		cmocka_unit_test(test_filled_again),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_unmarked_socket),
	};

	return cmocka_run_group_tests_name("tc: more", tests, group_setup, group_teardown) ? 1 : 0;
}
