// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-bench: the commands. What is measured: registry.c; how: runner.c; what becomes of it: output.h. */
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "runner.h"

#define DEFAULT_ROUNDS 5
#define DEFAULT_SECONDS 0.5

enum exit_code { DONE = 0, FAILED = 1, USAGE = 2 };

volatile int bench_interrupted;

static void interrupt(int sig)
{
	(void)sig;
	bench_interrupted = 1;
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

static int usage(const char *format, const char *word)
{
	bench_fail(format, word);
	fprintf(stderr, "See bmc-bench --help.\n");
	return USAGE;
}

static int help(void)
{
	printf("Usage: bmc-bench list\n"
	       "       bmc-bench run [MEASURE]... [OPTION]...\n"
	       "Measures bmc against memcached alone and against an echo, in network namespaces of "
	       "its own.\n"
	       "Needs root. A MEASURE may have * and ?; without one, all are taken.\n"
	       "\n"
	       "  --rounds N     rounds, in each of which all peers take their turn (%d)\n"
	       "  --seconds S    of one case of one peer in one round (%g)\n"
	       "  --case NAME    only cases of this name; it may have * and ?\n"
	       "  --bmcctl FILE  the bmcctl to measure (the one beside which this was built)\n"
	       "  --json         figures as JSON on stdout\n"
	       "  --check        exit code 1 unless all targets are met\n"
	       "  --help         this text\n",
	       DEFAULT_ROUNDS, DEFAULT_SECONDS);
	return DONE;
}

static int list(void)
{
	for (int i = 0; bench_measures[i]; i++)
		printf("%-16s %s\n", bench_measures[i]->name, bench_measures[i]->what);
	return DONE;
}

/* ---- run ---- */

struct command {
	struct bench_options options;
	int is_json;
	int is_check;
	char **words;
	int n_words;
};

static int is_wanted(const struct command *c, const char *name)
{
	for (int i = 0; i < c->n_words; i++) {
		if (!fnmatch(c->words[i], name, 0))
			return 1;
	}
	return !c->n_words;
}

/* A word that names no measure is a mistake. */
static int check_words(const struct command *c)
{
	for (int w = 0; w < c->n_words; w++) {
		int found = 0;

		for (int i = 0; bench_measures[i]; i++)
			found |= !fnmatch(c->words[w], bench_measures[i]->name, 0);
		if (!found)
			return usage("'%s' is not a measure (bmc-bench list shows them)",
				     c->words[w]);
	}
	return DONE;
}

static void count_missed(const struct bench_verdict *v, void *arg)
{
	*(int *)arg += v->is_met == 0;
}

static int run_one(const struct command *c, const struct bench_measure *m,
		   struct json_object *results, int *missed)
{
	struct bench_figures figures;
	int err = bench_run_measure(m, &c->options, &figures);

	if (!err && results) {
		json_object_array_add(results, bench_figures_json(&figures));
		bench_figures_judge(&figures, count_missed, missed);
	} else if (!err) {
		*missed += bench_print_text(&figures);
	}
	bench_figures_free(&figures);
	return err ? bench_fail("%s failed", m->name) : 0;
}

static int run(const struct command *c)
{
	struct json_object *all = json_object_new_object(), *results = json_object_new_array();
	int missed = 0, failed = 0;

	json_object_object_add(all, "machine", bench_machine_json(&c->options));
	json_object_object_add(all, "results", results);
	if (!c->is_json)
		bench_print_machine(&c->options);
	for (int i = 0; bench_measures[i] && !bench_interrupted; i++) {
		if (is_wanted(c, bench_measures[i]->name))
			failed |=
				run_one(c, bench_measures[i], c->is_json ? results : NULL, &missed);
	}
	if (c->is_json)
		printf("%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
	json_object_put(all);
	return failed || bench_interrupted || (c->is_check && missed) ? FAILED : DONE;
}

static int parse_options(int argc, char **argv, struct command *c)
{
	enum { ROUNDS = 256, SECONDS, CASE, BMCCTL, JSON, CHECK, HELP };
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, ROUNDS },
		{ "json", no_argument, NULL, JSON },
		{ "seconds", required_argument, NULL, SECONDS },
		{ "check", no_argument, NULL, CHECK },
		{ "case", required_argument, NULL, CASE },
		{ "bmcctl", required_argument, NULL, BMCCTL },
		{ "help", no_argument, NULL, HELP },
		{},
	};
	char *end;
	int key;

	while ((key = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (key) {
		case ROUNDS:
			c->options.rounds = (int)strtol(optarg, &end, 10);
			if (*end || c->options.rounds < 1 || c->options.rounds > BENCH_ROUNDS_MAX)
				return usage("--rounds: '%s' is not a number from 1 to 99", optarg);
			break;
		case SECONDS:
			c->options.seconds = strtod(optarg, &end);
			if (*end || !(c->options.seconds >= 0.01 && c->options.seconds <= 600))
				return usage("--seconds: '%s' is not from 0.01 to 600", optarg);
			break;
		case CASE:
			c->options.cases = optarg;
			break;
		case BMCCTL:
			c->options.bmcctl = optarg;
			break;
		case JSON:
			c->is_json = 1;
			break;
		case CHECK:
			c->is_check = 1;
			break;
		case 'h':
		case HELP:
			exit(help());
		default:
			return usage("%s", "unknown option");
		}
	}
	c->words = argv + optind;
	c->n_words = argc - optind;
	return DONE;
}

static int run_command(int argc, char **argv)
{
	struct command c = { .options = { DEFAULT_ROUNDS, DEFAULT_SECONDS, "*", BENCH_BMCCTL } };
	struct sigaction action = { .sa_handler = interrupt };
	int code = parse_options(argc, argv, &c);

	if (code == DONE)
		code = check_words(&c);
	if (code != DONE)
		return code;
	if (geteuid()) {
		bench_fail("this needs root");
		return FAILED;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return run(&c);
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";

	if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
		return help();
	if (!strcmp(word, "list"))
		return list();
	if (!strcmp(word, "run"))
		return run_command(argc - 1, argv + 1);
	return usage("'%s' is not a command", word);
}
