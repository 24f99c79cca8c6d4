// SPDX-License-Identifier: LGPL-2.1-only
/* Curves, with their names at their right ends, moved apart where they would overlap. */
#include <math.h>
#include <stdlib.h>

#include "chart.h"

#define WIDTH 720
#define HEIGHT 380
#define LEFT 84
#define RIGHT 128 /* for the names */
#define TOP 14
#define BOTTOM 52
#define NAME_HEIGHT 17
#define GAP 10
#define DOT 3.2

static double part(const struct chart_axis *a, double value)
{
	double at = a->place ? a->place(value) : value;

	return (at - a->low) / (a->high - a->low);
}

static double place_x(const struct chart_lines *c, double value)
{
	return LEFT + (WIDTH - LEFT - RIGHT) * part(&c->x, value);
}

static double place_y(const struct chart_lines *c, double value)
{
	return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part(&c->y, value);
}

static void axes(FILE *f, const struct chart_lines *c)
{
	for (int i = 0; i < c->y.n_ticks; i++) {
		double y = place_y(c, c->y.ticks[i].value);

		fprintf(f, "<line class=\"grid\" x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\"/>",
			LEFT, y, WIDTH - RIGHT, y);
		fprintf(f,
			"<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
			LEFT - GAP, y + 4, c->y.ticks[i].text);
	}
	for (int i = 0; i < c->x.n_ticks; i++) {
		double x = place_x(c, c->x.ticks[i].value);

		fprintf(f, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\"/>", x,
			TOP, x, HEIGHT - BOTTOM);
		fprintf(f,
			"<text class=\"tick\" x=\"%.1f\" y=\"%d\" "
			"text-anchor=\"middle\">%s</text>\n",
			x, HEIGHT - BOTTOM + 18, c->x.ticks[i].text);
	}
	fprintf(f, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>", LEFT,
		HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM);
	fprintf(f, "<text class=\"label\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
		(LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8);
	chart_escape(f, c->x.label);
	fprintf(f,
		"</text><text class=\"label\" text-anchor=\"middle\" transform=\"translate(16 %d) "
		"rotate(-90)\">",
		(TOP + HEIGHT - BOTTOM) / 2);
	chart_escape(f, c->y.label);
	fputs("</text>\n", f);
}

static void curve(FILE *f, const struct chart_lines *c, const struct chart_series *s)
{
	fprintf(f, "<polyline class=\"line %s%s\" points=\"", s->colour,
		s->is_dashed ? " dashed" : "");
	for (size_t i = 0; i < s->n; i++)
		fprintf(f, "%.1f,%.1f ", place_x(c, s->points[i].x), place_y(c, s->points[i].y));
	fputs("\"/>\n", f);
	for (size_t i = 0; s->has_dots && i < s->n; i++)
		fprintf(f, "<circle class=\"fill %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%g\"/>",
			s->colour, place_x(c, s->points[i].x), place_y(c, s->points[i].y), DOT);
}

struct name {
	const struct chart_series *series;
	double end; /* of the curve */
	double y; /* of the name */
};

static int compare(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return (x->end > y->end) - (x->end < y->end);
}

/* From the top down, each at least a line below the one before; then up again from the bottom. */
static void move_apart(struct name *names, int n)
{
	qsort(names, (size_t)n, sizeof(*names), compare);
	for (int i = 0; i < n; i++) {
		names[i].y = names[i].end;
		if (i)
			names[i].y = fmax(names[i].y, names[i - 1].y + NAME_HEIGHT);
	}
	for (int i = n - 1; i >= 0; i--)
		names[i].y = fmin(names[i].y,
				  i == n - 1 ? HEIGHT - BOTTOM : names[i + 1].y - NAME_HEIGHT);
}

static void put_names(FILE *f, const struct chart_lines *c)
{
	struct name names[CHART_SERIES_MAX];
	int n = 0;

	for (int i = 0; i < c->n_series; i++) {
		const struct chart_series *s = &c->series[i];

		if (s->n)
			names[n++] = (struct name){ s, place_y(c, s->points[s->n - 1].y), 0 };
	}
	move_apart(names, n);
	for (int i = 0; i < n; i++) {
		const struct chart_series *s = names[i].series;
		double x = place_x(c, s->points[s->n - 1].x);

		fprintf(f, "<path class=\"leader %s\" d=\"M%.1f %.1fL%d %.1f\"/>", s->colour, x + 4,
			names[i].end, WIDTH - RIGHT + GAP, names[i].y);
		fprintf(f, "<text class=\"name\" x=\"%d\" y=\"%.1f\">", WIDTH - RIGHT + GAP + 5,
			names[i].y + 4.5);
		chart_escape(f, s->name);
		fputs("</text>\n", f);
	}
}

void chart_lines(FILE *f, const struct chart_lines *c)
{
	fprintf(f, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
	chart_escape(f, c->about);
	fputs("\">\n", f);
	axes(f, c);
	for (int i = 0; i < c->n_series; i++)
		curve(f, c, &c->series[i]);
	put_names(f, c);
	fputs("</svg>\n", f);
}
