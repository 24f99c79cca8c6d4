// SPDX-License-Identifier: LGPL-2.1-only
/* The figures as Markdown: a line about the machine, a table for each measure, and one of all targets. */
#include <json-c/json.h>
#include <string.h>

#include "sections.h"

#define ROWS_MAX 16 /* of a measure; of a longer one only the targets are shown */

static void put_machine(struct json_object *m, int is_new, void *arg)
{
	FILE *f = arg;

	if (is_new)
		fprintf(f, "%s × %s, %s, %s; %s rounds of %g s\n", report_text(m, "cpus"),
			report_text(m, "cpu"), report_text(m, "kernel"),
			report_text(m, "memcached"), report_text(m, "rounds"),
			report_number(m, "seconds"));
	fprintf(f, "`%s`\n", report_text(m, "command"));
}

static size_t count_names(struct json_object *measure, const char *field)
{
	size_t n = 0;

	while (report_name(measure, field, n))
		n++;
	return n;
}

static void put_row(FILE *f, struct json_object *measure, const char *at, const char *arm)
{
	const char *metric;
	int n = 0;

	for (size_t m = 0; (metric = report_name(measure, "metric", m)); m++) {
		struct report_figure figure;

		n += report_find(measure, at, arm, metric, &figure);
	}
	if (!n)
		return;
	fprintf(f, "| %s | %s |", at, arm);
	for (size_t m = 0; (metric = report_name(measure, "metric", m)); m++) {
		struct report_figure figure = {};
		char text[REPORT_NUMBER] = "–";

		if (report_find(measure, at, arm, metric, &figure))
			report_format(figure.median, figure.unit, text);
		fprintf(f, " %s |", text);
	}
	fputc('\n', f);
}

static void put_measure(struct json_object *measure, void *arg)
{
	const char *at, *arm, *metric;
	FILE *f = arg;

	if (!report_length(measure, "figures") ||
	    count_names(measure, "case") * count_names(measure, "arm") > ROWS_MAX)
		return;
	fprintf(f, "`%s`: %s\n\n| case | peer |", report_text(measure, "measure"),
		report_text(measure, "what"));
	for (size_t m = 0; (metric = report_name(measure, "metric", m)); m++) {
		struct report_figure figure = { .unit = "" };

		for (size_t i = 0; i < report_length(measure, "figures"); i++) {
			struct json_object *o = report_at(measure, "figures", i);

			if (!strcmp(report_text(o, "metric"), metric))
				figure.unit = report_text(o, "unit");
		}
		fprintf(f, " %s, %s |", metric, figure.unit);
	}
	fputs("\n|---|---|", f);
	for (size_t m = 0; report_name(measure, "metric", m); m++)
		fputs("--:|", f);
	fputc('\n', f);
	for (size_t c = 0; (at = report_name(measure, "case", c)); c++) {
		for (size_t a = 0; (arm = report_name(measure, "arm", a)); a++)
			put_row(f, measure, at, arm);
	}
	fputc('\n', f);
}

static void put_target(FILE *f, const char *measure, struct json_object *t)
{
	char median[REPORT_NUMBER], low[REPORT_NUMBER], high[REPORT_NUMBER];
	const char *over = report_text(t, "over"), *beside = report_text(t, "over_case");
	const char *unit = report_text(t, "unit");
	struct json_object *met = NULL;

	if (!json_object_object_get_ex(t, "met", &met) || !met)
		return;
	fprintf(f, "| %s | %s | %s of %s%s%s%s%s | %s (%s–%s) | %s %g%s%s | %s |\n", measure,
		report_text(t, "case"), report_text(t, "metric"), report_text(t, "arm"),
		*over ? " / " : "", over, *beside ? " at " : "", beside,
		report_format(report_number(t, "median"), "", median),
		report_format(report_number(t, "low"), "", low),
		report_format(report_number(t, "high"), "", high),
		strcmp(report_text(t, "bound"), "at most") ? "≥" : "≤", report_number(t, "limit"),
		*unit ? " " : "", unit, json_object_get_boolean(met) ? "met" : "missed");
}

static void put_targets(struct json_object *measure, void *arg)
{
	for (size_t i = 0; i < report_length(measure, "targets"); i++)
		put_target(arg, report_text(measure, "measure"), report_at(measure, "targets", i));
}

void report_markdown(FILE *f, const struct report *r)
{
	report_each_machine(r, put_machine, f);
	fputc('\n', f);
	report_each(r, put_measure, f);
	fputs("| measure | case | what | median (quartiles) | target | "
	      "|\n|---|---|---|--:|--:|---|\n",
	      f);
	report_each(r, put_targets, f);
}
