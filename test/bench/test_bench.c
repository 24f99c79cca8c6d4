// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-bench itself: its arithmetic, and that each measure runs and gives figures. How good they are is not tested. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <glob.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "figures.h"

#define OUTPUT_MAX (1 << 20)

static char output[OUTPUT_MAX];

int bench_fail(const char *format, ...)
{
	fail_msg("%s", format);
	return -1;
}

/* bmc-bench with these words, at most 200 s; what it prints is in `output`. -> exit code */
static int bench(const char *words)
{
	char line[512];
	size_t n;
	FILE *pipe;
	int status;

	snprintf(line, sizeof(line), "timeout 200 %s %s", BENCH_PROGRAM, words);
	pipe = popen(line, "re"); // NOLINT(cert-env33-c): words of our own
	assert_non_null(pipe);
	n = fread(output, 1, sizeof(output) - 1, pipe);
	output[n] = 0;
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void summary_is_of_sorted_values(void **state)
{
	const double values[] = { 5, 1, NAN, 4, 2, 3 }, two[] = { 1, 2 };
	struct bench_summary s;

	(void)state;
	bench_summarize(values, 6, &s);
	assert_int_equal(s.n, 5);
	assert_true(s.median == 3 && s.low == 2 && s.high == 4);
	bench_summarize(two, 2, &s);
	assert_true(s.median == 1.5 && s.low == 1.25 && s.high == 1.75);
	bench_summarize(values + 2, 1, &s);
	assert_int_equal(s.n, 0);
	assert_true(isnan(s.median));
}

static void judged(const struct bench_verdict *v, void *arg)
{
	struct bench_verdict *last = arg;

	last[v->at] = *v;
}

static void ratios_are_taken_within_a_round(void **state)
{
	static const struct bench_target targets[] = {
		{ "*", "time", "ours", "theirs", BENCH_AT_MOST, 2, .why = "" },
		{},
	};
	static const struct bench_measure measure = {
		.name = "m",
		.arms = { "theirs", "ours" },
		.cases = { "a", "b" },
		.metrics = { { "time", "ns" } },
		.targets = targets,
	};
	struct bench_verdict got[2];
	struct bench_figures f;

	(void)state;
	assert_int_equal(bench_figures_init(&f, &measure, 3), 0);
	for (int round = 0; round < 3; round++) {
		*bench_figures_at(&f, 0, 0, 0, round) = 10 * (round + 1);
		*bench_figures_at(&f, 0, 1, 0, round) = 15 * (round + 1);
	}
	bench_figures_judge(&f, judged, got);
	assert_true(fabs(got[0].summary.median - 1.5) < 1e-9 && got[0].is_met == 1);
	assert_int_equal(got[1].is_met, -1); /* no figures */
	bench_figures_free(&f);
}

/* An echo takes no sets. */
static int is_none(struct json_object *figure)
{
	const char *arm = json_object_get_string(json_object_object_get(figure, "arm"));
	const char *at = json_object_get_string(json_object_object_get(figure, "case"));

	return !strcmp(arm, "echo") && strstr(at, "sets");
}

static void check_result(struct json_object *result)
{
	struct json_object *figures = json_object_object_get(result, "figures");
	const char *name = json_object_get_string(json_object_object_get(result, "measure"));
	size_t n = json_object_array_length(figures);

	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		struct json_object *figure = json_object_array_get_idx(figures, i);

		if (!json_object_object_get(figure, "median") && !is_none(figure))
			fail_msg("%s: no %s of %s", name,
				 json_object_get_string(json_object_object_get(figure, "metric")),
				 json_object_get_string(json_object_object_get(figure, "case")));
	}
	assert_non_null(json_object_object_get(result, "targets"));
}

static void every_measure_gives_figures(void **state)
{
	struct json_object *all, *results;
	glob_t left = {};

	(void)state;
	assert_int_equal(bench("run --rounds 1 --seconds 0.02 --json"), 0);
	all = json_tokener_parse(output);
	assert_non_null(all);
	assert_non_null(json_object_object_get(all, "machine"));
	results = json_object_object_get(all, "results");
	for (size_t i = 0; i < json_object_array_length(results); i++)
		check_result(json_object_array_get_idx(results, i));
	assert_int_equal(bench("list"), 0);
	for (const char *at = output; *at; at = strchr(at, '\n') + 1)
		assert_true(strcspn(at, "\n") > 0);
	assert_int_equal(glob("/sys/fs/bpf/bmc/bench-*", 0, NULL, &left), GLOB_NOMATCH);
	json_object_put(all);
}

static void a_word_that_is_no_measure_is_a_mistake(void **state)
{
	(void)state;
	assert_int_equal(bench("run no-such-measure 2>/dev/null"), 2);
	assert_int_equal(bench("run --rounds 0 2>/dev/null"), 2);
	assert_int_equal(bench("no-such-command 2>/dev/null"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summary_is_of_sorted_values),
		cmocka_unit_test(ratios_are_taken_within_a_round),
		cmocka_unit_test(every_measure_gives_figures),
		cmocka_unit_test(a_word_that_is_no_measure_is_a_mistake),
	};

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
