/* SPDX-License-Identifier: LGPL-2.1-only */
/* The page's parts. Each writes nothing if its measure is not there. */
#ifndef BENCH_REPORT_SECTIONS_H
#define BENCH_REPORT_SECTIONS_H

#include <stdio.h>

#include "model.h"

void section_throughput(FILE *f, const struct report *r);
void section_latency(FILE *f, const struct report *r);
void section_memory(FILE *f, const struct report *r);
void section_targets(FILE *f, const struct report *r);
void section_tables(FILE *f, const struct report *r);

/* The colour's class of a peer or a policy. */
const char *section_colour(const char *name);

/* All of it: one self-contained HTML page. */
void report_page(FILE *f, const struct report *r);
/* The same figures as tables in Markdown. */
void report_markdown(FILE *f, const struct report *r);

#endif
