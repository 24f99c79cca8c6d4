// SPDX-License-Identifier: LGPL-2.1-only
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "commands.h"

#define FIRST 256 /* getopt's value of the first row */
#define WHAT_AT 20 /* column of what an option means */

static void print_what(const char *what)
{
	for (const char *end; (end = strchr(what, '\n')); what = end + 1)
		printf("%.*s\n%*s", (int)(end - what), what, WHAT_AT, "");
	printf("%s\n", what);
}

static void help(const struct bench_option *rows, const char *head)
{
	printf("%s\n", head);
	for (; rows->name; rows++) {
		int n = rows->letter ? printf("  -%c, ", rows->letter) : printf("  ");

		n += printf("--%s%s%s", rows->name, rows->arg ? " " : "",
			    rows->arg ? rows->arg : "");
		if (n < WHAT_AT - 1)
			printf("%*s", WHAT_AT - n, "");
		else
			printf("\n%*s", WHAT_AT, "");
		print_what(rows->what);
	}
	printf("  %-*s%s\n", WHAT_AT - 2, "--help", "this text");
}

int bench_options_read(const struct bench_option *rows, const char *head, void *target, int argc,
		       char **argv, int *ret_words)
{
	static char program[] = "bmc-bench";
	struct option list[BENCH_OPTIONS_MAX + 2] = {};
	char letters[2 * BENCH_OPTIONS_MAX + 2] = "h", *end = letters + 1;
	int n = 0, key;

	for (; rows[n].name && n < BENCH_OPTIONS_MAX; n++) {
		list[n] = (struct option){ rows[n].name,
					   rows[n].arg ? required_argument : no_argument, NULL,
					   FIRST + n };
		if (!rows[n].letter)
			continue;
		*end++ = rows[n].letter;
		if (rows[n].arg)
			*end++ = ':';
	}
	list[n] = (struct option){ "help", no_argument, NULL, 'h' };
	optind = 1;
	argv[0] = program; /* whose name getopt says */
	while ((key = getopt_long(argc, argv, letters, list, NULL)) >= 0) {
		if (key == 'h') {
			help(rows, head);
			exit(bench_printed(BENCH_DONE));
		}
		for (int i = 0; key < FIRST && i < n; i++) {
			if (rows[i].letter == key)
				key = FIRST + i;
		}
		if (key < FIRST || rows[key - FIRST].set(target, optarg))
			return -1;
	}
	*ret_words = optind;
	return 0;
}

int bench_read_number(const char *name, const char *text, double least, double most, double *ret)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= most))
		return bench_fail("--%s: '%s' is not a number from %g to %.10g", name, text, least,
				  most);
	*ret = value;
	return 0;
}

int bench_read_whole(const char *name, const char *text, double least, double most, uint32_t *ret)
{
	double value = 0;

	if (bench_read_number(name, text, least, most, &value))
		return -1;
	*ret = (uint32_t)value;
	return *ret == value ? 0 : bench_fail("--%s: '%s' is not a whole number", name, text);
}
