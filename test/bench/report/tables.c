// SPDX-License-Identifier: LGPL-2.1-only
/* The figures themselves, and what they should be. */
#include <json-c/json.h>
#include <string.h>

#include "chart.h"
#include "sections.h"

/* The median, and below it the quartiles. */
static void put_spread(FILE *f, const struct report_figure *figure)
{
	char median[REPORT_NUMBER], low[REPORT_NUMBER], high[REPORT_NUMBER];

	fprintf(f, "<td class=\"n\">%s<small>%s – %s</small></td>",
		report_format(figure->median, figure->unit, median),
		report_format(figure->low, figure->unit, low),
		report_format(figure->high, figure->unit, high));
}

/* ---- targets ---- */

static void put_target(FILE *f, const char *measure, struct json_object *t)
{
	struct json_object *met = NULL;
	int is_met;

	if (!json_object_object_get_ex(t, "met", &met) || !met)
		return;
	is_met = json_object_get_boolean(met);
	fprintf(f, "<tr><td><span class=\"%s\">%s</span></td><td>", is_met ? "met" : "missed",
		is_met ? "met" : "missed");
	chart_escape(f, measure);
	fputs("</td><td>", f);
	chart_escape(f, report_text(t, "case"));
	fputs("</td><td>", f);
	chart_escape(f, report_text(t, "metric"));
	fputs(" of ", f);
	chart_escape(f, report_text(t, "arm"));
	if (*report_text(t, "over")) {
		fputs(" ÷ ", f);
		chart_escape(f, report_text(t, "over"));
	}
	if (*report_text(t, "over_case")) {
		fputs(" at ", f);
		chart_escape(f, report_text(t, "over_case"));
	}
	fputs("<small>", f);
	chart_escape(f, report_text(t, "why"));
	fputs("</small></td>", f);
	put_spread(f, &(struct report_figure){ report_number(t, "median"), report_number(t, "low"),
					       report_number(t, "high"), "" });
	fprintf(f, "<td class=\"n\">%s %g<small>",
		strcmp(report_text(t, "bound"), "at most") ? "≥" : "≤", report_number(t, "limit"));
	chart_escape(f, report_text(t, "unit"));
	fputs("</small></td></tr>\n", f);
}

static void put_targets(struct json_object *measure, void *arg)
{
	for (size_t i = 0; i < report_length(measure, "targets"); i++)
		put_target(arg, report_text(measure, "measure"), report_at(measure, "targets", i));
}

static void count_targets(struct json_object *measure, void *arg)
{
	*(size_t *)arg += report_length(measure, "targets");
}

void section_targets(FILE *f, const struct report *r)
{
	size_t n = 0;

	report_each(r, count_targets, &n);
	if (!n)
		return;
	fputs("<section><h2>Targets</h2>\n<p>Medians, and below them the quartiles, over the "
	      "rounds; ratios (÷) are "
	      "taken within each round.</p><div "
	      "class=\"wide\"><table>"
	      "<thead><tr><th></th><th>measure</th><th>case</th><th>what</th><th "
	      "class=\"n\">median</th>"
	      "<th class=\"n\">target</th></tr></thead><tbody>\n",
	      f);
	report_each(r, put_targets, f);
	fputs("</tbody></table></div></section>\n", f);
}

/* ---- all figures ---- */

static const char *unit_of(struct json_object *measure, const char *metric)
{
	for (size_t i = 0; i < report_length(measure, "figures"); i++) {
		struct json_object *figure = report_at(measure, "figures", i);

		if (!strcmp(report_text(figure, "metric"), metric))
			return report_text(figure, "unit");
	}
	return "";
}

static void put_figure(FILE *f, struct json_object *measure, const char *at, const char *arm,
		       const char *metric)
{
	struct report_figure figure;

	if (report_find(measure, at, arm, metric, &figure))
		put_spread(f, &figure);
	else
		fputs("<td class=\"n\">–</td>", f);
}

static int has_figures(struct json_object *measure, const char *at, const char *arm)
{
	struct report_figure figure;
	const char *metric;

	for (size_t i = 0; (metric = report_name(measure, "metric", i)); i++) {
		if (report_find(measure, at, arm, metric, &figure))
			return 1;
	}
	return 0;
}

static void put_rows(FILE *f, struct json_object *measure, const char *at)
{
	const char *arm, *metric, *name = at;

	for (size_t a = 0; (arm = report_name(measure, "arm", a)); a++) {
		if (!has_figures(measure, at, arm))
			continue;
		fputs("<tr><td>", f);
		chart_escape(f, name);
		name = "";
		fputs("</td><td>", f);
		chart_escape(f, arm);
		fputs("</td>", f);
		for (size_t m = 0; (metric = report_name(measure, "metric", m)); m++)
			put_figure(f, measure, at, arm, metric);
		fputs("</tr>\n", f);
	}
}

/* What the columns are. */
static void put_legend(FILE *f, struct json_object *measure)
{
	size_t n = report_length(measure, "metrics");

	fputs(n ? "<p class=\"legend\">" : "", f);
	for (size_t i = 0; i < n; i++) {
		struct json_object *metric = report_at(measure, "metrics", i);

		fputs(i ? ". <b>" : "<b>", f);
		chart_escape(f, report_text(metric, "metric"));
		fputs("</b>: ", f);
		chart_escape(f, report_text(metric, "what"));
	}
	fputs(n ? ".</p>" : "", f);
}

static void put_table(struct json_object *measure, void *arg)
{
	const char *at, *metric;
	FILE *f = arg;

	if (!report_length(measure, "figures"))
		return;
	fputs("<details><summary><b>", f);
	chart_escape(f, report_text(measure, "measure"));
	fputs("</b>: ", f);
	chart_escape(f, report_text(measure, "what"));
	fputs("</summary><div class=\"wide\"><table><thead><tr><th>case</th><th>peer</th>", f);
	for (size_t m = 0; (metric = report_name(measure, "metric", m)); m++) {
		fputs("<th class=\"n\">", f);
		chart_escape(f, metric);
		fputs("<small>", f);
		chart_escape(f, unit_of(measure, metric));
		fputs("</small></th>", f);
	}
	fputs("</tr></thead><tbody>\n", f);
	for (size_t i = 0; (at = report_name(measure, "case", i)); i++)
		put_rows(f, measure, at);
	fputs("</tbody></table></div>", f);
	put_legend(f, measure);
	fputs("</details>\n", f);
}

static void count_figures(struct json_object *measure, void *arg)
{
	*(size_t *)arg += report_length(measure, "figures");
}

void section_tables(FILE *f, const struct report *r)
{
	size_t n = 0;

	report_each(r, count_figures, &n);
	if (!n)
		return;
	fputs("<section><h2>All figures</h2>\n<p>Medians, and below them the quartiles, over the "
	      "rounds.</p>\n",
	      f);
	report_each(r, put_table, f);
	fputs("</section>\n", f);
}
