/* SPDX-License-Identifier: LGPL-2.1-only */
/* Random streams of commands, well formed or mutated. */
#ifndef BMC_TWIN_GENERATE_H
#define BMC_TWIN_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#define STREAM_MAX (512 * 1024)
#define STREAM_COMMANDS 64
#define GENERATE_KEYS 38
#define GENERATE_PLAIN 28 /* the first ones of them */
#define GENERATE_KEY_MAX 250
#define GENERATE_DECODED_MAX 186 /* bytes that 250 characters of base64 can be */

struct key {
	unsigned char bytes[GENERATE_KEY_MAX + 6];
	size_t len;
	int plain; /* it can stand in a line as it is */
	char base64[344];
	uint64_t cas; /* of its item, before the stream */
};

struct stream {
	unsigned char bytes[STREAM_MAX];
	size_t len;
	int commands;
	size_t ends[STREAM_COMMANDS]; /* of its commands; of no meaning in what is mutated */
	int n_ends;
	int binary;
	int well_formed; /* as it was made */
	uint64_t written; /* keys that its writes name, a bit each */
	int flushes;
	int64_t delay; /* seconds, of the last one */
	int64_t delay_max; /* of all */
	int settings; /* that are silent */
	int may_fail; /* silent commands that may answer all the same */
};

/* Well-formed streams have no ms: this memcached's has its size elsewhere, and is not followed. */
extern int generate_without_ms;

void generate_keys(struct key keys[GENERATE_KEYS]);

/* The next `commands` of a well-formed stream, from `*seed` on. */
void generate(struct stream *s, const struct key *keys, int commands, int binary, uint64_t *seed);
/* The same, with commands among them that nobody should send: of those nothing is said. */
void generate_with_odd(struct stream *s, const struct key *keys, int commands, int binary,
		       uint64_t *seed);
/* Some bytes of it change, go or come. */
void mutate(struct stream *s, uint64_t *seed);

/* xorshift64*, below n */
uint32_t roll(uint64_t *seed, uint32_t n);

#endif
