// SPDX-License-Identifier: LGPL-2.1-only
/* What the answer to a command says happened to its key. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"

static int begins(const char *answer, const char *with)
{
	return !strncmp(answer, with, strlen(with));
}

/* The opaque of a meta command's answer; -1: it has none. */
static int answer_number(const char *answer, size_t len)
{
	const char *newline = memchr(answer, '\n', len);

	for (const char *at = answer; newline && at + 2 < newline; at++)
		if (at[0] == ' ' && at[1] == 'O')
			return (int)strtol(at + 2, NULL, 10);
	return -1;
}

int command_is_answer(const struct command *c, const struct text *answer, size_t len)
{
	return c->meta && answer_number(answer->data, len) == c->number;
}

static void over_read(struct actor *a, const struct command *c, const char *answer, size_t len,
		      int64_t end)
{
	const char *newline = memchr(answer, '\n', len);
	size_t bytes;

	if (begins(answer, "END") || begins(answer, "EN"))
		load_note(a, c->key, LIN_ABSENT, 0, c->start, end);
	else if (begins(answer, "VALUE "))
		load_note_items(a, answer, len, c->start, end);
	else if (newline && sscanf(answer, "VA %zu", &bytes) == 1 &&
		 (size_t)(newline - answer) + 1 + bytes + 2 <= len)
		load_note_read(a, c->key, newline + 1, bytes, c->start, end);
	else
		load_wrong(a, "to a read", answer, len);
}

static void over_store(struct writer *w, const struct command *c, const char *answer, size_t len,
		       int64_t end)
{
	struct actor *a = w->link.actor;

	if (!answer || begins(answer, "STORED") || begins(answer, "HD"))
		load_note(a, c->key, LIN_WRITE, c->id, c->start, end);
	else if (begins(answer, "NOT_FOUND"))
		load_note(a, c->key, LIN_ABSENT, 0, c->start, end);
	else if (!begins(answer, "NOT_STORED") && !begins(answer, "EXISTS"))
		load_wrong(a, "to a store", answer, len);
	if (answer && c->key == load_own_key(a) && !begins(answer, "STORED"))
		a->own = 0; /* there is nothing to append to */
}

static void over_remove(struct actor *a, const struct command *c, const char *answer, size_t len,
			int64_t end)
{
	if (!answer || begins(answer, "DELETED") || begins(answer, "HD"))
		load_note(a, c->key, LIN_REMOVE, 0, c->start, end);
	else if (begins(answer, "NOT_FOUND") || begins(answer, "NF"))
		load_note(a, c->key, LIN_ABSENT, 0, c->start, end);
	else
		load_wrong(a, "to a removal", answer, len);
}

static void over_incr(struct actor *a, const struct command *c, const char *answer, size_t len,
		      int64_t end)
{
	if (strtoull(answer, NULL, 10) == c->id) {
		load_note(a, c->key, LIN_WRITE, c->id, c->start, end);
		return;
	}
	a->own = 0;
	if (begins(answer, "NOT_FOUND"))
		load_note(a, c->key, LIN_ABSENT, 0, c->start, end);
	else
		load_wrong(a, "to an incr", answer, len);
}

/* The number behind "VALUE key flags bytes". */
static uint64_t cas_of(const char *answer)
{
	uint64_t cas = 0;

	return sscanf(answer, "VALUE %*s %*u %*u %" SCNu64, &cas) == 1 ? cas : 0;
}

void command_over(struct writer *w, const struct command *c, const char *answer, size_t len,
		  int64_t end)
{
	struct actor *a = w->link.actor;

	switch (c->kind) {
	case COMMAND_WRITE:
		over_store(w, c, answer, len, end);
		break;
	case COMMAND_MAYBE:
		load_note(a, c->key, LIN_WRITE, c->id, c->start, LIN_NEVER);
		break;
	case COMMAND_REMOVE:
		over_remove(a, c, answer, len, end);
		break;
	case COMMAND_READ:
		w->cas = cas_of(answer);
		over_read(a, c, answer, len, end);
		break;
	case COMMAND_TOUCH:
		if (answer && begins(answer, "NOT_FOUND"))
			load_note(a, c->key, LIN_ABSENT, 0, c->start, end);
		break;
	case COMMAND_FAILS:
		if (!answer || !begins(answer, "SERVER_ERROR"))
			load_wrong(a, "to a value that is too large", answer, len);
		load_note(a, c->key, LIN_REMOVE, 0, c->start, end);
		break;
	case COMMAND_FLUSH:
		load_note_removed(a->load, c->start, end);
		break;
	case COMMAND_INCR:
		over_incr(a, c, answer, len, end);
		break;
	default:
		break;
	}
}

void command_lost(struct writer *w, const struct command *c)
{
	struct actor *a = w->link.actor;

	switch (c->kind) {
	case COMMAND_WRITE:
	case COMMAND_MAYBE:
	case COMMAND_INCR:
		load_note(a, c->key, LIN_WRITE, c->id, c->start, LIN_NEVER);
		break;
	case COMMAND_REMOVE:
	case COMMAND_FAILS:
		load_note(a, c->key, LIN_REMOVE, 0, c->start, LIN_NEVER);
		break;
	case COMMAND_FLUSH:
		load_note_removed(a->load, c->start, LIN_NEVER);
		break;
	default:
		break;
	}
}
