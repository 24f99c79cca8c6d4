/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Meta commands (memcached's doc/protocol.txt, "Meta Commands"), of a line that was cut by mc_line.h:
 *
 *   "mg" key flag*                 reads; writes with N (vivify) or T (touch)
 *   "ms" key bytes flag*  data     stores, whatever its mode (M) and invalidation (I)
 *   ("md" | "ma") key flag*        deletes or invalidates; counts, or creates with N
 *   "me" key flag*                 reads
 *   "mn" any*                      is answered MN, at once
 *   flag := letter [token]         q silences; b: the key is base64
 *
 * An answer may have the key in it; one with newlines (base64) cannot be told from more answers: LOST.
 * Flags that are not known are taken for ones that write. An old ms had its size in a flag: LOST unless the version is
 * known not to be that old. Plain forms of it are read alike since (seen on 1.6.18, 1.6.38 and 1.6.45).
 * 1.5.19 to 1.5.22 had all flags in one token, their numbers behind it, and answers of two lines: LOST if it is one of
 * these. If it is not known, a value's line (VA and no number) tells; but a me is LOST.
 */
#ifndef BMC_MC_META_H
#define BMC_MC_META_H

#include "mc_line.h"

#define MC_VERSION_MS_BYTES BMC_VERSION_OF(1, 6, 18) /* from then on `ms key bytes` for certain */
#define MC_VERSION_META BMC_VERSION_OF(1, 6, 0) /* from then on a flag is a token of its own */
#define MC_META_TOKENS 18 /* key and flags: what has more is rejected */
#define MC_META_BYTES_MAX (2 * MC_SIGNED_BIAS - 3)

/* Flags of mg that neither change the item nor make one. R only marks who is to refresh it. */
#define MC_META_READS                                                                              \
	(MC_FLAG('b') | MC_FLAG('c') | MC_FLAG('f') | MC_FLAG('h') | MC_FLAG('k') | MC_FLAG('l') | \
	 MC_FLAG('q') | MC_FLAG('s') | MC_FLAG('t') | MC_FLAG('u') | MC_FLAG('v') | MC_FLAG('L') | \
	 MC_FLAG('O') | MC_FLAG('P') | MC_FLAG('R'))

/* Flags that are accepted whatever follows them, and those that want a number, or take one. */
#define MC_META_TAME                                                                               \
	(MC_FLAG('b') | MC_FLAG('c') | MC_FLAG('f') | MC_FLAG('h') | MC_FLAG('k') | MC_FLAG('l') | \
	 MC_FLAG('q') | MC_FLAG('s') | MC_FLAG('t') | MC_FLAG('u') | MC_FLAG('v') | MC_FLAG('L') | \
	 MC_FLAG('P') | MC_FLAG('T'))
#define MC_META_NUMBERED (MC_FLAG('F') | MC_FLAG('O'))
#define MC_META_NUMBER_MAX 99999999

/* ---- base64 (RFC 4648, section 4) ---- */
#define MC_BASE64_GROUPS 63 /* of 4 bytes: a key has 250 */
#define MC_BASE64_PAD 0x40U
#define MC_BASE64_NONE 0x80U

/* The six bits of a character; MC_BASE64_PAD for '='; MC_BASE64_NONE. */
BMC_STEP __u32 mc_base64_value(__u32 c)
{
	c &= 0xff;
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return c == '=' ? MC_BASE64_PAD : MC_BASE64_NONE;
}

/* The token at `pos` into out->decoded. Returns how many bytes; 0: it is not plain base64. */
BMC_STEP __u32 mc_base64(const struct bmc_window *win, __u32 pos, __u32 len, struct mc_request *out)
{
	__u32 bad = 0, pads = 0, newlines = 0, want;

	if (!win || !out)
		return 0;
	out->line.newlines = 1;
	if (!len || len % 4 || len > BMC_KEY_MAX)
		return 0;
	want = bmc_window8(win, (__u64)pos + len - 1) == '=';
	want += want && bmc_window8(win, (__u64)pos + len - 2) == '=';
	for (__u64 i = 0; i < MC_BASE64_GROUPS; i++) {
		__u64 word = bmc_window64(win, pos + i * 4);
		__u32 a, b, c, d, bits, marks;

		if (i * 4 >= len)
			break;
		a = mc_base64_value((__u32)word);
		b = mc_base64_value((__u32)(word >> 8));
		c = mc_base64_value((__u32)(word >> 16));
		d = mc_base64_value((__u32)(word >> 24));
		bad |= (a | b | c | d) & MC_BASE64_NONE;
		pads += (a >> 6 & 1) + (b >> 6 & 1) + (c >> 6 & 1) + (d >> 6 & 1);
		bits = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
		out->decoded[i * 3] = (__u8)(bits >> 16);
		out->decoded[i * 3 + 1] = (__u8)(bits >> 8);
		out->decoded[i * 3 + 2] = (__u8)bits;
		/* a byte that is a newline; without branches, which 6.1 would follow one by one */
		marks = bits ^ 0x0a0a0a;
		newlines |= (marks - 0x010101) & ~marks & 0x808080;
	}
	if (!bad)
		out->line.newlines = newlines;
	return bad || pads != want ? 0 : len / 4 * 3 - want;
}

/* The hash of the first `len` decoded bytes, into out->key. */
BMC_STEP int mc_decoded_hash(struct mc_request *out, __u32 len, const struct mc_seed *seed)
{
	if (!out || !seed || len > BMC_KEY_MAX)
		return -1;
	out->key.hash = mc_sip(out->decoded, MC_DECODED_MAX - 8, 0, len, seed);
	out->key.len = len;
	return 0;
}

/* ---- commands ---- */

/* The key of a command with these flags, decoded if it has to be; in doubt it may be any. -1: too long, or none. */
BMC_INLINE int mc_meta_key(const struct bmc_window *win, __u64 flags, const struct mc_seed *seed,
			   struct mc_request *out)
{
	__u32 len;

	if (mc_line_key(win, seed, out))
		return -1;
	if (!(flags & MC_FLAG('b')))
		return 0;
	len = mc_base64(win, out->rest.pos[0], out->rest.len[0], out);
	if (!len || mc_decoded_hash(out, len, seed))
		out->any = 1;
	return 0;
}

/*
 * memcached writes a key as it is into an answer (with k, and of me) if its item was not made by a meta command: one
 * with newlines makes more lines of it than can be told.
 */
BMC_INLINE int mc_meta_breaks(const struct bmc_window *win, __u64 flags, struct mc_request *out)
{
	if (!(flags & MC_FLAG('b')) ||
	    !(flags & MC_FLAG('k') || out->line.verb == MC_VERB_META_DEBUG) || !out->line.n)
		return 0;
	mc_base64(win, out->rest.pos[0], out->rest.len[0], out);
	return out->line.newlines != 0;
}

/* Whether those of MC_META_NUMBERED have numbers of 1 to 8 digits. */
BMC_STEP int mc_meta_numbers(const struct bmc_window *win, const struct mc_request *out)
{
	const struct mc_tokens *t;
	__u32 bad = 0;

	if (!win || !out || out->line.n > MC_TOKENS_MAX)
		return 0;
	t = &out->rest;
	for (__u32 i = 1; i < MC_TOKENS_MAX; i++) {
		if (i >= t->n)
			break;
		if (mc_flag_of(bmc_window8(win, t->pos[i])) & MC_META_NUMBERED)
			bad |= mc_number(win, t->pos[i] + 1, t->len[i] - 1) > MC_META_NUMBER_MAX;
	}
	return !bad;
}

/* White space and signs before and behind a number: not certain where the version is not known. */
BMC_INLINE int mc_meta_time_is_taken(const struct bmc_window *win, const struct mc_request *out)
{
	return mc_is_classic(out) || !out->line.time_len ||
	       mc_number(win, out->line.time + 1, out->line.time_len - 1) != MC_NO_NUMBER;
}

/*
 * Whether memcached surely takes these flags (T's time is the caller's to look at, but for what only known versions take):
 * what it rejects changes no time.
 */
BMC_INLINE int mc_meta_is_taken(const struct bmc_window *win, __u64 flags,
				const struct mc_request *out)
{
	if (out->version < MC_VERSION_MS_BYTES || !mc_meta_time_is_taken(win, out))
		return 0;
	/* a bit is missing where two tokens begin alike */
	if ((__u32)__builtin_popcountll(out->line.flags) != out->line.n - 1 ||
	    out->line.n > MC_META_TOKENS || (flags & ~(MC_META_TAME | MC_META_NUMBERED)))
		return 0;
	return !(flags & MC_META_NUMBERED) || mc_meta_numbers(win, out);
}

/* What a plain ms tells: it replaces what was there, until T. */
BMC_INLINE void mc_meta_plain(const struct bmc_window *win, __u64 flags, struct mc_request *out)
{
	__u64 time = MC_SIGNED_BIAS;

	if (out->line.time_len)
		time = mc_line_signed(win, out->line.time + 1, out->line.time_len - 1);
	if (time >= MC_NUMBER_UNSURE)
		return;
	out->plain = (__u8)mc_meta_is_taken(win, flags, out);
	out->exptime = (__s64)time - (__s64)MC_SIGNED_BIAS;
}

/* Whether all of memcached's versions that have this form of ms see its size, and swallow its block. */
BMC_INLINE int mc_meta_is_plain(const struct bmc_window *win, const struct mc_request *out)
{
	return !out->line.odd && !(out->line.more_flags & 1) && out->line.n >= 2 &&
	       out->line.n <= MC_META_TOKENS && out->rest.len[0] <= BMC_KEY_MAX &&
	       mc_number(win, out->rest.pos[1], out->rest.len[1]) <= 0x7ffffffdULL;
}

/* key bytes flag*: what is rejected before its flags are looked at is no store, and nothing is swallowed. */
BMC_INLINE int mc_meta_store(const struct bmc_window *win, const struct mc_seed *seed,
			     struct mc_request *out)
{
	__u64 bytes, flags = out->line.more_flags;

	out->op = MC_OP_OTHER;
	if (out->version < MC_VERSION_MS_BYTES)
		return mc_lost(out, BMC_LOST_META);
	if (!mc_is_classic(out) && !mc_meta_is_plain(win, out))
		return mc_lost(out, BMC_LOST_META);
	if (out->line.n < 2 || out->line.n > MC_META_TOKENS || mc_meta_key(win, flags, seed, out))
		return 0;
	bytes = mc_line_signed(win, out->rest.pos[1], out->rest.len[1]);
	if (bytes == MC_NUMBER_UNSURE)
		return mc_lost(out, BMC_LOST_META);
	if (bytes < MC_SIGNED_BIAS || bytes > MC_META_BYTES_MAX)
		return 0;
	mc_meta_plain(win, flags, out);
	out->block = bytes - MC_SIGNED_BIAS + 2;
	out->silent = !!(flags & MC_FLAG('q'));
	out->op = MC_OP_STORE;
	return 0;
}

/* T and N set times: an mg's T that of an item that is there, other ones at times. */
BMC_INLINE void mc_meta_time(const struct bmc_window *win, __u64 flags, struct mc_request *out)
{
	__u64 time = MC_NUMBER_UNSURE;

	if (!(flags & (MC_FLAG('T') | MC_FLAG('N'))))
		return;
	out->exptime = -1;
	if (out->line.verb == MC_VERB_META_GET && out->line.time_len &&
	    mc_meta_is_taken(win, flags, out))
		time = mc_line_signed(win, out->line.time + 1, out->line.time_len - 1);
	if (time >= MC_NUMBER_UNSURE)
		return;
	out->touch = 1;
	out->exptime = (__s64)time - (__s64)MC_SIGNED_BIAS;
}

/* Whether it may be answered by two lines. */
BMC_INLINE int mc_meta_is_old(const struct mc_request *out)
{
	return out->version < MC_VERSION_META &&
	       (out->version || out->line.verb == MC_VERB_META_DEBUG);
}

/* A line whose verb is mg, ms, md, ma or me, cut into tokens. */
BMC_STEP int mc_meta_line(const struct bmc_window *win, const struct mc_seed *seed,
			  struct mc_request *out)
{
	__u64 flags;
	int writes;

	if (!win || !seed || !out)
		return -1;
	flags = out->line.flags;
	writes = out->line.verb == MC_VERB_META_DELETE || out->line.verb == MC_VERB_META_COUNT ||
		 (flags & ~MC_META_READS);
	out->meta = out->line.verb == MC_VERB_META_STORE || out->line.verb == MC_VERB_META_DELETE ?
			    MC_META_STORES :
			    MC_META_ANY;
	out->plain = 0;
	if (out->line.odd && !mc_is_classic(out))
		return mc_lost(out, BMC_LOST_META);
	if (mc_meta_is_old(out) || mc_meta_breaks(win, flags, out))
		return mc_lost(out, BMC_LOST_META);
	if (out->line.verb == MC_VERB_META_STORE)
		return mc_meta_store(win, seed, out);
	out->op = MC_OP_OTHER;
	if (out->line.verb == MC_VERB_META_DEBUG)
		return 0;
	out->silent = !!(flags & MC_FLAG('q'));
	if (!writes)
		return 0;
	if (!mc_meta_key(win, flags, seed, out)) {
		out->op = MC_OP_CHANGE;
		mc_meta_time(win, flags, out);
	}
	return 0;
}

#endif
