// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-bench run, list: what is measured: registry.c; how: runner.c; what becomes of it: output.h. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "options.h"
#include "output.h"
#include "runner.h"

#define DEFAULT_ROUNDS 5
#define DEFAULT_SECONDS 0.5
#define ALL "all"

struct command {
	struct bench_options options;
	int is_json;
	int is_check;
	const char *file; /* NULL: none */
	char **words;
	int n_words;
};

/* ---- options ---- */

static int set_rounds(void *target, const char *value)
{
	struct command *c = target;
	uint32_t rounds;

	if (bench_read_whole("rounds", value, 1, BENCH_ROUNDS_MAX, &rounds))
		return -1;
	c->options.rounds = (int)rounds;
	return 0;
}

static int set_seconds(void *target, const char *value)
{
	struct command *c = target;

	return bench_read_number("seconds", value, 0.01, 600, &c->options.seconds);
}

static int set_case(void *target, const char *value)
{
	((struct command *)target)->options.cases = value;
	return 0;
}

static int set_no_bmc(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->options.is_without_bmc = 1;
	return 0;
}

static int set_awake(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->options.is_awake = 1;
	return 0;
}

static int set_bmcctl(void *target, const char *value)
{
	((struct command *)target)->options.bmcctl = value;
	return 0;
}

static int set_sr(void *target, const char *value)
{
	((struct command *)target)->options.memcached_sr = value;
	return 0;
}

static int set_json(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->is_json = 1;
	return 0;
}

static int set_output(void *target, const char *value)
{
	((struct command *)target)->file = value;
	return 0;
}

static int set_check(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->is_check = 1;
	return 0;
}

static const struct bench_option options[] = {
	{ "rounds", "N", set_rounds, "rounds, in each of which all peers take their turn (5)", 0 },
	{ "seconds", "S", set_seconds, "of one case of one peer in one round (0.5)", 0 },
	{ "case", "NAME", set_case, "only cases of this name; it may have * and ?", 0 },
	{ "no-bmc", NULL, set_no_bmc,
	  "no arm has bmc, so that ratios should be 1: how far they are from it is what the\n"
	  "figures of peers, watch-lo and watch-veth cannot tell; the others are left out",
	  0 },
	{ "awake", NULL, set_awake,
	  "a loop that gives way to all keeps the CPUs of client and server from going to sleep:\n"
	  "what it takes to wake a virtual one may be more than what is measured; but where the\n"
	  "two share a core, it slows the other one down",
	  0 },
	{ "bmcctl", "FILE", set_bmcctl,
	  "the bmcctl to measure (the one beside which this was built)", 0 },
	{ "memcached-sr", "FILE", set_sr, "the same of memcached-sr", 0 },
	{ "json", NULL, set_json, "figures as JSON on stdout", 0 },
	{ "output", "FILE", set_output, "figures as JSON in a file; stdout has them for people",
	  'o' },
	{ "check", NULL, set_check, "exit code 1 unless all targets are met", 0 },
	{},
};

static const char head[] = "Usage: bmc-bench run [MEASURE]... [OPTION]...\n"
			   "Takes measures of bmc and its peers in turn, round after round, in "
			   "network namespaces of its own,\n"
			   "and prints medians, quartiles and what they should be. Needs root. A "
			   "MEASURE may have * and ?;\n"
			   "'all', or none: all of them (bmc-bench list names them).\n";

/* ---- what is wanted ---- */

static int is_word(const char *word, const char *name)
{
	return !strcmp(word, ALL) || !fnmatch(word, name, 0);
}

static int is_wanted(const struct command *c, const char *name)
{
	for (int i = 0; i < c->n_words; i++) {
		if (is_word(c->words[i], name))
			return 1;
	}
	return !c->n_words;
}

static int has_case(const struct command *c, const struct bench_measure *m)
{
	for (int at = 0; m->cases[at]; at++) {
		if (!fnmatch(c->options.cases, m->cases[at], 0))
			return 1;
	}
	return 0;
}

static int is_run(const struct command *c, const struct bench_measure *m)
{
	return is_wanted(c, m->name) && has_case(c, m) &&
	       (!c->options.is_without_bmc || m->is_of_the_same);
}

/* A --case that no measure has is a mistake as well. */
static int check_case(const struct command *c)
{
	for (int i = 0; bench_measures[i]; i++) {
		if (is_run(c, bench_measures[i]))
			return 0;
	}
	if (c->options.is_without_bmc)
		return bench_fail("--no-bmc has only peers, watch-lo and watch-veth, and those of "
				  "their cases that --case names");
	return bench_fail(
		"no such measure has a case '%s' (its table shows them; * and ? may be in it)",
		c->options.cases);
}

/* A word that names no measure is a mistake. */
static int check_words(const struct command *c)
{
	for (int w = 0; w < c->n_words; w++) {
		int found = 0;

		for (int i = 0; bench_measures[i]; i++)
			found |= is_word(c->words[w], bench_measures[i]->name);
		if (!found)
			return bench_fail("'%s' is not a measure (bmc-bench list shows them)",
					  c->words[w]);
	}
	return 0;
}

/* ---- the file: what is there stays as it is until all is written beside it ---- */

/* A regular file, or none yet: another one can take its name. */
static int is_replaced(const char *name)
{
	struct stat st;

	return lstat(name, &st) ? errno == ENOENT : S_ISREG(st.st_mode);
}

/* Where it is written to. Returns buf, of PATH_MAX. */
static const char *part_of(const char *name, char *buf)
{
	if (is_replaced(name))
		snprintf(buf, PATH_MAX, "%.*s.part-%d", PATH_MAX - 20, name, (int)getpid());
	else
		snprintf(buf, PATH_MAX, "%s", name);
	return buf;
}

/* Before minutes of measuring, not after them. */
static int check_file(const char *name)
{
	char part[PATH_MAX];
	int fd;

	if (!name)
		return 0;
	fd = open(part_of(name, part), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return bench_fail("cannot write '%s': %s", name, strerror(errno));
	close(fd);
	if (is_replaced(name))
		unlink(part);
	return 0;
}

static int write_file(const char *name, struct json_object *all, int flags)
{
	int err, has_part = is_replaced(name);
	char part[PATH_MAX];

	err = json_object_to_file_ext(part_of(name, part), all, flags) ||
	      (has_part && rename(part, name));
	if (!err)
		return 0;
	bench_fail("cannot write '%s': %s", name, strerror(errno));
	if (has_part)
		unlink(part);
	return -1;
}

/* ---- the run ---- */

static void count_missed(const struct bench_verdict *v, void *arg)
{
	*(int *)arg += v->is_met == 0;
}

static int run_one(const struct command *c, const struct bench_measure *m,
		   struct json_object *results, int *missed)
{
	struct bench_figures figures;
	int err = bench_run_measure(m, &c->options, &figures);

	if (!err) {
		json_object_array_add(results, bench_figures_json(&figures));
		bench_figures_judge(&figures, count_missed, missed);
		if (!c->is_json)
			bench_print_text(&figures);
	}
	bench_figures_free(&figures);
	return err ? bench_fail("%s failed", m->name) : 0;
}

static int write_json(const struct command *c, struct json_object *all)
{
	int flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE;

	if (c->is_json)
		printf("%s\n", json_object_to_json_string_ext(all, flags));
	return c->file ? write_file(c->file, all, flags) : 0;
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
		if (is_run(c, bench_measures[i]))
			failed |= run_one(c, bench_measures[i], results, &missed);
	}
	if (!bench_interrupted || json_object_array_length(results))
		failed |= write_json(c, all);
	json_object_put(all);
	return failed || bench_interrupted || (c->is_check && missed) ? BENCH_FAILED : BENCH_DONE;
}

/* The words of the command, for who wants to repeat it. */
static void note_command(int argc, char **argv, char *ret, size_t size)
{
	size_t n = (size_t)snprintf(ret, size, "bmc-bench");

	for (int i = 0; i < argc && n < size; i++)
		n += (size_t)snprintf(ret + n, size - n, " %s", argv[i]);
}

int bench_cmd_run(int argc, char **argv)
{
	static char words[512];
	struct command c = { .options = { .rounds = DEFAULT_ROUNDS,
					  .seconds = DEFAULT_SECONDS,
					  .cases = "*",
					  .command = words,
					  .bmcctl = BENCH_BMCCTL,
					  .memcached_sr = BENCH_MEMCACHED_SR } };
	int first;

	note_command(argc, argv, words, sizeof(words));
	if (bench_options_read(options, head, &c, argc, argv, &first))
		return BENCH_USAGE;
	c.words = argv + first;
	c.n_words = argc - first;
	if (c.options.is_without_bmc && c.is_check) {
		bench_fail("run: --check: without bmc there is nothing to meet");
		return BENCH_USAGE;
	}
	if (check_words(&c) || check_case(&c))
		return BENCH_USAGE;
	if (geteuid()) {
		bench_fail("this needs root; try sudo");
		return BENCH_FAILED;
	}
	if (check_file(c.file))
		return BENCH_FAILED;
	bench_catch_signals();
	return run(&c);
}

static void print_measure(const struct bench_measure *m)
{
	printf("%-16s %s\n", m->name, m->what);
	for (int i = 0; m->metrics[i].name; i++)
		printf("  %-14s %-10s %s\n", m->metrics[i].name, m->metrics[i].unit,
		       m->metrics[i].what);
}

int bench_cmd_list(int argc, char **argv)
{
	static const struct bench_option none[] = { {} };
	int first;

	if (bench_options_read(none,
			       "Usage: bmc-bench list\nNames the measures, and what the columns of "
			       "their tables are.\n",
			       NULL, argc, argv, &first))
		return BENCH_USAGE;
	if (first < argc) {
		bench_fail("list: '%s' is not an option", argv[first]);
		return BENCH_USAGE;
	}
	for (int i = 0; bench_measures[i]; i++)
		print_measure(bench_measures[i]);
	return BENCH_DONE;
}
