/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Bounds-checked looks into a window of bytes. A position is masked at every look, so that no value of it can
 * leave the window: the verifier needs no other proof, and the host build gets the same behaviour.
 *
 * Whoever fills a window puts 8 zero bytes behind the last one (bmc_window_end): a scan stops there, and what it
 * found is at or after `end`, that is: not there yet.
 */
#ifndef BMC_CURSOR_H
#define BMC_CURSOR_H

#include "bmc_abi.h"

/* A function of its own for the verifier: looked at once, however often it is called. */
#ifdef __bpf__
#define BMC_STEP __attribute__((noinline))
#define BMC_INLINE static inline __attribute__((always_inline))
#define BMC_PRAGMA(x) _Pragma(#x)
#define BMC_UNROLL(n) BMC_PRAGMA(clang loop unroll_count(n))
#else
#include <string.h>
#define BMC_STEP static inline __attribute__((unused))
#define BMC_INLINE static inline __attribute__((unused))
#define BMC_UNROLL(n)
#define bmc_hide(x)
#endif

#define BMC_WINDOW_SLACK 256 /* a key is read without a mask at each word */

struct bmc_window {
	__u8 bytes[BMC_WINDOW + BMC_WINDOW_SLACK];
};

struct bmc_answer_window {
	__u8 bytes[BMC_ANSWER_WINDOW + 16];
};

/*
 * 8 bytes at `at`, the first one lowest: little-endian machines only (BPF targets of ours are). In a function: a cast of a
 * member's address makes clang read in pieces that are aligned as the member is.
 */
BMC_INLINE __u64 bmc_load64(const __u8 *at)
{
#ifdef __bpf__
	return *(const __u64 *)at;
#else
	__u64 word;

	memcpy(&word, at, sizeof(word));
	return word;
#endif
}

BMC_INLINE __u32 bmc_load32(const __u8 *at)
{
#ifdef __bpf__
	return *(const __u32 *)at;
#else
	__u32 word;

	memcpy(&word, at, sizeof(word));
	return word;
#endif
}

BMC_INLINE __u64 bmc_window64(const struct bmc_window *win, __u64 pos)
{
	return bmc_load64(&win->bytes[pos & (BMC_WINDOW - 1)]);
}

/* Where BMC_WINDOW_SLACK + 1 bytes may be read. */
BMC_INLINE const __u8 *bmc_window_at(const struct bmc_window *win, __u64 pos)
{
	return &win->bytes[pos & (BMC_WINDOW - 1)];
}

BMC_INLINE __u8 bmc_window8(const struct bmc_window *win, __u64 pos)
{
	return win->bytes[pos & (BMC_WINDOW - 1)];
}

/* Zero bytes behind the last one; `end` at most BMC_WINDOW. */
BMC_INLINE void bmc_window_end(struct bmc_window *win, __u64 end)
{
	__u8 *at = &win->bytes[end & (2 * BMC_WINDOW - 1)];

	if (end > BMC_WINDOW)
		return;
#ifdef __bpf__
	*(__u64 *)at = 0;
#else
	memset(at, 0, 8);
#endif
}

/* ---- eight bytes at once ---- */
#define BMC_BYTES(c) (0x0101010101010101ULL * (__u8)(c))
#define BMC_HIGH BMC_BYTES(0x80)

/* The high bit of bytes below 0x21 (space and controls); the lowest one set is exact, those above may lie. */
BMC_INLINE __u64 bmc_low_bytes(__u64 word)
{
	return (word - BMC_BYTES(0x21)) & ~word & BMC_HIGH;
}

/* Whether the first one that bmc_low_bytes found is a space: of those, it alone has that bit. None was: no. */
BMC_INLINE int bmc_is_space(__u64 word, __u64 marks)
{
	return (word & (marks & -marks) >> 2) != 0;
}

/* The high bit of bytes equal to c; the lowest one set is exact. */
BMC_INLINE __u64 bmc_equal_bytes(__u64 word, __u8 c)
{
	__u64 x = word ^ BMC_BYTES(c);

	return (x - BMC_BYTES(1)) & ~x & BMC_HIGH;
}

/* Index (0 to 7) of the first byte whose high bit is set in `marks`, which is not 0. */
BMC_INLINE __u32 bmc_first_byte(__u64 marks)
{
	__u64 before = ((marks & -marks) - 1) >> 7;

	return (__u32)((before & BMC_BYTES(1)) * BMC_BYTES(1) >> 56);
}

/* The first n (0 to 7) bytes of a word, the others 0. */
BMC_INLINE __u64 bmc_keep_bytes(__u64 word, __u32 n)
{
	return word & ((1ULL << ((n & 7) * 8)) - 1);
}

/* The bytes of a word before the first one whose high bit is set in `marks`, which is not 0; the others 0. */
BMC_INLINE __u64 bmc_keep_before(__u64 word, __u64 marks)
{
	return word & ((marks & -marks) - 1) >> 7;
}

#define BMC_LINE_WORDS 7 /* a key of 50 bytes; on the stack of a long chain of calls */

/* Whether the first newline of `len` bytes is the last of them; behind them there are zeros up to the end of `line`. */
BMC_INLINE int bmc_is_line(const __u64 line[BMC_LINE_WORDS], __u64 len)
{
	for (__u32 i = 0; i < BMC_LINE_WORDS; i++) {
		__u64 marks = bmc_equal_bytes(line[i], '\n');

		if (marks)
			return 8 * i + bmc_first_byte(marks) + 1 == len;
	}
	return 0;
}

#endif
