// SPDX-License-Identifier: LGPL-2.1-only
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AROUND 64 /* all that is neither key nor value, in requests and in replies */
#define LINE_MAX_LEN 2048 /* of a reply's first line, memcached's longest error included */
#define END "END\r\n"
#define VALUE "VALUE "

static const char *const errors[] = { "ERROR", "CLIENT_ERROR ", "SERVER_ERROR ", "NOT_STORED" };

static size_t put(char *to, const char *text)
{
	size_t len = strlen(text);

	memcpy(to, text, len);
	return len;
}

static int begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(text, with, strlen(with));
}

static int is(const char *text, size_t len, const char *what)
{
	return len == strlen(what) && begins(text, len, what);
}

size_t bench_text_room(const struct bench_items *t)
{
	size_t most = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		size_t size = t->items[i].key_len + (size_t)t->items[i].value_len;

		most = size > most ? size : most;
	}
	return most + AROUND;
}

size_t bench_text_request(const struct bench_items *t, const struct bench_request *r, char *ret)
{
	const struct bench_item *item = &t->items[r->item];
	size_t n = put(ret, r->kind == BENCH_KIND_SET ? "set " : "get ");

	n += bench_item_key(t, r->item, ret + n);
	if (r->kind == BENCH_KIND_SET) {
		n += (size_t)sprintf(ret + n, " 0 0 %u\r\n", item->value_len);
		n += bench_item_value(t, r->item, item->newest, ret + n);
	}
	return n + put(ret + n, "\r\n");
}

/* "VALUE <key> 0 <bytes>\r\n<data>\r\nEND\r\n" */
static int is_value_reply(const struct bench_items *t, const struct bench_request *r,
			  const char *text, size_t len)
{
	const struct bench_item *item = &t->items[r->item];
	char head[BENCH_KEY_MAX + AROUND];
	size_t n = put(head, VALUE), tail = sizeof("\r\n" END) - 1;

	n += bench_item_key(t, r->item, head + n);
	n += (size_t)sprintf(head + n, " 0 %u\r\n", item->value_len);
	if (len != n + item->value_len + tail || memcmp(text, head, n) != 0 ||
	    memcmp(text + len - tail, "\r\n" END, tail) != 0)
		return 0;
	return bench_item_is_value(t, r->item, r->floor, text + n, item->value_len);
}

enum bench_outcome bench_text_judge(const struct bench_items *t, const struct bench_request *r,
				    const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (begins(text, len, errors[i]))
			return BENCH_REFUSED;
	}
	if (r->kind == BENCH_KIND_SET)
		return is(text, len, "STORED\r\n") ? BENCH_STORED : BENCH_WRONG;
	if (is(text, len, END))
		return BENCH_MISS;
	return is_value_reply(t, r, text, len) ? BENCH_HIT : BENCH_WRONG;
}

/* The number behind the last space of a line "VALUE <key> <flags> <bytes>". -> -1: there is none */
static long value_bytes(const char *line, size_t len)
{
	const char *space = memrchr(line, ' ', len);
	long bytes = 0;

	if (!space || space + 1 == line + len)
		return -1;
	for (const char *digit = space + 1; digit < line + len; digit++) {
		if (*digit < '0' || *digit > '9' || bytes > BENCH_VALUE_MAX)
			return -1;
		bytes = bytes * 10 + (*digit - '0');
	}
	return bytes;
}

ssize_t bench_text_reply_len(const char *text, size_t len)
{
	const char *newline = memchr(text, '\n', len);
	size_t line = newline ? (size_t)(newline - text) + 1 : 0;
	long bytes;

	if (!newline)
		return len > LINE_MAX_LEN ? -1 : 0;
	if (!begins(text, line, VALUE))
		return (ssize_t)line;
	if (line < 2)
		return -1;
	bytes = value_bytes(text, line - 2);
	if (bytes < 0)
		return -1;
	line += (size_t)bytes + sizeof("\r\n" END) - 1;
	return line <= len ? (ssize_t)line : 0;
}
