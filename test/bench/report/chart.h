/* SPDX-License-Identifier: LGPL-2.1-only */
/* Charts as inline SVG. Colours are classes, which the page's style sheet defines for light and for dark. */
#ifndef BENCH_REPORT_CHART_H
#define BENCH_REPORT_CHART_H

#include <stdio.h>

#define CHART_SERIES_MAX 12
#define CHART_TICKS_MAX 16
#define CHART_BARS_MAX 16

struct chart_point {
	double x, y;
};

struct chart_series {
	const char *name;
	const char *colour; /* a class of the page: "c-bmc" */
	int is_dashed;
	int has_dots; /* the points are measurements, not steps of a curve */
	size_t n;
	const struct chart_point *points; /* from left to right */
};

struct chart_axis {
	const char *label; /* with its unit */
	double low, high; /* in the units of place() */
	double (*place)(double value); /* where a value is; NULL: where it says, evenly */
	int n_ticks;
	struct chart_tick {
		double value;
		char text[24];
	} ticks[CHART_TICKS_MAX];
};

struct chart_lines {
	const char *about; /* for who cannot see it */
	struct chart_axis x, y;
	int n_series;
	struct chart_series series[CHART_SERIES_MAX];
};

void chart_lines(FILE *f, const struct chart_lines *c);

struct chart_bar {
	const char *name;
	const char *colour;
	double value, low, high; /* low and high: NAN where there are none */
	char text[48]; /* the value for people */
};

struct chart_bars {
	const char *about;
	const char *label; /* of the axis, with its unit */
	int n_bars;
	struct chart_bar bars[CHART_BARS_MAX];
};

void chart_bars(FILE *f, const struct chart_bars *c);

/* Text between tags or in an attribute. */
void chart_escape(FILE *f, const char *text);

/* Ticks of an even axis from 0: 4 to 8 of them, at round numbers; the last one is not below `high`. */
void chart_even_ticks(struct chart_axis *a, double high);

#endif
