/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * What the client stores and asks for: items by number. Key, sizes and each version's value follow from the number, so that any
 * reply can be checked, key and value, and an old value is told from the current one.
 */
#ifndef BENCH_ITEMS_H
#define BENCH_ITEMS_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_KEY_MAX 250 /* memcached's limit */
#define BENCH_KEY_MIN 12 /* so that all keys differ */
#define BENCH_VALUE_MAX 1000000
#define BENCH_ITEMS_MAX 50000000

enum bench_sizes {
	BENCH_FIXED,
	/* Facebook's ETC pool (Atikoglu et al., SIGMETRICS'12): keys by a generalised extreme value distribution, values by a
	 * generalised Pareto one, cut where the reply would not fit a datagram any more. */
	BENCH_ETC,
};

struct bench_item {
	uint32_t
		floor; /* the last version that was acknowledged: no reply to a get that follows may be older */
	uint32_t newest; /* the last version that was sent; 0: none */
	uint32_t value_len;
	uint8_t key_len;
	uint8_t is_writing; /* a set is in flight; there is one at most */
	/* A set was lost, or is somebody else's: it may come at any time, the floor rises no more. */
	uint8_t is_unsure;
	uint8_t is_any; /* it was there before: any version is right */
};

struct bench_items {
	uint32_t n;
	struct bench_item *items;
};

/* Sizes of keys and values in bytes; they are read for BENCH_FIXED only. */
int bench_items_init(struct bench_items *t, uint32_t n, enum bench_sizes sizes, uint32_t key_len,
		     uint32_t value_len);
void bench_items_free(struct bench_items *t);

/* No end of string is written. -> the length */
size_t bench_item_key(const struct bench_items *t, uint32_t at, char *ret);
size_t bench_item_value(const struct bench_items *t, uint32_t at, uint32_t version, char *ret);

/* Whether these bytes are a value that the item may have now, if `floor` was its floor when it was asked for. */
int bench_item_is_value(const struct bench_items *t, uint32_t at, uint32_t floor, const char *value,
			size_t len);

#endif
