// SPDX-License-Identifier: LGPL-2.1-only
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256
#define EXPLAINED_MAX 12 /* operations that are shown beside the two */

static const char kinds[] = { [LIN_WRITE] = 'w',
			      [LIN_READ] = 'r',
			      [LIN_REMOVE] = 'd',
			      [LIN_ABSENT] = 'a',
			      [LIN_ABSENT + 1] = 0 };

int history_add(struct history *h, const struct lin_op *op)
{
	if (h->n == h->room) {
		size_t room = 2 * h->room + 64;
		struct lin_op *ops = realloc(h->ops, room * sizeof(*ops));

		if (!ops)
			return -ENOMEM;
		h->ops = ops;
		h->room = room;
	}
	h->ops[h->n++] = *op;
	return 0;
}

static struct history *histories_key(struct histories *h, const char *key)
{
	struct history *list;

	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(h->list[i].key, key))
			return &h->list[i];
	list = realloc(h->list, (h->n + 1) * sizeof(*list));
	if (!list)
		return NULL;
	h->list = list;
	memset(&list[h->n], 0, sizeof(*list));
	snprintf(list[h->n].key, sizeof(list[h->n].key), "%s", key);
	return &list[h->n++];
}

/* 0, or -1: not an operation */
static int op_read(const char *line, char *key, struct lin_op *ret)
{
	char kind, end[32], *rest;
	const char *at;

	if (sscanf(line, " %c %63s %" SCNu64 " %" SCNd64 " %31s", &kind, key, &ret->value,
		   &ret->start, end) != 5)
		return -1;
	at = strchr(kinds, kind);
	if (!at || !*at)
		return -1;
	ret->kind = (enum lin_kind)(at - kinds);
	ret->end = LIN_NEVER;
	if (!strcmp(end, "-"))
		return 0;
	ret->end = strtoll(end, &rest, 10);
	return *rest || ret->end < ret->start ? -1 : 0;
}

long histories_read(FILE *file, struct histories *ret)
{
	char line[LINE_MAX_BYTES], key[HISTORY_KEY_MAX];
	struct history *h;
	struct lin_op op;

	memset(ret, 0, sizeof(*ret));
	for (long number = 1; fgets(line, sizeof(line), file); number++) {
		if (line[strspn(line, " \t\r\n")] == 0 || line[0] == '#')
			continue;
		if (op_read(line, key, &op))
			return number;
		h = histories_key(ret, key);
		if (!h || history_add(h, &op))
			return -ENOMEM;
	}
	return 0;
}

void histories_free(struct histories *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->list[i].ops);
	free(h->list);
	memset(h, 0, sizeof(*h));
}

void history_write_op(FILE *file, const char *key, const struct lin_op *op)
{
	int has_value = op->kind == LIN_WRITE || op->kind == LIN_READ;

	fprintf(file, "%c %s %" PRIu64 " %" PRId64 " ", kinds[op->kind], key,
		has_value ? op->value : 0, op->start);
	if (op->end == LIN_NEVER)
		fputs("-\n", file);
	else
		fprintf(file, "%" PRId64 "\n", op->end);
}

void history_write(FILE *file, const struct history *h)
{
	for (size_t i = 0; i < h->n; i++)
		history_write_op(file, h->key, &h->ops[i]);
}

void history_explain(FILE *file, const struct history *h, const struct lin_verdict *verdict)
{
	const struct lin_op *a = &h->ops[verdict->a], *b = &h->ops[verdict->b];
	int shown = 0;

	fprintf(file, "%s: %zu violations; the first: %s\n", h->key, verdict->violations,
		lin_wrong_text[verdict->wrong]);
	history_write_op(file, h->key, a);
	if (b != a)
		history_write_op(file, h->key, b);
	fputs("# of the same values:\n", file);
	for (size_t i = 0; i < h->n && shown < EXPLAINED_MAX; i++) {
		const struct lin_op *op = &h->ops[i];

		if (op == a || op == b || op->kind == LIN_REMOVE || op->kind == LIN_ABSENT ||
		    (op->value != a->value && op->value != b->value))
			continue;
		if (op->kind != LIN_WRITE && ++shown > EXPLAINED_MAX)
			break;
		history_write_op(file, h->key, op);
	}
}
