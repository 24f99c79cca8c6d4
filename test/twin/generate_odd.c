// SPDX-License-Identifier: LGPL-2.1-only
/* Commands of the text protocol that nobody should send. */
#include "generate_parts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LINE_MOST 17000 /* a little more than memcached reads at once */

static const char *const ends[] = { "\r\n", "\r\n", "\r\n", "\n", " \r\n", "\r\r\n", "  \n" };
static const char *const noreplies[] = { "",	      "",	    " noreply",
					 " noreply",  "  noreply ", " noreply noreply",
					 " NOREPLY",  " noreply x", " x noreply",
					 "\tnoreply", " noreply\t", " noreplyx" };

/* What strtol takes for a number, and what it does not. */
static const char *const numbers[] = { "0",
				       "1",
				       "2",
				       "100",
				       "-1",
				       "-0",
				       "+5",
				       "+0",
				       "05",
				       "5x",
				       "x",
				       "5\t",
				       "\t5",
				       "5\v",
				       "5\r",
				       "\r5",
				       "+-5",
				       "-",
				       "5.5",
				       "1e3",
				       "0x10",
				       "2147483647",
				       "2147483648",
				       "4294967295",
				       "4294967296",
				       "4294967297",
				       "4294967396",
				       "99999999999",
				       "-2147483648",
				       "-2147483649",
				       "-4294967295",
				       "-99999999999",
				       "2592000",
				       "2592001",
				       "1000000000",
				       "9223372036854775807",
				       "9223372036854775808",
				       "18446744073709551615",
				       "18446744073709551616",
				       "-18446744073709551615" };

static const char *name(const struct key *k)
{
	return (const char *)k->bytes;
}

static void odd_flush(struct stream *s, const struct key *keys, uint64_t *seed)
{
	(void)keys;
	add(s, "flush_all");
	if (roll(seed, 8) == 0)
		add(s, " %lld", (long long)time(NULL) + (long long)roll(seed, 300) - 100);
	else if (roll(seed, 4))
		add(s, " %s", PICK(seed, numbers));
	add(s, "%s%s", PICK(seed, noreplies), PICK(seed, ends));
}

/* Commands that change no item, but how memcached works; none of them with an effect on what it answers. */
static void odd_admin(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const commands[] = { "verbosity",
						"verbosity 0",
						"verbosity x",
						"verbosity 0 1",
						"cache_memlimit",
						"cache_memlimit 64",
						"cache_memlimit 1",
						"cache_memlimit x",
						"cache_memxxxxx 64",
						"slabs",
						"slabs automove",
						"slabs automove 0",
						"slabs automove 1 2",
						"slabs automove x",
						"slabs automove 5",
						"slabs automove ratio",
						"slabs automove ratio .8",
						"slabs reassign 1",
						"slabs reassign 1 2",
						"slabs reassign -5 -5",
						"lru",
						"lru tune",
						"lru tune 10 20 0.1 2.0",
						"lru tune 90 20 0.1 2.0",
						"lru tune 10 20 0 x",
						"lru mode",
						"lru mode flat",
						"lru mode segmented",
						"lru mode x",
						"lru temp_ttl -1",
						"lru temp_ttl x",
						"lru x",
						"extstore",
						"extstore item_age 5",
						"extstore x 5",
						"lru_crawler",
						"lru_crawler enable",
						"lru_crawler sleep 0",
						"lru_crawler tocrawl 0",
						"lru_crawler crawl",
						"lru_crawler crawl all",
						"lru_crawler x",
						"refresh_certs",
						"stats",
						"stats reset",
						"stats settings",
						"stats items",
						"stats slabs",
						"stats sizes",
						"stats sizes_enable",
						"stats conns",
						"stats detail on",
						"stats detail off",
						"stats detail",
						"stats extstore",
						"stats noreply",
						"stats x",
						"version",
						"mn",
						"stats sizes_disable",
						"stats proxy",
						"stats proxyfuncs",
						"stats dump",
						"stats detail dump",
						"stats detail dumpx",
						"stats detail  dump",
						"stats cachedump",
						"stats cachedump 1 2",
						"stats cachedump 1 0 x",
						"stats cachedump x 0",
						"stats cachedump 99 0",
						"stats\tcachedump 1 0",
						"stats sizes x",
						"shutdown",
						"shutdown x",
						"shutdown graceful",
						"misbehave",
						"quit",
						"quit x",
						"watch",
						"watch fetchers mutations",
						"watch x",
						"watch evictions noreply",
						"bget k1",
						"nonsense" };

	(void)keys;
	add(s, "%s", PICK(seed, commands));
	/* more tokens than memcached looks at, or than we do */
	for (uint32_t i = roll(seed, 8) ? 0 : roll(seed, 26); i; i--)
		add(s, "%s", roll(seed, 3) ? " x" : " noreply");
	add(s, "%s%s", PICK(seed, noreplies), PICK(seed, ends));
}

/* Listings: the connection goes to memcached's crawler meanwhile. */
static void odd_dump(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const what[] = { "all", "hash", "1", "1,2", "1,x", "0",
					    "-1",  "255",  "x", "ALL", "",    "all x" };

	(void)keys;
	if (roll(seed, 8)) /* each takes some milliseconds */
		return;
	add(s, "lru_crawler %s %s%s%s", roll(seed, 3) ? "metadump" : "mgdump", PICK(seed, what),
	    PICK(seed, noreplies), PICK(seed, ends));
}

/* A key at the limit or beyond it, in all commands; what is rejected has its block read as commands. */
static void odd_key(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const before[] = { "get",	  "gets",   "get k1",  "gat 0",	 "gats 0",
					      "gat 0 k2", "delete", "incr",    "decr",	 "touch",
					      "set",	  "add",    "replace", "append", "prepend",
					      "cas",	  "ms",	    "mg",      "md",	 "ma",
					      "me" };
	static const char *const behind[] = {
		"",	   " 1",	" 0 0 22",   " 0 0 22 noreply", " 22",
		" 22 b",   " b N60000", " T60000 q", " k2 k3",		" 0 0 22 5",
		" v k O1", " noreply",	" 0",	     " 0 0 22 5 6"
	};
	static const char *const blocks[] = { "", "", "set k3 0 0 5\r\nhello\r\nx\r\n",
					      "delete k4\r\nmd k5 I\r\n\r\n\r\n" };
	static const uint32_t lens[] = { 0, 1, 248, 249, 250, 251, 252, 253, 300, 500, 1000, 2100 };
	uint32_t len = PICK(seed, lens);

	if (roll(seed, 3) == 0) {
		add(s, "%s %s", PICK(seed, before), name(&keys[24 + roll(seed, 4)]));
	} else {
		add(s, "%s ", PICK(seed, before));
		for (uint32_t i = 0; i < len; i++)
			add(s, "A");
	}
	add(s, "%s%s%s", PICK(seed, behind), PICK(seed, ends), PICK(seed, blocks));
}

/* A line about as long as something is: what is kept of one, what memcached reads of one without its end. */
static void odd_line(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const verbs[] = { "get",	  "gets",   "gat 0",  "gat 5000", "gat -1",
					     "gats 9000", "delete", "delete", " delete",  "incr",
					     "decr",	  "touch",  "touch",  "md",	  "md",
					     "ma",	  "ma",	    "mg",     "mg",	  "mg",
					     "me",	  "ms",	    "set" };
	static const char *const behind[] = { "",    "",       "",   " 1",    " 7000",
					      " N0", " T5000", " v", " 0 0 1" };
	static const char *const others[] = {
		"flush_all", "flush_all 100", "stats", "verbosity 0", "nonsense", "mn",
		"",	     "set",	      "gat",   "quit",	      "ms",	  "lru mode flat",
		"version",   "cas k1 0 0 1",  " "
	};
	static const char *const fills[] = { " ", " ",	" ",  "  ", " x",  " k1 k2",
					     "0", " q", "\r", "x",  " N1", " 0" };
	static const char *const tails[] = { "", " noreply", " delete k2", " k3", " 0 k2", " 0" };
	static const uint32_t sizes[] = { 480,	510,  512,  520,  1024, 2040,
					  2048, 2060, 4096, 8192, 16384 };
	size_t start = s->len, most = PICK(seed, sizes) + roll(seed, 9);
	const char *fill = PICK(seed, fills);
	const char *k = name(generate_key(s, keys, 1, 0, seed));

	if (roll(seed, 3))
		add(s, "%s %s%s", PICK(seed, verbs), k, PICK(seed, behind));
	else
		add(s, "%s", PICK(seed, others));
	while (s->len - start < most)
		add(s, "%s", fill);
	add(s, "%s", PICK(seed, tails));
	if (roll(seed, 10))
		add(s, "%s", PICK(seed, ends));
	add(s, "%s", roll(seed, 2) ? "" : "x\r\n");
}

/* Numbers, and how many tokens there are, of commands that write. */
static void odd_change(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const verbs[] = { "delete", "incr", "decr", "touch" };
	const char *k = name(generate_key(s, keys, 1, 1, seed));
	uint32_t n = roll(seed, 4);

	if (roll(seed, 4)) {
		add(s, "%s %s", PICK(seed, verbs), k);
		while (n--)
			add(s, " %s", PICK(seed, numbers));
		add(s, "%s", PICK(seed, noreplies));
	} else {
		add(s, "gat%s %s", roll(seed, 2) ? "s" : "", PICK(seed, numbers));
		while (n--)
			add(s, " %s", name(generate_key(s, keys, 1, 1, seed)));
	}
	add(s, "%s", PICK(seed, ends));
}

static void odd_store(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const verbs[] = { "set", "add", "replace", "append", "prepend", "cas" };
	const char *verb = PICK(seed, verbs);

	add(s, "%s %s", verb, name(generate_key(s, keys, 1, 1, seed)));
	add(s, " %s", roll(seed, 2) ? "0" : PICK(seed, numbers));
	add(s, " %s", roll(seed, 2) ? "0" : PICK(seed, numbers));
	add(s, " %s", roll(seed, 2) ? "5" : PICK(seed, numbers));
	if (verb[0] == 'c')
		add(s, " %s", PICK(seed, numbers));
	add(s, "%s%s", PICK(seed, noreplies), PICK(seed, ends));
	add(s, "%s", roll(seed, 3) ? "hello\r\n" : "set k7 0 0 1\r\nx\r\n");
}

void generate_odd(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static void (*const kinds[])(struct stream *, const struct key *,
				     uint64_t *) = { odd_flush, odd_admin,	  odd_dump,
						     odd_key,	odd_line,	  odd_change,
						     odd_store, generate_odd_word };

	if (s->len < STREAM_MAX - 2 * TOO_LARGE - LINE_MOST)
		PICK(seed, kinds)(s, keys, seed);
}
