// SPDX-License-Identifier: LGPL-2.1-only
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

static void text_reserve(struct text *t, size_t more)
{
	char *data;

	if (t->len + more + 1 <= t->size)
		return;
	t->size = 2 * (t->len + more) + 64;
	data = realloc(t->data, t->size);
	assert_non_null(data);
	t->data = data;
}

void text_append(struct text *t, const void *bytes, size_t len)
{
	text_reserve(t, len);
	memcpy(t->data + t->len, bytes, len);
	t->len += len;
	t->data[t->len] = 0;
}

void text_add(struct text *t, const char *format, ...)
{
	char line[2048];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	assert_in_range(len, 0, sizeof(line) - 1);
	text_append(t, line, (size_t)len);
}

void text_clear(struct text *t)
{
	t->len = 0;
}

void text_free(struct text *t)
{
	free(t->data);
	memset(t, 0, sizeof(*t));
}

void text_cut(struct text *t, size_t len)
{
	assert_in_range(len, 0, t->len);
	if (t->len == 0)
		return;
	memmove(t->data, t->data + len, t->len - len + 1);
	t->len -= len;
}

/* -> offset behind the line that begins at `at`, 0: it has no end yet */
static size_t text_line(const struct text *t, size_t at)
{
	const char *end = memchr(t->data + at, '\n', t->len - at);

	return end ? (size_t)(end - t->data) + 1 : 0;
}

/* The same, but it may lie behind the bytes that are there. */
static size_t text_answer_end(const struct text *t)
{
	size_t at = 0, next;
	unsigned long bytes;

	while (at < t->len) {
		next = text_line(t, at);
		if (!next)
			return 0;
		if (next - at > 6 && !memcmp(t->data + at, "VALUE ", 6)) {
			if (sscanf(t->data + at, "VALUE %*s %*s %lu", &bytes) != 1)
				return next;
			next += bytes + 2;
		} else if (sscanf(t->data + at, "VA %lu", &bytes) == 1) {
			return next + bytes + 2;
		} else if (memcmp(t->data + at, "STAT ", 5)) {
			return next;
		}
		at = next;
	}
	return 0;
}

size_t text_answer(const struct text *t)
{
	size_t end = text_answer_end(t);

	return end <= t->len ? end : 0;
}

static void text_readable(const struct text *t, char *ret, size_t size)
{
	size_t at = 0;

	ret[0] = 0;
	for (size_t i = 0; i < t->len && at + 8 < size; i++) {
		unsigned char c = (unsigned char)t->data[i];

		if (isprint(c) && c != '\\')
			at += (size_t)snprintf(ret + at, size - at, "%c", c);
		else if (c == '\r' || c == '\n')
			at += (size_t)snprintf(ret + at, size - at, c == '\r' ? "\\r" : "\\n");
		else
			at += (size_t)snprintf(ret + at, size - at, "\\x%02x", c);
	}
}

void text_assert_equal(const char *what, const struct text *got, const struct text *want)
{
	static char got_text[2000], want_text[2000];

	if (got->len == want->len && (!got->len || !memcmp(got->data, want->data, got->len)))
		return;
	text_readable(got, got_text, sizeof(got_text));
	text_readable(want, want_text, sizeof(want_text));
	fail_msg("%s: got %zu bytes \"%s\", want %zu bytes \"%s\"", what, got->len, got_text,
		 want->len, want_text);
}

void text_assert_is(const char *what, const struct text *got, const char *want)
{
	struct text t = {};

	text_append(&t, want, strlen(want));
	text_assert_equal(what, got, &t);
	text_free(&t);
}
