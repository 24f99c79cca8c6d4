/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The line that nearly every write is, in few steps:
 *
 *   set := "set " key " " flags " " exptime " " bytes [" noreply"] "\r\n"
 *
 * a key of 1 to 250 bytes; numbers of 1 to 7 digits. All else, other spaces too, is mc_text.h's, which reads this one as
 * well, and in the same way.
 */
#ifndef BMC_MC_SET_H
#define BMC_MC_SET_H

#include "mc_line.h"

#define MC_SET_VERB 4 /* "set " */

struct mc_set {
	struct mc_key key;
	__u64 exptime;
	__u64 block; /* bytes of the data block that follows, its \r\n included */
	__u32 used; /* bytes of the line */
	__u32 silent; /* noreply */
};

/* The number behind the space at *at, which then is its end; MC_NO_NUMBER: no space, or no such number. */
BMC_INLINE __u64 mc_set_number(const struct bmc_window *win, __u64 *at)
{
	__u32 len = 0;
	__u64 number = mc_word_number(bmc_window64(win, *at + 1), &len);

	if (bmc_window8(win, *at) != ' ')
		return MC_NO_NUMBER;
	*at += 1 + len;
	return number;
}

/* The line at `pos`, which begins with "set ". 0: it is such a one; -1: it is not. */
BMC_INLINE int mc_set_read(const struct bmc_window *win, __u64 pos, __u64 end,
			   const struct mc_sip *begin, struct mc_set *out)
{
	__u64 at, flags, exptime = 0, bytes, rest;

	if (mc_key_read(win, pos + MC_SET_VERB, begin, &out->key) <= 0 || !out->key.len)
		return -1;
	at = pos + MC_SET_VERB + out->key.len;
	if (bmc_keep_bytes(bmc_window64(win, at), 5) == MC_WORD5(" 0 0 ")) {
		at += 4;
	} else {
		flags = mc_set_number(win, &at);
		exptime = mc_set_number(win, &at);
		if (flags == MC_NO_NUMBER || exptime == MC_NO_NUMBER)
			return -1;
	}
	bytes = mc_set_number(win, &at);
	if (bytes == MC_NO_NUMBER)
		return -1;
	rest = bmc_window64(win, at);
	out->silent = 0;
	if ((rest & 0xffff) != MC_WORD2("\r\n")) {
		at += 8;
		out->silent = 1;
		if (rest != MC_WORD8(" noreply") ||
		    (bmc_window64(win, at) & 0xffff) != MC_WORD2("\r\n"))
			return -1;
	}
	if (at + 2 > end)
		return -1;
	out->exptime = exptime;
	out->block = bytes + 2;
	out->used = (__u32)(at + 2 - pos);
	return 0;
}

/* The same, as mc_text_request has it. */
BMC_STEP int mc_set_line(const struct bmc_window *win, __u32 pos, __u32 end,
			 const struct mc_seed *seed, struct mc_request *out)
{
	struct mc_sip begin;
	struct mc_set set;

	if (!win || !seed || !out)
		return -1;
	mc_request_clear(out);
	mc_sip_begin(&begin, seed);
	if (mc_set_read(win, pos, end, &begin, &set))
		return -1;
	out->op = MC_OP_STORE;
	out->plain = 1;
	out->silent = (__u8)set.silent;
	out->key = set.key;
	out->used = set.used;
	out->block = set.block;
	out->exptime = (__s64)set.exptime;
	return 0;
}

#endif
