/* SPDX-License-Identifier: LGPL-2.1-only */
/* The commands; argv[0] is the command's word. -> exit code */
#ifndef BENCH_COMMANDS_H
#define BENCH_COMMANDS_H

enum bench_exit { BENCH_DONE = 0, BENCH_FAILED = 1, BENCH_USAGE = 2 };

int bench_cmd_list(int argc, char **argv);
int bench_cmd_run(int argc, char **argv);
int bench_cmd_client(int argc, char **argv);
int bench_cmd_report(int argc, char **argv);

/* All is printed: the exit code, or BENCH_FAILED (said) if stdout did not take it. */
int bench_printed(int code);

/* SIGINT and SIGTERM set bench_interrupted. */
void bench_catch_signals(void);

#endif
