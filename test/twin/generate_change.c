// SPDX-License-Identifier: LGPL-2.1-only
/* What is done to commands that were made. */
#include "generate_parts.h"

#include <string.h>

void respace(struct stream *s, size_t at, uint64_t *seed)
{
	static const char *const spaces[] = { " ", " ", "  ", "   " };
	static const char *const ends[] = { "\r\n", "\n", " \r\n", "  \n" };
	static unsigned char copy[STREAM_MAX];
	size_t n = s->len - at, line = 0;

	memcpy(copy, s->bytes + at, n);
	s->len = at;
	for (; line < n && copy[line] != '\r'; line++) {
		if (copy[line] == ' ')
			add(s, "%s", PICK(seed, spaces));
		else
			s->bytes[s->len++] = copy[line];
	}
	if (!line) { /* what is empty stays so */
		add(s, "\r\n");
	} else {
		add(s, "%s", PICK(seed, ends));
	}
	add_bytes(s, copy + line + 2, n - line - 2);
}

/* Anywhere, or beside the next space or line's end: there a change means most. */
static size_t place(const struct stream *s, uint64_t *seed)
{
	size_t at = roll(seed, (uint32_t)s->len), to = at;

	if (roll(seed, 3) == 0)
		return at;
	while (to < s->len && s->bytes[to] != ' ' && s->bytes[to] != '\r')
		to++;
	to += roll(seed, 2);
	return to < s->len ? to : at;
}

void mutate(struct stream *s, uint64_t *seed)
{
	static const unsigned char odd[] = { 0,	  ' ', '\r', '\n', '\t', '-',  '+', '0',
					     '9', 'q', 'b',  'T',  0x80, 0xff, 'x', 1 };
	static const char *const words[] = {
		"noreply",    " noreply",    "\r\n", " 0", " -1", "  ", "\0", " q", "set ",
		"4294967297", "99999999999", "+",    "\t", "0",	  " x", "\r", "-"
	};

	for (uint32_t n = 1 + roll(seed, 6); n && s->len; n--) {
		size_t at = place(s, seed);
		const char *word = PICK(seed, words);
		size_t len = *word ? strlen(word) : 1;

		switch (roll(seed, 4)) {
		case 0:
			s->bytes[at] = PICK(seed, odd);
			break;
		case 1:
			s->bytes[at] = (unsigned char)roll(seed, 256);
			break;
		case 2: /* some go */
			len = 1 + roll(seed, 5);
			len = len > s->len - at ? s->len - at : len;
			memmove(s->bytes + at, s->bytes + at + len, s->len - at - len);
			s->len -= len;
			break;
		default:
			if (s->len + len > STREAM_MAX)
				break;
			memmove(s->bytes + at + len, s->bytes + at, s->len - at);
			memcpy(s->bytes + at, word, len);
			s->len += len;
		}
	}
}
