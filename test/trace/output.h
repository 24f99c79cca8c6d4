/* SPDX-License-Identifier: LGPL-2.1-only */
/* Prints results: a table for people as they come, JSON for programs in the end. */
#ifndef TRACE_OUTPUT_H
#define TRACE_OUTPUT_H

#include "run.h"

struct json_object;

void output_text_head(void);
void output_text(const struct policy *policy, const struct trace_case *what,
		 const struct trace_result *result);

/* {"measure":"trace","rows":[...]}: begin, add rows, print (which frees it). */
struct json_object *output_json_begin(void);
void output_json_row(struct json_object *root, const struct policy *policy,
		     const struct trace_case *what, const struct trace_result *result);
void output_json_print(struct json_object *root);

#endif
