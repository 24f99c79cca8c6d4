/* SPDX-License-Identifier: LGPL-2.1-only */
/* The commands of a text writer: how each is sent, and what its answer says happened. */
#ifndef BMC_STRESS_COMMANDS_H
#define BMC_STRESS_COMMANDS_H

#include "link.h"

#define BURST_MAX 4096

enum command_kind {
	COMMAND_NONE, /* changes and reads nothing: mn, version */
	COMMAND_WRITE, /* of `id`, if it is answered so, or silently */
	COMMAND_MAYBE, /* silent, and it is not known whether it writes */
	COMMAND_REMOVE,
	COMMAND_READ,
	COMMAND_TOUCH,
	COMMAND_FAILS, /* answered by an error although silent; removes */
	COMMAND_FLUSH,
	COMMAND_INCR, /* of the own key: answered by the number */
};

struct command {
	enum command_kind kind;
	int silent;
	int meta;
	int key;
	int number; /* opaque of meta commands */
	uint64_t id;
	int64_t start;
};

struct writer {
	struct link link;
	struct text out; /* the burst */
	struct command sent[BURST_MAX];
	int n, done;
	uint64_t cas; /* of the last gets; 0: not found */
	int own_form; /* of the own key: what may follow */
};

/* Each appends a command to the burst. */
void command_any(struct writer *w); /* one that the scenario has */
void command_flush(struct writer *w, int silent);
void command_fails(struct writer *w);
void command_gets(struct writer *w, int key);
void command_cas(struct writer *w, int key);
/* The last one must answer. */
void command_closing(struct writer *w);

/* Whether an answer can be the silent command's own: it failed aloud. */
int command_is_answer(const struct command *c, const struct text *answer, size_t len);
/* It is over; `answer` NULL: silently. */
void command_over(struct writer *w, const struct command *c, const char *answer, size_t len,
		  int64_t end);
/* It may have been carried out, may be so later, or never. */
void command_lost(struct writer *w, const struct command *c);

#endif
