// SPDX-License-Identifier: LGPL-2.1-only
#include "chart.h"

#include <math.h>
#include <stdio.h>

#define TICKS_LEAST 4
#define THOUSAND 1e3
#define MILLION 1e6

void chart_escape(FILE *f, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		case '"':
			fputs("&quot;", f);
			break;
		default:
			fputc(*text, f);
		}
	}
}

static void add_tick(struct chart_axis *a, double value)
{
	struct chart_tick *tick = &a->ticks[a->n_ticks];

	if (a->n_ticks == CHART_TICKS_MAX)
		return;
	a->n_ticks++;
	tick->value = value;
	if (value >= MILLION)
		snprintf(tick->text, sizeof(tick->text), "%g M", value / MILLION);
	else if (value >= THOUSAND)
		snprintf(tick->text, sizeof(tick->text), "%g k", value / THOUSAND);
	else
		snprintf(tick->text, sizeof(tick->text), "%g", value);
}

void chart_even_ticks(struct chart_axis *a, double high)
{
	double step = pow(10, floor(log10(high / TICKS_LEAST)));

	while (high / step > 2 * TICKS_LEAST)
		step *= high / step > 5 * TICKS_LEAST ? 5 : 2;
	a->low = 0;
	a->high = ceil(high / step) * step;
	for (int i = 0; i * step < a->high + step / 2; i++)
		add_tick(a, i * step);
}
