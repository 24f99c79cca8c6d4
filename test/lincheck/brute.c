// SPDX-License-Identifier: LGPL-2.1-only
#include "brute.h"

#include <string.h>

#define NOTHING 64 /* the register has no value */

struct brute {
	const struct lin_op *ops;
	size_t n;
	unsigned char seen[1 << BRUTE_MAX][NOTHING + 1]; /* done operations and value: tried */
};

/*
 * Whether the operations that are not in `done` can follow, the register being `value`. The next one is any that no
 * other one precedes. A write without an answer may also never happen: as it is then the last, nobody sees it.
 */
static int brute_from(struct brute *b, unsigned int done, unsigned int value)
{
	int64_t earliest = LIN_NEVER;

	if (done + 1 == 1U << b->n)
		return 1;
	if (b->seen[done][value]++)
		return 0;
	for (size_t i = 0; i < b->n; i++)
		if (!(done & 1U << i) && b->ops[i].end < earliest)
			earliest = b->ops[i].end;
	for (size_t i = 0; i < b->n; i++) {
		const struct lin_op *op = &b->ops[i];
		unsigned int after = op->kind == LIN_WRITE ? (unsigned int)op->value :
				     op->kind == LIN_READ  ? value :
							     NOTHING;

		if ((done & 1U << i) || op->start > earliest)
			continue;
		if (op->kind == LIN_READ && op->value != value)
			continue;
		if (brute_from(b, done | 1U << i, after))
			return 1;
	}
	return 0;
}

int brute_check(const struct lin_op *ops, size_t n)
{
	static struct brute b;

	memset(&b, 0, sizeof(b));
	b.ops = ops;
	b.n = n;
	return brute_from(&b, 0, NOTHING);
}
