/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The text of an entry, copied into the packet: by words, the last ones twice. A helper that copies would be one call more,
 * and no faster for what fits a datagram.
 */
#ifndef BMC_PLAIN_TEXT_BPF_H
#define BMC_PLAIN_TEXT_BPF_H

#include "cache.bpf.h"

#define BMC_PLAIN_SHORT 128 /* bytes: of a text that is copied by BMC_PLAIN_STEP */
#define BMC_PLAIN_STEP 32
#define BMC_PLAIN_BLOCK 64 /* ... of a longer one, by so many */

/* `n` bytes, a constant. */
static __always_inline void bmc_plain_copy_words(void *to, const __u8 *from, __u32 n)
{
#pragma unroll
	for (__u32 at = 0; at < n; at += 8)
		*(__u64 *)(to + at) = bmc_load64(from + at);
}

/* `len` bytes, `step`, a constant, to BMC_PLAIN_SHORT, to `to`. 0 or -1. */
static __always_inline int bmc_plain_copy_by(void *to, const void *end, const __u8 *from, __u64 len,
					     __u32 step)
{
	__u64 last = len - step;

	bmc_hide(last);
	if (last > BMC_PLAIN_SHORT - step)
		return -1;
#pragma unroll
	for (__u32 at = 0; at < BMC_PLAIN_SHORT; at += step) {
		if (last <= at || to + at + step > end)
			break;
		bmc_plain_copy_words(to + at, from + at, step);
	}
	to += last;
	if (to + step > end)
		return -1;
	bmc_plain_copy_words(to, from + last, step);
	return 0;
}

static __always_inline int bmc_plain_copy(void *to, const void *end, const struct bmc_entry *e,
					  __u64 len)
{
	if (len < BMC_PLAIN_STEP)
		return bmc_plain_copy_by(to, end, e->text, len, BMC_PLAIN_STEP / 2);
	return bmc_plain_copy_by(to, end, e->text, len, BMC_PLAIN_STEP);
}

/* The same for more than BMC_PLAIN_BLOCK bytes, and `reach`, a constant, at the most. */
static __always_inline int bmc_plain_copy_long(void *to, const void *end, const struct bmc_entry *e,
					       __u64 len, __u64 reach)
{
	const __u64 most = reach - sizeof(*e), blocks = most / BMC_PLAIN_BLOCK;
	__u64 last = len - BMC_PLAIN_BLOCK;

	bmc_hide(last);
	if (last > most - BMC_PLAIN_BLOCK)
		return -1;
#pragma clang loop unroll(disable)
	for (__u64 at = 0; at < blocks * BMC_PLAIN_BLOCK; at += BMC_PLAIN_BLOCK) {
		if (at >= last || to + at + BMC_PLAIN_BLOCK > end)
			break;
		bmc_plain_copy_words(to + at, e->text + at, BMC_PLAIN_BLOCK);
	}
	to += last;
	if (to + BMC_PLAIN_BLOCK > end)
		return -1;
	bmc_plain_copy_words(to, e->text + last, BMC_PLAIN_BLOCK);
	return 0;
}

/*
 * The same for the entry at `at` units of a bucket, to `off` of the packet, 127 at the most. A function of its own, which
 * the verifier looks at once: inline, it would follow each loop on each path that leads there.
 */
__noinline int bmc_plain_text_long(struct xdp_md *ctx, __u32 bucket, __u32 at, __u32 len, __u32 off)
{
	void *to = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct bmc_bucket *b = bmc_bucket_get(bucket);

	if (!b)
		return -1;
	to += off & 127;
	if (len <= BMC_REACH_KEY - sizeof(struct bmc_entry))
		return bmc_plain_copy_long(to, end, bmc_entry_look(b, at, BMC_REACH_KEY), len,
					   BMC_REACH_KEY);
	if (len <= BMC_REACH_MIDDLE - sizeof(struct bmc_entry))
		return bmc_plain_copy_long(to, end, bmc_entry_look(b, at, BMC_REACH_MIDDLE), len,
					   BMC_REACH_MIDDLE);
	return bmc_plain_copy_long(to, end, bmc_entry_look(b, at, BMC_REACH_ALL), len,
				   BMC_REACH_ALL);
}

#endif
