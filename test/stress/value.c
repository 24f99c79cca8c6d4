// SPDX-License-Identifier: LGPL-2.1-only
#include "value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK 64

/* Most values are short; some do not fit one datagram. */
static size_t value_filling(uint64_t id)
{
	uint64_t mixed = id * 0x9e3779b97f4a7c15ULL;
	size_t n = (size_t)(mixed >> 40) % 1000;

	switch ((mixed >> 32) % 32) {
	case 0:
		return 1000 + 2 * n;
	case 1:
	case 2:
		return n;
	case 3:
	case 4:
	case 5:
	case 6:
		return n / 8;
	default:
		return 0;
	}
}

size_t value_text(uint64_t id, char *ret)
{
	size_t at = (size_t)sprintf(ret, "%" PRIu64, id), end = at + value_filling(id);
	char chunk[CHUNK];
	size_t len;

	if (at == end)
		return at;
	ret[at++] = ' ';
	len = (size_t)snprintf(chunk, sizeof(chunk),
			       "%" PRIu64 "\r\nEND\r\nset k0 0 0 9\r\nVALUE k0 0 1\r\n1\r\n", id);
	while (at < end) {
		size_t n = end - at < len ? end - at : len;

		memcpy(ret + at, chunk, n);
		at += n;
	}
	return at;
}

/* A number that is all of text[0..len); 0: it is not. */
static uint64_t number(const char *text, size_t len)
{
	uint64_t n = 0;

	if (!len || len >= VALUE_DIGITS || text[0] == '0')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	return n;
}

uint64_t value_id(const char *data, size_t len)
{
	size_t digits = 0, last;
	char want[VALUE_MAX];
	uint64_t id;

	while (digits < len && data[digits] >= '0' && data[digits] <= '9')
		digits++;
	id = number(data, digits);
	if (!id || digits == len)
		return id;
	if (data[digits] == ' ')
		return value_text(id, want) == len && !memcmp(data, want, len) ? id : 0;
	if (data[digits] == '=')
		return value_id(data + digits + 1, len - digits - 1) ? id : 0;
	if (data[digits] != '+')
		return 0;
	for (last = len; last && data[last - 1] != '+';)
		last--;
	return number(data + last, len - last);
}
