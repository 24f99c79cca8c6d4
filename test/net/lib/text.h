/* SPDX-License-Identifier: LGPL-2.1-only */
/* Bytes with a length, and where one of memcached's text answers ends. */
#ifndef BMC_TEST_TEXT_H
#define BMC_TEST_TEXT_H

#include <stddef.h>

struct text {
	char *data; /* NULL or `len` bytes and a NUL */
	size_t len;
	size_t size;
};

void text_append(struct text *t, const void *bytes, size_t len);
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_clear(struct text *t);
void text_free(struct text *t);
/* Takes the first `len` bytes away. */
void text_cut(struct text *t, size_t len);

/* The length of the first whole answer: a line; VA with its block; VALUE with its blocks, or STAT
 * lines, up to END. 0: not there yet */
size_t text_answer(const struct text *t);

/* Fails the test, with both printed readably, unless they are equal. */
void text_assert_equal(const char *what, const struct text *got, const struct text *want);
void text_assert_is(const char *what, const struct text *got, const char *want);

#endif
