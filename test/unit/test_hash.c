// SPDX-License-Identifier: LGPL-2.1-only
/* mc_hash.h: a key's place, length and hash. */
#include "siphash.h"
#include "unit.h"

static const struct mc_seed seed = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL };

/* The reference itself: SipHash-2-4's published vectors (key 00..0f, message 00, 01, 02 ...). */
static void test_reference(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} vectors[] = {
		{ 0, 0x726fdb47dd0e0e31ULL },
		{ 1, 0x74f839c593dc67fdULL },
		{ 2, 0x0d6c8009d9a94f5aULL },
		{ 15, 0xa129ca6149be45e5ULL },
	};
	uint8_t data[16];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++)
		assert_true(siphash(2, 4, seed.k0, seed.k1, data, vectors[i].len) ==
			    vectors[i].hash);
}

static void check_key(struct bmc_window *win, uint32_t pos, size_t len, uint8_t delimiter)
{
	struct mc_key key = { .hash = 1, .pos = 2, .len = 3 };
	uint64_t want = siphash(1, 3, seed.k0, seed.k1, win->bytes + pos, len);

	win->bytes[pos + len] = delimiter;
	expect(mc_key_scan(win, pos, &seed, &key) == 0, "%zu bytes at %u, then 0x%02x: no key", len,
	       pos, delimiter);
	expect(key.pos == pos && key.len == len, "%zu bytes at %u: %u at %u", len, pos, key.len,
	       key.pos);
	expect(key.hash == want, "%zu bytes at %u: hash %llx, not %llx", len, pos,
	       (unsigned long long)key.hash, (unsigned long long)want);
}

static void random_bytes(struct bmc_window *win, uint64_t *s)
{
	for (size_t i = 0; i < sizeof(win->bytes); i++)
		win->bytes[i] = (uint8_t)(0x21 + roll(s, 0xdf));
}

static void test_every_length_and_place(void **state)
{
	struct bmc_window *win = window_new();
	uint64_t s = 1;

	(void)state;
	for (size_t len = 0; len <= BMC_KEY_MAX; len++) {
		for (uint32_t pos = 0; pos < 9; pos++) {
			random_bytes(win, &s);
			check_key(win, pos, len, ' ');
			random_bytes(win, &s);
			check_key(win, BMC_WINDOW - (uint32_t)len - 1 - pos, len, '\r');
		}
	}
}

static void test_every_delimiter(void **state)
{
	struct bmc_window *win = window_new();
	uint64_t s = 2;

	(void)state;
	for (int c = 0; c <= 0x20; c++) {
		for (size_t len = 0; len < 20; len++) {
			random_bytes(win, &s);
			check_key(win, 3, len, (uint8_t)c);
		}
	}
}

/* Bytes above space are a key's, whatever they are; the lowest and highest are where the bit tricks would fail. */
static void test_every_byte(void **state)
{
	struct bmc_window *win = window_new();

	(void)state;
	for (int c = 0x21; c < 0x100; c++) {
		memset(win->bytes, c, sizeof(win->bytes));
		check_key(win, 0, 8, ' ');
		memset(win->bytes, c, sizeof(win->bytes));
		check_key(win, 5, 250, 0x1f);
		memset(win->bytes, 0x80, sizeof(win->bytes));
		win->bytes[6] = (uint8_t)c;
		check_key(win, 4, 7, '\n');
	}
}

static void test_too_long(void **state)
{
	struct mc_key key = { .hash = 1, .pos = 2, .len = 3 };
	struct bmc_window *win = window_new();

	(void)state;
	for (size_t len = BMC_KEY_MAX + 1; len < 300; len++) {
		memset(win->bytes, 'x', sizeof(win->bytes));
		win->bytes[7 + len] = ' ';
		expect(mc_key_scan(win, 7, &seed, &key) == -1, "%zu bytes are a key", len);
		assert_true(key.hash == 1 && key.pos == 2 && key.len == 3);
	}
	memset(win->bytes, 'x', sizeof(win->bytes));
	assert_int_equal(mc_key_scan(win, 0, &seed, &key), -1);
	assert_int_equal(mc_key_scan(win, BMC_WINDOW - 1, &seed, &key), -1);
	assert_true(key.hash == 1 && key.pos == 2 && key.len == 3);
}

/* What lies behind the delimiter, before the key, and where the key is, do not matter; the seed does. */
static void test_only_the_key_counts(void **state)
{
	const struct mc_seed other = { seed.k0, seed.k1 ^ 1 };
	struct bmc_window *win = window_new();
	struct mc_key a, b, c;

	(void)state;
	window_put(win, 10, "foobar baz\r\n", 12, 'A');
	assert_int_equal(mc_key_scan(win, 10, &seed, &a), 0);
	assert_int_equal(mc_key_scan(win, 10, &other, &c), 0);
	window_put(win, 77, "foobar\r\n", 8, 'B');
	assert_int_equal(mc_key_scan(win, 77, &seed, &b), 0);
	assert_true(a.hash == b.hash && a.hash != c.hash);
}

/* Where positions are beyond the window, reads stay in it. */
static void test_any_position(void **state)
{
	struct bmc_window *win = window_new();
	struct mc_key key;
	uint64_t s = 3;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		win->bytes[roll(&s, BMC_WINDOW)] = (uint8_t)roll(&s, 256);
		mc_key_scan(win, roll(&s, ~0U), &seed, &key);
		mc_key_scan(win, BMC_WINDOW - roll(&s, 300), &seed, &key);
	}
	assert_int_equal(mc_key_scan(NULL, 0, &seed, &key), -1);
	assert_int_equal(mc_key_scan(win, 0, NULL, &key), -1);
	assert_int_equal(mc_key_scan(win, 0, &seed, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference),
		cmocka_unit_test(test_every_length_and_place),
		cmocka_unit_test(test_every_delimiter),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_only_the_key_counts),
		cmocka_unit_test(test_any_position),
	};

	return cmocka_run_group_tests_name("mc_hash.h", tests, NULL, NULL) ? 1 : 0;
}
