/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The line that nearly every write is, in few steps:
 *
 *   set := "set " key " " flags " " exptime " " bytes "\r\n"      a key of 1 to 250 bytes; numbers of 1 to 7 digits
 *
 * All else, other spaces and noreply too, is mc_text.h's, which reads this one as well, and in the same way.
 */
#ifndef BMC_MC_SET_H
#define BMC_MC_SET_H

#include "mc_line.h"

#define MC_SET_VERB 4 /* "set " */

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

/* The line at `pos`, which begins with "set ". 0: it is such a one, as mc_text_request has it; -1: it is not. */
BMC_STEP int mc_set_line(const struct bmc_window *win, __u32 pos, __u32 end,
			 const struct mc_seed *seed, struct mc_request *out)
{
	__u64 at, flags, exptime, bytes;

	if (!win || !seed || !out)
		return -1;
	mc_request_clear(out);
	if (mc_key_scan(win, pos + MC_SET_VERB, seed, &out->key) || !out->key.len)
		return -1;
	at = (__u64)pos + MC_SET_VERB + out->key.len;
	flags = mc_set_number(win, &at);
	exptime = mc_set_number(win, &at);
	bytes = mc_set_number(win, &at);
	if (flags == MC_NO_NUMBER || exptime == MC_NO_NUMBER || bytes == MC_NO_NUMBER)
		return -1;
	if (at + 2 > end || (bmc_window64(win, at) & 0xffff) != MC_WORD2("\r\n"))
		return -1;
	out->op = MC_OP_STORE;
	out->plain = 1;
	out->used = (__u32)at + 2 - pos;
	out->block = bytes + 2;
	out->exptime = (__s64)exptime;
	return 0;
}

#endif
