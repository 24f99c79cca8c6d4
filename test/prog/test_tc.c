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
#define AS(why, what, name_key, text, ...)                                                         \
	{                                                                                          \
		.name = (what), .pkt = { __VA_ARGS__ }, .counter = (why), .key = (name_key),       \
		.answer = (text)                                                                   \
	}
#define FILL_AS(what, key, answer, ...) AS(BMC_STAT_FILLS, what, key, answer, __VA_ARGS__)
#define FILL(what, ...) AS(BMC_STAT_FILLS, what, "k", NULL, __VA_ARGS__)
#define REFUSE_AS(what, key, answer, ...) AS(BMC_STAT_REFUSED_FORM, what, key, answer, __VA_ARGS__)
#define REFUSE(what, ...) AS(BMC_STAT_REFUSED_FORM, what, "k", NULL, __VA_ARGS__)

static const struct row {
	const char *name;
	struct pkt pkt;
	enum bmc_stat counter;
	const char *key;
	const char *answer; /* what a get is then answered; NULL: the text */
} rows[] = {
	FILL("exact form", VALID),
	FILL("exact form, IPv6", VALID, .family = 6),
	FILL("exact form, VLAN tag", VALID, .tags = 1),
	FILL("exact form, two VLAN tags", VALID, .tags = 2),
	FILL("exact form, padding", VALID, .pad_to = 100, .pad_byte = 0xff),
	FILL("no UDP checksum yet", VALID, .udp_check = PKT_CHECK_BAD),
	FILL_AS("END comes in a datagram of its own", "k", "VALUE k 0 5\r\nabcde\r\nEND\r\n",
		LEN("VALUE k 0 5\r\nabcde\r\n")),
	FILL_AS("END comes in a datagram of its own, padding", "k",
		"VALUE k 0 5\r\nabcde\r\nEND\r\n", LEN("VALUE k 0 5\r\nabcde\r\n"), .pad_to = 100,
		.pad_byte = 'E'),
	FILL("no data", LEN("VALUE k 0 0\r\n\r\nEND\r\n")),
	FILL("largest flags", LEN("VALUE k 4294967295 1\r\nx\r\nEND\r\n")),
	FILL("newlines in the data", LEN("VALUE k 0 6\r\n\r\n\n\n\r\n\r\nEND\r\n")),
	FILL("NULs in the data", LEN("VALUE k 0 3\r\n\0\0\0\r\nEND\r\n")),
	FILL("END in the data", LEN("VALUE k 0 12\r\nab\r\nEND\r\nabc\r\nEND\r\n")),
	FILL_AS("data are a whole reply", "k",
		"VALUE k 0 21\r\nVALUE k 0 1\r\nx\r\nEND\r\n\r\nEND\r\n",
		LEN("VALUE k 0 21\r\nVALUE k 0 1\r\nx\r\nEND\r\n\r\n")),
	FILL_AS("longest key", A250, NULL, LEN("VALUE " A250 " 0 1\r\nx\r\nEND\r\n")),
	REFUSE_AS("longest key + 1", A250 "a", NULL, LEN("VALUE " A250 "a 0 1\r\nx\r\nEND\r\n")),
	/* not one plain item */
	REFUSE("gets: five tokens", LEN("VALUE k 0 5 17\r\nabcde\r\nEND\r\n")),
	REFUSE("three tokens", LEN("VALUE k 5\r\nabcde\r\nEND\r\n")),
	REFUSE("two tokens", LEN("VALUE k\r\nabcde\r\nEND\r\n")),
	REFUSE("no key", LEN("VALUE  0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("value", LEN("value k 0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("space before VALUE", LEN(" VALUE k 0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("two spaces", LEN("VALUE k  0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("two spaces before the key", LEN("VALUE  k 0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("space before the line's end", LEN("VALUE k 0 5 \r\nabcde\r\nEND\r\n")),
	REFUSE("newline alone", LEN("VALUE k 0 5\nabcde\r\nEND\r\n")),
	REFUSE("space and newline for \\r\\n", LEN("VALUE k 0 5 \nabcde\r\nEND\r\n")),
	REFUSE("bytes too few", LEN("VALUE k 0 4\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes too many", LEN("VALUE k 0 6\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes far too many", LEN("VALUE k 0 1000\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes of 2^32", LEN("VALUE k 0 4294967296\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes of 2^32 + 5", LEN("VALUE k 0 4294967301\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes of 2^64 + 5", LEN("VALUE k 0 18446744073709551621\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes negative", LEN("VALUE k 0 -5\r\nabcde\r\nEND\r\n")),
	REFUSE("bytes no number", LEN("VALUE k 0 5x\r\nabcde\r\nEND\r\n")),
	REFUSE("flags negative", LEN("VALUE k -1 5\r\nabcde\r\nEND\r\n")),
	REFUSE("flags no number", LEN("VALUE k 0x1 5\r\nabcde\r\nEND\r\n")),
	REFUSE("flags of 21 digits", LEN("VALUE k 184467440737095516160 5\r\nabcde\r\nEND\r\n")),
	REFUSE("block without \\r\\n", LEN("VALUE k 0 5\r\nabcdeEND\r\n")),
	REFUSE("block with \\n\\r", LEN("VALUE k 0 5\r\nabcde\n\rEND\r\n")),
	REFUSE("block cut", LEN("VALUE k 0 5\r\nabcd")),
	REFUSE("block ends with its data", LEN("VALUE k 0 5\r\nabcde")),
	REFUSE("block ends with \\r", LEN("VALUE k 0 5\r\nabcde\r")),
	REFUSE("END cut", LEN("VALUE k 0 5\r\nabcde\r\nEND\r")),
	REFUSE("END with newline alone", LEN("VALUE k 0 5\r\nabcde\r\nEND\n")),
	REFUSE("bytes behind END", LEN("VALUE k 0 5\r\nabcde\r\nEND\r\nx")),
	REFUSE("two ENDs", LEN("VALUE k 0 5\r\nabcde\r\nEND\r\nEND\r\n")),
	REFUSE("several items", LEN("VALUE k 0 1\r\nx\r\nVALUE l 0 1\r\ny\r\nEND\r\n")),
	REFUSE("END alone", LEN("END\r\n")),
	REFUSE("an error", LEN("SERVER_ERROR out of memory\r\n")),
	REFUSE("meta value", LEN("VA 5 kk\r\nabcde\r\n")),
	REFUSE("NUL in the key", LEN("VALUE k\0 0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("tab in the key", LEN("VALUE k\t 0 5\r\nabcde\r\nEND\r\n")),
	REFUSE("empty datagram", .text = ""),
	REFUSE("no frame", VALID, .no_frame = 1),
	/* datagrams */
	REFUSE("datagram 0 of 2", VALID, .total = 2),
	REFUSE("datagram 1 of 2", VALID, .total = 2, .seq = 1),
	REFUSE("datagram 1 of 1", VALID, .seq = 1),
	REFUSE("total 0", VALID, .total = -1),
	REFUSE("total 256", VALID, .total = 256),
	/* packets */
	REFUSE("fragment, first", VALID, .fragment = 0x2000),
	REFUSE("fragment, later", VALID, .fragment = 185),
	FILL("do not fragment", VALID, .fragment = 0x4000),
	REFUSE("IPv6 fragment header", VALID, .family = 6, .extension = 44),
	REFUSE("TCP", VALID, .proto = IPPROTO_TCP),
	REFUSE("UDP-Lite", VALID, .proto = IPPROTO_UDPLITE),
	REFUSE("UDP-Lite, IPv6", VALID, .proto = IPPROTO_UDPLITE, .family = 6),
	REFUSE("another source port", VALID, .server_port = 11212),
	REFUSE("UDP length - 1", VALID, .udp_len_add = -1),
	REFUSE("UDP length + 1", VALID, .udp_len_add = 1),
	REFUSE("IPv4 and UDP length beyond the packet", VALID, .ip_len_add = 99, .udp_len_add = 99),
	REFUSE("IPv4 version 5", VALID, .version = 5),
	REFUSE("IPv4 header length 4", VALID, .ihl = 4),
	REFUSE("ARP", VALID, .ethertype = 0x0806),
	REFUSE("three VLAN tags", VALID, .tags = 3),
	FILL("IPv4 options", VALID, .options = (const uint8_t *)"\1\1\1\1", .options_len = 4),
};

/* A get of `key` at the address that `p` was sent from is answered with `text`, or with nothing. */
static void expect_answer(const char *name, const struct pkt *p, const char *key, const char *text,
			  size_t len)
{
	struct pkt get = { .family = p->family, .tags = p->tags > 2 ? 0 : p->tags };
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
	struct bmc_totals before, after;
	struct run run;

	__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
	harness_stats(&h, &before);
	harness_reply(&h, &row->pkt, HARNESS_MARK, &run);
	harness_stats(&h, &after);
	expect(run.mark == 0, "%s: the mark is %08x", row->name, run.mark);
	for (int i = 0; i < BMC_STAT_COUNT; i++)
		if (i != BMC_STAT_EVICTIONS)
			expect(after.count[i] - before.count[i] == (i == (int)row->counter),
			       "%s: counter %d is off by %lld", row->name, i,
			       (long long)(after.count[i] - before.count[i]) -
				       (i == (int)row->counter));
	if (row->counter != BMC_STAT_FILLS)
		expect_answer(row->name, &row->pkt, row->key, NULL, 0);
	else if (row->answer)
		expect_answer(row->name, &row->pkt, row->key, row->answer, strlen(row->answer));
	else
		expect_answer(row->name, &row->pkt, row->key, row->pkt.text, row->pkt.text_len);
}

HARNESS_GROUP(h, harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP))

int main(void)
{
	return RUN_ROWS("tc: what fills", rows, test_row, group_setup, group_teardown) ? 1 : 0;
}
