/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF") of a key that lies in a window. The seed is
 * random, so that nobody can aim keys at one bucket. Delimiter search and hash are one pass, 8 bytes a step.
 */
#ifndef BMC_MC_HASH_H
#define BMC_MC_HASH_H

#include "cursor.h"

struct mc_seed {
	__u64 k0;
	__u64 k1;
};

/* A key: its place in the window, its length, its hash. */
struct mc_key {
	__u64 hash;
	__u32 pos;
	__u32 len;
};

#define MC_KEY_WORDS 32 /* looks at 256 bytes: a key has 250 */

/* What a hash begins with: the seed and SipHash's constants. */
struct mc_sip {
	__u64 v[4];
};

/* 64-bit SipRound; `v0` to `v3` are variables. */
#ifdef __bpf__
/*
 * By hand: BPF has no rotation, and clang keeps more of it in hand at once than there are registers. What is put on the
 * stack and taken back is in the way of all that needs the hash.
 */
/* clang-format off */
#define MC_ROTL_ASM(x, left, right) \
	"%[t] = %[" x "]; %[t] >>= " right "; %[" x "] <<= " left "; %[" x "] |= %[t];"
#define MC_SIP_ROUND(v0, v1, v2, v3)                                                            \
	do {                                                                                    \
		__u64 mc_t;                                                                     \
                                                                                                \
		asm("%[a] += %[b];" MC_ROTL_ASM("b", "13", "51") "%[b] ^= %[a];"                \
		    MC_ROTL_ASM("a", "32", "32")                                                \
		    "%[c] += %[d];" MC_ROTL_ASM("d", "16", "48") "%[d] ^= %[c];"                \
		    "%[a] += %[d];" MC_ROTL_ASM("d", "21", "43") "%[d] ^= %[a];"                \
		    "%[c] += %[b];" MC_ROTL_ASM("b", "17", "47") "%[b] ^= %[c];"                \
		    MC_ROTL_ASM("c", "32", "32")                                                \
		    : [a] "+r"(v0), [b] "+r"(v1), [c] "+r"(v2), [d] "+r"(v3), [t] "=&r"(mc_t)); \
	} while (0)
/* clang-format on */
#else
#define MC_ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define MC_SIP_ROUND(v0, v1, v2, v3)                                                               \
	do {                                                                                       \
		v0 += v1;                                                                          \
		v1 = MC_ROTL(v1, 13) ^ v0;                                                         \
		v0 = MC_ROTL(v0, 32);                                                              \
		v2 += v3;                                                                          \
		v3 = MC_ROTL(v3, 16) ^ v2;                                                         \
		v0 += v3;                                                                          \
		v3 = MC_ROTL(v3, 21) ^ v0;                                                         \
		v2 += v1;                                                                          \
		v1 = MC_ROTL(v1, 17) ^ v2;                                                         \
		v2 = MC_ROTL(v2, 32);                                                              \
	} while (0)
#endif

/* The last word, which has the length in its high byte, and the finish; the hash is all four xored. */
#define MC_SIP_END(v0, v1, v2, v3, last)                                                           \
	do {                                                                                       \
		__u64 mc_last = (last);                                                            \
		v3 ^= mc_last;                                                                     \
		MC_SIP_ROUND(v0, v1, v2, v3);                                                      \
		v0 ^= mc_last;                                                                     \
		v2 ^= 0xff;                                                                        \
		MC_SIP_ROUND(v0, v1, v2, v3);                                                      \
		MC_SIP_ROUND(v0, v1, v2, v3);                                                      \
		MC_SIP_ROUND(v0, v1, v2, v3);                                                      \
	} while (0)

BMC_INLINE void mc_sip_begin(struct mc_sip *ret, const struct mc_seed *seed)
{
	ret->v[0] = seed->k0 ^ 0x736f6d6570736575ULL;
	ret->v[1] = seed->k1 ^ 0x646f72616e646f6dULL;
	ret->v[2] = seed->k0 ^ 0x6c7967656e657261ULL;
	ret->v[3] = seed->k1 ^ 0x7465646279746573ULL;
}

/*
 * The token at `pos`: up to the first byte below 0x21. 0, or 1 if that is a space: `key` has place, length (which may
 * be 0) and hash; -1: no such byte within BMC_KEY_MAX + 1 bytes, `key` untouched.
 */
BMC_INLINE int mc_key_read(const struct bmc_window *win, __u64 pos, const struct mc_sip *begin,
			   struct mc_key *key)
{
	__u64 v0 = begin->v[0], v1 = begin->v[1], v2 = begin->v[2], v3 = begin->v[3];
	const __u8 *start = bmc_window_at(win, pos), *bytes = start;
	__u64 word = 0, marks = 0, len;

	BMC_UNROLL(4)
	for (__u32 i = 0; i < MC_KEY_WORDS; i++, bytes += 8) {
		word = bmc_load64(bytes);
		marks = bmc_low_bytes(word);
		if (marks)
			break;
		v3 ^= word;
		MC_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= word;
	}
	if (!marks)
		return -1;
	bmc_hide(bytes); /* the verifier knows no difference of pointers: one way for all lengths */
	len = (__u64)(bytes - start);
	len += bmc_first_byte(marks);
	if (len > BMC_KEY_MAX)
		return -1;
	MC_SIP_END(v0, v1, v2, v3, bmc_keep_before(word, marks) | len << 56);
	key->pos = (__u32)pos;
	key->len = (__u32)len;
	key->hash = v0 ^ v1 ^ v2 ^ v3;
	return bmc_is_space(word, marks);
}

/* 0, or -1 as mc_key_read. */
BMC_STEP int mc_key_scan(const struct bmc_window *win, __u32 pos, const struct mc_seed *seed,
			 struct mc_key *key)
{
	struct mc_sip begin;

	if (!win || !seed || !key)
		return -1;
	mc_sip_begin(&begin, seed);
	return mc_key_read(win, pos, &begin, key) < 0 ? -1 : 0;
}

/* The hash of `len` bytes from `at` on, whatever they are; `mask` bounds a position. At most 8 * MC_KEY_WORDS. */
BMC_INLINE __u64 mc_sip(const __u8 *bytes, __u64 mask, __u64 at, __u32 len,
			const struct mc_seed *seed)
{
	__u64 v0, v1, v2, v3;
	struct mc_sip begin;
	__u32 left = len;

	mc_sip_begin(&begin, seed);
	v0 = begin.v[0];
	v1 = begin.v[1];
	v2 = begin.v[2];
	v3 = begin.v[3];
	for (__u32 i = 0; i < MC_KEY_WORDS; i++) {
		__u64 word;

		if (left < 8)
			break;
		word = bmc_load64(&bytes[at & mask]);
		v3 ^= word;
		MC_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= word;
		at += 8;
		left -= 8;
	}
	MC_SIP_END(v0, v1, v2, v3,
		   bmc_keep_bytes(bmc_load64(&bytes[at & mask]), left) | (__u64)len << 56);
	return v0 ^ v1 ^ v2 ^ v3;
}

/*
 * A key whose length is known, whatever bytes it has: the same hash as mc_key_scan's. 0: `key` filled; -1: longer than
 * BMC_KEY_MAX, `key` untouched.
 */
BMC_STEP int mc_key_hash(const struct bmc_window *win, __u32 pos, __u32 len,
			 const struct mc_seed *seed, struct mc_key *key)
{
	if (!win || !seed || !key || len > BMC_KEY_MAX)
		return -1;
	key->hash = mc_sip(win->bytes, BMC_WINDOW - 1, pos, len, seed);
	key->pos = pos;
	key->len = len;
	return 0;
}

#endif
