/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The key of a plain get: read from the packet once, 8 bytes a step, for the hash, for the checksum, and to be kept on the
 * stack: it is compared with the entry's, and put back when the bytes that were copied turn out to be no entry's.
 * Everything is unrolled: the verifier and the compiler know every offset.
 */
#ifndef BMC_PLAIN_KEY_BPF_H
#define BMC_PLAIN_KEY_BPF_H

#include "cache.bpf.h"
#include "rx.bpf.h"

#define BMC_PLAIN_WORDS 8
#define BMC_PLAIN_KEY_MAX (BMC_PLAIN_WORDS * 8 + 7)
#define BMC_PLAIN_GET 4 /* "get " */
#define BMC_PLAIN_CRLF 2

_Static_assert((BMC_PLAIN_WORDS & (BMC_PLAIN_WORDS - 1)) == 0, "a mask of its whole words' bytes");

struct bmc_plain_key {
	__u64 len; /* 1 to BMC_PLAIN_KEY_MAX */
	__u64 sum; /* of its bytes */
	__u64 tail; /* what is behind its whole words: 0 to 7 bytes */
	__u64 word[BMC_PLAIN_WORDS];
};

/* mc_key_scan's hash of it. */
static __always_inline __u64 bmc_plain_hash(const struct bmc_plain_key *key)
{
	const struct mc_seed *seed = (const struct mc_seed *)bmc_shared.seed;
	__u64 v0 = seed->k0 ^ 0x736f6d6570736575ULL, v1 = seed->k1 ^ 0x646f72616e646f6dULL;
	__u64 v2 = seed->k0 ^ 0x6c7967656e657261ULL, v3 = seed->k1 ^ 0x7465646279746573ULL;

#pragma unroll
	for (__u32 i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (key->len < 8 * (i + 1))
			break;
		v3 ^= key->word[i];
		MC_SIP_ROUND(v0, v1, v2, v3);
		v0 ^= key->word[i];
	}
	MC_SIP_END(v0, v1, v2, v3, key->tail | key->len << 56);
	return v0 ^ v1 ^ v2 ^ v3;
}

/*
 * The key at `at`; `len`: its bytes and two. 0: read; -1: it is none, too long, has a byte that ends a key, or no \r\n
 * behind it. In front of `at` are 8 bytes of the packet or more.
 */
static __always_inline int bmc_plain_key_read(struct bmc_plain_key *key, const __u8 *at, __u64 len,
					      const void *end)
{
	__u64 word, low = 0, sum = 0, bits;
	const __u8 *behind;

	len -= BMC_PLAIN_CRLF;
	if (len - 1 >= BMC_PLAIN_KEY_MAX)
		return -1;
	bmc_hide(len);
	len &= 127; /* what the verifier of 6.1 does not learn from the comparison */
	behind = at + len;
	if (behind + BMC_PLAIN_CRLF > (const __u8 *)end || *(__u16 *)behind != ('\r' | '\n' << 8))
		return -1;
#pragma unroll
	for (__u32 i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (len < 8 * (i + 1) || at + 8 * (i + 1) > (const __u8 *)end)
			break;
		word = *(__u64 *)(at + 8 * i);
		key->word[i] = word;
		low |= (word - BMC_BYTES(0x21)) & ~word; /* bmc_low_bytes, but for the mask */
		sum += bmc_halves(word);
	}
	bits = (len & 7) * 8;
	word = *(__u64 *)(behind - 8) >> (56 - bits) >> 8;
	low |= bmc_low_bytes(word | BMC_BYTES('!') << bits);
	if (low & BMC_HIGH)
		return -1;
	key->len = len;
	key->tail = word;
	key->sum = sum + bmc_halves(word);
	return 0;
}

static __always_inline int bmc_plain_is_key(const struct bmc_plain_key *key,
					    const struct bmc_entry *e)
{
	const __u8 *there = e->text + BMC_TEXT_KEY;

#pragma unroll
	for (__u32 i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (key->len < 8 * (i + 1))
			break;
		if (key->word[i] != bmc_load64(there + 8 * i))
			return 0;
	}
	there += key->len & (8 * (2 * BMC_PLAIN_WORDS - 1)); /* its whole words */
	return bmc_keep_bytes(bmc_load64(there), (__u32)key->len) == key->tail;
}

/* Puts it back to `off`, and the \r\n behind it. */
static __always_inline void bmc_plain_key_put(struct xdp_md *ctx, __u32 off,
					      const struct bmc_plain_key *key)
{
	__u64 tail = key->tail | (__u64)('\r' | '\n' << 8) << (key->len & 7) * 8;
	__u64 left = (key->len & 7) + BMC_PLAIN_CRLF;
	__u8 last = '\n';

#pragma unroll
	for (__u32 i = 0; i < BMC_PLAIN_WORDS; i++) {
		if (key->len < 8 * (i + 1))
			break;
		bpf_xdp_store_bytes(ctx, off, (void *)&key->word[i], 8);
		off += 8;
	}
	if (left > 8) {
		bpf_xdp_store_bytes(ctx, off + 8, &last, 1);
		left = 8;
	}
	if (bmc_len_within(&left, 8))
		bpf_xdp_store_bytes(ctx, off, &tail, left);
}

#endif
