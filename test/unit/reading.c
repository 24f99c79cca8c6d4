// SPDX-License-Identifier: LGPL-2.1-only
#include "reading.h"

#include <string.h>

int token_is(const struct token *t, const char *word)
{
	return t->len == strlen(word) && !memcmp(t->at, word, t->len);
}

static int any_of(const struct token *t, const char *const *words)
{
	for (; *words; words++)
		if (token_is(t, *words))
			return 1;
	return 0;
}

static void split(const char *text, size_t len, struct reading *r)
{
	size_t at = 0;

	while (at < len && r->n < READING_TOKENS) {
		size_t start;

		while (at < len && text[at] == ' ')
			at++;
		for (start = at; at < len && text[at] != ' '; at++)
			;
		if (at > start)
			r->token[r->n++] = (struct token){ text + start, at - start };
	}
}

void reading_of(const char *text, size_t len, struct reading *ret)
{
	static const char *const gets[] = { "get", "gets", "bget", NULL };
	static const char *const stores[] = { "set",	 "add", "replace", "append",
					      "prepend", "cas", NULL };
	static const char *const changes[] = { "delete", "incr", "decr", "touch", NULL };
	static const char *const touches[] = { "gat", "gats", NULL };
	const char *newline = len ? memchr(text, '\n', len) : NULL, *nul;
	size_t from = 1, to = 2;

	memset(ret, 0, sizeof(*ret));
	if (!newline)
		return;
	ret->used = (size_t)(newline - text) + 1;
	len = ret->used - 1;
	if (len > 1 && text[len - 1] == '\r')
		len--;
	nul = len ? memchr(text, 0, len) : NULL;
	split(text, nul ? (size_t)(nul - text) : len, ret);
	if (!ret->n)
		return;
	ret->gets = any_of(&ret->token[0], gets);
	ret->stores = any_of(&ret->token[0], stores);
	ret->changes = any_of(&ret->token[0], changes);
	ret->touches = any_of(&ret->token[0], touches);
	ret->flushes = token_is(&ret->token[0], "flush_all");
	ret->quits = token_is(&ret->token[0], "quit");
	ret->silent = ret->n > 1 && token_is(&ret->token[ret->n - 1], "noreply");
	if (ret->touches) {
		from = 2;
		to = ret->n;
	}
	if (ret->stores || ret->changes || ret->touches)
		for (size_t i = from; i < to && i < ret->n; i++) {
			if (ret->touches && ret->token[i].len > READING_KEY_MAX)
				break; /* there gat ends */
			ret->key[ret->n_keys++] = ret->token[i];
		}
}
