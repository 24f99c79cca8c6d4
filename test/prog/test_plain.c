// SPDX-License-Identifier: LGPL-2.1-only
/*
 * bmc_xdp: the plain request, one get of one key with nothing behind it, which is answered the straight way. Bytes
 * behind it, or a second space in front of the key, make it one that is read in full: both must say the same.
 */
#define _GNU_SOURCE
#include "fixture.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEY_LONG 80 /* a little longer than what is answered the straight way */
#define KEY_PLAIN 71
#define VALUE_LONG 1300
#define HARNESS_CPUS_MAX 512

static struct harness h;
static const int families[] = { 4, 6 };
static const size_t sizes[] = { 0,  1,	2,  5,	 6,   7,   8,	9,   15,	16,
				17, 31, 32, 33,	 63,  64,  65,	80,  90,	95,
				96, 97, 98, 100, 128, 255, 256, 600, VALUE_LONG };

static int open_plain(void **state)
{
	(void)state;
	return harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP);
}

/* All programs with what `start` sets: check/toolchains.sh has no other test that loads them. */
static int open_whole(void **state)
{
	int err;

	harness_whole = 1;
	err = open_plain(state);
	harness_whole = 0;
	return err;
}

static int open_lost(void **state)
{
	(void)state;
	return harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP | BMC_TEST_LOSE_RACE);
}

static int close_plain(void **state)
{
	(void)state;
	harness_close(&h);
	return 0;
}

static uint64_t count(enum bmc_stat stat)
{
	struct bmc_totals stats;

	harness_stats(&h, &stats);
	return stats.count[stat];
}

static unsigned int
	other_keys; /* keys of one family are not the other's: the straight way looks at one entry */

/* A key of `len` bytes, of which none of another length is the beginning. */
static void make_key(size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		ret[i] = (char)('!' + (i * 7 + len + other_keys) % 94);
	ret[len] = '\0';
}

#define KEY_TEXTS "key-of-all-the-texts"

static void set_lo_mtu(int mtu)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_mtu = mtu };
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(s >= 0);
	assert_int_equal(ioctl(s, SIOCSIFMTU, &ifr), 0);
	close(s);
}

static const struct item *make_item(size_t key_len, size_t len)
{
	static char key[KEY_LONG + 1], value[VALUE_LONG];
	static struct item item;

	make_key(key_len, key);
	for (size_t i = 0; i < len; i++)
		value[i] = (char)(i * 13 + key_len);
	item = (struct item){ .key = key, .flags = "9", .data = value, .len = len };
	return &item;
}

/* Hits of the straight way, of all CPUs. */
static uint64_t plain_hits(void)
{
	static struct bmc_stats each[HARNESS_CPUS_MAX];
	uint32_t zero = 0;
	uint64_t n = 0;

	assert_in_range(h.n_cpus, 1, HARNESS_CPUS_MAX);
	assert_int_equal(bpf_map_lookup_elem(h.stats, &zero, each), 0);
	for (int cpu = 0; cpu < h.n_cpus; cpu++)
		n += each[cpu].plain.hits;
	return n;
}

/* The three ways to ask for it, of which the first is plain, get the one right answer. */
static void expect_answers(const struct item *item, int family)
{
	char text[2000], name[80], request[KEY_LONG + 8], spaces[KEY_LONG + 8];
	struct pkt where = { .family = family };
	uint64_t hits;
	size_t len;

	harness_fill(&h, item, &where);
	len = item_text(item, text, sizeof(text));
	memcpy(text + len, "END\r\n", 5);
	snprintf(name, sizeof(name), "IPv%d, key of %zu bytes, value of %zu", family,
		 strlen(item->key), item->len);
	snprintf(request, sizeof(request), "get %s\r\n", item->key);
	snprintf(spaces, sizeof(spaces), "get  %s\r\n", item->key);
	where.text = request;
	where.pad_to = 1;
	hits = plain_hits();
	harness_expect_hit(&h, name, &where, text, len + 5);
	/* the bug: keys of 9 to 63 bytes that are no whole words were answered, but the other way */
	expect((plain_hits() > hits) == (strlen(item->key) <= KEY_PLAIN), "%s: not straight", name);
	where.udp_check = PKT_CHECK_PARTIAL;
	harness_expect_hit(&h, name, &where, text, len + 5);
	where.pad_to = 150;
	harness_expect_hit(&h, name, &where, text, len + 5);
	where.text = spaces;
	where.pad_to = 1;
	harness_expect_hit(&h, name, &where, text, len + 5);
}

static void test_lengths(void **state)
{
	(void)state;
	for (size_t f = 0; f < 2; f++) {
		other_keys = f ? 47 : 0;
		for (size_t key = 1; key <= KEY_LONG; key++)
			expect_answers(make_item(key, key % 40), families[f]);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			expect_answers(make_item(20 + i % 9, sizes[i]), families[f]);
	}
	other_keys = 0;
}

/* Every length of a text: it is copied by words, its last ones twice; the packet grows to the front, or to the back. */
static void test_every_text(void **state)
{
	static char data[BMC_TEXT_MAX], text[BMC_TEXT_MAX + 8];
	char key[] = KEY_TEXTS "4", request[64];
	const struct item probe = { key, "9", data, 1000 };
	const size_t most = 1000 + BMC_TEXT_MAX - 5 - item_text(&probe, text, sizeof(text) - 5);

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 7 + i / 256 + 3);
	for (size_t len = 0; len <= most; len++) {
		struct pkt get = { .family = families[len & 1], .pad_to = 1, .text = request };
		struct item item = { key, "9", data, len };
		uint64_t hits = plain_hits();
		size_t text_len;

		/* the straight way looks at one entry: not the other family's */
		snprintf(key, sizeof(key), KEY_TEXTS "%d", get.family);
		snprintf(request, sizeof(request), "get %s\r\n", key);
		text_len = item_text(&item, text, sizeof(text) - 5);
		memcpy(text + text_len, "END\r\n", 5);
		harness_fill(&h, &item, &(struct pkt){ .family = get.family });
		harness_expect_hit(&h, "every text", &get, text, text_len + 5);
		expect(plain_hits() == hits + 1, "%zu bytes: not straight", len);
	}
}

/* An answer is no larger than the interface's MTU, which is looked at again and again. */
static void test_mtu(void **state)
{
	static const char data[800];
	const struct item item = { KEY_TEXTS, "9", data, sizeof(data) };
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(own >= 0);
	assert_int_equal(unshare(CLONE_NEWNET),
			 0); /* BPF_PROG_RUN's interface is this namespace's lo */
	for (int i = 0; i < 3; i++) {
		uint64_t large = count(BMC_STAT_PASS_LARGE);

		set_lo_mtu(i == 1 ? 850 : 1500);
		harness_fill(&h, &item, &(struct pkt){});
		usleep(20000); /* two jiffies of the slowest clock */
		assert_int_equal(harness_is_cached(&h, KEY_TEXTS, &(struct pkt){}), i != 1);
		assert_int_equal(count(BMC_STAT_PASS_LARGE) - large, i == 1);
	}
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	close(own);
}

/* What was written over is put back, byte for byte. */
static void test_lost_race(void **state)
{
	char request[KEY_LONG + 8];
	uint64_t before = count(BMC_STAT_PASS_RACE), n = 0;

	(void)state;
	for (size_t key = 1; key <= KEY_LONG; key++) {
		for (size_t f = 0; f < 2; f++) {
			const struct item *item = make_item(key, sizes[key % 29]);
			struct pkt where = { .family = families[f], .pad_to = 1, .text = request };

			harness_fill(&h, item, &(struct pkt){ .family = families[f] });
			snprintf(request, sizeof(request), "get %s\r\n", item->key);
			harness_expect_pass(&h, "a lost race", &where);
			n++;
		}
	}
	assert_int_equal(count(BMC_STAT_PASS_RACE) - before, n);
	assert_int_equal(count(BMC_STAT_HITS), 0);
}

#define KEY "key-of-the-table"
#define GET "get " KEY "\r\n"

/* No padding: 16 bytes of key are enough for the least frame. */
static const struct row {
	const char *name;
	struct pkt pkt;
	enum bmc_stat counted; /* BMC_STAT_COUNT: nothing */
} rows[] = {
	{ "hit", { .text = GET }, BMC_STAT_HITS },
	{ "hit, IPv6", { .text = GET, .family = 6 }, BMC_STAT_HITS },
	{ "another key", { .text = "get key-of-the-tablf\r\n" }, BMC_STAT_MISSES },
	{ "a longer key", { .text = "get key-of-the-table1\r\n" }, BMC_STAT_MISSES },
	{ "a shorter key", { .text = "get key-of-the-tabl\r\n" }, BMC_STAT_MISSES },
	{ "another address", { .text = GET, .server = "10.0.0.9" }, BMC_STAT_MISS_ADDRESS },
	{ "another port",
	  { .text = GET, .server_port = HARNESS_OTHER_PORT },
	  BMC_STAT_MISS_ADDRESS },
	{ "no port of ours", { .text = GET, .server_port = 53 }, BMC_STAT_COUNT },
	{ "a fragment", { .text = GET, .fragment = 0x2000 }, BMC_STAT_COUNT },
	{ "TCP", { .text = GET, .proto = 6 }, BMC_STAT_COUNT },
	{ "UDP checksum", { .text = GET, .udp_check = PKT_CHECK_BAD }, BMC_STAT_PASS_CHECKSUM },
	{ "UDP checksum, IPv6",
	  { .text = GET, .family = 6, .udp_check = PKT_CHECK_BAD },
	  BMC_STAT_PASS_CHECKSUM },
	{ "no UDP checksum, IPv6",
	  { .text = GET, .family = 6, .udp_check = PKT_CHECK_ZERO },
	  BMC_STAT_PASS_CHECKSUM },
	{ "UDP checksum, key not there: memcached's to see",
	  { .text = "get key-of-no-tables\r\n", .udp_check = PKT_CHECK_BAD },
	  BMC_STAT_MISSES },
	{ "IP checksum", { .text = GET, .ip_check = PKT_CHECK_BAD }, BMC_STAT_PASS_CHECKSUM },
	{ "from a group", { .text = GET, .client = "224.0.0.1" }, BMC_STAT_PASS_FORM },
	{ "from itself", { .text = GET, .client = "10.0.0.2" }, BMC_STAT_PASS_FORM },
	{ "from ::, IPv6", { .text = GET, .family = 6, .client = "::" }, BMC_STAT_PASS_FORM },
	{ "to a group",
	  { .text = GET, .dst_mac = (const uint8_t *)"\1\0\x5e\0\0\1" },
	  BMC_STAT_PASS_FORM },
	{ "two datagrams", { .text = GET, .total = 2 }, BMC_STAT_PASS_FORM },
	{ "a control character", { .text = "get key-of\1the-table\r\n" }, BMC_STAT_PASS_FORM },
	{ "one at the end", { .text = "get key-of-the-tabl\1\r\n" }, BMC_STAT_PASS_FORM },
	{ "a space at the end", { .text = "get key-of-the-table \r\n" }, BMC_STAT_HITS },
	{ "no carriage return", { .text = "get key-of-the-table\n" }, BMC_STAT_HITS },
	{ "no newline", { .text = "get key-of-the-table\r\r" }, BMC_STAT_PASS_FORM },
	{ "gets", { .text = "gets key-of-the-table\r\n" }, BMC_STAT_PASS_FORM },
	{ "UDP length + 1", { .text = GET, .udp_len_add = 1 }, BMC_STAT_PASS_FORM },
	{ "IP length - 1", { .text = GET, .ip_len_add = -1 }, BMC_STAT_PASS_FORM },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct bmc_totals before, after;
	struct frame f;
	struct run run;

	for (size_t i = 0; i < 2; i++)
		harness_fill(&h, &(struct item){ KEY, "0", "value", 5 },
			     &(struct pkt){ .family = families[i] });
	pkt_build(&row->pkt, &f);
	harness_stats(&h, &before);
	harness_xdp(&h, &f, &run);
	harness_stats(&h, &after);
	expect(run.verdict == (row->counted == BMC_STAT_HITS ? XDP_TX : XDP_PASS), "%s: verdict %u",
	       row->name, run.verdict);
	if (row->counted == BMC_STAT_COUNT) {
		assert_memory_equal(&before, &after, sizeof(before));
		return;
	}
	expect(after.count[row->counted] == before.count[row->counted] + 1, "%s: not counted",
	       row->name);
	expect(after.count[BMC_STAT_REQUESTS] == before.count[BMC_STAT_REQUESTS] + 1,
	       "%s: counted twice, or not", row->name);
}

/* Whatever a request's and its answer's words add up to: every remainder of 0xffff, with and without a carry. */
static void test_every_sum(void **state)
{
	struct item item = { KEY, "0", "value", 5 };
	char text[100];
	size_t len;

	(void)state;
	len = item_text(&item, text, sizeof(text));
	memcpy(text + len, "END\r\n", 5);
	for (size_t f = 0; f < 2; f++) {
		struct pkt get = { .family = families[f], .text = GET, .pad_to = 1 };

		harness_fill(&h, &item, &(struct pkt){ .family = families[f] });
		for (unsigned int i = 1; i < 65536; i++) {
			get.client_port = (uint16_t)i;
			get.id = (uint16_t)(i % 7 ? i * 31 : 0xffff);
			harness_expect_hit(&h, "every sum", &get, text, len + 5);
		}
	}
}

/* An item whose time is over, and one of another epoch, are not there; each is counted for what it is. */
static void test_void(void **state)
{
	struct pkt get = { .text = GET };
	uint64_t expired = count(BMC_STAT_MISS_EXPIRED), epoch = count(BMC_STAT_MISS_EPOCH);

	(void)state;
	harness_fill(&h, &(struct item){ KEY, "0", "value", 5 }, &(struct pkt){});
	h.shared->server[0].epoch++;
	harness_expect_pass(&h, "another epoch", &get);
	assert_int_equal(count(BMC_STAT_MISS_EPOCH) - epoch, 1);
	assert_int_equal(count(BMC_STAT_MISS_EXPIRED) - expired, 0);
}

/* The clock that is kept for a tick does not prolong an item's life. */
static void test_expired(void **state)
{
	struct harness short_lived;
	struct pkt get = { .text = GET };

	(void)state;
	assert_int_equal(harness_open(&short_lived, 1, BMC_TEST_STAMP), 0);
	harness_fill(&short_lived, &(struct item){ KEY, "0", "value", 5 }, &(struct pkt){});
	harness_expect_pass(&short_lived, "its time is over", &get);
	harness_close(&short_lived);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lengths, open_plain, close_plain),
		cmocka_unit_test_setup_teardown(test_every_text, open_plain, close_plain),
		cmocka_unit_test_setup_teardown(test_mtu, open_plain, close_plain),
		cmocka_unit_test_setup_teardown(test_every_sum, open_plain, close_plain),
		cmocka_unit_test_setup_teardown(test_lost_race, open_lost, close_plain),
		cmocka_unit_test_setup_teardown(test_void, open_plain, close_plain),
		cmocka_unit_test(test_expired),
	};
	int failed = cmocka_run_group_tests_name("plain", tests, NULL, NULL);

	return failed + RUN_ROWS("plain rows", rows, test_row, open_whole, close_plain);
}
