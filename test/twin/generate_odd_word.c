// SPDX-License-Identifier: LGPL-2.1-only
/* Commands whose first word is nearly one that memcached knows, or has something in front of it. */
#include "generate_parts.h"

#include <string.h>

static const char *const words[] = { "get",	    "gets",
				     "gat",	    "gats",
				     "bget",	    "set",
				     "add",	    "cas",
				     "append",	    "prepend",
				     "replace",	    "incr",
				     "decr",	    "touch",
				     "delete",	    "mg",
				     "ms",	    "md",
				     "ma",	    "me",
				     "mn",	    "version",
				     "quit",	    "stats",
				     "flush_all",   "verbosity",
				     "lru",	    "slabs",
				     "extstore",    "cache_memlimit",
				     "lru_crawler", "shutdown",
				     "watch",	    "refresh_certs",
				     "misbehave" };
static const char *const behind[] = {
	"k1",	      "k1 1",	   "k1 0 0 5",	       "k1 0 0 5 9",   "0 k1",
	"5000 k1 k2", "k1 5",	   "k1 5 T60000",      "k1 N60000",    "k1 T60000",
	"k1 q",	      "k1 5 q",	   "k1 0 0 5 noreply", "k1 noreply",   "0",
	"",	      "0 noreply", "k1 v k O1",	       "1 2 3 4 5 6 7"
};

/* The word, changed where it matters which of its letters are looked at. */
static void odd_verb(struct stream *s, uint64_t *seed)
{
	static const char *const fronts[] = {
		" ", "  ", "\t", "\r", "\x80", "+", "\b", "        "
	};
	static const char tails[] = "sqx\t_\r\x80 0";
	const char *word = PICK(seed, words);
	size_t at = s->len, n;

	add(s, "%s", word);
	n = s->len - at;
	switch (roll(seed, 7)) {
	case 0:
		s->bytes[at + roll(seed, (uint32_t)n)] ^= 0x20;
		break;
	case 1:
		for (size_t i = 0; i < n; i++)
			s->bytes[at + i] &= (unsigned char)~0x20;
		break;
	case 2:
		s->bytes[s->len++] = (unsigned char)tails[roll(seed, sizeof(tails) - 1)];
		break;
	case 3:
		s->len--;
		break;
	case 4:
		s->len = at;
		add(s, "%s%s", PICK(seed, fronts), word);
		break;
	case 5: /* as long as it is, but another */
		s->bytes[s->len - 1]++;
		break;
	default:
		break;
	}
}

void generate_odd_word(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const separators[] = { " ", " ", " ", "  ", "\t", "        " };
	static const char *const ends[] = { "\r\n", "\r\n", "\n", " \r\n", "\r\r\n" };

	(void)keys;
	odd_verb(s, seed);
	add(s, "%s", PICK(seed, separators));
	if (roll(seed, 30) == 0) /* a NUL ends it for memcached */
		add_bytes(s, "\0", 1);
	add(s, "%s%s", PICK(seed, behind), PICK(seed, ends));
	add(s, "%s", roll(seed, 2) ? "" : "hello\r\n");
}
