// SPDX-License-Identifier: LGPL-2.1-only
/* Meta commands that nobody should send: flags twice, unknown, in each other's way; sizes and keys that are none. */
#include "generate_parts.h"

#include <string.h>

#define O10 "0123456789"
#define O30 O10 O10 O10

static const char *const flags[] = { "b",
				     "b",
				     "b1",
				     "bb",
				     "q",
				     "q1",
				     "qq",
				     "k",
				     "k1",
				     "v",
				     "v1",
				     "c",
				     "f",
				     "h",
				     "l",
				     "s",
				     "t",
				     "u",
				     "x",
				     "I",
				     "IX",
				     "O",
				     "O1",
				     "Oq",
				     "O" O30 "1",
				     "O" O30 "12",
				     "O" O30 "123",
				     "O" O30 O30,
				     "T",
				     "T0",
				     "T-1",
				     "T5000",
				     "T+5000",
				     "Tx",
				     "T5000x",
				     "T99999999999",
				     "T\t5000",
				     "N",
				     "N0",
				     "N-1",
				     "N5000",
				     "Nx",
				     "N99999999999",
				     "E",
				     "E5",
				     "E0",
				     "Ex",
				     "E99999999999999999999",
				     "C",
				     "C0",
				     "C1",
				     "C-1",
				     "Cx",
				     "F",
				     "F5",
				     "F-1",
				     "Fx",
				     "F99999999999",
				     "M",
				     "MS",
				     "ME",
				     "MA",
				     "MP",
				     "MR",
				     "MI",
				     "MD",
				     "M+",
				     "M-",
				     "MX",
				     "Mset",
				     "Mincr",
				     "S5",
				     "S",
				     "R",
				     "R0",
				     "R30",
				     "R-1",
				     "Rx",
				     "L1",
				     "P1",
				     "D",
				     "D1",
				     "D-1",
				     "Dx",
				     "D18446744073709551616",
				     "J",
				     "J0",
				     "J5",
				     "Jx",
				     "-",
				     "0",
				     "1",
				     "!",
				     "\x80",
				     "\xff",
				     "z",
				     "noreply",
				     "\t",
				     "\r" };

static const char *const sizes[] = {
	"-1",	      "-0",	    "-99",	  "+5",
	"05",	      "5x",	    "5\t",	  "\t5",
	"x",	      "",	    "2147483645", "2147483646",
	"2147483647", "2147483648", "4294967301", "99999999999999999999",
	"S5",	      "0x5",	    "40000",	  "5"
};

static void odd_flags(struct stream *s, uint64_t *seed)
{
	for (uint32_t n = roll(seed, 20) ? roll(seed, 6) : 15 + roll(seed, 10); n; n--)
		add(s, " %s", PICK(seed, flags));
}

/* Base64 that is none, or not as it is made: characters, ends, bits behind the key's, too long. */
static void odd_base64(struct stream *s, const struct key *k, uint64_t *seed)
{
	static const char odd[] = "=-_A/+!\x80\t ";
	size_t at = s->len, n = strlen(k->base64);

	add(s, "%s", k->base64);
	switch (roll(seed, 6)) {
	case 0:
		s->bytes[at + roll(seed, (uint32_t)n)] =
			(unsigned char)odd[roll(seed, sizeof(odd) - 1)];
		break;
	case 1: /* the last character that is no '=' */
		while (n > 1 && s->bytes[at + n - 1] == '=')
			n--;
		s->bytes[at + n - 1]++;
		break;
	case 2:
		s->len -= 1 + roll(seed, n > 3 ? 3 : 1);
		break;
	case 3:
		add(s, "%s", roll(seed, 2) ? "=" : "AAAA");
		break;
	case 4:
		add(s, "%s", k->base64);
		break;
	default:
		for (uint32_t i = roll(seed, 70); i; i--)
			add(s, "AAAA");
	}
}

static void odd_key(struct stream *s, const struct key *keys, uint64_t *seed)
{
	const struct key *k = generate_key(s, keys, 0, 1, seed);

	if (roll(seed, 3) == 0)
		odd_base64(s, k, seed);
	else if (k->plain && roll(seed, 3))
		add(s, "%s", (const char *)k->bytes);
	else
		add(s, "%s", k->base64);
	if (roll(seed, 3) == 0)
		add(s, " b");
}

static void odd_store(struct stream *s, const struct key *keys, uint64_t *seed)
{
	add(s, "ms ");
	odd_key(s, keys, seed);
	add(s, " %s", roll(seed, 2) ? "5" : PICK(seed, sizes));
	odd_flags(s, seed);
	add(s, "\r\n%s", roll(seed, 3) ? "hello\r\n" : "set k7 0 0 1\r\nx\r\n");
}

void generate_odd_meta(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const char *const verbs[] = { "mg", "md", "ma", "me", "mn", "mx", "m", "mgx" };

	if (roll(seed, 3) == 0) {
		odd_store(s, keys, seed);
		return;
	}
	add(s, "%s", PICK(seed, verbs));
	if (roll(seed, 12)) {
		add(s, " ");
		odd_key(s, keys, seed);
	}
	odd_flags(s, seed);
	add(s, "%s", roll(seed, 5) ? "\r\n" : " \n");
}
