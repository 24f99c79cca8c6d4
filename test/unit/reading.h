/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * How memcached (1.6, proto_text.c) reads a command line, written down plainly: to compare with. Up to the newline,
 * one \r before it dropped if it is not alone; a NUL ends it; tokens are split at spaces and nowhere else.
 */
#ifndef BMC_TEST_READING_H
#define BMC_TEST_READING_H

#include <stddef.h>

#define READING_TOKENS 300
#define READING_KEY_MAX 250

struct token {
	const char *at;
	size_t len;
};

struct reading {
	size_t used; /* its newline included; 0: there is no newline */
	size_t n;
	struct token token[READING_TOKENS];
	/* what the first word says */
	int gets;
	int stores;
	int changes;
	int touches; /* gat, gats */
	int flushes;
	int quits;
	int silent; /* the last token is noreply */
	/* the keys that it writes if memcached accepts it */
	size_t n_keys;
	struct token key[READING_TOKENS];
};

void reading_of(const char *text, size_t len, struct reading *ret);

int token_is(const struct token *t, const char *word);

#endif
