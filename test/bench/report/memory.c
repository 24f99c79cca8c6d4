// SPDX-License-Identifier: LGPL-2.1-only
/* What fits: hit ratio against memory, from the trace test's JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "sections.h"

#define POINTS_MAX 32
#define IDEAL "ideal"
#define GROUPS_MAX 16

/* One chart: rows of one mix and one kind of sizes; both are "" in a file that has only one. */
struct group {
	const char *mix, *sizes;
};

static int is_of(struct json_object *row, const struct group *g)
{
	return !strcmp(report_text(row, "mix"), g->mix) &&
	       !strcmp(report_text(row, "sizes"), g->sizes) &&
	       !isnan(report_number(row, "hit_ratio")) && report_number(row, "memory_percent") > 0;
}

static int compare(const void *a, const void *b)
{
	const struct chart_point *x = a, *y = b;

	return (x->x > y->x) - (x->x < y->x);
}

static struct chart_series *series_of(struct chart_lines *c, const char *name,
				      struct chart_point points[][POINTS_MAX])
{
	for (int i = 0; i < c->n_series; i++) {
		if (!strcmp(c->series[i].name, name))
			return &c->series[i];
	}
	if (c->n_series == CHART_SERIES_MAX)
		return NULL;
	c->series[c->n_series] = (struct chart_series){ .name = name,
							.colour = section_colour(name),
							.is_dashed = !strcmp(name, IDEAL),
							.has_dots = 1,
							.points = points[c->n_series] };
	return &c->series[c->n_series++];
}

/* A point that is there already (the ideal of another policy's row) is not added again. */
static void add_point(struct chart_lines *c, const char *name, double x, double y,
		      struct chart_point points[][POINTS_MAX])
{
	struct chart_series *s = series_of(c, name, points);
	struct chart_point *to;

	if (!s || s->n == POINTS_MAX || isnan(y))
		return;
	to = points[s - c->series];
	for (size_t i = 0; i < s->n; i++) {
		if (to[i].x == x)
			return;
	}
	to[s->n++] = (struct chart_point){ x, y };
	qsort(to, s->n, sizeof(*to), compare);
}

/* A tick for each memory size that was measured. */
static void set_axes(struct chart_lines *c)
{
	double low = INFINITY, high = 0;

	c->x = (struct chart_axis){ .label = "memory (% of the data, logarithmic)",
				    .place = log10 };
	c->y = (struct chart_axis){ .label = "hit ratio (%)" };
	for (int s = 0; s < c->n_series; s++) {
		for (size_t i = 0; i < c->series[s].n; i++) {
			double x = c->series[s].points[i].x;
			int is_new = c->x.n_ticks < CHART_TICKS_MAX;

			low = fmin(low, x);
			high = fmax(high, x);
			for (int t = 0; t < c->x.n_ticks; t++)
				is_new &= fabs(log10(c->x.ticks[t].value / x)) > 0.08;
			if (!is_new)
				continue;
			c->x.ticks[c->x.n_ticks].value = x;
			snprintf(c->x.ticks[c->x.n_ticks++].text, sizeof(c->x.ticks->text), "%g %%",
				 x);
		}
	}
	c->x.low = log10(low) - 0.04;
	c->x.high = log10(high) + (high > low ? 0.04 : 1);
	chart_even_ticks(&c->y, 100);
}

static void chart_of(FILE *f, struct json_object *measure, const struct group *g)
{
	static struct chart_point points[CHART_SERIES_MAX][POINTS_MAX];
	struct chart_lines c = { .about = "hit ratio against memory" };

	for (size_t i = 0; i < report_length(measure, "rows"); i++) {
		struct json_object *row = report_at(measure, "rows", i);
		double x = report_number(row, "memory_percent");

		if (!is_of(row, g))
			continue;
		add_point(&c, report_text(row, "policy"), x, report_number(row, "hit_ratio") * 100,
			  points);
		add_point(&c, IDEAL, x, report_number(row, "ideal") * 100, points);
	}
	if (!c.n_series)
		return;
	set_axes(&c);
	fputs("<h3>", f);
	chart_escape(f, g->mix);
	fputs(*g->mix && *g->sizes ? ", " : "", f);
	chart_escape(f, g->sizes);
	fputs(*g->sizes ? " sizes</h3>\n" : "</h3>\n", f);
	chart_lines(f, &c);
}

static void charts(FILE *f, struct json_object *measure)
{
	struct group groups[GROUPS_MAX];
	int n = 0;

	for (size_t i = 0; i < report_length(measure, "rows"); i++) {
		struct json_object *row = report_at(measure, "rows", i);
		struct group g = { report_text(row, "mix"), report_text(row, "sizes") };
		int is_new = n < GROUPS_MAX;

		for (int k = 0; k < n; k++)
			is_new &= strcmp(groups[k].mix, g.mix) || strcmp(groups[k].sizes, g.sizes);
		if (!is_new)
			continue;
		groups[n++] = g;
		chart_of(f, measure, &g);
	}
}

void section_memory(FILE *f, const struct report *r)
{
	struct json_object *measure = report_measure(r, "trace");

	if (!report_length(measure, "rows"))
		return;
	fputs("<section><h2>What fits</h2>\n<p>Share of gets that are hits, by memory, in traces "
	      "that are run through "
	      "the BPF programs and through models of other caches of the same bytes. The ideal "
	      "cache holds the "
	      "hottest items and nothing else.</p>\n",
	      f);
	charts(f, measure);
	fputs("</section>\n", f);
}
