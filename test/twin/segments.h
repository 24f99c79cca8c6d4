/* SPDX-License-Identifier: LGPL-2.1-only */
/* Requests and answers in segments of all kinds, and in any order that they can have. */
#ifndef BMC_TWIN_SEGMENTS_H
#define BMC_TWIN_SEGMENTS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes, and where commands or answers of them end. */
struct segments {
	const unsigned char *bytes;
	size_t len;
	const size_t *ends;
	int n_ends;
};

typedef void segment_taker(const unsigned char *bytes, size_t len);

/* All of it, in segments of random sizes, or that end where commands do. */
void segments_give(const struct segments *s, segment_taker *taker, uint64_t *seed);

/* What memcached had answered when it had so much of the requests: answered[i] bytes behind step i, which is ends[i]. */
struct steps {
	const unsigned char *requests;
	const unsigned char *answers;
	size_t ends[66];
	size_t answered[66];
	int n;
};

/*
 * Gives a new connection all steps, their answers any time behind them. 0; or how many answers too many were counted at
 * some point, *ret_step: a write could have been ended that memcached had not carried out. -1: they could not be followed.
 */
long steps_replay(const struct steps *steps, uint64_t *seed, int *ret_step);

#endif
