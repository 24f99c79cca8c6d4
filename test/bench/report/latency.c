// SPDX-License-Identifier: LGPL-2.1-only
/* How long answers take: the distributions of the measure `latency`. */
#include <math.h>
#include <string.h>

#include "chart.h"
#include "sections.h"

#include <json-c/json.h>

#define POINTS_MAX 64
#define SHARE_MAX 0.9999
#define MS 1e3 /* of the file's microseconds */
#define S 1e6

/* Each nine takes as much room as the one before. */
static double place_share(double share)
{
	return -log10(1 - share);
}

static void set_axes(struct chart_lines *c, double most)
{
	static const struct chart_tick shares[] = {
		{ 0, "0 %" },	  { 0.5, "50 %" },     { 0.9, "90 %" },
		{ 0.99, "99 %" }, { 0.999, "99.9 %" }, { SHARE_MAX, "99.99 %" },
	};

	c->x = (struct chart_axis){ .label = "share of requests answered within that time",
				    .high = place_share(SHARE_MAX),
				    .place = place_share,
				    .n_ticks = sizeof(shares) / sizeof(*shares) };
	memcpy(c->x.ticks, shares, sizeof(shares));
	c->y = (struct chart_axis){ .label = "time from when it was due",
				    .place = log10,
				    .high = ceil(log10(most)) };
	for (double v = 1; log10(v) <= c->y.high && c->y.n_ticks < CHART_TICKS_MAX; v *= 10) {
		struct chart_tick *tick = &c->y.ticks[c->y.n_ticks++];

		tick->value = v;
		snprintf(tick->text, sizeof(tick->text), "%g %s",
			 v < MS ? v :
			 v < S	? v / MS :
				  v / S,
			 v < MS ? "µs" :
			 v < S	? "ms" :
				  "s");
	}
}

/* [[share, us], ...] -> points; times below 1 us count as that. */
static size_t read_points(struct json_object *distribution, struct chart_point *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < report_length(distribution, "points") && n < POINTS_MAX; i++) {
		struct json_object *point = report_at(distribution, "points", i);
		double share = json_object_get_double(json_object_array_get_idx(point, 0));
		double us = json_object_get_double(json_object_array_get_idx(point, 1));

		if (share <= SHARE_MAX)
			ret[n++] = (struct chart_point){ share, fmax(us, 1) };
	}
	return n;
}

static void chart_of(FILE *f, struct json_object *measure, const char *at)
{
	static struct chart_point points[CHART_SERIES_MAX][POINTS_MAX];
	struct chart_lines c = { .about = "latency by share of requests" };
	double most = 10;

	for (size_t i = 0; i < report_length(measure, "distributions"); i++) {
		struct json_object *d = report_at(measure, "distributions", i);
		struct chart_series *s = &c.series[c.n_series];

		if (strcmp(report_text(d, "case"), at) != 0 || c.n_series == CHART_SERIES_MAX)
			continue;
		s->name = report_text(d, "arm");
		s->colour = section_colour(s->name);
		s->points = points[c.n_series];
		s->n = read_points(d, points[c.n_series++]);
		if (s->n)
			most = fmax(most, s->points[s->n - 1].y);
	}
	set_axes(&c, most);
	fputs("<h3>", f);
	chart_escape(f, at);
	fputs("</h3>\n", f);
	chart_lines(f, &c);
}

void section_latency(FILE *f, const struct report *r)
{
	struct json_object *measure = report_measure(r, "latency");
	const char *at;

	if (!report_length(measure, "distributions"))
		return;
	fputs("<section><h2>Latency</h2>\n<p>UDP gets by a client of user space at 20,000 requests "
	      "a second. Time "
	      "counts from when a request was due, so a server that stalls is charged for all that "
	      "it kept "
	      "waiting. Both axes are logarithmic.</p>\n",
	      f);
	for (size_t i = 0; (at = report_name(measure, "case", i)); i++)
		chart_of(f, measure, at);
	fputs("</section>\n", f);
}
