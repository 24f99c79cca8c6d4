// SPDX-License-Identifier: LGPL-2.1-only
/* mc_text.h: command lines, one by one. Odd ones are test_request_odd.c's, random ones test_request_random.c's. */
#include "unit.h"

static const struct mc_seed seed = { 1, 2 };

#define VERSION BMC_VERSION_OF(1, 6, 18)

#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50
#define ODD MC_DELAY_ODD

/* Right readings; until its newline is there, each is nothing at all. */
static const struct row {
	const char *text;
	enum mc_op op;
	const char *key;
	uint64_t block; /* the data's length and 2 */
	int silent;
	uint64_t delay;
} rows[] = {
	{ "set k 0 0 5\r\n", MC_OP_STORE, "k", 7, 0, 0 },
	{ "set key 0 0 0\r\n", MC_OP_STORE, "key", 2, 0, 0 },
	{ "set key 4294967295 2147483647 1048576\r\n", MC_OP_STORE, "key", 1048578, 0, 0 },
	{ "set key 0 -1 1\r\n", MC_OP_STORE, "key", 3, 0, 0 },
	{ "set key 0 0 1 noreply\r\n", MC_OP_STORE, "key", 3, 1, 0 },
	{ "set key 0 0 1 NOREPLY\r\n", MC_OP_STORE, "key", 3, 0, 0 },
	{ "set key 0 0 7 foo\r\n", MC_OP_STORE, "key", 9, 0, 0 },
	{ "set key 0 0 07\r\n", MC_OP_STORE, "key", 9, 0, 0 },
	{ "set  key  0  0  7  noreply  \r\n", MC_OP_STORE, "key", 9, 1, 0 },
	{ "   set key 0 0 7\r\n", MC_OP_STORE, "key", 9, 0, 0 },
	{ "set key 0 0 7\n", MC_OP_STORE, "key", 9, 0, 0 },
	{ "set key 0 0 7 noreply\n", MC_OP_STORE, "key", 9, 1, 0 },
	{ "set " A250 " 0 0 7\r\n", MC_OP_STORE, A250, 9, 0, 0 },
	{ "set noreply 0 0 7\r\n", MC_OP_STORE, "noreply", 9, 0, 0 },
	{ "set \xff\x80 0 0 7\r\n", MC_OP_STORE, "\xff\x80", 9, 0, 0 },
	{ "add k 0 0 5\r\n", MC_OP_STORE, "k", 7, 0, 0 },
	{ "replace k 0 0 5 noreply\r\n", MC_OP_STORE, "k", 7, 1, 0 },
	{ "append k 0 0 5\r\n", MC_OP_STORE, "k", 7, 0, 0 },
	{ "prepend k 0 0 5\r\n", MC_OP_STORE, "k", 7, 0, 0 },
	{ "cas k 0 0 5 17\r\n", MC_OP_STORE, "k", 7, 0, 0 },
	{ "cas k 0 0 5 1234567890123456789 noreply\r\n", MC_OP_STORE, "k", 7, 1, 0 },
	{ "delete k\r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "delete k\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "delete k \r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "delete k noreply\r\n", MC_OP_CHANGE, "k", 0, 1, 0 },
	{ "delete k 0 noreply\r\n", MC_OP_CHANGE, "k", 0, 1, 0 },
	{ "delete k 0\r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "delete " A250 "\r\n", MC_OP_CHANGE, A250, 0, 0, 0 },
	{ "incr k 1\r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "incr k 18446744073709551615 noreply\r\n", MC_OP_CHANGE, "k", 0, 1, 0 },
	{ "incr k\r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "decr k 1\r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "touch k 10\r\n", MC_OP_CHANGE, "k", 0, 0, 0 },
	{ "touch k 10 noreply\r\n", MC_OP_CHANGE, "k", 0, 1, 0 },
	{ "flush_all\r\n", MC_OP_FLUSH, NULL, 0, 0, 0 },
	{ "flush_all\n", MC_OP_FLUSH, NULL, 0, 0, 0 },
	{ "flush_all noreply\r\n", MC_OP_FLUSH, NULL, 0, 1, 0 },
	{ "flush_all 10\r\n", MC_OP_FLUSH, NULL, 0, 0, 10 },
	{ "flush_all 0\r\n", MC_OP_FLUSH, NULL, 0, 0, 0 },
	{ "flush_all -1\r\n", MC_OP_FLUSH, NULL, 0, 0, 0 },
	{ "flush_all 10 noreply\r\n", MC_OP_FLUSH, NULL, 0, 1, 10 },
	{ "flush_all x\r\n", MC_OP_FLUSH, NULL, 0, 0, 0 },
	{ "flush_all +5\r\n", MC_OP_FLUSH, NULL, 0, 0, 5 },
	{ "flush_all 00000000010\r\n", MC_OP_FLUSH, NULL, 0, 0, 10 },
	{ "flush_all 00000000000000000010\r\n", MC_OP_FLUSH, NULL, 0, 0, ODD },
	{ "flush_all 4294967298\r\n", MC_OP_FLUSH, NULL, 0, 0, ODD },
	{ "flush_all 2\t\r\n", MC_OP_FLUSH, NULL, 0, 0, 2 },
	{ "flush_all +2\tx noreply\r\n", MC_OP_FLUSH, NULL, 0, 1, 2 },
	{ "flush_all 2\r\r\n", MC_OP_FLUSH, NULL, 0, 0, 2 },
	{ "flush_all \t2\r\n", MC_OP_FLUSH, NULL, 0, 0, ODD },
	{ "flush_all noreply 10\r\n", MC_OP_FLUSH, NULL, 0, 0,
	  0 }, /* rejected: nothing happens later */
	/* reads, and what changes nothing */
	{ "get k\r\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "get\r\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "get a b c\r\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "get set a 0 0 1\r\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "gets a b c\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "bget a\r\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "get " A250 "aaaa " A250 "\r\n", MC_OP_GET, NULL, 0, 0, 0 },
	{ "quit\r\n", MC_OP_QUIT, NULL, 0, 0, 0 },
	{ "version\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "verbosity 1\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "stats\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "stats settings\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "mn\r\n", MC_OP_MN, NULL, 0, 0, 0 },
	{ "mg k\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "mg k v f s t c k h l O123\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "mg k v f s t Oab\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "   \r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "foo\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "foo bar baz\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "sett k 0 0 5\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "se k 0 0 5\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "SET k 0 0 5\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "set\tk 0 0 5\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "flush_al\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "flush_alL\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "flush_alll\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "prependx k 0 0 5\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ A250 A250 "\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "delete\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "set\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "delete " A250 "a\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "gat\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
	{ "gat 10\r\n", MC_OP_OTHER, NULL, 0, 0, 0 },
};

static const char *op_name(int op)
{
	static const char *const names[] = { "NONE",  "GET",	"OTHER", "MN",	  "QUIT",
					     "STORE", "CHANGE", "TOUCH", "FLUSH", "LOST" };

	return op >= 0 && op < (int)(sizeof(names) / sizeof(names[0])) ? names[op] : "?";
}

static void check_row(const struct row *row, struct bmc_window *win, uint32_t pos, int stale)
{
	size_t len = strlen(row->text);
	uint32_t end = window_put(win, pos, row->text, len, stale);
	struct mc_request r;

	memset(&r, 0xa5, sizeof(r));
	r.version = VERSION;
	expect(mc_text_request(win, pos, end, &seed, &r) == 0, "%.40s: not read", row->text);
	expect(r.op == row->op, "%.40s: %s, not %s", row->text, op_name(r.op), op_name(row->op));
	if (row->op == MC_OP_LOST)
		return;
	expect(r.used == len, "%.40s: %u bytes used", row->text, r.used);
	expect(r.block == row->block, "%.40s: block of %llu", row->text,
	       (unsigned long long)r.block);
	expect(r.silent == row->silent, "%.40s: silent %d", row->text, r.silent);
	expect(r.delay == row->delay, "%.40s: delay %llu", row->text, (unsigned long long)r.delay);
	if (row->key)
		expect(r.key.len == strlen(row->key) &&
			       !memcmp(win->bytes + r.key.pos, row->key, r.key.len),
		       "%.40s: key of %u bytes at %u", row->text, r.key.len, r.key.pos);
}

static void test_row(void **state)
{
	static const int stales[] = { 0, ' ', '\n', '\r', 'x', '0', 0xff };
	const struct row *row = *state;
	struct bmc_window *win = window_new();
	uint32_t last = BMC_WINDOW - (uint32_t)strlen(row->text);

	for (size_t i = 0; i < sizeof(stales) / sizeof(stales[0]); i++) {
		for (uint32_t pos = 0; pos < 9; pos++)
			check_row(row, win, pos, stales[i]);
		check_row(row, win, 1000, stales[i]);
		check_row(row, win, last - 1, stales[i]);
		check_row(row, win, last, stales[i]);
	}
}

/* Cut before its newline, a line is not there yet, whatever lies behind. */
static void test_row_cut(void **state)
{
	static const int stales[] = { 0, ' ', '\n', 'k' };
	const struct row *row = *state;
	struct bmc_window *win = window_new();

	for (size_t i = 0; i < sizeof(stales) / sizeof(stales[0]); i++) {
		for (size_t len = 0; len < strlen(row->text); len++) {
			uint32_t end = window_put(win, 7, row->text, len, stales[i]);
			struct mc_request r = { .version = VERSION };
			int err = mc_text_request(win, 7, end, &seed, &r);

			if (row->op == MC_OP_LOST && !err && r.op == MC_OP_LOST)
				continue;
			expect(err == -1 && r.op == MC_OP_NONE, "%.40s cut to %zu: %d, %s",
			       row->text, len, err, op_name(r.op));
		}
	}
}

/* More spaces than are looked at, wherever memcached allows them, hide no write. */
static void test_very_many_spaces(void **state)
{
	static const struct {
		const char *before;
		const char *after;
	} lines[] = {
		{ "", "set k 0 0 5\r\n" }, { "set", "k 0 0 5\r\n" },	  { "set k", "0 0 5\r\n" },
		{ "set k 0 0", "5\r\n" },  { "set k 0 0 5", "\r\n" },	  { "", "delete k\r\n" },
		{ "delete", "k\r\n" },	   { "delete k", "noreply\r\n" }, { "", "flush_all\r\n" },
		{ "flush_all", "0\r\n" },  { "", "gat 0 k\r\n" },	  { "gat", "0 k\r\n" },
		{ "gat 0", "k\r\n" },	   { "", "ms k 5\r\n" },	  { "incr", "k 1\r\n" },
	};
	static const size_t counts[] = { 1,   7,   8,	9,   100,  503,	 504,  505, 511,
					 512, 513, 520, 600, 1024, 1025, 2000, 3900 };
	struct bmc_window *win = window_new();
	char text[BMC_WINDOW];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
			int len = snprintf(text, sizeof(text), "%s%*s%s", lines[i].before,
					   (int)counts[n], "", lines[i].after);
			uint32_t end = window_put(win, 0, text, (size_t)len, 'x');
			struct mc_request r = { .version = VERSION };
			int err = mc_text_request(win, 0, end, &seed, &r);

			expect(!err && (r.op == MC_OP_LOST || r.op >= MC_OP_STORE),
			       "'%s', %zu spaces, '%.9s': %d, %s", lines[i].before, counts[n],
			       lines[i].after, err, op_name(r.op));
		}
	}
}

/* What mc_set.h reads is what mc_text_plain reads, and it reads only that. */
static void test_set_lines(void **state)
{
	static const char *const parts[] = { "0",  "1",	  "9",	"42", "1234567", "12345678",
					     "-1", "x",	  "+1", "",   "\t",	 "1\r",
					     " 1", "0x1", "k",	A250 };
	const uint32_t n_parts = sizeof(parts) / sizeof(parts[0]);
	struct bmc_window *win = window_new();
	uint64_t s = 11;
	int taken = 0, silent = 0;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		struct mc_request got = {}, want = {};
		char line[1200];
		int len = snprintf(line, sizeof(line), "set %s %s %s %s%s",
				   parts[n_parts - 1 - roll(&s, 2)],
				   parts[roll(&s, roll(&s, 9) ? 5 : n_parts)],
				   parts[roll(&s, roll(&s, 9) ? 5 : n_parts)],
				   parts[roll(&s, roll(&s, 9) ? 5 : n_parts)],
				   roll(&s, 9) ? "\r\n" : " noreply\r\n");
		uint32_t pos = roll(&s, 64), end;

		if (!roll(&s, 9)) /* cut off, or with an odd byte */
			len = (int)roll(&s, (uint32_t)len);
		else if (!roll(&s, 9))
			line[roll(&s, (uint32_t)len)] = (char)roll(&s, 256);
		end = window_put(win, pos, line, (size_t)len, "0 \n\rx"[roll(&s, 5)]);
		if (mc_set_line(win, pos, end, &seed, &got) || memcmp(line, "set ", 4) != 0)
			continue;
		taken++;
		silent += got.silent;
		expect(mc_text_plain(win, pos, end, &seed, &want) == 0, "%s: not plain", line);
		expect(got.op == want.op && got.used == want.used && got.block == want.block &&
			       got.exptime == want.exptime && got.plain == want.plain &&
			       got.silent == want.silent && got.key.hash == want.key.hash &&
			       got.key.pos == want.key.pos && got.key.len == want.key.len,
		       "%s: read otherwise", line);
	}
	expect(taken > 50000 && silent > 5000, "%d lines were taken, %d silent", taken, silent);
}

static void test_numbers(void **state)
{
	struct bmc_window *win = window_new();
	uint64_t s = 9;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint64_t value = ((uint64_t)roll(&s, ~0U) << 32 | roll(&s, ~0U)) >> roll(&s, 64);
		char text[32];
		int len = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
		uint64_t got;

		memset(win->bytes, (int)roll(&s, 256), 64);
		memcpy(win->bytes + 9, text, (size_t)len);
		got = mc_number(win, 9, (uint32_t)len);
		expect(got == (len > 10 ? MC_NO_NUMBER : value), "%s: %llu", text,
		       (unsigned long long)got);
		expect(mc_is_unique(win, 9, (uint32_t)len) == (len <= 19), "%s is%s unique", text,
		       len > 19 ? "" : " not");
		win->bytes[9 + roll(&s, (uint32_t)len)] =
			(uint8_t)(roll(&s, 2) ? '0' - 1 - roll(&s, 40) : '9' + 1 + roll(&s, 190));
		assert_true(mc_number(win, 9, (uint32_t)len) == MC_NO_NUMBER);
		assert_int_equal(mc_is_unique(win, 9, (uint32_t)len), 0);
	}
	assert_true(mc_number(win, 9, 0) == MC_NO_NUMBER);
	assert_int_equal(mc_is_unique(win, 9, 0), 0);
}

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* A line as a test's name: what can be printed of its beginning. */
static const char *name_of(size_t i)
{
	static char names[N_ROWS][48];
	size_t n = (size_t)snprintf(names[i], sizeof(names[i]), "%zu: ", i);

	for (const char *at = rows[i].text; *at && n < sizeof(names[i]) - 1; at++)
		names[i][n++] = (char)(*at == '\n' ? '$' : *at < ' ' || *at > '~' ? '?' : *at);
	return names[i];
}

static int run_table(const char *group, void (*test)(void **state))
{
	struct CMUnitTest tests[N_ROWS] = { 0 };

	for (size_t i = 0; i < N_ROWS; i++) {
		tests[i].name = name_of(i);
		tests[i].test_func = test;
		tests[i].initial_state = (void *)&rows[i];
	}
	return _cmocka_run_group_tests(group, tests, N_ROWS, NULL, NULL);
}

/* Only what memcached surely takes for a touch tells a time. */
static void test_touches(void **state)
{
	static const struct {
		const char *text;
		int touch;
		int64_t exptime;
	} lines[] = {
		{ "touch k 10\r\n", 1, 10 },
		{ "touch k 10 noreply\r\n", 1, 10 },
		{ "touch k 10 a\r\n", 1, 10 },
		{ "touch k 10 a b\r\n", 0, -1 },
		{ "touch k 10 a noreply\r\n", 0, -1 },
		{ "touch k\r\n", 0, -1 },
		{ " touch k 10\r\n", 1, 10 },
		{ " touch k 10 a\r\n", 1, 10 },
		{ " touch k 10 a b\r\n", 0, -1 },
		{ " touch k\r\n", 0, -1 },
		{ "touch k x\r\n", 0, -1 },
		{ "mg k T10\r\n", 1, 10 },
		{ "mg k T10 q O12 v\r\n", 1, 10 },
		{ "mg k T10 T11\r\n", 0, -1 },
		{ "mg k T10 Z\r\n", 0, -1 },
		{ "mg k T10 Ox\r\n", 0, -1 },
		{ "mg k T10 N0\r\n", 0, -1 },
		{ "mg k T\r\n", 0, -1 },
	};
	struct bmc_window *win = window_new();

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		uint32_t end = window_put(win, 3, lines[i].text, strlen(lines[i].text), 'x');
		struct mc_request r = { .version = BMC_VERSION_OF(1, 6, 18) };

		expect(mc_text_request(win, 3, end, &seed, &r) == 0, "%s: not read", lines[i].text);
		expect(r.touch == lines[i].touch && r.exptime == lines[i].exptime, "%s: %u, %lld",
		       lines[i].text, r.touch, (long long)r.exptime);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_very_many_spaces),
		cmocka_unit_test(test_set_lines),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_touches),
	};
	int failed = run_table("mc_text.h: lines", test_row);

	failed += run_table("mc_text.h: lines cut", test_row_cut);
	failed += cmocka_run_group_tests_name("mc_text.h: more", tests, NULL, NULL);
	return failed ? 1 : 0;
}
