/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The benchmark's frame. A measure compares its arms (with and without bmc, say) in its cases (one connection, sixty-four…),
 * and gives some metrics of each. The runner takes the arms in turn, round after round; what comes out are the
 * values of all rounds, and the measure's targets say what they should be.
 *
 * Arms that come one after another have one place. Where a few per cent are to be told, a machine is not the same a second later:
 * a measure with slice() has all its arms up at once, each in a place of its own, and the runner gives the CPUs to one
 * and another for some milliseconds. Places change hands with each round.
 *
 * Functions return 0, or -1 with everything said on stderr, unless they say otherwise.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

#define BENCH_METRICS_MAX 8
#define BENCH_CASES_MAX 32
#define BENCH_ARMS_MAX 8
#define BENCH_ROUNDS_MAX 99
#define BENCH_COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct bench_histogram;
struct bench_place;

struct bench_options {
	int rounds;
	double seconds; /* of one case in one arm */
	const char *cases; /* only those of these names, as by glob(7) */
	int is_awake; /* CPUs with nothing to do do not sleep: awake.h */
	int is_without_bmc; /* no arm has it: how far from 1 are ratios of what is the same? */
	const char *command; /* the words that this came from */
	const char *bmcctl; /* the programs */
	const char *memcached_sr;
};

struct bench_metric {
	const char *name;
	const char *unit;
	const char *what; /* a line for people */
};

enum bench_bound { BENCH_AT_MOST, BENCH_AT_LEAST };

/* What the median over the rounds of `metric` of `arm`, or of its ratio to another arm's, should be. */
struct bench_target {
	const char *cases; /* the names of the cases, as by glob(7) */
	const char *metric;
	const char *arm;
	const char *over; /* the other arm; NULL: the figure itself */
	enum bench_bound bound;
	double limit;
	const char *over_case; /* NULL: the same case */
	const char *why; /* for people: what the target is about */
};

/* What a measure's functions are given. */
struct bench_run {
	const struct bench_options *options;
	struct bench_place *place; /* the arm's; in setup() and teardown() there is no arm */
	void *state; /* the measure's own, from setup() to teardown() */
	int arm, at; /* the case's index */
	struct bench_histogram *distribution; /* run() adds to it; NULL: the measure has none */
};

struct bench_measure {
	const char *name;
	const char *what;
	const char *arms[BENCH_ARMS_MAX + 1]; /* NULL ends the lists */
	const char *cases[BENCH_CASES_MAX + 1];
	struct bench_metric metrics[BENCH_METRICS_MAX + 1];
	const struct bench_target *targets; /* the last one has no metric */
	int is_of_the_same; /* but for bmc: arms can be compared with themselves, --no-bmc */
	int has_distribution; /* of times in ns, of all rounds of a case and arm */
	/* Once; teardown() also after a setup() that failed half-way. NULL: nothing to do. */
	int (*setup)(struct bench_run *run);
	void (*teardown)(struct bench_run *run);
	/* Once in each round for each arm; leave() also after an enter() that failed, or in the midst of a case. NULL: nothing to do. */
	int (*enter)(struct bench_run *run);
	int (*leave)(struct bench_run *run);
	/* One case. Only where there is a slice(): begin() of all arms; slice() of one and another, which is over when nothing of
	 * the arm goes on, and notes what it took; then run() of all arms. */
	int (*begin)(struct bench_run *run);
	int (*slice)(struct bench_run *run, double seconds);
	/* Fills a value for each metric; NAN: there is none. */
	int (*run)(struct bench_run *run, double *ret_values);
};

/* The registry: all measures, a NULL at the end. */
extern const struct bench_measure *const bench_measures[];

/* "bmc-bench: ..." on stderr. -> -1 */
int bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Set by SIGINT and SIGTERM: loads end, everything is taken down. */
extern volatile int bench_interrupted;

#endif
