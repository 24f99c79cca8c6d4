// SPDX-License-Identifier: LGPL-2.1-only
/* What the peers give, and what they take for it: the measures `peers` and `wire`. */
#include <math.h>
#include <string.h>

#include "chart.h"
#include "sections.h"

static const struct {
	const char *name, *colour;
} colours[] = {
	{ "memcached", "c-plain" },    { "memcached-sr", "c-sr" }, { "bmc", "c-bmc" },
	{ "bmc-sr", "c-bmc-sr" },      { "echo", "c-echo" },	   { "alone", "c-plain" },
	{ "bmc, none hits", "c-old" }, { "original", "c-plain" },  { "clock", "c-sr" },
	{ "sieve", "c-bmc-sr" },       { "lru", "c-echo" },	   { "frequency", "c-old" },
	{ "ideal", "c-ideal" },
};

const char *section_colour(const char *name)
{
	for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++) {
		if (!strcmp(colours[i].name, name))
			return colours[i].colour;
	}
	return "c-other";
}

static void bars_of(FILE *f, struct json_object *measure, const char *at, const char *metric,
		    const char *label)
{
	struct chart_bars c = { .about = label, .label = label };
	const char *arm;

	for (size_t i = 0; (arm = report_name(measure, "arm", i)) && c.n_bars < CHART_BARS_MAX;
	     i++) {
		struct chart_bar *bar = &c.bars[c.n_bars];
		struct report_figure figure;

		if (!report_find(measure, at, arm, metric, &figure))
			continue;
		*bar = (struct chart_bar){ arm,	       section_colour(arm), figure.median,
					   figure.low, figure.high,	    "" };
		report_format(figure.median, figure.unit, bar->text);
		c.n_bars++;
	}
	fputs("<h3>", f);
	chart_escape(f, at);
	fputs("</h3>\n", f);
	chart_bars(f, &c);
}

void section_throughput(FILE *f, const struct report *r)
{
	struct json_object *peers = report_measure(r, "peers");
	const char *at;

	if (!peers)
		return;
	fputs("<section><h2>Throughput</h2>\n<p>Replies a second over veth, one CPU sending from "
	      "the "
	      "kernel. memcached has a CPU of its own and gets no more than its sockets take; what "
	      "answers at the wire "
	      "gets as much as can be sent. Thin lines are quartiles over the rounds.</p>\n",
	      f);
	for (size_t i = 0; (at = report_name(peers, "case", i)); i++)
		bars_of(f, peers, at, "rate", "replies a second");
	fputs("<h2>memcached's CPU</h2>\n<p>CPU time of memcached's threads for each reply, in "
	      "nanoseconds: "
	      "what bmc answers costs memcached nothing.</p>\n",
	      f);
	for (size_t i = 0; (at = report_name(peers, "case", i)); i++)
		bars_of(f, peers, at, "memcached", "ns of CPU for a reply");
	fputs("</section>\n", f);
}
