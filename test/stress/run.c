// SPDX-License-Identifier: LGPL-2.1-only
#include "run.h"

#include <stdio.h>
#include <string.h>

#include "faults.h"
#include "instance.h"
#include "world.h"

#define MAX_AGE_NS 60000000000ULL
#define QUIET_ROUNDS 4
#define LARGE (900 * 1024)

static struct load load;
static unsigned long run_ops; /* wanted; 0: no matter */

static int run_enough(const struct load *l)
{
	unsigned long ops = 0;

	for (int i = 0; i < l->n_actors; i++)
		ops += ((const volatile struct actor *)&l->actor[i])->ops;
	return run_ops && ops >= run_ops;
}

/* A test that failed in the middle leaves its actors running. */
static void run_end_load(void)
{
	load_stop(&load);
	faults_end();
	load_free(&load);
}

/* What the stuck writers ask for. */
static void run_large(struct world *w)
{
	char *large = calloc(1, LARGE);

	assert_non_null(large);
	tcp_set(&w->tcp, "large", large, LARGE);
	free(large);
}

/* With all at rest, TCP and UDP answer the same of each key, from memcached and from the cache. */
static int run_differs(struct world *w)
{
	struct text tcp = {}, udp = {};
	int differs = 0;

	for (int key = 0; key < KEYS_MAX; key++) {
		char line[32];

		if (!load.key[key][0])
			continue;
		snprintf(line, sizeof(line), "get %s\r\n", load.key[key]);
		tcp_ask(&w->tcp, line, &tcp);
		for (int i = 0; i < 2 * QUIET_ROUNDS; i++) {
			struct udp *u = i % 2 ? &w->udp6 : &w->udp;

			if (tcp.len > 1300) /* not one datagram */
				continue;
			udp_ask(u, line, &udp);
			differs += tcp.len != udp.len || memcmp(tcp.data, udp.data, tcp.len) != 0;
		}
	}
	text_free(&tcp);
	text_free(&udp);
	return differs;
}

void run_scenario(void **state, const struct scenario *s, double seconds, unsigned long ops,
		  struct result *ret)
{
	struct instance_settings settings = { .buckets = s->buckets,
					      .writers = s->places,
					      .test = s->test,
					      .mutants = s->mutants,
					      .max_age_ns = MAX_AGE_NS };
	struct world *w;
	double begin;

	run_end_load();
	memset(ret, 0, sizeof(*ret));
	world_setup_empty(state);
	w = *state;
	faults_memcached(w, s);
	instance_start(w, &settings);
	faults_prepare(w, s);
	world_open_clients(w);
	if (s->stuck_writers)
		run_large(w);
	run_ops = ops;
	begin = test_now();
	assert_int_equal(load_start(&load, s, w), 0);
	faults_run(w, &load, seconds, run_enough);
	load_stop(&load);
	faults_end();
	ret->seconds = test_now() - begin;
	ret->hits = world_stat(w, "hits");
	ret->lost = world_stat(w, "lost");
	assert_int_equal(load_check(&load, stderr, &ret->sums), 0);
	ret->share =
		ret->sums.udp_reads ? 100.0 * (double)ret->hits / (double)ret->sums.udp_reads : 0;
	udp_close(&w->udp);
	udp_close(&w->udp6);
	tcp_close(&w->tcp);
	world_open_clients(w);
	ret->differs = run_differs(w);
}

void run_print(const struct scenario *s, const struct result *r)
{
	print_message("%-24s %8lu operations %8lu UDP reads %5.1f %% by bmc  %zu violations  "
		      "%d differ  %lu wrong  %lld lost  %.1f s\n",
		      s->name, r->sums.ops, r->sums.udp_reads, r->share, r->sums.violations,
		      r->differs, r->sums.wrong, r->lost, r->seconds);
	if (r->sums.first_wrong)
		print_message("    the first wrong answer: %s\n", r->sums.first_wrong);
}
