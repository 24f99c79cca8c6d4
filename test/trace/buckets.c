// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Other policies in bmc's buckets: the same bytes, the same overhead of an item, other rules for who goes. Each keeps
 * its bucket's items in a queue, the next to go in front.
 */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint32_t id;
	uint16_t bytes;
	uint8_t is_asked; /* since it came, or since it was passed over */
};

struct bucket {
	uint32_t n;
	uint32_t used; /* bytes */
	uint32_t hand; /* index into `entry` */
	struct entry entry[POLICY_SLOTS];
};

struct buckets {
	const struct trace *trace;
	struct frequency *frequency; /* NULL: everybody is admitted */
	void (*hit)(struct bucket *b, uint32_t at);
	uint32_t (*victim)(struct bucket *b);
	uint32_t n;
	struct bucket bucket[];
};

uint32_t policy_entry_bytes(const struct trace_item *item)
{
	/* VALUE key 0 len\r\n data \r\nEND\r\n */
	uint32_t digits = item->value_len < 10	? 1 :
			  item->value_len < 100 ? 2 :
						  3,
		 text = 6 + item->key_len + 3 + digits + (item->value_len >= 1000) + 2 +
			item->value_len + 2 + 5;

	return (POLICY_HEAD + text + POLICY_UNIT - 1) / POLICY_UNIT * POLICY_UNIT;
}

static struct bucket *bucket_of(struct buckets *c, uint32_t id)
{
	return &c->bucket[trace_scramble(id) % c->n];
}

static int buckets_ask(void *cache, uint32_t id)
{
	struct buckets *c = cache;
	struct bucket *b = bucket_of(c, id);

	if (c->frequency)
		frequency_note(c->frequency, id);
	for (uint32_t i = 0; i < b->n; i++) {
		if (b->entry[i].id != id)
			continue;
		c->hit(b, i);
		return 1;
	}
	return 0;
}

static void take_out(struct bucket *b, uint32_t at)
{
	b->used -= b->entry[at].bytes;
	b->n--;
	memmove(&b->entry[at], &b->entry[at + 1], (b->n - at) * sizeof(b->entry[0]));
	if (b->hand >= b->n)
		b->hand = 0;
}

static void put_last(struct bucket *b, const struct entry *e)
{
	b->entry[b->n++] = *e;
	b->used += e->bytes;
}

static void buckets_answer(void *cache, uint32_t id)
{
	struct buckets *c = cache;
	struct bucket *b = bucket_of(c, id);
	struct entry e = { .id = id };

	e.bytes = (uint16_t)policy_entry_bytes(trace_item(c->trace, id));
	while (b->n == POLICY_SLOTS || b->used + e.bytes > POLICY_DATA) {
		uint32_t victim = c->victim(b);

		if (c->frequency && frequency_of(c->frequency, id) <=
					    frequency_of(c->frequency, b->entry[victim].id))
			return;
		take_out(b, victim);
	}
	put_last(b, &e);
}

static struct buckets *buckets_open(const struct trace *t, uint64_t bytes)
{
	uint32_t n = (uint32_t)(bytes / POLICY_BUCKET);
	struct buckets *c;

	if (!n)
		return NULL;
	c = calloc(1, sizeof(*c) + n * sizeof(c->bucket[0]));
	if (!c)
		return NULL;
	c->trace = t;
	c->n = n;
	return c;
}

static void buckets_close(void *cache)
{
	struct buckets *c = cache;

	frequency_close(c->frequency);
	free(c);
}

/* ---- CLOCK: who was asked for since the last turn goes to the end once more ---- */
static void note_asked(struct bucket *b, uint32_t at)
{
	b->entry[at].is_asked = 1;
}

static uint32_t clock_victim(struct bucket *b)
{
	while (b->entry[0].is_asked) {
		struct entry e = b->entry[0];

		e.is_asked = 0;
		take_out(b, 0);
		put_last(b, &e);
	}
	return 0;
}

static void *clock_open(const struct trace *t, uint64_t bytes)
{
	struct buckets *c = buckets_open(t, bytes);

	if (c) {
		c->hit = note_asked;
		c->victim = clock_victim;
	}
	return c;
}

/* ---- SIEVE (Zhang et al., NSDI'24): as CLOCK, but nobody moves: the hand does ---- */
static uint32_t sieve_victim(struct bucket *b)
{
	while (b->entry[b->hand].is_asked) {
		b->entry[b->hand].is_asked = 0;
		b->hand = (b->hand + 1) % b->n;
	}
	return b->hand;
}

static void *sieve_open(const struct trace *t, uint64_t bytes)
{
	struct buckets *c = buckets_open(t, bytes);

	if (c) {
		c->hit = note_asked;
		c->victim = sieve_victim;
	}
	return c;
}

/* ---- LRU, everybody admitted or only who is asked for more often than who would go ---- */
static void move_last(struct bucket *b, uint32_t at)
{
	struct entry e = b->entry[at];

	take_out(b, at);
	put_last(b, &e);
}

static uint32_t first_victim(struct bucket *b)
{
	(void)b;
	return 0;
}

static void *lru_open(const struct trace *t, uint64_t bytes)
{
	struct buckets *c = buckets_open(t, bytes);

	if (c) {
		c->hit = move_last;
		c->victim = first_victim;
	}
	return c;
}

static void *frequency_lru_open(const struct trace *t, uint64_t bytes)
{
	struct buckets *c = lru_open(t, bytes);

	if (!c)
		return NULL;
	c->frequency = frequency_open(c->n * POLICY_SLOTS);
	if (!c->frequency) {
		buckets_close(c);
		return NULL;
	}
	return c;
}

#define BUCKETS_POLICY(open_fn, policy_name, policy_what)                                          \
	{                                                                                          \
		.name = (policy_name), .what = (policy_what), .open = (open_fn),                   \
		.close = buckets_close, .ask = buckets_ask, .answer = buckets_answer,              \
	}

const struct policy policy_clock = BUCKETS_POLICY(clock_open, "clock", "CLOCK in bmc's buckets");
const struct policy policy_sieve = BUCKETS_POLICY(sieve_open, "sieve", "SIEVE in bmc's buckets");
const struct policy policy_lru = BUCKETS_POLICY(lru_open, "lru", "LRU in bmc's buckets");
const struct policy policy_frequency =
	BUCKETS_POLICY(frequency_lru_open, "tinylfu",
		       "LRU in bmc's buckets, admission by TinyLFU (its sketch not counted)");
