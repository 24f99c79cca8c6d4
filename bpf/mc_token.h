/* SPDX-License-Identifier: LGPL-2.1-only */
/* Tokens, lines and numbers of the text protocol, 8 bytes at a time. */
#ifndef BMC_MC_TOKEN_H
#define BMC_MC_TOKEN_H

#include "mc_proto.h"

/* What ends a token. */
enum mc_end {
	MC_END_SPACE, /* a space: there may be more */
	MC_END_LINE, /* the line's end */
	MC_END_ODD, /* a control character or a NUL */
	MC_END_OPEN, /* not there yet */
};

#define MC_TOKEN_WORDS 33 /* the longest token looked for: a little more than a key */

/* The first byte at or after `pos` that is not a space. */
BMC_STEP __u64 mc_skip_spaces(const struct bmc_window *win, __u32 pos)
{
	__u64 at = pos;

	if (!win)
		return at;
	for (__u32 i = 0; i < BMC_LINE_MAX / 8; i++) {
		__u64 other = bmc_window64(win, at) ^ BMC_BYTES(' ');

		if (other & 0xff) /* most tokens have one before them */
			return at;
		if (other & 0xff00)
			return at + 1;
		if (other) {
			/* the lowest byte that differs */
			__u64 bit = other & -other;
			__u32 n = 0;

			n += (bit >= 1ULL << 8);
			n += (bit >= 1ULL << 16);
			n += (bit >= 1ULL << 24);
			n += (bit >= 1ULL << 32);
			n += (bit >= 1ULL << 40);
			n += (bit >= 1ULL << 48);
			n += (bit >= 1ULL << 56);
			return at + n;
		}
		at += 8;
	}
	return at;
}

/* The first byte below 0x21 at or after `pos`; if there is none for long, a position that is no such byte. */
BMC_STEP __u64 mc_token_end(const struct bmc_window *win, __u32 pos)
{
	__u64 at = pos;

	if (!win)
		return at;
	for (__u32 i = 0; i < MC_TOKEN_WORDS; i++) {
		__u64 marks = bmc_low_bytes(bmc_window64(win, at));

		if (marks)
			return at + bmc_first_byte(marks);
		at += 8;
	}
	return at;
}

/* The position of the first `c` at or after `pos`, or `end` if there is none. */
BMC_STEP __u64 mc_find(const struct bmc_window *win, __u32 pos, __u32 end, __u32 c)
{
	__u64 at = pos;

	if (!win)
		return end;
	for (__u32 i = 0; i <= BMC_WINDOW / 8; i++) {
		__u64 marks;

		if (at >= end)
			break;
		marks = bmc_equal_bytes(bmc_window64(win, at), (__u8)c);
		if (marks) {
			at += bmc_first_byte(marks);
			return at < end ? at : end;
		}
		at += 8;
	}
	return end;
}

BMC_INLINE __u64 mc_newline(const struct bmc_window *win, __u32 pos, __u32 end)
{
	return mc_find(win, pos, end, '\n');
}

/* What ends the token before `at`; *ret_used is then the position behind the newline of a line's end. */
BMC_INLINE enum mc_end mc_end_at(const struct bmc_window *win, __u64 at, __u64 end, __u32 *ret_used)
{
	__u32 two = (__u32)bmc_window64(win, at) & 0xffff;

	if (at >= end)
		return MC_END_OPEN;
	if ((two & 0xff) == ' ')
		return MC_END_SPACE;
	if ((two & 0xff) == '\n') {
		*ret_used = (__u32)at + 1;
		return MC_END_LINE;
	}
	if ((two & 0xff) != '\r')
		return MC_END_ODD;
	if (at + 1 >= end)
		return MC_END_OPEN;
	if (two != ('\r' | '\n' << 8))
		return MC_END_ODD;
	*ret_used = (__u32)at + 2;
	return MC_END_LINE;
}

/* Splits the rest of a line. MC_END_LINE: `out` is complete; SPACE: more than MC_TOKENS_MAX tokens; ODD, OPEN. */
BMC_STEP int mc_split(const struct bmc_window *win, __u32 pos, __u32 end, struct mc_tokens *out)
{
	enum mc_end stop = MC_END_SPACE;
	__u64 at = pos;

	if (!win || !out)
		return MC_END_ODD;
	out->n = 0;
	for (__u32 i = 0; i <= MC_TOKENS_MAX; i++) {
		__u32 used = 0;
		__u64 start;

		start = mc_skip_spaces(win, (__u32)at);
		at = mc_token_end(win, (__u32)start);
		stop = mc_end_at(win, at, end, &used);
		if (at > start && stop != MC_END_OPEN) {
			if (i == MC_TOKENS_MAX)
				return MC_END_SPACE;
			out->pos[i] = (__u32)start;
			out->len[i] = (__u32)(at - start);
			out->n = i + 1;
		}
		if (stop != MC_END_SPACE) {
			out->used = used;
			return stop;
		}
		if (at == start) /* spaces beyond what is looked at */
			return MC_END_ODD;
	}
	return MC_END_SPACE;
}

/* ---- numbers ---- */
#define MC_NO_NUMBER (~0ULL)

/* The first n (1 to 8) bytes of `word` as decimal digits, or MC_NO_NUMBER. */
BMC_INLINE __u64 mc_digits8(__u64 word, __u32 n)
{
	/* a digit is 0 to 9 then; zeros go before the first one */
	__u64 w = (word ^ BMC_BYTES('0')) << ((8 - n) * 8 & 63);

	/* 10 to 127: the sum has the high bit; above: the byte has it, whatever is carried out of it */
	if (((w + BMC_BYTES(0x7f - 9)) | w) & BMC_HIGH)
		return MC_NO_NUMBER;
	w = (w * 2561) >> 8;
	w = ((w & 0x00ff00ff00ff00ffULL) * 6553601) >> 16;
	return ((w & 0x0000ffff0000ffffULL) * 42949672960001ULL) >> 32;
}

/* The number that a word begins with, of 1 to 7 digits up to a byte below 0x21, or MC_NO_NUMBER; *ret_len its digits. */
BMC_INLINE __u64 mc_word_number(__u64 word, __u32 *ret_len)
{
	__u64 marks = bmc_low_bytes(word), digit = (word & 0xff) - '0';

	if ((marks & 0xffff) == 0x8000) { /* most flags and times are 0 */
		*ret_len = 1;
		return digit <= 9 ? digit : MC_NO_NUMBER;
	}
	if (!marks || (marks & 0x80))
		return MC_NO_NUMBER;
	*ret_len = bmc_first_byte(marks);
	return mc_digits8(word, *ret_len);
}

/* A decimal number of 1 to 10 digits, or MC_NO_NUMBER. */
BMC_STEP __u64 mc_number(const struct bmc_window *win, __u32 pos, __u32 len)
{
	__u64 high, low;

	if (!win || !len || len > 10)
		return MC_NO_NUMBER;
	if (len <= 8)
		return mc_digits8(bmc_window64(win, pos), len);
	high = mc_digits8(bmc_window64(win, pos), 8);
	low = mc_digits8(bmc_window64(win, pos + 8), len - 8);
	if (high == MC_NO_NUMBER || low == MC_NO_NUMBER)
		return MC_NO_NUMBER;
	return high * (len == 9 ? 10 : 100) + low;
}

/* Whether a token is 1 to 19 digits: a number of 64 bits for certain. */
BMC_STEP int mc_is_unique(const struct bmc_window *win, __u32 pos, __u32 len)
{
	if (!win || !len || len > 19)
		return 0;
	if (len > 16)
		return mc_digits8(bmc_window64(win, pos), 8) != MC_NO_NUMBER &&
		       mc_digits8(bmc_window64(win, pos + 8), 8) != MC_NO_NUMBER &&
		       mc_digits8(bmc_window64(win, pos + 16), len - 16) != MC_NO_NUMBER;
	if (len > 8)
		return mc_digits8(bmc_window64(win, pos), 8) != MC_NO_NUMBER &&
		       mc_digits8(bmc_window64(win, pos + 8), len - 8) != MC_NO_NUMBER;
	return mc_digits8(bmc_window64(win, pos), len) != MC_NO_NUMBER;
}

#endif
