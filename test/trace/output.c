// SPDX-License-Identifier: LGPL-2.1-only
#include "output.h"

#include <json-c/json.h>
#include <math.h>
#include <stdio.h>

#define ORIGINAL_SLOT 1320.

static const char *sizes_name(enum trace_sizes sizes)
{
	return sizes == TRACE_SMALL ? "small" : "etc";
}

/* Items for each that the original's layout has in these bytes. */
static double of_original(const struct trace_result *result)
{
	return result->held * ORIGINAL_SLOT / (double)result->bytes;
}

void output_text_head(void)
{
	printf("%-8s %-6s %7s  %-9s %9s %9s %9s %9s\n", "mix", "sizes", "memory", "policy",
	       "hit ratio", "ideal", "of ideal", "items x");
}

static void print_ratio(double value)
{
	if (isnan(value))
		printf(" %9s", "-");
	else
		printf(" %9.4f", value);
}

void output_text(const struct policy *policy, const struct trace_case *what,
		 const struct trace_result *result)
{
	printf("%-8s %-6s %5.4g %%  %-9s", trace_mix_name[what->mix], sizes_name(what->sizes),
	       what->percent, policy->name);
	print_ratio(result->hit_ratio);
	print_ratio(result->ideal);
	print_ratio(result->hit_ratio / result->ideal);
	printf(" %9.1f\n", of_original(result));
	fflush(stdout);
}

struct json_object *output_json_begin(void)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "measure", json_object_new_string("trace"));
	json_object_object_add(root, "rows", json_object_new_array());
	return root;
}

static void add_double(struct json_object *o, const char *name, double value)
{
	json_object_object_add(o, name, isnan(value) ? NULL : json_object_new_double(value));
}

void output_json_row(struct json_object *root, const struct policy *policy,
		     const struct trace_case *what, const struct trace_result *result)
{
	struct json_object *o = json_object_new_object(), *rows;

	json_object_object_add(o, "policy", json_object_new_string(policy->name));
	json_object_object_add(o, "mix", json_object_new_string(trace_mix_name[what->mix]));
	json_object_object_add(o, "sizes", json_object_new_string(sizes_name(what->sizes)));
	add_double(o, "memory_percent", what->percent);
	json_object_object_add(o, "memory_bytes", json_object_new_int64((int64_t)result->bytes));
	add_double(o, "hit_ratio", result->hit_ratio);
	add_double(o, "ideal", result->ideal);
	add_double(o, "of_ideal", result->hit_ratio / result->ideal);
	json_object_object_add(o, "items", json_object_new_int64(result->held));
	add_double(o, "items_of_original", of_original(result));
	json_object_object_get_ex(root, "rows", &rows);
	json_object_array_add(rows, o);
}

void output_json_print(struct json_object *root)
{
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY));
	json_object_put(root);
}
