// SPDX-License-Identifier: LGPL-2.1-only
/*
 * mc_line.h: what memcached makes of lines that nobody should send. Each row has two readings: by a memcached whose
 * version is known to read so (seen on 1.6.18), and where the version is not known.
 */
#include "unit.h"

static const struct mc_seed seed = { 1, 2 };

#define VERSION BMC_VERSION_OF(1, 6, 18)
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50
#define STORE MC_OP_STORE
#define CHANGE MC_OP_CHANGE
#define OTHER MC_OP_OTHER
#define LOST MC_OP_LOST
#define FLUSH MC_OP_FLUSH
#define ANY NULL /* the key: it may be any */

static const struct row {
	const char *text;
	size_t len;
	/* known */
	enum mc_op op;
	const char *key;
	uint64_t block;
	int silent;
	/* not known */
	enum mc_op unknown;
} rows[] = {
#define ROW(text, op, key, block, silent, unknown)                                                 \
	{                                                                                          \
		text, sizeof(text) - 1, op, key, block, silent, unknown                            \
	}
	/* lenient */
	ROW("set k 0 0 7 foo\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 0 0 7 NOREPLY\r\n", STORE, "k", 9, 0, LOST),
	ROW("  set k 0 0 7\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 0 0 +7\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k +0 +0 7\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 0 0 00000000000007\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 4294967296 0 7\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 9999999999999999999 0 7\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k -0 -0 -0\r\n", STORE, "k", 2, 0, LOST),
	ROW("set k 0 -2147483648 7\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 0 0 7\r\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 0\tx 0\vx 7\fx\r\n", STORE, "k", 9, 0, LOST),
	ROW("set k 0 0 2147483645\r\n", STORE, "k", 2147483647, 0, STORE),
	ROW("cas k 0 0 7 -0\r\n", STORE, "k", 9, 0, LOST),
	ROW("cas k 0 0 7 +5 noreply\r\n", STORE, "k", 9, 1, LOST),
	ROW("cas k 0 0 7 8 x\r\n", STORE, "k", 9, 0, LOST),
	ROW("set a\tb 0 0 7\r\n", STORE, "a\tb", 9, 0, LOST),
	ROW("set a\rb 0 0 7 noreply\r\n", STORE, "a\rb", 9, 1, LOST),
	/* rejected: what would be the block is the next line */
	ROW("set k 0 0\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 noreply\r\n", CHANGE, "k", 0, 1, LOST),
	ROW("set k 0 0 5 6 7\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 5 6 noreply\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 5 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 -1\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 -1 noreply\r\n", CHANGE, "k", 0, 1, LOST),
	ROW("set k 0 0 x\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 5x\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k x 0 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k x 0 5 noreply\r\n", CHANGE, "k", 0, 1, LOST),
	ROW("set k 0 x 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k -1 0 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k +-1 0 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k - 0 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 2147483648 5\r\n", LOST, NULL, 0, 0, LOST),
	ROW("set k 0 0 2147483646\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 2147483647\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set k 0 0 99999999999\r\n", LOST, NULL, 0, 0, LOST),
	ROW("cas k 0 0 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("cas k 0 0 5 x\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("cas k 0 0 5 -1\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set " A250 "a 0 0 5\r\n", OTHER, NULL, 0, 0, LOST),
	ROW("set " A250 "a 0 0 5 noreply\r\n", OTHER, NULL, 0, 1, LOST),
	ROW("set \r\n", OTHER, NULL, 0, 0, LOST),
	ROW("set   \r\n", OTHER, NULL, 0, 0, LOST),
	/* not certain whether it is a number */
	ROW("set k \t0 0 5\r\n", LOST, NULL, 0, 0, LOST),
	ROW("set k 00000000000000000000 0 5\r\n", LOST, NULL, 0, 0, LOST),
	ROW("cas k 0 0 5 12345678901234567890\r\n", LOST, NULL, 0, 0, LOST),
	/* a NUL ends the text */
	ROW("set k 0 0 5\0\r\n", STORE, "k", 7, 0, LOST),
	ROW("set k 0 0 5\0 noreply\r\n", STORE, "k", 7, 0, LOST),
	ROW("set k\0 0 0 5\r\n", CHANGE, "k", 0, 0, LOST),
	ROW("set\0 k 0 0 5\r\n", OTHER, NULL, 0, 0, LOST),
	ROW("\0set k 0 0 5\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("delete k\0x\r\n", CHANGE, "k", 0, 0, CHANGE),
	ROW("delete k\0 noreply\r\n", CHANGE, "k", 0, 0, CHANGE),
	ROW("delete k noreply\0x\r\n", CHANGE, "k", 0, 1, CHANGE),
	ROW("delete\0 k\r\n", OTHER, NULL, 0, 0, CHANGE),
	ROW("incr k 1\0\n", CHANGE, "k", 0, 0, CHANGE),
	ROW("flush_all\0\r\n", FLUSH, NULL, 0, 0, FLUSH),
	ROW("flush_all 0\0 noreply\r\n", FLUSH, NULL, 0, 0, FLUSH),
	ROW("mn\0x\r\n", MC_OP_MN, NULL, 0, 0, MC_OP_MN),
	ROW("get a\0b\r\n", MC_OP_GET, NULL, 0, 0, MC_OP_GET),
	ROW("watch\0\r\n", LOST, NULL, 0, 0, LOST),
	/* keys that are odd, spaces in front */
	ROW("delete a\tb\r\n", CHANGE, "a\tb", 0, 0, CHANGE),
	ROW("delete a\rb noreply\r\n", CHANGE, "a\rb", 0, 1, CHANGE),
	ROW("  delete k\r\n", CHANGE, "k", 0, 0, CHANGE),
	ROW("  flush_all\r\n", FLUSH, NULL, 0, 0, FLUSH),
	ROW("delete " A250 "a noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("delete k\r\r\n", CHANGE, "k\r", 0, 0, CHANGE),
	ROW(" mn\r\n", MC_OP_MN, NULL, 0, 0, MC_OP_MN),
	ROW("mn a b c\r\n", MC_OP_MN, NULL, 0, 0, MC_OP_MN),
	ROW("quit now\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("set\tk 0 0 5\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("watch mutations\r\n", LOST, NULL, 0, 0, LOST),
	/* settings, which noreply silences where memcached looks for it */
	ROW("verbosity 0\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("verbosity 0 noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("verbosity noreply\n", OTHER, NULL, 0, 1, OTHER),
	ROW("  verbosity  noreply  \r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("verbosity 0 NOREPLY\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("verbosity 0 noreply x\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("verbosity 0 noreplyx\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("verbosity 0 noreply\0x\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("verbosity\0 noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("verbosity\tnoreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("verbosityx noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("cache_memlimit 64 noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("cache_memlimit2 64 noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("lru tune 10 20 0.1 2.0 noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("lru noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("lru_crawler crawl noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("extstore item_age 5 noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("slabs automove 0 noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("slabs automove noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("slabs automovex noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("slabs reassign 1 noreply\r\n", OTHER, NULL, 0, 0, OTHER), /* 1.5: 1 to 0, answered */
	ROW("slabs noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("refresh_certs noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	/* 1.5 looks at 7 tokens, 1.6 at 23: the last of more is not its last */
	ROW("lru mode flat x x x noreply\r\n", OTHER, NULL, 0, 1, OTHER),
	ROW("lru mode flat x x x x noreply\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("lru mode flat x x x x x x x x x x x x x x x x x x x x x noreply\r\n", OTHER, NULL, 0,
	    0, OTHER),
	/* listings with keys as they are */
	ROW("stats cachedump 1 0\r\n", LOST, NULL, 0, 0, LOST),
	ROW("stats cachedump\r\n", LOST, NULL, 0, 0, LOST),
	ROW("stats detail dump\r\n", LOST, NULL, 0, 0, LOST),
	ROW("stats  detail   dump x\r\n", LOST, NULL, 0, 0, LOST),
	ROW("stats detail on\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("stats detail off\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("stats detail\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("stats detail on dump\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("stats items\r\n", OTHER, NULL, 0, 0, OTHER),
	ROW("stats\0x\r\n", OTHER, NULL, 0, 0, OTHER),
};

static struct mc_request read_row(const struct row *row, uint32_t pos, uint32_t version, int stale)
{
	struct bmc_window *win = window_new();
	uint32_t end = window_put(win, pos, row->text, row->len, stale);
	struct mc_request r;

	memset(&r, 0xa5, sizeof(r));
	r.version = version;
	expect(mc_text_request(win, pos, end, &seed, &r) == 0, "%.40s: not read", row->text);
	expect(r.op == LOST || r.used == row->len, "%.40s: %u used", row->text, r.used);
	return r;
}

static uint64_t hash_of(const char *key)
{
	static struct bmc_window win;
	struct mc_key k = { 0 };

	memcpy(win.bytes, key, strlen(key));
	mc_key_hash(&win, 0, (uint32_t)strlen(key), &seed, &k);
	return k.hash;
}

static void test_known(void **state)
{
	static const int stales[] = { 0, ' ', '\n', '\r', 'x', '0', 0xff };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		for (size_t k = 0; k < sizeof(stales) / sizeof(stales[0]); k++) {
			uint32_t pos = k & 1 ? BMC_WINDOW - (uint32_t)row->len : 11;
			struct mc_request r = read_row(row, pos, VERSION, stales[k]);

			expect(r.op == row->op, "row %zu, %.40s: %u", i, row->text, r.op);
			if (r.op == LOST)
				continue;
			expect(r.block == row->block, "row %zu, %.40s: block", i, row->text);
			expect(r.silent == row->silent, "row %zu, %.40s: silent", i, row->text);
			expect(!r.any, "row %zu, %.40s: any", i, row->text);
			expect(!row->key || r.key.hash == hash_of(row->key),
			       "row %zu, %.40s: its key", i, row->text);
		}
	}
}

/* Nothing is silent that is not certainly so, and a key that may be another is any. */
static void test_unknown(void **state)
{
	static const uint32_t versions[] = { 0, BMC_VERSION_OF(1, 4, 39), BMC_VERSION_OF(1, 7, 0) };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];

		for (size_t k = 0; k < sizeof(versions) / sizeof(versions[0]); k++) {
			struct mc_request r = read_row(row, 11, versions[k], 'x');

			expect(r.op == row->unknown, "row %zu, %.40s: %u", i, row->text, r.op);
			if (r.op == CHANGE && memchr(row->text, 0, row->len))
				expect(r.any && !r.silent, "row %zu, %.40s: certain", i, row->text);
		}
	}
}

/* Newer ones may answer, or not look for noreply at all. */
static void test_no_setting_is_silent_where_the_version_is_not_known(void **state)
{
	static const uint32_t versions[] = { 0, BMC_VERSION_OF(1, 4, 39),
					     BMC_VERSION_OF(1, 6, 19) };
	static const char *const lines[] = { "verbosity 0 noreply\r\n", "lru noreply\r\n",
					     "cache_memlimit 64 noreply\r\n",
					     "slabs automove 0 noreply\r\n",
					     "extstore item_age 5 noreply\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct row row = { .text = lines[i], .len = strlen(lines[i]) };

		for (size_t k = 0; k < sizeof(versions) / sizeof(versions[0]); k++)
			expect(!read_row(&row, 11, versions[k], 'x').silent, "%s", lines[i]);
		expect(read_row(&row, 11, VERSION, 'x').silent, "%s", lines[i]);
	}
}

/* Until its newline is there, a line is nothing; LOST may be said earlier. */
static void test_cut(void **state)
{
	struct bmc_window *win = window_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t len = 0; len < rows[i].len; len++) {
			uint32_t end = window_put(win, 7, rows[i].text, len, ' ');
			struct mc_request r = { .version = VERSION };
			int err = mc_text_request(win, 7, end, &seed, &r);

			expect(err == -1 && r.op == MC_OP_NONE, "row %zu cut to %zu: %u", i, len,
			       r.op);
		}
	}
}

/* gat's keys, one by one: up to the first that is too long. */
static void test_touch_keys(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *keys[5];
	} lines[] = {
#define GAT(text, ...)                                                                             \
	{                                                                                          \
		text, sizeof(text) - 1,                                                            \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
		GAT("gat 10 a\r\n", "a"),
		GAT("gat 10 a \r\n", "a"),
		GAT("gats 0 a bb ccc\r\n", "a", "bb", "ccc"),
		GAT("  gat  -1  a   bb \n", "a", "bb"),
		GAT("gat 0 " A250 " b\r\n", A250, "b"),
		GAT("gat x a\r\n", "a"),
		GAT("gat 0 noreply\r\n", "noreply"),
		GAT("gat 0 a\tb c\r\n", "a\tb", "c"),
		GAT("gat 0 a\rb\r\n", "a\rb"),
		GAT("gat 0 a b\0 c\r\n", "a", "b"),
		GAT("gat 0 a " A250 "a c\r\n", "a"),
	};
	struct bmc_window *win = window_new();

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		uint32_t end = window_put(win, 5, lines[i].text, lines[i].len, 'x');
		struct mc_request r = { .version = VERSION };
		size_t n = 0;
		int at;

		assert_int_equal(mc_text_request(win, 5, end, &seed, &r), 0);
		expect(r.op == MC_OP_TOUCH_GET, "%.20s: %u", lines[i].text, r.op);
		at = (int)(5 + r.used);
		while (n < 10 && (at = mc_text_touch_key(win, (uint32_t)at, end, &seed, &r)) > 0) {
			expect(n < 5 && lines[i].keys[n], "%.20s: too many keys", lines[i].text);
			expect(r.key.hash == hash_of(lines[i].keys[n]), "%.20s: key %zu",
			       lines[i].text, n);
			n++;
		}
		expect(at == 0, "%.20s: ends with %d", lines[i].text, at);
		expect(!lines[i].keys[n], "%.20s: %zu keys", lines[i].text, n);
		expect(r.used == end, "%.20s: used %u, not %u", lines[i].text, r.used, end);
	}
}

/* strtol and strtoul are what memcached reads numbers with. */
static void test_numbers_as_strtol_reads_them(void **state)
{
	static const char likely[] = "00112345678999+-xX.\t\r\v ";
	struct bmc_window *win = window_new();
	uint64_t s = 5;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint32_t len = 1 + roll(&s, 21);
		char text[32] = { 0 }, *stop;
		uint64_t got;
		long value;

		for (uint32_t k = 0; k < len; k++)
			text[k] = likely[roll(&s, roll(&s, 3) ? 14 : sizeof(likely) - 2)];
		window_put(win, 30, text, len, '1');
		value = strtol(text, &stop, 10);
		got = mc_line_signed(win, 30, len);
		if (stop == text || (*stop && *stop != '\t' && *stop != '\r' && *stop != '\v') ||
		    value > 2147483647 || value < -2147483648L)
			expect(got == MC_NUMBER_REJECTED || got == MC_NUMBER_UNSURE, "'%s'", text);
		else
			expect(got == (uint64_t)(value + 2147483648L) || got == MC_NUMBER_UNSURE,
			       "'%s': %llx", text, (unsigned long long)got);
		got = mc_line_unsigned(win, 30, len);
		if (stop == text || (*stop && *stop != '\t' && *stop != '\r' && *stop != '\v'))
			expect(got, "'%s'", text);
		else if (len < 19)
			expect(got == ((long)strtoul(text, NULL, 10) < 0 && strchr(text, '-') ?
					       MC_NUMBER_REJECTED :
					       0) ||
				       got == MC_NUMBER_UNSURE,
			       "'%s': %llx", text, (unsigned long long)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_no_setting_is_silent_where_the_version_is_not_known),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_touch_keys),
		cmocka_unit_test(test_numbers_as_strtol_reads_them),
	};

	return cmocka_run_group_tests_name("mc_line.h", tests, NULL, NULL) ? 1 : 0;
}
