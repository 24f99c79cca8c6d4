/* SPDX-License-Identifier: LGPL-2.1-only */
/* Options as rows, from which they are read and their help is written. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdint.h>

#define BENCH_OPTIONS_MAX 24

struct bench_option {
	const char *name;
	const char *arg; /* what follows, for people; NULL: nothing does */
	int (*set)(void *target, const char *value); /* 0, or -1: a mistake (said) */
	const char *what; /* what it means; lines after the first one are indented by the help */
	char letter; /* the same in short; 0: there is none */
};

/*
 * Reads the options of rows (the last one has no name), which may stand among the words; --help prints `head` and the rows, and
 * exits. *ret_words: where the words begin in argv, which is reordered; they end with argc. 0, or -1 (said)
 */
int bench_options_read(const struct bench_option *rows, const char *head, void *target, int argc,
		       char **argv, int *ret_words);

/* A whole text as a number within bounds. 0, or -1 (said, with the option's name) */
int bench_read_number(const char *name, const char *text, double least, double most, double *ret);
int bench_read_whole(const char *name, const char *text, double least, double most, uint32_t *ret);

#endif
