/* SPDX-License-Identifier: LGPL-2.1-only */
/* bmc-bench as its tests run it, and files for it. */
#ifndef BENCH_TEST_PROGRAM_H
#define BENCH_TEST_PROGRAM_H

#define OUTPUT_MAX (1 << 20)

extern char output[OUTPUT_MAX];

/* A line of sh; what it prints is in `output`. -> exit code */
int bench_line(const char *line);
/* bmc-bench with these words, at most 200 s */
int bench(const char *words);

/* A file whose name is made of the process's number; the caller removes it. */
const char *own_file(const char *what);
void write_file(const char *path, const char *text);

/* What `run` writes: a machine, two measures. */
extern const char figures_json[];

#endif
