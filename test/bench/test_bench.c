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
#include <unistd.h>

#include "figures.h"
#include "test_program.h"

int bench_fail(const char *format, ...)
{
	fail_msg("%s", format);
	return -1;
}

/* bmc-bench beside a memcached, with or without UDP, in a network namespace that goes with them. */
static int beside(const char *udp, const char *words)
{
	char line[1024];

	snprintf(line, sizeof(line),
		 "exec unshare --net sh -c 'ip link set lo up; memcached -u nobody %s -l "
		 "127.0.0.1 & "
		 "for try in $(seq 100); do sleep 0.05; "
		 "%s client --tcp --seconds 0.01 --warm-up 0 --keys 1 >/dev/null 2>&1 && break; "
		 "done; "
		 "timeout 60 %s %s; code=$?; kill $!; wait; exit $code'",
		 udp, BENCH_PROGRAM, BENCH_PROGRAM, words);
	return bench_line(line);
}

static int beside_memcached(const char *words)
{
	return beside("-U 11211", words);
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

static void median_of_ticks_is_between_them(void **state)
{
	unsigned int one[] = { 7 }, same[] = { 4, 4, 4 }, odd[] = { 30, 10, 20 };
	/* of a clock of 10 ns: 126 ns are read as 120 four times of ten */
	unsigned int ticks[] = { 130, 120, 130, 120, 130, 120, 130, 120, 130, 130 };

	(void)state;
	assert_true(bench_median_of_ticks(one, 1) == 7);
	assert_true(bench_median_of_ticks(same, 3) == 4);
	assert_true(bench_median_of_ticks(odd, 3) == 20);
	assert_true(fabs(bench_median_of_ticks(ticks, 10) - (125 + 10 / 6.0)) < 1e-9);
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
		.metrics = { { .name = "time", .unit = "ns" } },
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

/* An echo takes no sets, and has no items that could be missing. */
static int is_none(struct json_object *figure)
{
	const char *arm = json_object_get_string(json_object_object_get(figure, "arm"));
	const char *at = json_object_get_string(json_object_object_get(figure, "case"));

	return !strcmp(arm, "echo") && (strstr(at, "sets") || !strcmp(at, "no item"));
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

/* A case's value of an arm and a metric, in the last result of `output`. */
static double median_of(const char *at, const char *arm, const char *metric)
{
	struct json_object *all = json_tokener_parse(output), *figures;
	double value = NAN;

	assert_non_null(all);
	figures = json_object_object_get(
		json_object_array_get_idx(json_object_object_get(all, "results"), 0), "figures");
	for (size_t i = 0; i < json_object_array_length(figures); i++) {
		struct json_object *f = json_object_array_get_idx(figures, i);

		if (!strcmp(json_object_get_string(json_object_object_get(f, "case")), at) &&
		    !strcmp(json_object_get_string(json_object_object_get(f, "arm")), arm) &&
		    !strcmp(json_object_get_string(json_object_object_get(f, "metric")), metric))
			value = json_object_get_double(json_object_object_get(f, "median"));
	}
	json_object_put(all);
	return value;
}

/* With bmc all hits are its own, without memcached's; and only measures whose arms can be compared with themselves run so. */
static void without_bmc_all_goes_to_memcached(void **state)
{
	static const char run[] = "run peers --case 'all hits' --rounds 1 --seconds 0.05 --json";
	char words[128];

	(void)state;
	assert_int_equal(bench(run), 0);
	assert_true(median_of("all hits", "bmc", "to memcached") < 0.5);
	assert_true(median_of("all hits", "memcached", "to memcached") > 0.5);
	snprintf(words, sizeof(words), "%s --no-bmc", run);
	assert_int_equal(bench(words), 0);
	assert_true(median_of("all hits", "bmc", "to memcached") > 0.5);
	assert_null(strstr(output, "\"limit\""));
	assert_int_equal(bench("run peers --case 'all hits' --no-bmc --rounds 1 --seconds 0.05"),
			 0);
	assert_non_null(strstr(output, "rate of bmc / memcached: "));
	assert_null(strstr(output, "/ echo"));
	assert_null(strstr(output, "at least"));
	assert_int_equal(bench("run watch-lo watch-veth --case 'set 32 B x?' --no-bmc --rounds 1 "
			       "--seconds 0.02 --json"),
			 0);
	assert_true(median_of("set 32 B x8", "bmc", "server") > 0);
	assert_int_equal(bench("run hit wire --no-bmc 2>/dev/null"), 2);
}

/* memcached and the client in a namespace of their own, as in the manual; every reply is checked. */
static void the_client_works_by_itself(void **state)
{
	static const char *const loads[] = {
		"--udp --rate 2000 --set-ratio 0.1 --sizes etc",
		"--tcp --depth 8 --set-ratio 0.3 --keys 50 --sizes 20:3000",
		"--udp-tcp --set-ratio 0.2 --zipf 0",
		/* One item more than the loader has in flight: the last one has to wait. */
		"--udp-tcp --set-ratio 0.2 --keys 65",
	};
	char words[512];

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		struct json_object *result;

		snprintf(words, sizeof(words),
			 "client --seconds 0.1 --warm-up 0 --timeout 5 --keys 200 --json %s",
			 loads[i]);
		assert_int_equal(beside_memcached(words), 0);
		result = json_tokener_parse(output);
		assert_non_null(result);
		assert_true(json_object_get_int(json_object_object_get(result, "hits")) > 0);
		assert_true(json_object_get_int(json_object_object_get(result, "stored")) > 0);
		assert_int_equal(json_object_get_int(json_object_object_get(result, "wrong")), 0);
		json_object_put(result);
	}
	assert_int_equal(beside("-U 0", "client --udp --seconds 0.1 --warm-up 0 --timeout 0.05 "
					"--keys 1 2>&1"),
			 1);
	assert_non_null(strstr(output, "does this memcached have UDP"));
	assert_int_equal(bench("client --rate x 2>/dev/null"), 2);
	assert_int_equal(bench("client --sizes 16:2000 --udp 2>/dev/null"), 2);
	assert_int_equal(bench("client --port 1 --seconds 0.1 2>/dev/null"), 1);
}

static void assert_nothing_is_left(void)
{
	glob_t left = {};

	assert_int_equal(glob("/sys/fs/bpf/bmc/bench-*", 0, NULL, &left), GLOB_NOMATCH);
	assert_int_equal(glob("/sys/fs/cgroup/bmc-bench-*", 0, NULL, &left), GLOB_NOMATCH);
	assert_int_equal(glob("/sys/fs/cgroup/unified/bmc-bench-*", 0, NULL, &left), GLOB_NOMATCH);
}

/* SIGINT in the midst of a measure: all is taken down. */
static void an_interrupt_leaves_nothing(void **state)
{
	(void)state;
	assert_int_equal(bench_line("timeout -k 60 -s INT 2 " BENCH_PROGRAM
				    " run peers --rounds 9 2>/dev/null"),
			 124);
	assert_nothing_is_left();
}

/* ^C ends `2>&1 | tee` as well: that it was interrupted, it can tell nobody. */
static void an_interrupt_of_a_pipe_leaves_nothing(void **state)
{
	(void)state;
	bench_line("timeout -k 60 -s INT 2 " BENCH_PROGRAM " run peers --rounds 9 2>&1 | true");
	assert_nothing_is_left();
}

static void a_word_that_is_no_measure_is_a_mistake(void **state)
{
	(void)state;
	assert_int_equal(bench("run no-such-measure 2>/dev/null"), 2);
	assert_int_equal(bench("run --rounds 0 2>/dev/null"), 2);
	assert_int_equal(bench("run hit --case no-such-case 2>/dev/null"), 2);
	assert_int_equal(bench("no-such-command 2>/dev/null"), 2);
	assert_int_equal(bench("list hit 2>/dev/null"), 2);
	assert_int_equal(bench("list --help"), 0);
	assert_non_null(strstr(output, "Usage: bmc-bench list"));
	assert_int_equal(bench("2>/dev/null"), 2);
	assert_non_null(strstr(output, "Usage: bmc-bench COMMAND"));
	assert_int_equal(bench("client --nosuch 2>&1"), 2);
	assert_non_null(strstr(output, "bmc-bench: unrecognized option '--nosuch'"));
}

/* It was told after all had been measured. */
static void a_file_that_cannot_be_written_is_told_first(void **state)
{
	(void)state;
	assert_int_equal(bench("run hit --output /nosuch/figures.json 2>&1"), 1);
	assert_non_null(strstr(output, "/nosuch/figures.json"));
	assert_null(strstr(output, "hit 32 B"));
}

/* Those that print, and their help: each exit code was 0. */
static void output_that_cannot_be_written_is_exit_1(void **state)
{
	static const char *const words[] = {
		"list",
		"--help",
		"run --help",
		"client --help",
		"report --markdown",
		"report",
		"run hit --case foreign --rounds 1 --seconds 0.01",
		"run hit --case foreign --rounds 1 --seconds 0.01 --json",
	};
	char figures[64], line[256];

	(void)state;
	snprintf(figures, sizeof(figures), "%s", own_file("full"));
	write_file(figures, figures_json);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		snprintf(line, sizeof(line), "%s %s 2>&1 >/dev/full", words[i],
			 strncmp(words[i], "report", 6) ? "" : figures);
		if (bench(line) != 1 || !strstr(output, "No space left"))
			fail_msg("'%s' says: %s", words[i], output);
	}
	unlink(figures);
	assert_int_equal(
		beside_memcached("client --tcp --seconds 0.05 --warm-up 0 2>&1 >/dev/full"), 1);
	assert_non_null(strstr(output, "No space left"));
}

/* It was left empty, or without figures, whatever it had been before. */
static void an_interrupt_leaves_the_file_as_it_was(void **state)
{
	char file[64], line[256];

	(void)state;
	snprintf(file, sizeof(file), "%s", own_file("output"));
	snprintf(line, sizeof(line),
		 "timeout -k 60 -s INT 2 " BENCH_PROGRAM
		 " run peers --rounds 9 --output %s >/dev/null 2>&1; ls %s* 2>/dev/null",
		 file, file);
	bench_line(line);
	assert_string_equal(output, "");
	write_file(file, "as it was");
	bench_line(line);
	snprintf(line, sizeof(line), "cat %s", file);
	bench_line(line);
	assert_string_equal(output, "as it was");
	unlink(file);
}

static void an_output_that_is_no_regular_file_is_written_to(void **state)
{
	struct json_object *all;

	(void)state;
	assert_int_equal(
		bench("run hit --case foreign --rounds 1 --seconds 0.01 --output /dev/stdout "
		      "| sed '0,/^{/{/^{/!d}'"),
		0);
	all = json_tokener_parse(output);
	assert_non_null(all);
	json_object_put(all);
	bench_line("test -L /dev/stdout && echo there");
	assert_string_equal(output, "there\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summary_is_of_sorted_values),
		cmocka_unit_test(median_of_ticks_is_between_them),
		cmocka_unit_test(ratios_are_taken_within_a_round),
		cmocka_unit_test(without_bmc_all_goes_to_memcached),
		cmocka_unit_test(every_measure_gives_figures),
		cmocka_unit_test(the_client_works_by_itself),
		cmocka_unit_test(an_interrupt_leaves_nothing),
		cmocka_unit_test(an_interrupt_of_a_pipe_leaves_nothing),
		cmocka_unit_test(a_word_that_is_no_measure_is_a_mistake),
		cmocka_unit_test(a_file_that_cannot_be_written_is_told_first),
		cmocka_unit_test(output_that_cannot_be_written_is_exit_1),
		cmocka_unit_test(an_interrupt_leaves_the_file_as_it_was),
		cmocka_unit_test(an_output_that_is_no_regular_file_is_written_to),
	};

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
