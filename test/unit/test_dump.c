// SPDX-License-Identifier: LGPL-2.1-only
/* The lines of `lru_crawler metadump`: what versions of memcached write, cut anywhere, and what nobody should. */
#include <stdio.h>
#include <string.h>

#include "dump.h"
#include "unit.h"

#define NO_KEY "-" /* ret is as it was */

struct line {
	const char *text;
	enum bmc_dump what;
	const char *key;
	__s64 expires;
};

static const struct line lines[] = {
	/* 1.4.31 */
	{ "key=abc exp=1700000000 la=1699999999", BMC_DUMP_ITEM, "abc", 1700000000 },
	/* 1.5 */
	{ "key=abc exp=-1 la=1699999999 cas=7 fetch=no cls=1 size=63", BMC_DUMP_ITEM, "abc", -1 },
	/* 1.6 */
	{ "key=abc exp=1 la=1 cas=7 fetch=yes cls=1 size=63 flags=0", BMC_DUMP_ITEM, "abc", 1 },
	{ "key=a exp=1\r", BMC_DUMP_ITEM, "a", 1 },
	{ "key=a exp=999999999999999999", BMC_DUMP_ITEM, "a", 999999999999999999 },
	/* keys */
	{ "key=a%20b%0D%0a%00 exp=1", BMC_DUMP_ITEM, "a b\r\n", 1 },
	{ "key=%25%3d%e4%C3 exp=1", BMC_DUMP_ITEM, "%=\xe4\xc3", 1 },
	{ "key=a=exp=5 exp=1", BMC_DUMP_ITEM, "a=exp=5", 1 },
	{ "key=-._~+*/ exp=1", BMC_DUMP_ITEM, "-._~+*/", 1 },
	{ "key=END exp=1", BMC_DUMP_ITEM, "END", 1 },
	{ "key= exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a%2 exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a% exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a%zz exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a%%25 exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a key=b exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	/* times */
	{ "key=a", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=0", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=-2", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=-", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=1x", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=+1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=0x10", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=9999999999999999999", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a exp=1 exp=2", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a xexp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	{ "key=a la=exp=1", BMC_DUMP_ODD, NO_KEY, 0 },
	/* no items */
	{ "END", BMC_DUMP_END, NO_KEY, 0 },
	{ "END\r", BMC_DUMP_END, NO_KEY, 0 },
	{ "END OF IT", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "ENDE", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "EN", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "BUSY currently processing crawler request\r", BMC_DUMP_BUSY, NO_KEY, 0 },
	{ "ERROR lru crawler disabled", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "ERROR metadump not allowed\r", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "CLIENT_ERROR lru crawler disabled", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "SERVER_ERROR out of memory", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "BADCLASS invalid class id", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "OK\r", BMC_DUMP_BEGIN, NO_KEY, 0 }, /* 1.6.45 */
	{ "OK", BMC_DUMP_BEGIN, NO_KEY, 0 },
	{ "OK then", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "\r", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ " ", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "key", BMC_DUMP_REFUSED, NO_KEY, 0 },
	{ "KEY=a exp=1", BMC_DUMP_REFUSED, NO_KEY, 0 },
};

/* In memory of its own, so that a look beyond is seen. */
static enum bmc_dump read_line(const char *text, size_t len, struct bmc_learn *ret)
{
	char *copy = malloc(len ? len : 1);
	enum bmc_dump what;

	assert_non_null(copy);
	memcpy(copy, text, len);
	what = bmc_dump_line(copy, len, ret);
	free(copy);
	return what;
}

static void every_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct bmc_learn item = { .len = 1, .key = NO_KEY };
		const struct line *l = &lines[i];

		if (read_line(l->text, strlen(l->text), &item) != l->what)
			fail_msg("'%s' is read as something else", l->text);
		assert_memory_equal(item.key, l->key, strlen(l->key));
		assert_int_equal(item.expires, l->expires);
		if (l->what == BMC_DUMP_ITEM)
			assert_in_range(item.len, strlen(l->key), strlen(l->key) + 1); /* a NUL */
	}
}

/* A line that is cut is another one: never an item before its time is there, never beyond its end. */
static void cut_lines(void **state)
{
	static const char line[] = "key=a%20b exp=1700000000 la=5 cas=1 fetch=no";
	size_t whole = strlen("key=a%20b exp=1700000000");

	(void)state;
	for (size_t len = 0; len < sizeof(line); len++) {
		struct bmc_learn item = { 0 };
		enum bmc_dump what = read_line(line, len, &item);

		if (what == BMC_DUMP_ITEM)
			assert_true(len > strlen("key=a%20b exp="));
		if (len < 4)
			assert_int_equal(what, BMC_DUMP_REFUSED);
		if (len >= whole)
			assert_int_equal(item.expires, 1700000000);
	}
}

/* The longest key, each byte of it as three, and one more. */
static void long_keys(void **state)
{
	char line[2048] = "key=";
	struct bmc_learn item = { 0 };
	size_t len = 4;

	(void)state;
	for (int i = 0; i < BMC_KEY_MAX; i++)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%%F%X", i & 15);
	snprintf(line + len, sizeof(line) - len, " exp=-1");
	assert_int_equal(read_line(line, strlen(line), &item), BMC_DUMP_ITEM);
	assert_int_equal(item.len, BMC_KEY_MAX);
	for (int i = 0; i < BMC_KEY_MAX; i++)
		assert_int_equal(item.key[i], 0xf0 | (i & 15));
	snprintf(line + len, sizeof(line) - len, "x exp=-1");
	assert_int_equal(read_line(line, strlen(line), &item), BMC_DUMP_ODD);
}

/* Bytes that no memcached writes. */
static void bytes_of_all_kinds(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		static const char *const parts[] = {
			"key=", "exp=", " ", "%", "-1", "7", "END", "a"
		};
		struct bmc_learn item = { 0 };
		char line[64];
		size_t len = 0;

		for (int k = 0; k < 8; k++) {
			unsigned int r = seed = seed * 1103515245U + 12345U;

			r >>= 16;
			if (r & 8)
				line[len++] = (char)(r >> 4);
			else
				len += (size_t)snprintf(line + len, sizeof(line) - len, "%s",
							parts[r & 7]);
		}
		if (read_line(line, len, &item) != BMC_DUMP_ITEM)
			continue;
		assert_in_range(item.len, 1, BMC_KEY_MAX);
		assert_true(item.expires == -1 || item.expires > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),
		cmocka_unit_test(cut_lines),
		cmocka_unit_test(long_keys),
		cmocka_unit_test(bytes_of_all_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
