// SPDX-License-Identifier: LGPL-2.1-only
/* What bmc-bench prints of its figures: tables, pages, Markdown; and of files that have none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test_program.h"

static const char trace_json[] = "{\"measure\":\"trace\",\"rows\":[{\"policy\":\"bmc\",\"memory_"
				 "percent\":1,\"hit_ratio\":0.9,"
				 "\"ideal\":0.95},{\"policy\":\"bmc\",\"memory_percent\":25,\"hit_"
				 "ratio\":0.97,\"ideal\":0.98}]}";

static void a_report_shows_what_the_files_have(void **state)
{
	static const char *const parts[] = {
		"<h2>Throughput</h2>", "1.23 M",  "A&amp;B",	   "<h2>Latency</h2>",
		"<h2>What fits</h2>",  ">ideal<", "class=\"met\"", "</html>"
	};
	char figures[64], trace[64], words[256];

	(void)state;
	snprintf(figures, sizeof(figures), "%s", own_file("figures"));
	snprintf(trace, sizeof(trace), "%s", own_file("trace"));
	write_file(figures, figures_json);
	write_file(trace, trace_json);
	snprintf(words, sizeof(words), "report %s %s", figures, trace);
	assert_int_equal(bench(words), 0);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!strstr(output, parts[i]))
			fail_msg("no '%s' in the page", parts[i]);
	}
	/* Nothing is loaded, nothing runs, no number is none. */
	assert_null(strstr(output, "<script"));
	assert_null(strstr(output, "http"));
	assert_null(strstr(output, "nan\""));
	assert_null(strstr(output, "nan,"));
	assert_null(strstr(output, ",nan"));
	snprintf(words, sizeof(words), "report --markdown %s", figures);
	assert_int_equal(bench(words), 0);
	assert_non_null(strstr(output, "| all hits | bmc | 1.23 M | – |"));
	assert_non_null(strstr(output, "| ≥ 0.9 | met |"));
	unlink(figures);
	unlink(trace);
	assert_int_equal(bench("report /no/such/file 2>/dev/null"), 1);
	write_file(figures, "{\"machine\":{}}");
	snprintf(words, sizeof(words), "report %s 2>/dev/null", figures);
	assert_int_equal(bench(words), 1);
	unlink(figures);
	assert_int_equal(bench("report 2>/dev/null"), 2);
}

static void assert_prints(const char *what)
{
	if (!strstr(output, what))
		fail_msg("no '%s' in: %s", what, output);
}

/* A ratio to another case looked like one of a peer to itself. */
static void a_ratio_names_the_other_case(void **state)
{
	(void)state;
	assert_int_equal(bench("run hit --case '*hit*' --rounds 1 --seconds 0.01"), 0);
	assert_prints("key of bmc / bmc at hit 32 B: ");
}

/* "both of bmc: 1539, at most 400": of what? And the report had none either. */
static void a_target_that_is_no_ratio_has_a_unit(void **state)
{
	const char *file = own_file("unit");
	char words[256];

	(void)state;
	snprintf(words, sizeof(words),
		 "run watch-own --case 'get 32 B x8' --rounds 1 --seconds 0.02 --output %s", file);
	assert_int_equal(bench(words), 0);
	assert_prints(", at most 400 ns/op: a lone command");
	snprintf(words, sizeof(words), "report --markdown %s", file);
	assert_int_equal(bench(words), 0);
	assert_prints("| ≤ 400 ns/op |");
	snprintf(words, sizeof(words), "report %s", file);
	assert_int_equal(bench(words), 0);
	assert_prints("≤ 400<small>ns/op</small>");
	assert_prints("<b>empty</b>: the statistics' own time of a run");
	unlink(file);
}

/* Only that of the first file was told. */
static void the_commands_of_all_files_are_told(void **state)
{
	static const char other[] =
		"{\"machine\":{\"cpu\":\"other\",\"cpus\":4,\"command\":\"D\"},\"results\":[]}";
	char first[64], second[64], words[256];

	(void)state;
	snprintf(first, sizeof(first), "%s", own_file("first"));
	snprintf(second, sizeof(second), "%s", own_file("second"));
	write_file(first, figures_json);
	write_file(second, other);
	snprintf(words, sizeof(words), "report --markdown %s %s %s", first, first, second);
	assert_int_equal(bench(words), 0);
	assert_prints("2 × A&B, K, M; 1 rounds of 0.5 s\n`C`\n`C`\n4 × other, ");
	snprintf(words, sizeof(words), "report %s %s", first, second);
	assert_int_equal(bench(words), 0);
	assert_prints("<code>C</code>");
	assert_prints("4 × other");
	assert_prints("<code>D</code>");
	unlink(first);
	unlink(second);
}

/* The name of a function of json-c's, and the file's twice. */
static void a_file_that_cannot_be_read_is_told_in_a_line(void **state)
{
	const char *file = own_file("no-json");
	char words[256];

	(void)state;
	assert_int_equal(bench("report /no/such/file 2>&1"), 1);
	assert_string_equal(output,
			    "bmc-bench: cannot read '/no/such/file': No such file or directory\n");
	write_file(file, "no JSON");
	snprintf(words, sizeof(words), "report %s 2>&1", file);
	assert_int_equal(bench(words), 1);
	assert_prints("' is not JSON: ");
	assert_null(strstr(output, "json_"));
	unlink(file);
}

/* "cannot connect: Connection refused" */
static void who_cannot_be_reached_is_named(void **state)
{
	(void)state;
	assert_int_equal(bench("client --port 1 2>&1"), 1);
	assert_prints("cannot connect to 127.0.0.1 port 1 by ");
}

/* All columns had a name, and nothing told what it means. */
static void every_column_is_explained(void **state)
{
	char name[64], unit[64], what[128];
	int n = 0;

	(void)state;
	assert_int_equal(bench("list"), 0);
	for (const char *at = output; *at; at = strchr(at, '\n') + 1) {
		if (*at != ' ')
			continue;
		n++;
		if (sscanf(at, "  %14[^\n] %10s %100[^\n]", name, unit, what) != 3)
			fail_msg("not explained: %.60s", at);
	}
	assert_true(n > 30);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_shows_what_the_files_have),
		cmocka_unit_test(a_ratio_names_the_other_case),
		cmocka_unit_test(a_target_that_is_no_ratio_has_a_unit),
		cmocka_unit_test(the_commands_of_all_files_are_told),
		cmocka_unit_test(a_file_that_cannot_be_read_is_told_in_a_line),
		cmocka_unit_test(who_cannot_be_reached_is_named),
		cmocka_unit_test(every_column_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
