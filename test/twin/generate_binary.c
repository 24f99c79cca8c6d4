// SPDX-License-Identifier: LGPL-2.1-only
#include "generate_parts.h"

#include <string.h>

static void put32(unsigned char *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(v >> (24 - 8 * i));
}

/* Stat, of what has a name. */
static void generate_stat(struct stream *s, uint64_t *seed)
{
	static const char *const names[] = { "items",	 "slabs",   "settings",	 "sizes",
					     "conns",	 "reset",   "detail on", "detail off",
					     "nonsense", "extstore" };
	const char *name = PICK(seed, names);
	unsigned char *h = s->bytes + s->len;

	memset(h, 0, 24);
	h[0] = 0x80;
	h[1] = 0x10;
	h[3] = h[11] = (unsigned char)strlen(name);
	s->len += 24;
	add_bytes(s, name, strlen(name));
}

void generate_binary(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const unsigned char opcodes[] = { 0x00, 0x01, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
						 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10,
						 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x19, 0x1a,
						 0x1c, 0x1d, 0x1e, 0x23, 0x24, 0x08, 0x18 };
	static const int delays[] = { 0, 1, 2, 100, 2000000 };
	static unsigned char bytes[VALUE_MAX];
	unsigned char op = PICK(seed, opcodes), *h = s->bytes + s->len;
	int stores = (op >= 1 && op <= 3) || (op >= 0x11 && op <= 0x13);
	int joins = op == 0x0e || op == 0x0f || op == 0x19 || op == 0x1a;
	int counts = op == 5 || op == 6 || op == 0x15 || op == 0x16;
	int touches = op == 0x1c || op == 0x1d || op == 0x1e || op == 0x23 || op == 0x24;
	int flushes = op == 0x08 || op == 0x18;
	int keyless = op == 0x0a || op == 0x0b || op == 0x10 || flushes;
	int writes = stores || joins || counts || touches || op == 4 || op == 0x14;
	size_t extras = stores				      ? 8 :
			counts				      ? 20 :
			touches || (flushes && roll(seed, 2)) ? 4 :
								0,
	       n = stores || joins ? generate_value(bytes, seed) : 0;
	const struct key *k = keyless ? NULL : generate_key(s, keys, 0, writes, seed);
	size_t key_len = k ? k->len : 0;

	if (flushes && roll(seed, 20))
		return;
	if (op == 0x10 && roll(seed, 2)) {
		generate_stat(s, seed);
		return;
	}
	memset(h, 0, 24 + extras);
	h[0] = 0x80;
	h[1] = op;
	h[2] = (unsigned char)(key_len >> 8);
	h[3] = (unsigned char)key_len;
	h[4] = (unsigned char)extras;
	put32(h + 8, (uint32_t)(extras + key_len + n));
	if (writes && roll(seed, 5) == 0)
		put32(h + 20, (uint32_t)generate_cas(k, seed));
	if (stores || touches)
		put32(h + 24 + extras - 4, (uint32_t)generate_time(seed) & 0x1ffff);
	if (counts) {
		put32(h + 28, roll(seed, 100));
		put32(h + 40, roll(seed, 2) ? 0xffffffff : 5000);
	}
	if (flushes) {
		generate_flush(s, extras ? PICK(seed, delays) : 0);
		if (extras)
			put32(h + 24, (uint32_t)s->delay);
	}
	s->len += 24 + extras;
	if (k)
		add_bytes(s, k->bytes, key_len);
	add_bytes(s, bytes, n);
}

/*
 * A command of which some field is not as it should be. Its value may be of any length, so that what follows is read
 * out of step, if memcached goes on at all.
 */
void generate_odd_binary(struct stream *s, const struct key *keys, uint64_t *seed)
{
	static const unsigned char extras[] = { 0, 1, 3, 4, 5, 7, 8, 9, 16, 19, 20, 21, 24, 255 };
	static const uint16_t lens[] = { 0, 1, 2, 249, 250, 251, 252, 1000, 65535 };
	static const uint32_t bodies[] = { 0,	       1,	   4,	       250,
					   251,	       1000,	   0x100000,   0x7ffffeff,
					   0x7fffff00, 0x7fffffff, 0x80000000, 0xfffffff0,
					   0xffffffff };
	static const uint32_t delays[] = { 1, 2, 2592000, 2592001, 0x7fffffff, 0x80000000, ~0U };
	size_t at = s->len;
	unsigned char *h = s->bytes + at;
	uint32_t body;

	generate_binary(s, keys, seed);
	if (s->len == at)
		return;
	body = (uint32_t)h[8] << 24 | (uint32_t)h[9] << 16 | (uint32_t)h[10] << 8 | h[11];
	switch (roll(seed, 10)) {
	case 8: /* another protocol's first byte, or an answer's */
		h[0] = (unsigned char)(roll(seed, 2) ? 0x81 : roll(seed, 256));
		break;
	case 0:
		h[4] = PICK(seed, extras);
		break;
	case 1:
		h[2] = (unsigned char)(PICK(seed, lens) >> 8);
		h[3] = (unsigned char)PICK(seed, lens);
		break;
	case 2:
		put32(h + 8, PICK(seed, bodies));
		break;
	case 3:
		put32(h + 8, body + roll(seed, 5) - 2);
		break;
	case 4: /* the lengths of its parts, their sum stays */
		h[3] = (unsigned char)(h[3] + roll(seed, 3) - 1);
		h[4] = (unsigned char)(h[4] + roll(seed, 3) - 1);
		break;
	case 5:
		h[1] = (unsigned char)roll(seed, roll(seed, 2) ? 256 : 0x28);
		break;
	case 6: /* data type, vbucket, opaque */
		h[5 + roll(seed, 3)] = (unsigned char)roll(seed, 256);
		put32(h + 12, roll(seed, ~0U));
		break;
	case 7: /* flush, its delay */
		memset(h, 0, 28);
		h[0] = 0x80;
		h[1] = roll(seed, 2) ? 0x08 : 0x18;
		h[4] = 4;
		put32(h + 8, 4);
		put32(h + 24, PICK(seed, delays));
		s->len = at + 28;
		break;
	default: /* some bytes more, or less */
		if (roll(seed, 2))
			add_bytes(s, "\0\x80k1", 1 + roll(seed, 4));
		else
			s->len -= roll(seed, (uint32_t)(s->len - at < 9 ? s->len - at : 9));
	}
}
