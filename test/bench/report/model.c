// SPDX-License-Identifier: LGPL-2.1-only
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../bench.h"

#define NAMES_MAX 64

/* json-c's reason is a line, which begins with a function's name. */
static int fail_to_read(const char *path, const char *why)
{
	const char *colon = why ? strstr(why, ": ") : NULL;

	why = colon ? colon + 2 : "";
	return bench_fail("'%s' is not JSON: %.*s", path, (int)strcspn(why, "\n"), why);
}

int report_add(struct report *r, const char *path)
{
	struct json_object *o;
	int fd;

	if (r->n_files == REPORT_FILES_MAX)
		return bench_fail("more than %d files", REPORT_FILES_MAX);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return bench_fail("cannot read '%s': %s", path, strerror(errno));
	o = json_object_from_fd(fd);
	close(fd);
	if (!o)
		return fail_to_read(path, json_util_get_last_err());
	if (!json_object_object_get_ex(o, "results", NULL) &&
	    !json_object_object_get_ex(o, "rows", NULL)) {
		json_object_put(o);
		return bench_fail("'%s' has no figures of 'bmc-bench run' or 'bmc-trace'", path);
	}
	r->files[r->n_files++] = o;
	return 0;
}

void report_free(struct report *r)
{
	while (r->n_files > 0)
		json_object_put(r->files[--r->n_files]);
}

/* ---- fields ---- */

const char *report_text(struct json_object *o, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, name, &value) || !value)
		return "";
	return json_object_get_string(value);
}

double report_number(struct json_object *o, const char *name)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(o, name, &value) && value ? json_object_get_double(value) :
								     NAN;
}

static struct json_object *list_of(struct json_object *o, const char *name)
{
	struct json_object *list = NULL;

	if (!json_object_object_get_ex(o, name, &list) ||
	    !json_object_is_type(list, json_type_array))
		return NULL;
	return list;
}

size_t report_length(struct json_object *o, const char *name)
{
	struct json_object *list = list_of(o, name);

	return list ? json_object_array_length(list) : 0;
}

struct json_object *report_at(struct json_object *o, const char *name, size_t n)
{
	return json_object_array_get_idx(list_of(o, name), n);
}

/* ---- measures ---- */

void report_each(const struct report *r, void (*fn)(struct json_object *measure, void *arg),
		 void *arg)
{
	for (int i = 0; i < r->n_files; i++) {
		if (*report_text(r->files[i], "measure")) /* a file of one */
			fn(r->files[i], arg);
		for (size_t m = 0; m < report_length(r->files[i], "results"); m++)
			fn(report_at(r->files[i], "results", m), arg);
	}
}

struct search {
	const char *name;
	struct json_object *found;
};

static void search_one(struct json_object *measure, void *arg)
{
	struct search *s = arg;

	if (!s->found && !strcmp(report_text(measure, "measure"), s->name))
		s->found = measure;
}

struct json_object *report_measure(const struct report *r, const char *name)
{
	struct search s = { .name = name };

	report_each(r, search_one, &s);
	return s.found;
}

static int is_same_machine(struct json_object *a, struct json_object *b)
{
	static const char *const fields[] = { "cpu", "cpus", "kernel", "memcached", "rounds" };

	for (size_t i = 0; i < BENCH_COUNT(fields); i++) {
		if (strcmp(report_text(a, fields[i]), report_text(b, fields[i])) != 0)
			return 0;
	}
	return report_number(a, "seconds") == report_number(b, "seconds");
}

void report_each_machine(const struct report *r,
			 void (*fn)(struct json_object *machine, int is_new, void *arg), void *arg)
{
	struct json_object *machine = NULL, *last = NULL;

	for (int i = 0; i < r->n_files; i++) {
		if (!json_object_object_get_ex(r->files[i], "machine", &machine) || !machine)
			continue;
		fn(machine, !last || !is_same_machine(machine, last), arg);
		last = machine;
	}
}

int report_find(struct json_object *measure, const char *at, const char *arm, const char *metric,
		struct report_figure *ret)
{
	for (size_t i = 0; i < report_length(measure, "figures"); i++) {
		struct json_object *f = report_at(measure, "figures", i);

		if (strcmp(report_text(f, "case"), at) != 0 ||
		    strcmp(report_text(f, "arm"), arm) != 0 ||
		    strcmp(report_text(f, "metric"), metric) != 0)
			continue;
		*ret = (struct report_figure){ report_number(f, "median"), report_number(f, "low"),
					       report_number(f, "high"), report_text(f, "unit") };
		return !isnan(ret->median);
	}
	return 0;
}

const char *report_name(struct json_object *measure, const char *field, size_t n)
{
	const char *seen[NAMES_MAX];
	size_t n_seen = 0;

	for (size_t i = 0; i < report_length(measure, "figures"); i++) {
		const char *name = report_text(report_at(measure, "figures", i), field);
		int is_new = n_seen < NAMES_MAX;

		for (size_t k = 0; k < n_seen; k++)
			is_new &= strcmp(seen[k], name) != 0;
		if (!is_new)
			continue;
		if (n_seen == n)
			return name;
		seen[n_seen++] = name;
	}
	return NULL;
}

/* ---- numbers ---- */

static void group_thousands(double value, char *ret)
{
	char digits[REPORT_NUMBER];
	size_t len, out = 0;

	snprintf(digits, sizeof(digits), "%.0f", value);
	len = strlen(digits);
	for (size_t i = 0; i < len && out + 2 < REPORT_NUMBER; i++) {
		ret[out++] = digits[i];
		if (digits[i] != '-' && i + 1 < len && (len - i - 1) % 3 == 0)
			ret[out++] = ',';
	}
	ret[out] = 0;
}

const char *report_format(double value, const char *unit, char *ret)
{
	double size = fabs(value);

	if (isnan(value))
		snprintf(ret, REPORT_NUMBER, "–");
	else if (!strcmp(unit, "share"))
		snprintf(ret, REPORT_NUMBER, "%.1f %%", value * 100);
	else if (size >= 1e6 && strchr(unit, '/') && strstr(unit, "/s"))
		snprintf(ret, REPORT_NUMBER, "%.2f M", value / 1e6);
	else if (size >= 100)
		group_thousands(value, ret);
	else if (size == 0)
		snprintf(ret, REPORT_NUMBER, "0");
	else
		snprintf(ret, REPORT_NUMBER, "%.*f", size >= 10 ? 1 : size >= 1 ? 2 : 3, value);
	return ret;
}
