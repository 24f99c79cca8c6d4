// SPDX-License-Identifier: LGPL-2.1-only
/* lincheck against histories by name, against brute force on random ones, and on a long one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "brute.h"
#include "history.h"

#define RANDOM_HISTORIES 300000
#define EACH_VERDICT 50000 /* of them at the least */
#define LONG_HISTORY 1000000

#define W(v, s, e)                                                                                 \
	{                                                                                          \
		.kind = LIN_WRITE, .value = (v), .start = (s), .end = (e)                          \
	}
#define R(v, s, e)                                                                                 \
	{                                                                                          \
		.kind = LIN_READ, .value = (v), .start = (s), .end = (e)                           \
	}
#define D(s, e)                                                                                    \
	{                                                                                          \
		.kind = LIN_REMOVE, .start = (s), .end = (e)                                       \
	}
#define A(s, e)                                                                                    \
	{                                                                                          \
		.kind = LIN_ABSENT, .start = (s), .end = (e)                                       \
	}

static const struct row {
	const char *name;
	int violations;
	enum lin_wrong wrong;
	size_t n;
	struct lin_op ops[6];
} rows[] = {
	{ "nothing happened", 0, 0, 0, {} },
	{ "written, read", 0, 0, 2, { W(1, 0, 1), R(1, 2, 3) } },
	{ "read while it is written", 0, 0, 2, { W(1, 0, 9), R(1, 2, 3) } },
	{ "two reads while one write goes on", 0, 0, 3, { W(1, 0, 9), A(1, 2), R(1, 3, 4) } },
	{ "read before it is written", 1, LIN_READ_EARLY, 2, { W(1, 5, 6), R(1, 2, 3) } },
	{ "never written", 1, LIN_NOT_WRITTEN, 1, { R(1, 0, 1) } },
	{ "written twice", 1, LIN_WRITTEN_TWICE, 2, { W(1, 0, 1), W(1, 2, 3) } },
	{ "late fill: the old value after the new one was answered",
	  1,
	  LIN_INSIDE,
	  3,
	  { W(1, 0, 1), W(2, 2, 3), R(1, 4, 5) } },
	{ "both values alternate",
	  1,
	  LIN_OVERLAP,
	  5,
	  { W(1, 0, 1), W(2, 2, 3), R(2, 4, 5), R(1, 6, 7), R(2, 8, 9) } },
	{ "old, new, old while the new one is written",
	  1,
	  LIN_INSIDE,
	  4,
	  { W(1, 0, 1), W(2, 2, 20), R(2, 4, 5), R(1, 6, 7) } },
	{ "old, then new, while the new one is written",
	  0,
	  0,
	  4,
	  { W(1, 0, 1), W(2, 2, 20), R(1, 4, 5), R(2, 6, 7) } },
	{ "two writes at a time, either order",
	  0,
	  0,
	  4,
	  { W(1, 0, 9), W(2, 0, 9), R(1, 10, 11), R(1, 12, 13) } },
	{ "two writes at a time, both orders",
	  1,
	  LIN_OVERLAP,
	  6,
	  { W(1, 0, 9), W(2, 0, 9), R(1, 10, 11), R(2, 12, 13), R(1, 14, 15), R(2, 16, 17) } },
	{ "not answered, and seen much later",
	  0,
	  0,
	  4,
	  { W(1, 0, 1), W(2, 2, LIN_NEVER), R(1, 50, 51), R(2, 60, 61) } },
	{ "not answered, never seen", 0, 0, 3, { W(1, 0, 1), W(2, 2, LIN_NEVER), R(1, 50, 51) } },
	{ "not answered, seen, then not",
	  1,
	  LIN_INSIDE,
	  4,
	  { W(1, 0, 1), W(2, 2, LIN_NEVER), R(2, 50, 51), R(1, 60, 61) } },
	{ "deleted", 0, 0, 3, { W(1, 0, 1), D(2, 3), A(4, 5) } },
	{ "deleted, and back", 1, LIN_INSIDE, 3, { W(1, 0, 1), D(2, 3), R(1, 4, 5) } },
	{ "deleted while it is read", 0, 0, 3, { W(1, 0, 1), D(2, 9), R(1, 4, 5) } },
	{ "lost", 0, 0, 3, { W(1, 0, 1), R(1, 2, 3), A(4, 5) } },
	{ "lost, and back", 1, LIN_INSIDE, 4, { W(1, 0, 1), R(1, 2, 3), A(4, 5), R(1, 6, 7) } },
	{ "zones that touch", 0, 0, 4, { W(1, 0, 1), R(1, 5, 6), W(2, 5, 5), R(2, 7, 8) } },
	{ "three in a row inside a fourth",
	  3,
	  LIN_INSIDE,
	  5,
	  { W(9, 0, 1), W(1, 2, 3), W(2, 4, 5), W(3, 6, 7), R(9, 8, 9) } },
};

static void histories_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lin_verdict v;

		assert_int_equal(lin_check(rows[i].ops, rows[i].n, &v), 0);
		if ((int)v.violations != rows[i].violations)
			fail_msg("%s: %zu violations, not %d", rows[i].name, v.violations,
				 rows[i].violations);
		if (v.violations && v.wrong != rows[i].wrong)
			fail_msg("%s: %s", rows[i].name, lin_wrong_text[v.wrong]);
		if (rows[i].wrong != LIN_WRITTEN_TWICE &&
		    brute_check(rows[i].ops, rows[i].n) != !v.violations)
			fail_msg("%s: brute force says otherwise", rows[i].name);
	}
}

static uint32_t roll(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

/* Each value is written once, then anything at any time; in half of them times are all different. */
static size_t random_history(uint64_t *seed, struct lin_op *ops)
{
	uint32_t n = 2 + roll(seed, BRUTE_MAX - 2), values = 1 + roll(seed, n < 5 ? n : 4);
	uint32_t span = roll(seed, 2) ? 12 : 400, length = 1 + roll(seed, span);

	for (uint32_t i = 0; i < n; i++) {
		struct lin_op *op = &ops[i];

		op->start = roll(seed, span);
		op->end = op->start + roll(seed, length);
		op->value = i;
		op->kind = LIN_WRITE;
		if (i < values) {
			if (!roll(seed, 12))
				op->end = LIN_NEVER;
			continue;
		}
		op->kind = roll(seed, 6) ? LIN_READ : roll(seed, 2) ? LIN_REMOVE : LIN_ABSENT;
		op->value = roll(seed, values + !roll(seed, 40));
	}
	return n;
}

static void print_history(const struct lin_op *ops, size_t n)
{
	for (size_t i = 0; i < n; i++)
		history_write_op(stderr, "k", &ops[i]);
}

static void random_histories_as_brute_force(void **state)
{
	struct lin_op ops[BRUTE_MAX];
	uint64_t seed = 88172645463325252ULL;
	size_t good = 0, bad = 0;

	(void)state;
	for (int i = 0; i < RANDOM_HISTORIES; i++) {
		size_t n = random_history(&seed, ops);
		struct lin_verdict v;
		int want = brute_check(ops, n);

		assert_int_equal(lin_check(ops, n, &v), 0);
		if (want != !v.violations) {
			print_history(ops, n);
			fail_msg("history %d: brute force says %d, lincheck %zu violations", i,
				 want, v.violations);
		}
		good += (size_t)want;
		bad += !want;
	}
	print_message("%zu linearizable, %zu not\n", good, bad);
	assert_true(good >= EACH_VERDICT && bad >= EACH_VERDICT);
}

/* A write, reads of it, the next write...: one stale read among a million operations is found. */
static void one_stale_read_in_a_long_history(void **state)
{
	struct lin_op *ops = calloc(LONG_HISTORY, sizeof(*ops));
	struct lin_verdict v;

	(void)state;
	assert_non_null(ops);
	for (int i = 0; i < LONG_HISTORY; i++) {
		ops[i].kind = i % 10 ? LIN_READ : LIN_WRITE;
		ops[i].value = (uint64_t)(i / 10);
		ops[i].start = 10 * (int64_t)i;
		ops[i].end = 10 * (int64_t)i + 15;
	}
	assert_int_equal(lin_check(ops, LONG_HISTORY, &v), 0);
	assert_int_equal(v.violations, 0);
	ops[777777].value--;
	assert_int_equal(lin_check(ops, LONG_HISTORY, &v), 0);
	assert_int_equal(v.violations, 1);
	assert_true(v.a == 777777 || v.b == 777777);
	free(ops);
}

/* Written and read again, a history is the same; what is not one is refused with its line. */
static void histories_as_text(void **state)
{
	static const char text[] = "# a history\n\nw a 1 0 5\nr a 1 6 -\nd b 0 1 2\na b 0 3 4\n";
	static const char *const wrong[] = { "x a 1 0 5\n", "w a 1 0\n", "w a 1 5 4\n",
					     "w a 1 0 5x\n", "w\n" };
	struct histories h;
	char back[200] = "";
	FILE *file;

	(void)state;
	file = fmemopen((void *)text, sizeof(text) - 1, "r");
	assert_int_equal(histories_read(file, &h), 0);
	fclose(file);
	assert_int_equal(h.n, 2);
	file = fmemopen(back, sizeof(back), "w");
	for (size_t i = 0; i < h.n; i++)
		history_write(file, &h.list[i]);
	fclose(file);
	assert_string_equal(back, strchr(text, 'w'));
	histories_free(&h);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		file = fmemopen((void *)wrong[i], strlen(wrong[i]), "r");
		assert_int_equal(histories_read(file, &h), 1);
		fclose(file);
		histories_free(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(histories_by_name),
		cmocka_unit_test(random_histories_as_brute_force),
		cmocka_unit_test(one_stale_read_in_a_long_history),
		cmocka_unit_test(histories_as_text),
	};

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
