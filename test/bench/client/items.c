// SPDX-License-Identifier: LGPL-2.1-only
#include "items.h"

#include <stdlib.h>
#include <string.h>

#include "../bench.h"
#include "draw.h"

/* ETC's constants, as published. */
#define ETC_KEY_LOCATION 30.8
#define ETC_KEY_SCALE 8.2
#define ETC_KEY_SHAPE 0.079
#define ETC_VALUE_LOCATION 15
#define ETC_VALUE_SCALE 214.5
#define ETC_VALUE_SHAPE 0.348
#define ETC_VALUE_MAX 1300
#define REPLY_MAX 1392 /* text of a reply in one datagram of memcached's */
#define REPLY_AROUND 24 /* "VALUE ", " 0 1300\r\n", "\r\nEND\r\n" */

/* Values are of 64 letters; the first ones are the version. */
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
#define LETTER_BITS 6
#define VERSION_LETTERS 6 /* 36 bits */
#define LETTERS_AT_ONCE 10 /* of 64 bits */

static uint32_t between(double value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : (uint32_t)value;
}

static void set_etc_sizes(struct bench_item *item, struct bench_random *r)
{
	double key =
		bench_gev(bench_random_unit(r), ETC_KEY_LOCATION, ETC_KEY_SCALE, ETC_KEY_SHAPE);
	double value = bench_pareto(bench_random_unit(r), ETC_VALUE_LOCATION, ETC_VALUE_SCALE,
				    ETC_VALUE_SHAPE);

	item->key_len = (uint8_t)between(key, BENCH_KEY_MIN, BENCH_KEY_MAX);
	item->value_len = between(value, 0, ETC_VALUE_MAX);
	if (item->key_len + item->value_len + REPLY_AROUND > REPLY_MAX)
		item->value_len = REPLY_MAX - REPLY_AROUND - item->key_len;
}

int bench_items_init(struct bench_items *t, uint32_t n, enum bench_sizes sizes, uint32_t key_len,
		     uint32_t value_len)
{
	struct bench_random r = { 1 };

	*t = (struct bench_items){ .n = n, .items = calloc(n, sizeof(*t->items)) };
	if (!t->items)
		return bench_fail("no memory for %u items", n);
	for (uint32_t i = 0; i < n; i++) {
		t->items[i].key_len = (uint8_t)key_len;
		t->items[i].value_len = value_len;
		if (sizes == BENCH_ETC)
			set_etc_sizes(&t->items[i], &r);
	}
	return 0;
}

void bench_items_free(struct bench_items *t)
{
	free(t->items);
	t->items = NULL;
}

size_t bench_item_key(const struct bench_items *t, uint32_t at, char *ret)
{
	static const char head[] = "key-"; /* BENCH_KEY_MIN - 4 digits follow */
	size_t len = t->items[at].key_len;
	uint32_t rest = at;

	for (size_t i = len; i-- > sizeof(head) - 1; rest /= 10)
		ret[i] = (char)('0' + rest % 10);
	memcpy(ret, head, sizeof(head) - 1);
	return len;
}

static void put_letters(uint64_t bits, size_t n, char *ret)
{
	static const char letters[] = LETTERS;

	for (size_t i = 0; i < n; i++, bits >>= LETTER_BITS)
		ret[i] = letters[bits & ((1 << LETTER_BITS) - 1)];
}

/* A value, piece by piece. */
struct pieces {
	struct bench_random random;
	uint64_t bits; /* of the next piece */
	size_t most; /* letters of it */
	size_t left;
};

static void pieces_begin(struct pieces *p, const struct bench_item *item, uint32_t at,
			 uint32_t version)
{
	*p = (struct pieces){ .random = { (uint64_t)version << 32 | at },
			      .bits = version,
			      .most = VERSION_LETTERS,
			      .left = item->value_len };
}

/* ret: room for LETTERS_AT_ONCE. -> how many there are; 0: that was all */
static size_t pieces_next(struct pieces *p, char *ret)
{
	size_t n = p->left < p->most ? p->left : p->most;

	put_letters(p->bits, n, ret);
	p->left -= n;
	p->bits = bench_random_next(&p->random);
	p->most = LETTERS_AT_ONCE;
	return n;
}

size_t bench_item_value(const struct bench_items *t, uint32_t at, uint32_t version, char *ret)
{
	char piece[LETTERS_AT_ONCE];
	struct pieces p;
	size_t len = 0;

	pieces_begin(&p, &t->items[at], at, version);
	for (size_t n; (n = pieces_next(&p, piece)); len += n)
		memcpy(ret + len, piece, n);
	return len;
}

static int is_version(const struct bench_items *t, uint32_t at, uint32_t version, const char *value)
{
	char piece[LETTERS_AT_ONCE];
	struct pieces p;

	pieces_begin(&p, &t->items[at], at, version);
	for (size_t n; (n = pieces_next(&p, piece)); value += n) {
		if (memcmp(value, piece, n) != 0)
			return 0;
	}
	return 1;
}

/* As many of a version's bits as the value has. */
static uint64_t read_version(const char *value, size_t len, uint64_t *ret_modulus)
{
	static const char letters[] = LETTERS;
	uint64_t version = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < len && i < VERSION_LETTERS; i++, bits += LETTER_BITS) {
		const char *letter = memchr(letters, value[i], sizeof(letters) - 1);

		if (!letter)
			return UINT64_MAX;
		version |= (uint64_t)(letter - letters) << bits;
	}
	*ret_modulus = 1ULL << bits;
	return version;
}

int bench_item_is_value(const struct bench_items *t, uint32_t at, uint32_t floor, const char *value,
			size_t len)
{
	const struct bench_item *item = &t->items[at];
	uint64_t modulus = 1, version = read_version(value, len, &modulus), behind;

	if (len != item->value_len || version == UINT64_MAX)
		return 0;
	/* The version at or above the floor that ends in these bits. */
	behind = (version - floor) & (modulus - 1);
	if (!item->is_any && floor + behind > item->newest)
		return 0;
	return is_version(t, at, (uint32_t)(floor + behind), value);
}
