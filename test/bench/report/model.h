/* SPDX-License-Identifier: LGPL-2.1-only */
/* What `run --json`, `--output` and the trace test wrote, as the report reads it: all files together. */
#ifndef BENCH_REPORT_MODEL_H
#define BENCH_REPORT_MODEL_H

#include <stddef.h>

struct json_object;

#define REPORT_FILES_MAX 32

struct report {
	int n_files;
	struct json_object *files[REPORT_FILES_MAX];
};

/* Median and quartiles; NAN where there is none. */
struct report_figure {
	double median, low, high;
	const char *unit;
};

/* Reads one more file. 0 or -1 (said) */
int report_add(struct report *r, const char *path);
void report_free(struct report *r);

/* Calls fn for every measure of every file, in turn. */
void report_each(const struct report *r, void (*fn)(struct json_object *measure, void *arg),
		 void *arg);
/* The first one of this name; NULL: there is none */
struct json_object *report_measure(const struct report *r, const char *name);
/* Calls fn for the machine of every file that tells one. is_new: it is not that of the one before, with other rounds. */
void report_each_machine(const struct report *r,
			 void (*fn)(struct json_object *machine, int is_new, void *arg), void *arg);

/* Fields; "" and NAN where there are none. */
const char *report_text(struct json_object *o, const char *name);
double report_number(struct json_object *o, const char *name);
/* A list's length, 0 if it is none; its n-th element. */
size_t report_length(struct json_object *o, const char *name);
struct json_object *report_at(struct json_object *o, const char *name, size_t n);

/* The figure of a case, an arm and a metric. -> 1, or 0: there is none */
int report_find(struct json_object *measure, const char *at, const char *arm, const char *metric,
		struct report_figure *ret);

/* The n-th different text of a field of a measure's figures, in the order in which they come; NULL: there are no more */
const char *report_name(struct json_object *measure, const char *field, size_t n);

/* A number for people: three digits that count, thousands apart. `unit` "share" is given in per cent. */
#define REPORT_NUMBER 32
const char *report_format(double value, const char *unit, char *ret);

#endif
