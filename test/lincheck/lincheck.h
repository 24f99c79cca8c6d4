/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Is a history of one key linearizable? The key is a register whose values are unique, and which may lose its value at
 * any time (memcached evicts). In O(n log n), by zones: P. Gibbons and E. Korach, "Testing Shared Memories", SIAM
 * Journal on Computing 26 (1997), section 4.
 *
 * What the operations mean here:
 * - A read that found nothing needs a moment in which there was no value: as a value of its own, which nobody else
 *   reads, it may lie anywhere but inside a time in which another value must have been there throughout. That it was
 *   *lost* is never a violation, that it came back is one.
 * - A removal is a write of such a value.
 * - Before the first operation there is no value.
 */
#ifndef BMC_LINCHECK_H
#define BMC_LINCHECK_H

#include <stddef.h>
#include <stdint.h>

#define LIN_NEVER                                                                                  \
	INT64_MAX /* the end of an operation without an answer: it may happen later, or not at all */

enum lin_kind {
	LIN_WRITE, /* of `value`; its one write */
	LIN_READ, /* `value` was read */
	LIN_REMOVE, /* `value` is not looked at */
	LIN_ABSENT, /* nothing was read */
};

struct lin_op {
	int64_t start; /* any unit, one clock; start <= end */
	int64_t end;
	uint64_t value;
	enum lin_kind kind;
};

enum lin_wrong {
	LIN_NOT_WRITTEN, /* a value was read that nobody wrote */
	LIN_WRITTEN_TWICE, /* not a history with unique values */
	LIN_READ_EARLY, /* a read ended before the write began */
	LIN_OVERLAP, /* two values must both have been there throughout some time */
	LIN_INSIDE, /* a value must have been there while another one was, throughout */
	LIN_WRONG_KINDS
};

struct lin_verdict {
	size_t violations; /* 0: linearizable */
	/* the first one found: operations by their index in what was given; b: of the other value, else the same as a */
	enum lin_wrong wrong;
	size_t a, b;
};

/* 0 or -ENOMEM. */
int lin_check(const struct lin_op *ops, size_t n, struct lin_verdict *ret);

extern const char *const lin_wrong_text[LIN_WRONG_KINDS];

#endif
