// SPDX-License-Identifier: LGPL-2.1-only
/* cursor.h: looks into a window, eight bytes at once. */
#include "unit.h"

static uint64_t pack(const uint8_t *bytes)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--)
		word = word << 8 | bytes[i];
	return word;
}

static void test_load(void **state)
{
	uint8_t bytes[16];

	(void)state;
	for (int i = 0; i < 16; i++)
		bytes[i] = (uint8_t)(0x11 * i);
	for (int i = 0; i < 8; i++)
		assert_true(bmc_load64(bytes + i) == pack(bytes + i));
}

static void test_positions_are_masked(void **state)
{
	struct bmc_window *win = window_new();
	uint64_t s = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(win->bytes); i++)
		win->bytes[i] = (uint8_t)roll(&s, 256);
	for (int i = 0; i < 20000; i++) {
		uint64_t pos = (uint64_t)roll(&s, ~0U) << 32 | roll(&s, ~0U);

		assert_true(bmc_window64(win, pos) == pack(win->bytes + pos % BMC_WINDOW));
		assert_int_equal(bmc_window8(win, pos), win->bytes[pos % BMC_WINDOW]);
	}
	assert_true(bmc_window64(win, BMC_WINDOW - 1) == pack(win->bytes + BMC_WINDOW - 1));
}

static void test_window_end(void **state)
{
	struct bmc_window *win = window_new();

	(void)state;
	for (uint64_t end = 0; end <= BMC_WINDOW; end++) {
		memset(win->bytes, 'Z', sizeof(win->bytes));
		bmc_window_end(win, end);
		assert_true(!memcmp(win->bytes + end, "\0\0\0\0\0\0\0", 8));
		assert_true(!end || win->bytes[end - 1] == 'Z');
		assert_int_equal(win->bytes[end + 8], 'Z');
	}
	memset(win->bytes, 'Z', sizeof(win->bytes));
	bmc_window_end(win, BMC_WINDOW + 1);
	bmc_window_end(win, ~0ULL);
	for (size_t i = 0; i < sizeof(win->bytes); i++)
		assert_int_equal(win->bytes[i], 'Z');
}

/* The index of the first byte that `is` likes; 8: none. */
static uint32_t first(const uint8_t *bytes, int c, int low)
{
	uint32_t i;

	for (i = 0; i < 8; i++)
		if (low ? bytes[i] < 0x21 : bytes[i] == c)
			break;
	return i;
}

static void check_marks(const uint8_t *bytes, int c)
{
	uint64_t word = pack(bytes), low = bmc_low_bytes(word),
		 equal = bmc_equal_bytes(word, (uint8_t)c);
	uint32_t want_low = first(bytes, 0, 1), want_equal = first(bytes, c, 0);

	expect(low ? bmc_first_byte(low) == want_low : want_low == 8, "low byte of %016llx",
	       (unsigned long long)word);
	expect(equal ? bmc_first_byte(equal) == want_equal : want_equal == 8,
	       "byte %02x of %016llx", c, (unsigned long long)word);
}

/* Around the edges of what is looked for, where a borrow or carry could lie. */
static void test_marks(void **state)
{
	static const uint8_t edges[] = { 0,    1,    '\n', '\r', 0x1f, 0x20, 0x21, 0x22,      0x7f,
					 0x80, 0x81, 0x9f, 0xa0, 0xa1, 0xfe, 0xff, ' ' ^ 0x80 };
	uint64_t s = 5;
	uint8_t bytes[8];

	(void)state;
	for (int i = 0; i < 400000; i++) {
		for (int k = 0; k < 8; k++)
			bytes[k] = roll(&s, 2) ? edges[roll(&s, sizeof(edges))] :
						 (uint8_t)roll(&s, 256);
		check_marks(bytes, edges[roll(&s, sizeof(edges))]);
	}
	for (int at = 0; at < 8; at++) {
		for (int c = 0; c < 256; c++) {
			memset(bytes, 0xff, sizeof(bytes));
			bytes[at] = (uint8_t)c;
			check_marks(bytes, '\n');
			memset(bytes, 0x21, sizeof(bytes));
			bytes[at] = (uint8_t)c;
			check_marks(bytes, '\n');
		}
	}
}

static void test_first_byte(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 8; n++) {
		assert_int_equal(bmc_first_byte(0x80ULL << (8 * n)), n);
		assert_int_equal(bmc_first_byte(BMC_HIGH << (8 * n)), n);
	}
}

static void test_keep_bytes(void **state)
{
	(void)state;
	assert_true(bmc_keep_bytes(~0ULL, 0) == 0);
	for (uint32_t n = 1; n < 8; n++)
		assert_true(bmc_keep_bytes(~0ULL, n) == ~0ULL >> (64 - 8 * n));
}

static void test_keep_before(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 8; n++) {
		assert_true(bmc_keep_before(~0ULL, 0x80ULL << (8 * n)) == bmc_keep_bytes(~0ULL, n));
		assert_true(bmc_keep_before(~0ULL, BMC_HIGH << (8 * n)) ==
			    bmc_keep_bytes(~0ULL, n));
	}
}

static void test_is_space(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 8; n++) {
		for (uint64_t c = 0; c <= ' '; c++) {
			uint64_t word = ~(0xffULL << (8 * n)) | c << (8 * n);

			assert_int_equal(bmc_is_space(word, bmc_low_bytes(word)), c == ' ');
		}
	}
}

static void test_is_line(void **state)
{
	(void)state;
	for (uint64_t len = 1; len <= 8 * BMC_LINE_WORDS; len++) {
		for (uint64_t at = 0; at <= len; at++) {
			__u64 line[BMC_LINE_WORDS] = {};
			uint8_t *bytes = (uint8_t *)line;

			memset(bytes, 0xff, len);
			if (at < len) /* the first of two */
				bytes[at] = bytes[len - 1] = '\n';
			assert_int_equal(bmc_is_line(line, len), at + 1 == len);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),	    cmocka_unit_test(test_positions_are_masked),
		cmocka_unit_test(test_window_end),  cmocka_unit_test(test_marks),
		cmocka_unit_test(test_first_byte),  cmocka_unit_test(test_keep_bytes),
		cmocka_unit_test(test_keep_before), cmocka_unit_test(test_is_space),
		cmocka_unit_test(test_is_line),
	};

	return cmocka_run_group_tests_name("cursor.h", tests, NULL, NULL) ? 1 : 0;
}
