// SPDX-License-Identifier: LGPL-2.1-only
#include "lincheck.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *const lin_wrong_text[LIN_WRONG_KINDS] = {
	[LIN_NOT_WRITTEN] = "a value was read that nobody wrote",
	[LIN_WRITTEN_TWICE] = "a value was written twice",
	[LIN_READ_EARLY] = "a read ended before the write of its value began",
	[LIN_OVERLAP] = "two values must both have been there at a time",
	[LIN_INSIDE] = "a value or a removal came where another value was there throughout",
};

/*
 * The zone of a value: from the earliest end of its operations to the latest start. If the end comes first, the value
 * was there throughout (forward); otherwise all its operations can have happened at any one moment in between.
 */
struct zone {
	int64_t first_end, last_start;
	size_t ended, started; /* the operations whose times these are */
};

struct zones {
	struct zone *list;
	size_t n;
};

struct check {
	const struct lin_op *ops;
	struct lin_verdict *verdict;
	struct zones forward, backward;
};

static void complain(struct check *c, enum lin_wrong wrong, size_t a, size_t b)
{
	if (c->verdict->violations++)
		return;
	c->verdict->wrong = wrong;
	c->verdict->a = a;
	c->verdict->b = b;
}

static int is_alone(const struct lin_op *op)
{
	return op->kind == LIN_REMOVE || op->kind == LIN_ABSENT;
}

/* Operations by value, the write first; those of no value at the end. */
static int compare_ops(const void *a, const void *b, void *ops)
{
	const struct lin_op *x = (const struct lin_op *)ops + *(const size_t *)a;
	const struct lin_op *y = (const struct lin_op *)ops + *(const size_t *)b;

	if (is_alone(x) != is_alone(y))
		return is_alone(x) - is_alone(y);
	if (x->value != y->value && !is_alone(x))
		return x->value < y->value ? -1 : 1;
	return (int)x->kind - (int)y->kind;
}

static int compare_zones(const void *a, const void *b)
{
	const struct zone *x = a, *y = b;

	return (x->first_end > y->first_end) - (x->first_end < y->first_end);
}

static void zone_add(struct check *c, struct zone zone)
{
	struct zones *zones = zone.first_end < zone.last_start ? &c->forward : &c->backward;

	zones->list[zones->n++] = zone;
}

/* The operations order[0..n) of one value. */
static void check_value(struct check *c, const size_t *order, size_t n)
{
	const struct lin_op *write = &c->ops[order[0]];
	struct zone zone = { .first_end = write->end,
			     .last_start = write->start,
			     .ended = order[0],
			     .started = order[0] };

	if (write->kind == LIN_READ) {
		complain(c, LIN_NOT_WRITTEN, order[0], order[0]);
		return;
	}
	for (size_t i = 1; i < n; i++) {
		const struct lin_op *op = &c->ops[order[i]];

		if (op->kind == LIN_WRITE)
			complain(c, LIN_WRITTEN_TWICE, order[0], order[i]);
		if (op->end < write->start)
			complain(c, LIN_READ_EARLY, order[0], order[i]);
		if (op->end < zone.first_end) {
			zone.first_end = op->end;
			zone.ended = order[i];
		}
		if (op->start > zone.last_start) {
			zone.last_start = op->start;
			zone.started = order[i];
		}
	}
	zone_add(c, zone);
}

static void make_zones(struct check *c, const size_t *order, size_t n)
{
	size_t next;

	for (size_t i = 0; i < n; i = next) {
		const struct lin_op *op = &c->ops[order[i]];

		next = i + 1;
		while (next < n && !is_alone(op) && !is_alone(&c->ops[order[next]]) &&
		       c->ops[order[next]].value == op->value)
			next++;
		check_value(c, order + i, next - i);
	}
}

/*
 * Forward zones may touch, not overlap. Each one becomes the widest-reaching one up to it, so that the next loop finds
 * what contains a backward zone: zones that overlap are a violation already.
 */
static void check_forward(struct check *c)
{
	struct zone *list = c->forward.list;

	qsort(list, c->forward.n, sizeof(*list), compare_zones);
	for (size_t i = 1; i < c->forward.n; i++) {
		if (list[i].first_end < list[i - 1].last_start) {
			complain(c, LIN_OVERLAP, list[i].ended, list[i - 1].started);
			if (list[i].last_start < list[i - 1].last_start)
				list[i].last_start = list[i - 1].last_start,
				list[i].started = list[i - 1].started;
		}
	}
}

/* The last forward zone that begins before `time`; NULL: none does. */
static const struct zone *forward_before(const struct check *c, int64_t time)
{
	size_t low = 0, high = c->forward.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->forward.list[mid].first_end < time)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? &c->forward.list[low - 1] : NULL;
}

static void check_backward(struct check *c)
{
	for (size_t i = 0; i < c->backward.n; i++) {
		const struct zone *zone = &c->backward.list[i];
		const struct zone *around = forward_before(c, zone->last_start);

		if (around && zone->first_end < around->last_start)
			complain(c, LIN_INSIDE, zone->ended, around->started);
	}
}

int lin_check(const struct lin_op *ops, size_t n, struct lin_verdict *ret)
{
	size_t *order = calloc(n + 1, sizeof(*order));
	struct check c = { .ops = ops, .verdict = ret };

	c.forward.list = calloc(n + 1, sizeof(*c.forward.list));
	c.backward.list = calloc(n + 1, sizeof(*c.backward.list));
	memset(ret, 0, sizeof(*ret));
	if (order && c.forward.list && c.backward.list) {
		for (size_t i = 0; i < n; i++)
			order[i] = i;
		qsort_r(order, n, sizeof(*order), compare_ops, (void *)ops);
		make_zones(&c, order, n);
		check_forward(&c);
		check_backward(&c);
	}
	n = order && c.forward.list && c.backward.list;
	free(order);
	free(c.forward.list);
	free(c.backward.list);
	return n ? 0 : -ENOMEM;
}
