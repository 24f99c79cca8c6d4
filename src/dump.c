// SPDX-License-Identifier: LGPL-2.1-only
#include "dump.h"

#include <string.h>

#define NUMBER_MAX 18 /* digits that fit 64 bits, whatever they are */

/* A part of a line, between spaces. */
struct token {
	const char *at;
	size_t len;
};

static int begins(const struct token *t, const char *with)
{
	size_t len = strlen(with);

	return t->len >= len && !memcmp(t->at, with, len);
}

static int is(const struct token *t, const char *word)
{
	return t->len == strlen(word) && begins(t, word);
}

/* The next part of the line; 0: there is none. */
static int next_token(const char **at, const char *end, struct token *ret)
{
	while (*at < end && **at == ' ')
		(*at)++;
	ret->at = *at;
	while (*at < end && **at != ' ')
		(*at)++;
	ret->len = (size_t)(*at - ret->at);
	return ret->len != 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* %XX is a byte, all others are themselves. 0 or -1. */
static int read_key(const char *at, size_t len, struct bmc_learn *ret)
{
	const char *end = at + len;

	ret->len = 0;
	while (at < end) {
		int byte = (unsigned char)*at++;

		if (byte == '%') {
			int high = at < end ? hex(at[0]) : -1;
			int low = end - at >= 2 ? hex(at[1]) : -1;

			if (high < 0 || low < 0)
				return -1;
			byte = high << 4 | low;
			at += 2;
		}
		if (ret->len == BMC_KEY_MAX)
			return -1;
		ret->key[ret->len++] = (__u8)byte;
	}
	return ret->len ? 0 : -1;
}

/* A time is a number above 0, "never" is -1. 0 or -1. */
static int read_expires(const char *at, size_t len, __s64 *ret)
{
	__s64 n = 0;

	if (len == 2 && !memcmp(at, "-1", 2)) {
		*ret = BMC_LEARN_NEVER;
		return 0;
	}
	if (!len || len > NUMBER_MAX)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (at[i] < '0' || at[i] > '9')
			return -1;
		n = n * 10 + (at[i] - '0');
	}
	*ret = n;
	return n ? 0 : -1;
}

/* key=... exp=... and more, in this order since 1.4.31; each of the two once. */
static enum bmc_dump read_item(const char *line, const char *end, struct bmc_learn *ret)
{
	int keys = 0, times = 0, err = 0;
	struct token t;

	while (next_token(&line, end, &t)) {
		if (begins(&t, "key=")) {
			keys++;
			err |= read_key(t.at + 4, t.len - 4, ret);
		} else if (begins(&t, "exp=")) {
			times++;
			err |= read_expires(t.at + 4, t.len - 4, &ret->expires);
		}
	}
	return err || keys != 1 || times != 1 ? BMC_DUMP_ODD : BMC_DUMP_ITEM;
}

enum bmc_dump bmc_dump_line(const char *line, size_t len, struct bmc_learn *ret)
{
	const char *end = line + len, *at = line;
	struct bmc_learn item = { 0 };
	struct token first;
	enum bmc_dump what;

	if (len && end[-1] == '\r')
		end--;
	if (!next_token(&at, end, &first))
		return BMC_DUMP_REFUSED;
	if (is(&first, "END") && at == end)
		return BMC_DUMP_END;
	if (is(&first, "OK") && at == end)
		return BMC_DUMP_BEGIN;
	if (is(&first, "BUSY"))
		return BMC_DUMP_BUSY;
	if (!begins(&first, "key="))
		return BMC_DUMP_REFUSED;
	what = read_item(line, end, &item);
	if (what == BMC_DUMP_ITEM) {
		memcpy(ret->key, item.key, sizeof(ret->key));
		ret->len = item.len;
		ret->expires = item.expires;
	}
	return what;
}
