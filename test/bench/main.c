// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-bench: the commands' names. What each does: cmd_*.c. What `run` measures: registry.c. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
} commands[] = {
	{ "run", bench_cmd_run, "takes measures and prints them" },
	{ "list", bench_cmd_list, "names the measures, and their columns" },
	{ "report", bench_cmd_report, "makes a page, or Markdown, of what they wrote" },
	{ "client", bench_cmd_client, "a load on any memcached, with latencies" },
};

volatile int bench_interrupted;

static void interrupt(int sig)
{
	(void)sig;
	bench_interrupted = 1;
}

void bench_catch_signals(void)
{
	struct sigaction action = { .sa_handler = interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN); /* what was started is stopped all the same */
}

int bench_fail(const char *format, ...)
{
	va_list args;

	fputs("bmc-bench: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return -1;
}

int bench_printed(int code)
{
	if ((!fflush(stdout) && !ferror(stdout)) || errno == EPIPE) /* 'head' has what it wanted */
		return code;
	bench_fail("cannot write the result: %s", strerror(errno));
	return BENCH_FAILED;
}

static int help(void)
{
	printf("Usage: bmc-bench COMMAND [OPTION]...\n"
	       "Measures bmc against its peers, in network namespaces of its own.\n\n");
	for (size_t i = 0; i < BENCH_COUNT(commands); i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].what);
	printf("\nbmc-bench COMMAND --help tells more.\n");
	return BENCH_DONE;
}

int main(int argc, char **argv)
{
	const char *word = argv[1];

	if (argc < 2) {
		help();
		return BENCH_USAGE;
	}
	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		return bench_printed(help());
	for (size_t i = 0; i < BENCH_COUNT(commands); i++) {
		if (!strcmp(word, commands[i].name))
			return bench_printed(commands[i].run(argc - 1, argv + 1));
	}
	bench_fail("'%s' is not a command", word);
	fprintf(stderr, "See bmc-bench --help.\n");
	return BENCH_USAGE;
}
