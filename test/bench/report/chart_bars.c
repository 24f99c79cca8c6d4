// SPDX-License-Identifier: LGPL-2.1-only
/* Bars from left to right, one a row: names on the left, values behind the bars' ends, quartiles as a thin line. */
#include <math.h>

#include "chart.h"

#define WIDTH 720
#define NAMES 140 /* columns: names, bars, values */
#define VALUES 96
#define ROW 34
#define BAR 18
#define TOP 8
#define BOTTOM 46
#define GAP 8

static double place(const struct chart_axis *a, double value)
{
	return NAMES + (WIDTH - NAMES - VALUES) * (value - a->low) / (a->high - a->low);
}

static void axis(FILE *f, const struct chart_axis *a, const char *label, double bottom)
{
	for (int i = 0; i < a->n_ticks; i++) {
		double x = place(a, a->ticks[i].value);

		fprintf(f, "<line class=\"grid\" x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%.1f\"/>",
			x, TOP, x, bottom);
		fprintf(f, "<text class=\"tick\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x,
			bottom + 16);
		chart_escape(f, a->ticks[i].text);
		fputs("</text>\n", f);
	}
	fprintf(f, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
		place(a, (a->low + a->high) / 2), bottom + 38);
	chart_escape(f, label);
	fputs("</text>\n", f);
}

static void bar(FILE *f, const struct chart_axis *a, const struct chart_bar *b, double y)
{
	double end = place(a, b->value), text = end, middle = y + ROW / 2.0;

	fprintf(f, "<text class=\"name\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", NAMES - GAP,
		middle + 4.5);
	chart_escape(f, b->name);
	fprintf(f,
		"</text><rect class=\"fill %s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
		"rx=\"2\"/>",
		b->colour, NAMES, middle - BAR / 2.0, end - NAMES < 1 ? 1 : end - NAMES, BAR);
	if (!isnan(b->low) && b->high > b->low) {
		fprintf(f,
			"<line class=\"spread\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
			place(a, b->low), middle, place(a, b->high), middle);
		text = place(a, b->high);
	}
	fprintf(f, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">", (text > end ? text : end) + GAP,
		middle + 4.5);
	chart_escape(f, b->text);
	fputs("</text>\n", f);
}

void chart_bars(FILE *f, const struct chart_bars *c)
{
	double most = 0, bottom = TOP + c->n_bars * (double)ROW;
	struct chart_axis a = {};

	for (int i = 0; i < c->n_bars; i++) {
		most = fmax(most, c->bars[i].value);
		if (!isnan(c->bars[i].high))
			most = fmax(most, c->bars[i].high);
	}
	chart_even_ticks(&a, most > 0 ? most : 1);
	fprintf(f, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", WIDTH,
		bottom + BOTTOM);
	chart_escape(f, c->about);
	fputs("\">\n", f);
	axis(f, &a, c->label, bottom);
	for (int i = 0; i < c->n_bars; i++)
		bar(f, &a, &c->bars[i], TOP + i * (double)ROW);
	fprintf(f, "<line class=\"axis\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%.1f\"/></svg>\n",
		NAMES, TOP, NAMES, bottom);
}
