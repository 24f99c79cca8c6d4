// SPDX-License-Identifier: LGPL-2.1-only
/* mc_answer.h: responses of the binary protocol, whole and cut, and lines that are longer than what is kept. */
#include "mc_answer.h"
#include "unit.h"

#define ROUNDS 2000

/* A response header and its body. */
struct response {
	uint8_t magic, opcode;
	uint16_t key;
	uint8_t extras;
	uint16_t status;
	uint32_t body;
	enum mc_answer_kind kind;
};

static const struct response rows[] = {
	{ 0x81, MC_BINARY_GET, 0, 4, 0, 9, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_GET, 0, 0, 1, 9, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_GETK, 3, 4, 0, 0x1234, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_SET, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_SET, 0, 0, 2, 20, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_SET, 0, 0, 3, 10, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_ADD, 0, 0, 2, 20, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_REPLACE, 0, 0, 1, 9, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_APPEND, 0, 0, 5, 11, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_PREPEND, 0, 0, 5, 11, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_DELETE, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_INCR, 0, 0, 0, 8, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_DECR, 0, 0, 6, 43, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_TOUCH, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_GAT, 0, 4, 0, 100, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_GATK, 1, 4, 0, 100, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_NOOP, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_VERSION, 0, 0, 0, 6, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_QUIT, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_FLUSH, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_SASL_LIST, 0, 0, 0, 5, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_SASL_AUTH, 0, 0, 0x21, 30, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_SASL_STEP, 0, 0, 0x20, 0, MC_ANSWER_ONE },
	{ 0x81, 0x1b, 0, 0, 0x81, 15, MC_ANSWER_ONE }, /* an opcode that memcached does not know */
	{ 0x81, 0x32, 0, 0, 0x81, 15, MC_ANSWER_ONE },
	{ 0x81, 0xff, 0, 0, 0x81, 15, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_STAT, 3, 0, 0, 8, MC_ANSWER_PART },
	{ 0x81, MC_BINARY_STAT, 250, 0, 0, 250, MC_ANSWER_PART },
	{ 0x81, MC_BINARY_STAT, 0, 0, 0, 7, MC_ANSWER_PART },
	{ 0x81, MC_BINARY_STAT, 0, 0, 0, 0, MC_ANSWER_ONE },
	{ 0x81, MC_BINARY_STAT, 0, 0, 1, 9, MC_ANSWER_ONE }, /* no such statistics */
	{ 0x81, MC_BINARY_GETQ, 0, 4, 0, 9, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_GETKQ, 2, 4, 0, 9, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_SETQ, 0, 0, 3, 10, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_ADDQ, 0, 0, 2, 20, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_REPLACEQ, 0, 0, 1, 9, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_DELETEQ, 0, 0, 1, 9, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_INCRQ, 0, 0, 6, 43, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_DECRQ, 0, 0, 6, 43, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_FLUSHQ, 0, 0, 4, 17, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_APPENDQ, 0, 0, 5, 11, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_PREPENDQ, 0, 0, 5, 11, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_GATQ, 0, 4, 0, 9, MC_ANSWER_SILENT },
	{ 0x81, MC_BINARY_GATKQ, 1, 4, 0, 9, MC_ANSWER_SILENT },
	{ 0x80, MC_BINARY_SET, 0, 0, 0, 0, MC_ANSWER_UNREADABLE },
	{ 'E', 'R', 0, 0, 0, 0, MC_ANSWER_UNREADABLE },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static size_t put(uint8_t *at, const struct response *r)
{
	memset(at, 0xee, MC_BINARY_HEADER); /* opaque and cas are anything */
	at[0] = r->magic;
	at[1] = r->opcode;
	at[2] = (uint8_t)(r->key >> 8);
	at[3] = (uint8_t)r->key;
	at[4] = r->extras;
	at[5] = 0;
	at[6] = (uint8_t)(r->status >> 8);
	at[7] = (uint8_t)r->status;
	at[8] = (uint8_t)(r->body >> 24);
	at[9] = (uint8_t)(r->body >> 16);
	at[10] = (uint8_t)(r->body >> 8);
	at[11] = (uint8_t)r->body;
	return MC_BINARY_HEADER;
}

static void test_each_header(void **state)
{
	static struct bmc_answer_window win;

	(void)state;
	for (size_t i = 0; i < N_ROWS; i++) {
		for (uint32_t pos = 0; pos < 100; pos += 33) {
			struct mc_answer a;

			memset(&win, 0x81, sizeof(win));
			put(win.bytes + pos, &rows[i]);
			for (uint32_t end = pos; end < pos + MC_BINARY_HEADER; end++) {
				assert_int_equal(mc_answer_binary(&win, pos, end, &a), 0);
				expect(a.kind == MC_ANSWER_NONE && !a.used, "row %zu cut to %u", i,
				       end);
			}
			mc_answer_binary(&win, pos, pos + MC_BINARY_HEADER, &a);
			expect(a.kind == rows[i].kind, "row %zu is %u", i, a.kind);
			assert_int_equal(a.used, MC_BINARY_HEADER);
			expect(a.block == rows[i].body, "row %zu: a body of %llu", i,
			       (unsigned long long)a.block);
		}
	}
}

/* However a stream is cut, and whatever its bodies hold, the same answers are in it. */
static void test_random_cuts(void **state)
{
	static uint8_t text[100000];
	uint64_t s = 99;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		uint32_t want = 0, got = 0, longest = 1 + roll(&s, 400);
		static struct bmc_answer_window win;
		size_t len = 0;
		uint64_t block = 0;
		uint32_t kept = 0;

		for (uint32_t i = roll(&s, 20); i < 20; i++) {
			struct response r = rows[roll(&s, N_ROWS - 2)];

			len += put(text + len, &r);
			memset(text + len, 0x81, r.body);
			len += r.body;
			want += r.kind == MC_ANSWER_ONE;
		}
		for (size_t at = 0, piece; at < len; at += piece) {
			uint32_t pos = 0, end;

			piece = 1 + roll(&s, longest);
			piece = piece < len - at ? piece : len - at;
			memcpy(win.bytes + kept, text + at, piece);
			end = kept + (uint32_t)piece;
			while (pos < end) {
				uint32_t skip = block < end - pos ? (uint32_t)block : end - pos;
				struct mc_answer a;

				pos += skip;
				block -= skip;
				mc_answer_binary(&win, pos, end, &a);
				if (a.kind == MC_ANSWER_NONE)
					break;
				pos += a.used;
				block = a.block;
				got += a.kind == MC_ANSWER_ONE;
			}
			kept = end - pos;
			memmove(win.bytes, win.bytes + pos, kept);
		}
		expect(got == want && !kept && !block, "round %d: %u answers, not %u", round, got,
		       want);
	}
}

/* Of a line that is longer than what is kept, only the end is looked for: its kind must be known by then. */
static void test_long_lines(void **state)
{
	static const struct {
		const char *text;
		enum mc_answer_kind kind;
	} lines[] = {
		{ "key=%01%02%03 exp=-1 la=", MC_ANSWER_PART },
		{ "STAT a", MC_ANSWER_PART },
		{ "ITEM a", MC_ANSWER_PART },
		{ "PREFIX a", MC_ANSWER_PART },
		{ "mg a", MC_ANSWER_PART },
		{ "ME a exp=-1", MC_ANSWER_META },
		{ "HD Oaaaa", MC_ANSWER_DONE },
		{ "CLIENT_ERROR x", MC_ANSWER_ERROR },
		{ "SERVER_ERROR x", MC_ANSWER_ERROR },
		{ "VERSION 1.6.18-", MC_ANSWER_ONE },
		{ "VALUE a 0 ", MC_ANSWER_UNREADABLE },
		{ "VA 5 ", MC_ANSWER_UNREADABLE },
	};
	static struct bmc_answer_window win;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		memset(&win, 'x', sizeof(win));
		memcpy(win.bytes + i, lines[i].text, strlen(lines[i].text));
		expect(mc_answer_long(&win, (uint32_t)i) == lines[i].kind, "%s", lines[i].text);
	}
}

static void test_noise(void **state)
{
	static struct bmc_answer_window win;
	struct mc_answer a;
	uint64_t s = 5;

	(void)state;
	for (int i = 0; i < ROUNDS * 10; i++) {
		for (int k = 0; k < 10; k++)
			win.bytes[roll(&s, sizeof(win.bytes))] = (uint8_t)roll(&s, 256);
		mc_answer_binary(&win, roll(&s, BMC_ANSWER_WINDOW), roll(&s, BMC_ANSWER_WINDOW + 1),
				 &a);
		mc_answer_binary(&win, roll(&s, ~0U), roll(&s, ~0U), &a);
		mc_answer_long(&win, roll(&s, ~0U));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_header),
		cmocka_unit_test(test_random_cuts),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests_name("mc_answer.h, binary", tests, NULL, NULL) ? 1 : 0;
}
