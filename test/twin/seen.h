/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the rules were told of a stream. */
#ifndef BMC_TWIN_SEEN_H
#define BMC_TWIN_SEEN_H

#include "bmc_abi.h"

#define TWIN_KEYS 38
#define TWIN_DELAY_ANY (1LL << 40)

struct twin_seen {
	__u64 keys; /* bit by index of twin_hash */
	int all; /* an unknown write, a flush */
	int later; /* a flush with a delay */
	__s64 delay; /* seconds, the longest of them; TWIN_DELAY_ANY */
	int lost;
	int commands; /* that may be silent, too */
	struct twin_life {
		int known; /* all of its life, by what was taught */
		__u32 until; /* seconds from now on at the most; BMC_LIFE_NEVER: no bound */
		__u32 ord; /* of the last write that taught: it may not have been carried out */
	} life[TWIN_KEYS];
};

extern __u64 twin_hash[TWIN_KEYS];
extern struct twin_seen twin_seen;

#endif
