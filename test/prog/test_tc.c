// SPDX-License-Identifier: LGPL-2.1-only
/* bmc_tc_egress: which replies fill the cache. Packets are never changed, marks of ours always cleared. */
#include "harness.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static struct harness h;

#define LEN(s) .text = (s), .text_len = sizeof(s) - 1
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50
#define VALID LEN("VALUE k 0 5\r\nabcde\r\nEND\r\n")
#define FILLS BMC_STAT_FILLS
#define REFUSED BMC_STAT_REFUSED_FORM

static const struct row {
	const char *name;
	struct pkt pkt;
	enum bmc_stat counter;
	const char *key; /* "k" */
	const char *answer; /* what a get is then answered; NULL: the text */
} rows[] = {
	{ "exact form", { VALID }, FILLS, NULL, NULL },
	{ "exact form, IPv6", { VALID, .family = 6 }, FILLS, NULL, NULL },
	{ "exact form, VLAN tag", { VALID, .tags = 1 }, FILLS, NULL, NULL },
	{ "exact form, two VLAN tags", { VALID, .tags = 2 }, FILLS, NULL, NULL },
	{ "exact form, padding", { VALID, .pad_to = 100, .pad_byte = 0xff }, FILLS, NULL, NULL },
	{ "no UDP checksum yet", { VALID, .udp_check = PKT_CHECK_BAD }, FILLS, NULL, NULL },
	{ "END comes in a datagram of its own", { LEN("VALUE k 0 5\r\nabcde\r\n") }, FILLS, NULL,
	  "VALUE k 0 5\r\nabcde\r\nEND\r\n" },
	{ "END comes in a datagram of its own, padding",
	  { LEN("VALUE k 0 5\r\nabcde\r\n"), .pad_to = 100, .pad_byte = 'E' }, FILLS, NULL,
	  "VALUE k 0 5\r\nabcde\r\nEND\r\n" },
	{ "no data", { LEN("VALUE k 0 0\r\n\r\nEND\r\n") }, FILLS, NULL, NULL },
	{ "largest flags", { LEN("VALUE k 4294967295 1\r\nx\r\nEND\r\n") }, FILLS, NULL, NULL },
	{ "newlines in the data", { LEN("VALUE k 0 6\r\n\r\n\n\n\r\n\r\nEND\r\n") }, FILLS, NULL, NULL },
	{ "NULs in the data", { LEN("VALUE k 0 3\r\n\0\0\0\r\nEND\r\n") }, FILLS, NULL, NULL },
	{ "END in the data", { LEN("VALUE k 0 12\r\nab\r\nEND\r\nabc\r\nEND\r\n") }, FILLS, NULL, NULL },
	{ "data are a whole reply", { LEN("VALUE k 0 21\r\nVALUE k 0 1\r\nx\r\nEND\r\n\r\n") }, FILLS, NULL,
	  "VALUE k 0 21\r\nVALUE k 0 1\r\nx\r\nEND\r\n\r\nEND\r\n" },
	{ "longest key", { LEN("VALUE " A250 " 0 1\r\nx\r\nEND\r\n") }, FILLS, A250, NULL },
	{ "longest key + 1", { LEN("VALUE " A250 "a 0 1\r\nx\r\nEND\r\n") }, REFUSED, A250 "a", NULL },
	/* not one plain item */
	{ "gets: five tokens", { LEN("VALUE k 0 5 17\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "three tokens", { LEN("VALUE k 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "two tokens", { LEN("VALUE k\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "no key", { LEN("VALUE  0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "value", { LEN("value k 0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "space before VALUE", { LEN(" VALUE k 0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "two spaces", { LEN("VALUE k  0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "two spaces before the key", { LEN("VALUE  k 0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "space before the line's end", { LEN("VALUE k 0 5 \r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "newline alone", { LEN("VALUE k 0 5\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "space and newline for \\r\\n", { LEN("VALUE k 0 5 \nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes too few", { LEN("VALUE k 0 4\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes too many", { LEN("VALUE k 0 6\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes far too many", { LEN("VALUE k 0 1000\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes of 2^32", { LEN("VALUE k 0 4294967296\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes of 2^32 + 5", { LEN("VALUE k 0 4294967301\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes of 2^64 + 5", { LEN("VALUE k 0 18446744073709551621\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes negative", { LEN("VALUE k 0 -5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "bytes no number", { LEN("VALUE k 0 5x\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "flags negative", { LEN("VALUE k -1 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "flags no number", { LEN("VALUE k 0x1 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "flags of 21 digits", { LEN("VALUE k 184467440737095516160 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "block without \\r\\n", { LEN("VALUE k 0 5\r\nabcdeEND\r\n") }, REFUSED, NULL, NULL },
	{ "block with \\n\\r", { LEN("VALUE k 0 5\r\nabcde\n\rEND\r\n") }, REFUSED, NULL, NULL },
	{ "block cut", { LEN("VALUE k 0 5\r\nabcd") }, REFUSED, NULL, NULL },
	{ "block ends with its data", { LEN("VALUE k 0 5\r\nabcde") }, REFUSED, NULL, NULL },
	{ "block ends with \\r", { LEN("VALUE k 0 5\r\nabcde\r") }, REFUSED, NULL, NULL },
	{ "END cut", { LEN("VALUE k 0 5\r\nabcde\r\nEND\r") }, REFUSED, NULL, NULL },
	{ "END with newline alone", { LEN("VALUE k 0 5\r\nabcde\r\nEND\n") }, REFUSED, NULL, NULL },
	{ "bytes behind END", { LEN("VALUE k 0 5\r\nabcde\r\nEND\r\nx") }, REFUSED, NULL, NULL },
	{ "two ENDs", { LEN("VALUE k 0 5\r\nabcde\r\nEND\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "several items", { LEN("VALUE k 0 1\r\nx\r\nVALUE l 0 1\r\ny\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "END alone", { LEN("END\r\n") }, REFUSED, NULL, NULL },
	{ "an error", { LEN("SERVER_ERROR out of memory\r\n") }, REFUSED, NULL, NULL },
	{ "meta value", { LEN("VA 5 kk\r\nabcde\r\n") }, REFUSED, NULL, NULL },
	{ "NUL in the key", { LEN("VALUE k\0 0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "tab in the key", { LEN("VALUE k\t 0 5\r\nabcde\r\nEND\r\n") }, REFUSED, NULL, NULL },
	{ "empty datagram", { .text = "" }, REFUSED, NULL, NULL },
	{ "no frame", { VALID, .no_frame = 1 }, REFUSED, NULL, NULL },
	/* datagrams */
	{ "datagram 0 of 2", { VALID, .total = 2 }, REFUSED, NULL, NULL },
	{ "datagram 1 of 2", { VALID, .total = 2, .seq = 1 }, REFUSED, NULL, NULL },
	{ "datagram 1 of 1", { VALID, .seq = 1 }, REFUSED, NULL, NULL },
	{ "total 0", { VALID, .total = -1 }, REFUSED, NULL, NULL },
	{ "total 256", { VALID, .total = 256 }, REFUSED, NULL, NULL },
	/* packets */
	{ "fragment, first", { VALID, .fragment = 0x2000 }, REFUSED, NULL, NULL },
	{ "fragment, later", { VALID, .fragment = 185 }, REFUSED, NULL, NULL },
	{ "do not fragment", { VALID, .fragment = 0x4000 }, FILLS, NULL, NULL },
	{ "IPv6 fragment header", { VALID, .family = 6, .extension = 44 }, REFUSED, NULL, NULL },
	{ "TCP", { VALID, .proto = IPPROTO_TCP }, REFUSED, NULL, NULL },
	{ "another source port", { VALID, .server_port = 11212 }, REFUSED, NULL, NULL },
	{ "UDP length - 1", { VALID, .udp_len_add = -1 }, REFUSED, NULL, NULL },
	{ "UDP length + 1", { VALID, .udp_len_add = 1 }, REFUSED, NULL, NULL },
	{ "IPv4 and UDP length beyond the packet", { VALID, .ip_len_add = 99, .udp_len_add = 99 }, REFUSED, NULL, NULL },
	{ "IPv4 version 5", { VALID, .version = 5 }, REFUSED, NULL, NULL },
	{ "IPv4 header length 4", { VALID, .ihl = 4 }, REFUSED, NULL, NULL },
	{ "ARP", { VALID, .ethertype = 0x0806 }, REFUSED, NULL, NULL },
	{ "three VLAN tags", { VALID, .tags = 3 }, REFUSED, NULL, NULL },
	{ "IPv4 options",
	  { VALID, .options = (const uint8_t *)"\1\1\1\1", .options_len = 4 }, FILLS, NULL, NULL },
};

static void give(const struct pkt *p, uint32_t mark, struct run *ret)
{
	struct pkt reply = *p;
	struct frame f;

	reply.from_server = 1;
	pkt_build(&reply, &f);
	harness_tc(&h, &f, mark, ret);
}

/* A get of `key` at the address that `p` was sent from is answered with `text`, or with nothing. */
static void expect_answer(const char *name, const struct pkt *p, const char *key, const char *text, size_t len)
{
	struct pkt get = { .family = p->family };
	char line[300];

	get.text = line;
	get.text_len = (size_t)snprintf(line, sizeof(line), "get %s\r\n", key);
	if (text)
		harness_expect_hit(&h, name, &get, text, len);
	else
		harness_expect_pass(&h, name, &get);
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct bmc_stats before, after;
	struct run run;

	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	harness_stats(&h, &before);
	give(&row->pkt, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	expect(run.mark == 0, "%s: the mark is %08x", row->name, run.mark);
	for (int i = 0; i < BMC_STAT_COUNT; i++)
		if (i != BMC_STAT_EVICTIONS)
			expect(after.count[i] - before.count[i] == (i == (int)row->counter), "%s: counter %d is off by %lld",
			       row->name, i, (long long)(after.count[i] - before.count[i]) - (i == (int)row->counter));
	if (row->counter != FILLS)
		expect_answer(row->name, &row->pkt, row->key ? row->key : "k", NULL, 0);
	else if (row->answer)
		expect_answer(row->name, &row->pkt, row->key ? row->key : "k", row->answer, strlen(row->answer));
	else
		expect_answer(row->name, &row->pkt, row->key ? row->key : "k", row->pkt.text, row->pkt.text_len);
}

/* Every length to which a right reply can be cut, headers being right: only two of them are whole. */
static void test_truncated(void **state)
{
	static const char text[] = "VALUE k 0 5\r\nabcde\r\nEND\r\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct pkt p = { .text = len ? text : "", .text_len = len };
		struct run run;

		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		give(&p, HARNESS_MARK, &run);
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
	static const uint32_t others[] = { 0, 1, 0x00ffffff, 0x01000000, 0xb4ffffff, 0xb6000000, 0xff123456 };
	static const uint32_t ours[] = { HARNESS_TAG << 24, HARNESS_MARK, HARNESS_TAG << 24 | 0xffffff };
	const struct pkt p = { VALID };
	struct bmc_stats before, after;
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_stats(&h, &before);
		give(&p, others[i], &run);
		harness_stats(&h, &after);
		expect(run.mark == others[i], "mark %08x became %08x", others[i], run.mark);
		expect(!harness_is_cached(&h, "k", &p), "mark %08x filled", others[i]);
		expect(!memcmp(&before, &after, sizeof(before)), "mark %08x was counted", others[i]);
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		give(&p, ours[i], &run);
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
		give(&p, HARNESS_MARK, &run);
		expect(harness_is_cached(&h, "k", &p) == (len <= right), "value of %zu bytes, text of %zu", len,
		       p.text_len);
		/* without END it is a datagram that memcached sends, but its get has no reply of one datagram */
		p.text_len = text_len;
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		give(&p, HARNESS_MARK, &run);
		expect(harness_is_cached(&h, "k", &p) == (len <= right), "value of %zu bytes without END", len);
	}
}

static void test_two_servers(void **state)
{
	struct pkt first = { VALID }, other = { LEN("VALUE k 0 3\r\nfoo\r\nEND\r\n"), .server_port = HARNESS_OTHER_PORT };
	struct pkt get = { .text = "get k\r\n" }, get_other = { .text = "get k\r\n", .server_port = HARNESS_OTHER_PORT };
	struct run run;

	(void)state;
	for (int i = 0; i < 2; i++)
		__atomic_fetch_add(&h.shared->server[i].epoch, 1, __ATOMIC_SEQ_CST);
	give(&first, HARNESS_MARK, &run);
	harness_expect_hit(&h, "first", &get, first.text, first.text_len);
	harness_expect_pass(&h, "other", &get_other);
	give(&other, HARNESS_MARK, &run);
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
	give(&p, HARNESS_MARK, &run);
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
		give(&from[i], HARNESS_MARK, &run);
	for (size_t i = 0; i < 4; i++) {
		struct pkt get = from[i];

		get.text = "get k\r\n";
		get.text_len = 0;
		harness_expect_hit(&h, "side by side", &get, from[i].text, from[i].text_len);
	}
}

static void test_holds_and_stamps(void **state)
{
	struct bmc_server *s = &h.shared->server[0];
	const struct pkt p = { VALID };
	struct bmc_stats before, after;
	__u64 *const words[] = { &s->t_quiet, &s->no_fill_until };
	struct run run;

	(void)state;
	__atomic_fetch_add(&s->epoch, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&s->word, 1, __ATOMIC_SEQ_CST);
	harness_stats(&h, &before);
	give(&p, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	assert_false(harness_is_cached(&h, "k", &p));
	assert_int_equal(after.count[BMC_STAT_REFUSED_HELD], before.count[BMC_STAT_REFUSED_HELD] + 1);
	__atomic_fetch_sub(&s->word, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++) {
		*words[i] = ~0ULL >> 1;
		harness_stats(&h, &before);
		give(&p, HARNESS_MARK, &run);
		harness_stats(&h, &after);
		*words[i] = 0;
		assert_false(harness_is_cached(&h, "k", &p));
		assert_int_equal(after.count[BMC_STAT_REFUSED_STAMP], before.count[BMC_STAT_REFUSED_STAMP] + 1);
	}
	give(&p, HARNESS_MARK, &run);
	assert_true(harness_is_cached(&h, "k", &p));
}

/* A second reply of the same item replaces the first. */
static void test_filled_again(void **state)
{
	struct pkt p = { .text = "VALUE k 0 5\r\nabcde\r\nEND\r\n" };
	struct run run;

	(void)state;
	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	give(&p, HARNESS_MARK, &run);
	p.text = "VALUE k 9 4\r\nwxyz\r\nEND\r\n";
	give(&p, HARNESS_MARK, &run);
	expect_answer("again", &p, "k", p.text, strlen(p.text));
}

static int group_setup(void **state)
{
	(void)state;
	return harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP);
}

static int group_teardown(void **state)
{
	(void)state;
	harness_close(&h);
	return 0;
}

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
		cmocka_unit_test(test_holds_and_stamps),
		cmocka_unit_test(test_filled_again),
	};
	int failed = RUN_ROWS("tc: what fills", rows, test_row, group_setup, group_teardown);

	failed += cmocka_run_group_tests_name("tc: more", tests, group_setup, group_teardown);
	return failed ? 1 : 0;
}
