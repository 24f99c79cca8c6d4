/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A command line exactly as memcached cuts it, whatever bytes it has. mc_text.h reads what clients send; what it finds
 * odd is read here, without haste:
 *
 *   line   := text ["\r"] "\n"      a "\r" alone is no line's end, but text; a NUL ends the text, not the line
 *   text   := " "* token (" "+ token)* " "*
 *   token  := any bytes but a space
 *
 * That is memcached 1.5.0 to 1.6.18. Where others may differ, and that changes which bytes are commands: LOST, unless the
 * version is known to be such a one.
 */
#ifndef BMC_MC_LINE_H
#define BMC_MC_LINE_H

#include "mc_verb.h"

#define MC_VERSION_CLASSIC_FIRST BMC_VERSION_OF(1, 5, 0)
#define MC_VERSION_CLASSIC_LAST BMC_VERSION_OF(1, 6, 18)
#define MC_VERSION_TOKENS BMC_VERSION_OF(1, 6, 0) /* from then on MC_LINE_TOKENS, for certain */
#define MC_LINE_TOKENS 24 /* memcached looks at no more of them at once */
#define MC_FEW_TOKENS 6 /* 1.5 looks at its verb and so many more */
#define MC_TOUCH_TOKENS 3 /* a touch with more behind its verb is rejected */

/* The bit of a flag by its letter. */
#define MC_FLAG(c) (1ULL << ((c)&63))

/* Whether this memcached is known to cut lines as said above, and to parse on after a line that it rejects. */
BMC_INLINE int mc_is_classic(const struct mc_request *r)
{
	return r->version >= MC_VERSION_CLASSIC_FIRST && r->version <= MC_VERSION_CLASSIC_LAST;
}

BMC_INLINE int mc_lost(struct mc_request *out, enum bmc_lost why)
{
	out->op = MC_OP_LOST;
	out->lost = (__u8)why;
	return 0;
}

BMC_INLINE int mc_is_noreply(const struct bmc_window *win, __u32 pos, __u32 len)
{
	return len == 7 && bmc_keep_bytes(bmc_window64(win, pos), 7) == MC_WORD7("noreply");
}

/* Where the line at `pos` ends, into out->line. 0; -1: that is not there yet. */
BMC_STEP int mc_line_find(const struct bmc_window *win, __u32 pos, __u32 end,
			  struct mc_request *out)
{
	__u64 at, nul;

	if (!win || !out)
		return -1;
	at = mc_find(win, pos, end, '\n');
	if (at >= end)
		return -1;
	out->line.next = (__u32)at + 1;
	if (at > (__u64)pos + 1 && bmc_window8(win, at - 1) == '\r')
		at--;
	nul = mc_find(win, pos, (__u32)at, 0);
	out->line.end = (__u32)nul;
	out->line.odd = nul < at || bmc_window8(win, pos) == ' ';
	return 0;
}

/* The bit of a token's first byte: letters have one each, all else shares bit 0. */
BMC_INLINE __u64 mc_flag_of(__u8 c)
{
	return c > 64 && c < 127 ? MC_FLAG(c) : 1;
}

/* The tokens from `pos` to the end of out->line. 0; -1: too many spaces to be looked at. */
BMC_STEP int mc_line_split(const struct bmc_window *win, __u32 pos, struct mc_request *out)
{
	__u64 at = pos, more = 0, flags = 0;

	if (!win || !out)
		return -1;
	out->rest.n = 0;
	out->line.n = 0;
	out->line.last_len = 0;
	out->line.time_len = 0;
	for (__u32 i = 0; i < MC_LINE_TOKENS; i++) {
		__u64 start = mc_skip_spaces(win, (__u32)at);
		__u8 first = bmc_window8(win, start);

		if (start >= out->line.end)
			break;
		if (first == ' ')
			return -1;
		at = mc_find(win, (__u32)start, out->line.end, ' ');
		if (i < MC_TOKENS_MAX) {
			out->rest.pos[i] = (__u32)start;
			out->rest.len[i] = (__u32)(at - start);
			out->rest.n = i + 1;
		}
		if (i >= 1)
			flags |= mc_flag_of(first);
		if (i >= 2)
			more |= mc_flag_of(first);
		if (i >= 1 && first == 'T') {
			out->line.time = (__u32)start;
			out->line.time_len = (__u32)(at - start);
		}
		out->line.last = (__u32)start;
		out->line.last_len = (__u32)(at - start);
		out->line.n = i + 1;
	}
	out->line.flags = flags;
	out->line.more_flags = more;
	return 0;
}

/* ---- numbers as strtol and strtoul read them ---- */
#define MC_NUMBER_REJECTED (~0ULL)
#define MC_NUMBER_UNSURE (~1ULL)
#define MC_NUMBER_DIGITS 19 /* of a number that fits 64 bits for certain */

/* The digits at `pos`, up to `end`: their value, *ret_used how many; MC_NUMBER_UNSURE: more than fit. */
BMC_STEP __u64 mc_line_digits(const struct bmc_window *win, __u32 pos, __u32 end)
{
	__u64 value = 0;

	if (!win)
		return MC_NUMBER_UNSURE;
	for (__u32 i = 0; i <= MC_NUMBER_DIGITS; i++) {
		__u32 digit = (__u32)bmc_window8(win, (__u64)pos + i) - '0';

		if (pos + i >= end || digit > 9) {
			__u8 stop = bmc_window8(win, (__u64)pos + i);

			/* nothing, or white space that is no space, may follow */
			if (!i || (pos + i < end && stop != '\t' && stop != '\v' && stop != '\f' &&
				   stop != '\r'))
				return MC_NUMBER_REJECTED;
			return value;
		}
		value = value * 10 + digit;
	}
	return MC_NUMBER_UNSURE;
}

/*
 * The number in a token: its magnitude, *ret_minus set if it has a minus; MC_NUMBER_REJECTED: memcached takes it for
 * none; MC_NUMBER_UNSURE.
 */
BMC_INLINE __u64 mc_line_number(const struct bmc_window *win, __u32 pos, __u32 len,
				__u32 *ret_minus)
{
	__u8 first = bmc_window8(win, pos);
	__u32 sign = first == '-' || first == '+';

	*ret_minus = first == '-';
	if (first < ' ' && len) /* white space in front is read over */
		return MC_NUMBER_UNSURE;
	return mc_line_digits(win, pos + sign, pos + len);
}

/* The digits that the token at `pos` begins with, MC_NUMBER_DIGITS at the most, as a number; 0: none. */
BMC_STEP __u64 mc_line_lead(const struct bmc_window *win, __u32 pos)
{
	__u64 value = 0;

	if (!win)
		return 0;
	pos += bmc_window8(win, pos) == '+';
	for (__u32 i = 0; i < MC_NUMBER_DIGITS; i++) {
		__u32 digit = (__u32)bmc_window8(win, (__u64)pos + i) - '0';

		if (digit > 9)
			break;
		value = value * 10 + digit;
	}
	return value;
}

/*
 * A signed number of 32 bits, biased by 2^31 so that none is a failure; or MC_NUMBER_REJECTED, _UNSURE. Of what has more
 * bits 1.6.18 takes the lowest 32, others refuse it.
 */
#define MC_SIGNED_BIAS 0x80000000ULL
BMC_STEP __u64 mc_line_signed(const struct bmc_window *win, __u32 pos, __u32 len)
{
	__u64 value;
	__u32 minus = 0;

	if (!win)
		return MC_NUMBER_UNSURE;
	value = mc_line_number(win, pos, len, &minus);
	if (value >= MC_NUMBER_UNSURE)
		return value;
	if (value > (minus ? MC_SIGNED_BIAS : MC_SIGNED_BIAS - 1))
		return MC_NUMBER_UNSURE;
	return minus ? MC_SIGNED_BIAS - value : MC_SIGNED_BIAS + value;
}

/* Whether a token is an unsigned number of 64 bits: 0, MC_NUMBER_REJECTED, MC_NUMBER_UNSURE. */
BMC_STEP __u64 mc_line_unsigned(const struct bmc_window *win, __u32 pos, __u32 len)
{
	__u64 value;
	__u32 minus = 0;

	if (!win)
		return MC_NUMBER_UNSURE;
	value = mc_line_number(win, pos, len, &minus);
	if (value >= MC_NUMBER_UNSURE)
		return value;
	if (!minus || !value)
		return 0;
	/* what is negative as a signed number is refused; a large minus wraps around */
	return value <= 1ULL << 63 ? MC_NUMBER_REJECTED : 0;
}

/* ---- lines ---- */

/* The key, which is the token `index` behind the verb. -1: none, or longer than a key can be. */
BMC_INLINE int mc_line_key(const struct bmc_window *win, const struct mc_seed *seed,
			   struct mc_request *out)
{
	if (!out->line.n)
		return -1;
	return mc_key_hash(win, out->rest.pos[0], out->rest.len[0], seed, &out->key);
}

BMC_INLINE int mc_line_noreply(const struct bmc_window *win, const struct mc_request *out)
{
	return out->line.n > 1 && mc_is_noreply(win, out->line.last, out->line.last_len);
}

/*
 * key flags exptime bytes [unique] [any]: a rejected line is answered, and what follows it is the next line. 1.5 does not
 * see how many more tokens a cas has, and takes it.
 */
BMC_INLINE int mc_line_store(const struct bmc_window *win, struct mc_request *out, __u32 cas)
{
	__u64 flags, exptime, bytes, unique = 0;
	const struct mc_tokens *t = &out->rest;

	if (cas && out->line.n > MC_FEW_TOKENS && out->version < MC_VERSION_TOKENS)
		return mc_lost(out, BMC_LOST_REJECTED);
	if (out->line.n != 4 + cas && out->line.n != 5 + cas)
		return 0;
	out->silent = (__u8)mc_line_noreply(win, out);
	if (!out->key.len)
		return 0;
	flags = mc_line_unsigned(win, t->pos[1], t->len[1]);
	exptime = mc_line_signed(win, t->pos[2], t->len[2]);
	bytes = mc_line_signed(win, t->pos[3], t->len[3]);
	if (cas)
		unique = mc_line_unsigned(win, t->pos[4], t->len[4]);
	if (flags == MC_NUMBER_REJECTED || exptime == MC_NUMBER_REJECTED ||
	    bytes == MC_NUMBER_REJECTED || unique == MC_NUMBER_REJECTED)
		return 0;
	if (flags == MC_NUMBER_UNSURE || exptime == MC_NUMBER_UNSURE || bytes == MC_NUMBER_UNSURE ||
	    unique == MC_NUMBER_UNSURE)
		return mc_lost(out, BMC_LOST_REJECTED);
	if (bytes < MC_SIGNED_BIAS || bytes > 2 * MC_SIGNED_BIAS - 3)
		return 0;
	out->block = bytes - MC_SIGNED_BIAS + 2;
	out->exptime = (__s64)exptime - (__s64)MC_SIGNED_BIAS;
	out->op = MC_OP_STORE;
	return 0;
}

/* The exptime of a touch or gat, which is the token `i` of at most `most`. In doubt the item may be over at once. */
BMC_INLINE void mc_line_touch_time(const struct bmc_window *win, __u32 i, __u32 most,
				   struct mc_request *out)
{
	__u64 exptime = mc_line_signed(win, out->rest.pos[i], out->rest.len[i]);

	/* white space and signs beside a number: not certain where the version is not known */
	if (!mc_is_classic(out) &&
	    mc_number(win, out->rest.pos[i], out->rest.len[i]) == MC_NO_NUMBER)
		exptime = MC_NUMBER_UNSURE;
	out->touch = out->line.n > i && out->line.n <= most && exptime < MC_NUMBER_UNSURE;
	out->exptime = out->touch ? (__s64)exptime - (__s64)MC_SIGNED_BIAS : -1;
}

/* gat, gats: exptime key*; `used` leads to the keys, which mc_line_touch_key reads one by one. */
BMC_INLINE int mc_line_touch(const struct bmc_window *win, __u32 pos, struct mc_request *out)
{
	out->op = MC_OP_OTHER;
	if (out->line.n < 2) /* no key: an error */
		return 0;
	if (out->line.odd && !mc_is_classic(out)) {
		out->op = MC_OP_CHANGE;
		out->any = 1;
		return 0;
	}
	out->op = MC_OP_TOUCH_GET;
	mc_line_touch_time(win, 0, MC_LINE_TOKENS, out);
	out->used = out->rest.pos[0] + out->rest.len[0] - pos;
	return 0;
}

/*
 * The next key of a gat's line, at `pos`. Returns its end in the window with out->key filled; 0 at the line's end (or
 * at a key that is too long, where memcached ends it), out->used then the position behind the line; -1: not to be read.
 */
BMC_STEP int mc_line_touch_key(const struct bmc_window *win, __u32 pos, const struct mc_seed *seed,
			       struct mc_request *out)
{
	__u64 start, stop;

	if (!win || !seed || !out)
		return -1;
	out->used = out->line.next;
	start = mc_skip_spaces(win, pos);
	if (start >= out->line.end)
		return 0;
	if (bmc_window8(win, start) == ' ')
		return -1;
	stop = mc_find(win, (__u32)start, out->line.end, ' ');
	if (mc_key_hash(win, (__u32)start, (__u32)(stop - start), seed, &out->key))
		return 0;
	return (int)stop;
}

/* A line that writes one key: what it is when nothing else is known of it. */
BMC_STEP int mc_line_keyed(const struct bmc_window *win, const struct mc_seed *seed,
			   struct mc_request *out)
{
	int classic, store;

	if (!win || !seed || !out)
		return -1;
	classic = mc_is_classic(out);
	store = out->line.verb != MC_VERB_CHANGE;
	if (store && !classic)
		return mc_lost(out, BMC_LOST_REJECTED);
	if (!classic && out->line.odd) {
		out->op = MC_OP_CHANGE;
		out->any = 1;
		return 0;
	}
	out->op = mc_line_key(win, seed, out) ? MC_OP_OTHER : MC_OP_CHANGE;
	if (out->touch)
		mc_line_touch_time(win, 1, MC_TOUCH_TOKENS, out);
	if (store)
		return mc_line_store(win, out, out->line.verb == MC_VERB_CAS);
	out->silent = (__u8)mc_line_noreply(win, out);
	return 0;
}

#endif
