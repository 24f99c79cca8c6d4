/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the generators of streams have in common. */
#ifndef BMC_TWIN_GENERATE_PARTS_H
#define BMC_TWIN_GENERATE_PARTS_H

#include "generate.h"

#define TOO_LARGE 40000 /* the server is started with -I 32k */
#define VALUE_MAX (TOO_LARGE + 16)

#define PICK(seed, words) ((words)[roll(seed, sizeof(words) / sizeof((words)[0]))])

void add(struct stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void add_bytes(struct stream *s, const void *bytes, size_t n);

/* A value: a number, or bytes with lines in them. Returns its length. */
size_t generate_value(unsigned char at[VALUE_MAX], uint64_t *seed);
/* A time that ends no item while the test runs, or one that ends it at once. */
int generate_time(uint64_t *seed);
/* Any key, or one that can stand in a line; `writes`: its command names it as one that is written. */
const struct key *generate_key(struct stream *s, const struct key *keys, int plain, int writes,
			       uint64_t *seed);

/* The unique number of its item, or any. */
uint64_t generate_cas(const struct key *k, uint64_t *seed);

/* The line at `at`: more spaces between its tokens and behind them, a newline alone. memcached reads it as it was. */
void respace(struct stream *s, size_t at, uint64_t *seed);

/* A flush_all with this delay is in the stream. */
void generate_flush(struct stream *s, int delay);

void generate_binary(struct stream *s, const struct key *keys, uint64_t *seed);
/* Commands that nobody should send. */
void generate_odd(struct stream *s, const struct key *keys, uint64_t *seed);
void generate_odd_word(struct stream *s, const struct key *keys, uint64_t *seed);
void generate_odd_meta(struct stream *s, const struct key *keys, uint64_t *seed);
void generate_odd_binary(struct stream *s, const struct key *keys, uint64_t *seed);

#endif
