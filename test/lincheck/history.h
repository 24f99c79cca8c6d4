/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Histories as text: a line for each operation, "KIND KEY VALUE START END": KIND is w (write), r (read), d (removal) or
 * a (read that found nothing), KEY a word, VALUE a number (0 for d and a), times are numbers, END is - for "never".
 * Empty lines and those that begin with # are passed over.
 */
#ifndef BMC_LINCHECK_HISTORY_H
#define BMC_LINCHECK_HISTORY_H

#include <stdio.h>

#include "lincheck.h"

#define HISTORY_KEY_MAX 64

struct history {
	char key[HISTORY_KEY_MAX];
	struct lin_op *ops;
	size_t n, room;
};

struct histories {
	struct history *list;
	size_t n;
};

/* 0 or -ENOMEM. */
int history_add(struct history *h, const struct lin_op *op);

/* Reads all of `file`. 0, -ENOMEM, or the number of the line that cannot be read. The caller frees, in any case. */
long histories_read(FILE *file, struct histories *ret);
void histories_free(struct histories *h);

void history_write(FILE *file, const struct history *h);
void history_write_op(FILE *file, const char *key, const struct lin_op *op);

/*
 * Says what is wrong with a history: the two operations, and those of the same values whose times are near.
 */
void history_explain(FILE *file, const struct history *h, const struct lin_verdict *verdict);

#endif
