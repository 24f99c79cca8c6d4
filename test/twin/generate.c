// SPDX-License-Identifier: LGPL-2.1-only
#include "generate_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int generate_without_ms;

uint32_t roll(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

static void encode(struct key *k)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < k->len; i += 3) {
		uint32_t bits = (uint32_t)k->bytes[i] << 16 | (uint32_t)k->bytes[i + 1] << 8 |
				k->bytes[i + 2]; /* zeros behind the key */

		k->base64[n++] = digits[bits >> 18];
		k->base64[n++] = digits[bits >> 12 & 63];
		k->base64[n++] = i + 1 < k->len ? digits[bits >> 6 & 63] : '=';
		k->base64[n++] = i + 2 < k->len ? digits[bits & 63] : '=';
	}
	k->base64[n] = 0;
}

void generate_keys(struct key keys[GENERATE_KEYS])
{
	memset(keys, 0, sizeof(*keys) * GENERATE_KEYS);
	for (int i = 0; i < GENERATE_KEYS; i++) {
		struct key *k = &keys[i];

		k->plain = i < GENERATE_PLAIN;
		if (i < 20)
			k->len = (size_t)sprintf((char *)k->bytes, "k%d", i);
		else if (i < 24) /* odd letters, long ones */
			k->len = (size_t)sprintf((char *)k->bytes, "\x7f\xff%0*d",
						 5 + 55 * (i - 20), i);
		else if (i < GENERATE_PLAIN) /* as long as can be */
			k->len = (size_t)sprintf((char *)k->bytes, "%0*d",
						 GENERATE_KEY_MAX - (i & 1), i);
		else if (i < GENERATE_KEYS - 2) /* for base64 and binary only */
			k->len = (size_t)sprintf((char *)k->bytes, "b %d\r\t", i);
		else /* the same, as long as they can be */
			k->len = (size_t)sprintf((char *)k->bytes, "b %0*d",
						 GENERATE_DECODED_MAX - 2 - (i & 1), i);
		encode(k);
	}
}

void add(struct stream *s, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the line above does it
	n = vsnprintf((char *)s->bytes + s->len, STREAM_MAX - s->len, format, args);
	va_end(args);
	s->len += n > 0 ? (size_t)n : 0;
}

void add_bytes(struct stream *s, const void *bytes, size_t n)
{
	memcpy(s->bytes + s->len, bytes, n);
	s->len += n;
}

size_t generate_value(unsigned char at[VALUE_MAX], uint64_t *seed)
{
	static const char *const pieces[] = {
		"\r\n",	  "set k1 0 0 1\r\nx\r\n", "delete k2\r\n",   "END\r\n",
		"\0\x80", "flush_all\r\n",	   "VALUE k3 0 1\r\n"
	};
	size_t n = 0;

	if (roll(seed, 500) == 0) {
		memset(at, 'L', TOO_LARGE);
		return TOO_LARGE;
	}
	if (roll(seed, 2))
		return (size_t)sprintf((char *)at, "%u", roll(seed, 1000));
	/* now and then about as long as what is looked at at once */
	for (uint32_t i = roll(seed, 20) ? roll(seed, 4) : roll(seed, 400); i; i--) {
		const char *piece = PICK(seed, pieces);

		memcpy(at + n, piece, strlen(piece));
		n += strlen(piece);
	}
	return n;
}

int generate_time(uint64_t *seed)
{
	static const int times[] = { 0, 0, 0, 5000, 100000, -1 };

	return PICK(seed, times);
}

uint64_t generate_cas(const struct key *k, uint64_t *seed)
{
	return roll(seed, 2) ? k->cas : roll(seed, 100000);
}

const struct key *generate_key(struct stream *s, const struct key *keys, int plain, int writes,
			       uint64_t *seed)
{
	uint32_t i = roll(seed, plain ? GENERATE_PLAIN : GENERATE_KEYS);

	if (writes)
		s->written |= 1ULL << i;
	return &keys[i];
}

static void text_store(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const verbs[] = { "set",    "set",	  "add", "replace",
					     "append", "prepend", "cas" };
	static unsigned char bytes[VALUE_MAX];
	const char *verb = PICK(seed, verbs);
	const struct key *k = generate_key(s, keys, 1, 1, seed);
	size_t n = generate_value(bytes, seed);

	add(s, "%s %s %u %d %zu", verb, (const char *)k->bytes, roll(seed, ~0U),
	    generate_time(seed), n);
	if (verb[0] == 'c')
		add(s, " %llu", (unsigned long long)generate_cas(k, seed));
	add(s, "%s\r\n", roll(seed, 3) ? "" : " noreply");
	add_bytes(s, bytes, n);
	add(s, "\r\n");
}

static void text_change(struct stream *s, const struct key *keys, uint64_t *seed)
{
	const char *quiet = roll(seed, 3) ? "" : " noreply";
	const char *k = (const char *)generate_key(s, keys, 1, 1, seed)->bytes;

	switch (roll(seed, 4)) {
	case 0:
		add(s, "delete %s%s\r\n", k, quiet);
		break;
	case 1:
		add(s, "%s %s %u%s\r\n", roll(seed, 2) ? "incr" : "decr", k, roll(seed, 100),
		    quiet);
		break;
	case 2:
		add(s, "touch %s %d%s\r\n", k, generate_time(seed), quiet);
		break;
	default:
		add(s, "gat%s %d %s", roll(seed, 2) ? "s" : "", generate_time(seed), k);
		/* two at the most: a line beyond BMC_LINE_MAX that is cut is a write of any key */
		if (roll(seed, 2) && strlen(k) < 200)
			add(s, " %s", (const char *)generate_key(s, keys, 1, 1, seed)->bytes);
		add(s, "\r\n");
	}
}

static void text_read(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const others[] = { "version\r\n",
					      "mn\r\n",
					      "nonsense k1\r\n",
					      "verbosity 0\r\n",
					      "\r\n",
					      "lru mode flat extra\r\n",
					      "mn x\r\n",
					      "bget k1 k2\r\n",
					      "stats settings\r\n",
					      "stats\r\n",
					      "stats items\r\n",
					      "shutdown\r\n" };
	static const char *const settings[] = { "verbosity 0 noreply\r\n",
						"cache_memlimit 64 noreply\r\n",
						"slabs automove 0 noreply\r\n",
						"lru mode segmented noreply\r\n",
						"extstore item_age 5 noreply\r\n" };
	uint32_t kind = roll(seed, 30);

	if (kind < 10) {
		add(s, "%s", PICK(seed, others));
		return;
	}
	if (kind == 10) {
		add(s, "%s", PICK(seed, settings));
		s->settings++;
		return;
	}
	add(s, "get%s", roll(seed, 2) ? "s" : "");
	for (uint32_t i = roll(seed, 50) ? 1 + roll(seed, 3) : 150; i; i--)
		add(s, " %s", (const char *)generate_key(s, keys, 1, 0, seed)->bytes);
	add(s, "\r\n");
}

/* A key in a meta command, and the flag that it needs. */
static const char *meta_key(struct stream *s, const struct key *keys, int writes, const char **flag,
			    uint64_t *seed)
{
	const struct key *k = generate_key(s, keys, 0, writes, seed);
	int base64 = !k->plain || (k->len <= GENERATE_DECODED_MAX && roll(seed, 4) == 0);

	*flag = base64 ? " b" : "";
	return base64 ? k->base64 : (const char *)k->bytes;
}

static void meta_store(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const flags[] = { "",    " ME", " MA",   " MP N60000", " MR",
					     " MS", " C7", " C9 I", " c k Oabc",  " F77" };
	static unsigned char bytes[VALUE_MAX];
	const char *flag, *k = meta_key(s, keys, 1, &flag, seed), *more = PICK(seed, flags);
	size_t n = generate_value(bytes, seed);
	int quiet = roll(seed, 3) == 0;

	add(s, "ms %s %zu%s%s%s", k, n, flag, more, quiet ? " q" : "");
	if (!strchr(more, 'C') && roll(seed, 8) == 0)
		add(s, " C%llu",
		    (unsigned long long)generate_cas(&keys[roll(seed, GENERATE_KEYS)], seed));
	add(s, " T%d\r\n", generate_time(seed));
	add_bytes(s, bytes, n);
	add(s, "\r\n");
	s->may_fail += quiet;
}

static void meta_other(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const deletes[] = { "", " I T5000", " C1", " k Ox" };
	static const char *const counts[] = { "", " N5000 J3", " D7", " MD v", " T5000" };
	static const char *const touches[] = { " T5000", " N5000 v", " v T100000 k", " N0" };
	static const char *const reads[] = { "", " v", " s t c f h l", " k O9 v", " R30" };
	uint32_t kind = roll(seed, 5);
	const char *quiet = roll(seed, 4) ? "" : " q", *flag;
	const char *k = meta_key(s, keys, kind < 3, &flag, seed);

	if (kind == 0)
		add(s, "md %s%s%s%s\r\n", k, flag, PICK(seed, deletes), quiet);
	else if (kind == 1)
		add(s, "ma %s%s%s%s\r\n", k, flag, PICK(seed, counts), quiet);
	else if (kind == 2)
		add(s, "mg %s%s%s%s\r\n", k, flag, PICK(seed, touches), quiet);
	else if (kind == 3)
		add(s, "mg %s%s%s%s\r\n", k, flag, PICK(seed, reads), quiet);
	else
		add(s, "me %s%s\r\n", k, flag);
	s->may_fail += kind < 4 && *quiet;
}

void generate_flush(struct stream *s, int delay)
{
	s->flushes++;
	s->delay = delay;
	if (s->delay_max < delay)
		s->delay_max = delay;
}

static void flush(struct stream *s, uint64_t *seed)
{
	static const int delays[] = { 0, 0, 1, 2, 100, 2000000 };
	const char *quiet = roll(seed, 2) ? "" : " noreply";

	generate_flush(s, PICK(seed, delays));
	if (s->delay || roll(seed, 2))
		add(s, "flush_all %d%s\r\n", (int)s->delay, quiet);
	else
		add(s, "flush_all%s\r\n", quiet);
}

static void text_any(struct stream *s, const struct key *keys, uint64_t *seed)
{
	uint32_t kind = roll(seed, 10);

	if (kind < 3)
		text_store(s, keys, seed);
	else if (kind < 5)
		text_change(s, keys, seed);
	else if (kind < 7)
		text_read(s, keys, seed);
	else if (kind < 8 && !(generate_without_ms && s->well_formed))
		meta_store(s, keys, seed);
	else if (roll(seed, 50))
		meta_other(s, keys, seed);
	else
		flush(s, seed);
}

static void text_command(struct stream *s, const struct key *keys, uint64_t *seed)
{
	size_t at = s->len;

	text_any(s, keys, seed);
	if (roll(seed, 12) == 0)
		respace(s, at, seed);
}

static void begin(struct stream *s, int commands, int binary, int well_formed)
{
	s->well_formed = well_formed;
	s->len = 0;
	s->written = 0;
	s->flushes = 0;
	s->delay = 0;
	s->delay_max = 0;
	s->may_fail = 0;
	s->settings = 0;
	s->binary = binary;
	s->commands = commands;
	s->n_ends = 0;
}

static int has_room(const struct stream *s)
{
	return s->len < STREAM_MAX - 2 * TOO_LARGE;
}

void generate(struct stream *s, const struct key *keys, int commands, int binary, uint64_t *seed)
{
	begin(s, commands, binary, 1);
	for (int i = 0; i < commands && has_room(s); i++) {
		if (binary)
			generate_binary(s, keys, seed);
		else
			text_command(s, keys, seed);
		s->ends[s->n_ends++] = s->len;
	}
}

void generate_with_odd(struct stream *s, const struct key *keys, int commands, int binary,
		       uint64_t *seed)
{
	begin(s, commands, binary, 0);
	for (int i = 0; i < commands && has_room(s); i++) {
		uint32_t kind = roll(seed, 10);

		if (binary && kind == 0)
			generate_odd_binary(s, keys, seed);
		else if (binary)
			generate_binary(s, keys, seed);
		else if (kind < 2)
			generate_odd(s, keys, seed);
		else if (kind < 3)
			generate_odd_meta(s, keys, seed);
		else
			text_command(s, keys, seed);
		s->ends[s->n_ends++] = s->len;
	}
}
