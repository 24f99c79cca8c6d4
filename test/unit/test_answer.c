// SPDX-License-Identifier: LGPL-2.1-only
/* mc_answer.h: what one answer is. The answers are memcached 1.6.18's own. */
#include "mc_answer.h"
#include "unit.h"

#define ROUNDS 30000

static uint64_t s;

/* One whole answer a row. */
static const struct row {
	const char *text;
	enum mc_answer_kind last; /* of its last line */
} rows[] = {
	{ "STORED\r\n", MC_ANSWER_ONE },
	{ "NOT_STORED\r\n", MC_ANSWER_ONE },
	{ "EXISTS\r\n", MC_ANSWER_ONE },
	{ "NOT_FOUND\r\n", MC_ANSWER_ONE },
	{ "DELETED\r\n", MC_ANSWER_ONE },
	{ "TOUCHED\r\n", MC_ANSWER_ONE },
	{ "OK\r\n", MC_ANSWER_DONE },
	{ "42\r\n", MC_ANSWER_ONE },
	{ "0\r\n", MC_ANSWER_ONE },
	{ "18446744073709551615\r\n", MC_ANSWER_ONE },
	{ "VERSION 1.6.18\r\n", MC_ANSWER_ONE },
	{ "END\r\n", MC_ANSWER_ONE },
	{ "RESET\r\n", MC_ANSWER_ONE },
	{ "VALUE a 5 12\r\nx\r\nEND\r\nyyyy\r\nEND\r\n", MC_ANSWER_ONE },
	{ "VALUE a 5 12\r\nx\r\nEND\r\nyyyy\r\nVALUE b 0 0\r\n\r\nEND\r\n", MC_ANSWER_ONE },
	{ "VALUE a 5 12 1\r\nx\r\nEND\r\nyyyy\r\nEND\r\n", MC_ANSWER_ONE },
	{ "VALUE n 0 20 18446744073709551615\r\nSTORED\r\nERROR\r\nEND\r\n\r\nEND\r\n",
	  MC_ANSWER_ONE },
	{ "VALUE k 4294967295 10\r\nVALUE a 0 \r\nEND\r\n", MC_ANSWER_ONE },
	{ "STAT sizes_status disabled\r\nEND\r\n", MC_ANSWER_ONE },
	{ "STAT pid 1\r\nSTAT uptime 2\r\nSTAT END 3\r\nEND\r\n", MC_ANSWER_ONE },
	{ "PREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n", MC_ANSWER_ONE },
	{ "ITEM a [1 b; 0 s]\r\nITEM b [2 b; 0 s]\r\nEND\r\n", MC_ANSWER_ONE },
	{ "key=a exp=-1 la=1 cas=5 fetch=yes cls=1 size=61\nkey=b exp=-1\nEND\r\n", MC_ANSWER_ONE },
	{ "mg a\r\nmg b\r\nEN\r\n", MC_ANSWER_DONE },
	{ "MN\r\n", MC_ANSWER_MN },
	{ "VA 1 ka\r\nz\r\n", MC_ANSWER_DONE },
	{ "VA 12 s12 t-1 f0\r\nEND\r\nEND\r\nEN\r\n", MC_ANSWER_DONE },
	{ "VA 0\r\n\r\n", MC_ANSWER_DONE },
	{ "HD ka\r\n", MC_ANSWER_DONE },
	{ "HD\r\n", MC_ANSWER_DONE },
	{ "EN\r\n", MC_ANSWER_DONE },
	{ "NF\r\n", MC_ANSWER_META },
	{ "NS\r\n", MC_ANSWER_META },
	{ "EX\r\n", MC_ANSWER_META },
	{ "ME a exp=-1 la=1 cas=5 fetch=yes cls=1 size=61\r\n", MC_ANSWER_META },
	{ "ERROR\r\n", MC_ANSWER_ERROR },
	{ "CLIENT_ERROR bad command line format\r\n", MC_ANSWER_ERROR },
	{ "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", MC_ANSWER_ERROR },
	{ "CLIENT_ERROR bad data chunk\r\n", MC_ANSWER_ERROR },
	{ "SERVER_ERROR object too large for cache\r\n", MC_ANSWER_ERROR },
	{ "SERVER_ERROR out of memory storing object\r\n", MC_ANSWER_ERROR },
	{ "ERROR Too many open connections\r\n", MC_ANSWER_REFUSED },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* A reader of a stream of answers: what bmc keeps of a connection. */
struct reader {
	struct bmc_answer_window win;
	uint32_t len; /* bytes of a line that is not whole */
	uint64_t block;
	uint64_t count;
	uint32_t last; /* kind of the last line */
	int open; /* inside an answer */
};

static uint32_t put(struct reader *r, const char *text, size_t len)
{
	size_t n = BMC_ANSWER_WINDOW - r->len;

	n = len < n ? len : n;
	memset(r->win.bytes + r->len, "xE \n0"[roll(&s, 5)], sizeof(r->win.bytes) - r->len);
	memcpy(r->win.bytes + r->len, text, n);
	r->len += (uint32_t)n;
	memset(r->win.bytes + r->len, 0, 8);
	return (uint32_t)n;
}

static void take_line(struct reader *r, const struct mc_answer *a)
{
	expect(a->kind != MC_ANSWER_UNREADABLE, "unreadable: %.40s", r->win.bytes);
	r->last = a->kind;
	r->block = a->block;
	r->open = a->kind == MC_ANSWER_PART;
	r->count += a->kind != MC_ANSWER_PART;
}

/* Whole lines at the window's start go; a block is passed over. */
static void read_window(struct reader *r)
{
	uint32_t pos = 0;

	for (int i = 0; i <= BMC_ANSWER_WINDOW; i++) {
		uint32_t skip = r->block < r->len - pos ? (uint32_t)r->block : r->len - pos;
		struct mc_answer a;

		pos += skip;
		r->block -= skip;
		if (r->block || pos == r->len)
			break;
		assert_int_equal(mc_answer_line(&r->win, pos, r->len, &a), 0);
		if (a.kind == MC_ANSWER_NONE)
			break;
		pos += a.used;
		take_line(r, &a);
	}
	r->len -= pos;
	memmove(r->win.bytes, r->win.bytes + pos, r->len);
}

static void feed(struct reader *r, const char *text, size_t len)
{
	while (len) {
		uint32_t n = put(r, text, len);

		expect(n, "a line of %u bytes and more", r->len);
		text += n;
		len -= n;
		read_window(r);
	}
}

static void expect_done(const struct reader *r, uint64_t count)
{
	expect(r->count == count, "%llu answers, not %llu", (unsigned long long)r->count,
	       (unsigned long long)count);
	expect(!r->len && !r->block && !r->open, "something is left");
}

/* Whole, cut in two at every byte, and byte by byte. */
static void test_each(void **state)
{
	(void)state;
	s = 1;
	for (size_t i = 0; i < N_ROWS; i++) {
		size_t len = strlen(rows[i].text);

		for (size_t cut = 0; cut < len; cut++) {
			struct reader r = { .count = 0 };

			feed(&r, rows[i].text, cut);
			expect(!r.count || (r.block && r.last == MC_ANSWER_DONE),
			       "%.20s cut to %zu", rows[i].text, cut);
			feed(&r, rows[i].text + cut, len - cut);
			expect(r.last == (uint32_t)rows[i].last, "%.20s is %u", rows[i].text,
			       r.last);
			expect_done(&r, 1);
		}
		struct reader slow = { .count = 0 };

		for (size_t at = 0; at < len; at++)
			feed(&slow, rows[i].text + at, 1);
		expect_done(&slow, 1);
	}
}

static size_t random_value(char *at)
{
	static const char likely[] = "\r\nEND VALUE 0";
	uint32_t size = roll(&s, 3) ? roll(&s, 40) : roll(&s, 3000),
		 key = 1 + roll(&s, BMC_KEY_MAX);
	size_t len = (size_t)sprintf(at, "VALUE ");

	for (uint32_t i = 0; i < key; i++)
		at[len++] = (char)(0x21 + roll(&s, 0xdf));
	len += (size_t)sprintf(at + len, " %u %u", roll(&s, ~0U), size);
	if (roll(&s, 2))
		len += (size_t)sprintf(at + len, " %u", roll(&s, ~0U));
	len += (size_t)sprintf(at + len, "\r\n");
	for (uint32_t i = 0; i < size; i++)
		at[len++] =
			(char)(roll(&s, 2) ? likely[roll(&s, sizeof(likely))] : (int)roll(&s, 256));
	return len + (size_t)sprintf(at + len, "\r\n");
}

static size_t random_answer(char *at)
{
	uint32_t n = roll(&s, 4);
	size_t len = 0;

	if (roll(&s, 2)) {
		const char *text = rows[roll(&s, N_ROWS)].text;

		return (size_t)sprintf(at, "%s", text);
	}
	for (uint32_t i = 0; i < n; i++)
		len += random_value(at + len);
	return len + (size_t)sprintf(at + len, "END\r\n");
}

/* However a stream is cut, the same number of answers is in it. */
static void test_random_cuts(void **state)
{
	static char text[400000];

	(void)state;
	s = 0x1234abcd;
	for (int round = 0; round < ROUNDS / 100; round++) {
		uint64_t n = 1 + roll(&s, 30);
		size_t len = 0;

		for (uint64_t i = 0; i < n; i++)
			len += random_answer(text + len);
		for (int cuts = 0; cuts < 5; cuts++) {
			static const uint32_t longest[] = { 2, 20, 300, 1500, 100000 };
			struct reader r = { .count = 0 };

			for (size_t at = 0, piece; at < len; at += piece) {
				piece = 1 + roll(&s, longest[cuts]);
				piece = piece < len - at ? piece : len - at;
				feed(&r, text + at, piece);
			}
			expect_done(&r, n);
		}
	}
}

/* Lines that memcached does not send: nothing is to be counted from what lies behind them. */
static void test_broken_values(void **state)
{
	static const char *const lines[] = {
		"VALUE a 0 x\r\n",
		"VALUE a 0\r\n",
		"VALUE a\r\n",
		"VALUE \r\n",
		"VALUE a 0 -1\r\n",
		"VALUE a 0 \r\n",
		"VALUE a 0 99999999999\r\n",
		"VALUE a 0 1x\r\n",
		"VA x\r\n",
		"VA \r\n",
		"VA -1\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		size_t len = strlen(lines[i]);
		struct bmc_answer_window win;
		struct mc_answer a;

		memset(&win, '1', sizeof(win));
		memcpy(win.bytes, lines[i], len);
		memcpy(win.bytes + len, "12\r\nEND\r\n", 9);
		assert_int_equal(mc_answer_line(&win, 0, (uint32_t)len + 9, &a), 0);
		expect(a.kind == MC_ANSWER_UNREADABLE, "%s is %u, with a block of %llu", lines[i],
		       a.kind, (unsigned long long)a.block);
	}
}

static void test_long_line(void **state)
{
	struct bmc_answer_window win;
	struct mc_answer a = { .kind = 77 };

	(void)state;
	memset(&win, 'x', sizeof(win));
	assert_int_equal(mc_answer_line(&win, 0, BMC_ANSWER_WINDOW, &a), 0);
	assert_int_equal(a.kind, MC_ANSWER_NONE);
	win.bytes[BMC_ANSWER_WINDOW - 1] = '\n';
	assert_int_equal(mc_answer_line(&win, 0, BMC_ANSWER_WINDOW, &a), 0);
	assert_int_equal(a.kind, MC_ANSWER_ONE);
	assert_int_equal(a.used, BMC_ANSWER_WINDOW);
	win.bytes[BMC_ANSWER_WINDOW] = '\n'; /* behind the end */
	win.bytes[BMC_ANSWER_WINDOW - 1] = 'x';
	assert_int_equal(mc_answer_line(&win, 0, BMC_ANSWER_WINDOW, &a), 0);
	assert_int_equal(a.kind, MC_ANSWER_NONE);
}

static void test_noise(void **state)
{
	static struct bmc_answer_window win;
	struct mc_answer a;

	(void)state;
	s = 77;
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < 10; k++)
			win.bytes[roll(&s, sizeof(win.bytes))] =
				(uint8_t)(roll(&s, 2) ? "VALUE 0\r\n"[roll(&s, 9)] :
							(int)roll(&s, 256));
		mc_answer_line(&win, roll(&s, BMC_ANSWER_WINDOW), roll(&s, BMC_ANSWER_WINDOW + 1),
			       &a);
		mc_answer_line(&win, roll(&s, ~0U), roll(&s, ~0U), &a);
	}
}

/* What mc_answer_value reads is what mc_answer_line reads. */
static void test_values(void **state)
{
	static const char *const forms[] = {
		"VALUE %s 0 32\r\n",  "VALUE %s 4294967295 1234567\r\n",
		"VALUE %s 1 2 3\r\n", "VALUE %s 1 12345678\r\n",
		"VALUE %s 1  2\r\n",  "VALUE %s  1\r\n",
		"VALUE %s 1 2\n",     "VALUE %s 1 \r\n",
		"VALUE %s 7\r\n",
	};
	const uint32_t n_forms = sizeof(forms) / sizeof(forms[0]);
	static struct bmc_answer_window win;
	int taken = 0;

	(void)state;
	s = 78;
	for (int i = 0; i < ROUNDS; i++) {
		struct mc_answer got = {}, want = {};
		char key[251], line[400];
		uint32_t key_len = roll(&s, 250), len;

		for (uint32_t k = 0; k < key_len; k++)
			key[k] = (char)('!' + roll(&s, 94));
		key[key_len] = 0;
		len = (uint32_t)snprintf(line, sizeof(line), forms[roll(&s, n_forms)], key);
		if (!roll(&s, 4))
			len = roll(&s, len);
		else if (!roll(&s, 4))
			line[6 + roll(&s, len - 6)] = (char)roll(&s, 256);
		memset(win.bytes, "0 \n\rx"[roll(&s, 5)], sizeof(win.bytes));
		memcpy(win.bytes, line, len);
		memset(win.bytes + len, 0, 8);
		if (len < 6 || mc_answer_value(&win, len, &got))
			continue;
		taken++;
		mc_answer_line(&win, 0, len, &want);
		expect(got.kind == want.kind && got.used == want.used && got.block == want.block,
		       "%.*s: read otherwise", (int)len, line);
	}
	expect(taken > ROUNDS / 20, "%d lines were taken", taken);
}

/* 1.6.45 answers a get whose second key is too long with "CLIENT_ERROR ...\r\n\r\n": it was counted as two answers. */
static void test_an_empty_line_is_no_answer(void **state)
{
	struct bmc_answer_window win = { .bytes = "\r\nSTORED\r\n" };
	struct mc_answer a;

	(void)state;
	assert_int_equal(mc_answer_line(&win, 0, 1, &a), 0);
	assert_int_equal(a.kind, MC_ANSWER_NONE);
	assert_int_equal(mc_answer_line(&win, 0, 10, &a), 0);
	assert_int_equal(a.kind, MC_ANSWER_SILENT);
	assert_int_equal(a.used, 2);
	assert_int_equal(mc_answer_line(&win, a.used, 10, &a), 0);
	assert_int_equal(a.kind, MC_ANSWER_ONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_random_cuts),
		cmocka_unit_test(test_broken_values),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_an_empty_line_is_no_answer),
	};

	return cmocka_run_group_tests_name("mc_answer.h", tests, NULL, NULL) ? 1 : 0;
}
