// SPDX-License-Identifier: LGPL-2.1-only
#include "siphash.h"

struct state {
	uint64_t v[4];
};

static uint64_t left(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

static void rounds(struct state *s, int n)
{
	uint64_t *v = s->v;

	while (n--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = left(v[1], 13);
		v[3] = left(v[3], 16);
		v[1] ^= v[0];
		v[3] ^= v[2];
		v[0] = left(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = left(v[1], 17);
		v[3] = left(v[3], 21);
		v[1] ^= v[2];
		v[3] ^= v[0];
		v[2] = left(v[2], 32);
	}
}

static void word(struct state *s, uint64_t m, int c)
{
	s->v[3] ^= m;
	rounds(s, c);
	s->v[0] ^= m;
}

uint64_t siphash(int c, int d, uint64_t k0, uint64_t k1, const uint8_t *data, size_t len)
{
	/* "somepseudorandomlygeneratedbytes" */
	struct state s = { { k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL,
			     k0 ^ 0x6c7967656e657261ULL, k1 ^ 0x7465646279746573ULL } };
	uint64_t m = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		m |= (uint64_t)data[i] << 8 * (i % 8);
		if (i % 8 == 7) {
			word(&s, m, c);
			m = 0;
		}
	}
	word(&s, m | (uint64_t)len << 56, c);
	s.v[2] ^= 0xff;
	rounds(&s, d);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
