/* SPDX-License-Identifier: LGPL-2.1-only */
/* A cache that a trace is run through: bmc's programs, or what is compared with them. */
#ifndef TRACE_POLICY_H
#define TRACE_POLICY_H

#include "trace.h"

struct policy {
	const char *name;
	const char *what;
	/* A cache of `bytes` for the items of `t`, which outlives it. NULL: it cannot be had. */
	void *(*open)(const struct trace *t, uint64_t bytes);
	void (*close)(void *cache);
	/* A get. 1: answered. */
	int (*ask)(void *cache, uint32_t id);
	/* memcached's answer to a get that was not. */
	void (*answer)(void *cache, uint32_t id);
};

extern const struct policy policy_bmc, policy_original, policy_clock, policy_sieve, policy_lru,
	policy_frequency;

/* All of these, bmc first; NULL ends the list. */
extern const struct policy *const policies[];

/* ---- bmc's bucket, for the models of other policies; the programs' own is in bpf/cache.bpf.h ---- */
#define POLICY_BUCKET 6272 /* bytes */
#define POLICY_DATA (87 * 64) /* of these: for entries */
#define POLICY_SLOTS 64
#define POLICY_UNIT 8
#define POLICY_HEAD 24 /* bytes of an entry besides its text */

/* The bytes that an item takes in a bucket. */
uint32_t policy_entry_bytes(const struct trace_item *item);

/* How often items were asked for lately: a count-min sketch of 4-bit counters, halved now and then. */
struct frequency;
struct frequency *frequency_open(uint32_t n_items);
void frequency_close(struct frequency *f);
void frequency_note(struct frequency *f, uint32_t id);
unsigned int frequency_of(const struct frequency *f, uint32_t id);

#endif
