// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Goodput of bulk sets over a bad wire, with bmc against without: a measure, not a test.
 * usage: goodput [ROUNDS [MB/S [WORD]]]      needs root
 *        MB/S: no faster than so many, as on a slower wire; 0: as fast as it goes. WORD: only rows whose names contain it
 *
 * Two memcacheds in namespaces of their own, joined to the client by wires that are alike, an XDP program at both ends
 * of each: bmc's at the one, one that passes everything at the other. They are sent the same in turn, so that what the
 * machine does besides meets both. Each round is a ratio. Printed is their median, and where it lies with 95 %
 * certainty whatever the ratios' distribution; a row that lies below what is wanted makes the exit status 1.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "bad_wire.h"
#include "wire.skel.h"
#include "world.h"

#define ROUNDS_MAX 200
#define ROUNDS_MIN 6 /* fewer tell nothing with 95 % certainty */
#define RUN_SECONDS 20.0 /* at most */
#define PRIO_MOST (-20)
#define WANTED 0.9
#define PLAIN_IF "srv1"
#define PLAIN_CLIENT_IF "cli1"
#define PLAIN_NET 78
#define PLAIN_IP4 "10.78.0.1"
#define LOST_1_PERCENT .lose = 10000
#define OVERTAKEN_1_PERCENT .hold = 10000, .behind = 5

static const struct row {
	const char *name;
	size_t block; /* bytes of a value */
	size_t total; /* bytes sent in a run */
	struct wire_set set;
} rows[] = {
	{ "64 KB, no loss", 64 << 10, 8 << 20, {} },
	{ "1 MB, no loss", 1000 << 10, 8 << 20, {} },
	{ "64 KB, 0.1 % lost", 64 << 10, 8 << 20, { .lose = 1000 } },
	{ "1 MB, 0.1 % lost", 1000 << 10, 8 << 20, { .lose = 1000 } },
	{ "64 KB, 1 % lost", 64 << 10, 4 << 20, { LOST_1_PERCENT } },
	{ "1 MB, 1 % lost", 1000 << 10, 4 << 20, { LOST_1_PERCENT } },
	{ "64 KB, 1 % overtaken", 64 << 10, 8 << 20, { OVERTAKEN_1_PERCENT } },
	{ "1 MB, 1 % overtaken", 1000 << 10, 8 << 20, { OVERTAKEN_1_PERCENT } },
};

/* One of the two servers, as the client sees it. */
struct side {
	const char *address;
	struct bad_wire bad;
	double rate[ROUNDS_MAX]; /* MB/s */
};

static struct side plain = { .address = PLAIN_IP4 }, watched = { .address = WORLD_IP4 };
static struct ns other = { .fd = -1 };
static int rounds = 15;
static const char *word = "";
static unsigned int pace; /* bytes/s; 0: none */

/* Sends sets without answers, then asks for one: MB/s up to its coming. */
static double run(struct world *w, const struct row *row, struct side *side)
{
	struct wire_set *wire = &side->bad.skel->bss->wire.set;
	struct text set = {}, answer = {};
	size_t sent = 0;
	struct tcp t;
	double begin, rate;

	text_add(&set, "set k 0 0 %zu noreply\r\n", row->block);
	for (size_t i = 0; i < row->block; i++)
		text_append(&set, "v", 1);
	text_add(&set, "\r\n");
	tcp_open(&t, &w->client, side->address, WORLD_PORT);
	if (pace)
		setsockopt(t.fd, SOL_SOCKET, SO_MAX_PACING_RATE, &pace, sizeof(pace));
	*wire = row->set;
	begin = test_now();
	while (sent < row->total && test_now() - begin < RUN_SECONDS) {
		tcp_send(&t, set.data, set.len);
		sent += set.len;
	}
	tcp_send(&t, "mn\r\n", 4);
	assert_int_equal(tcp_receive(&t, RUN_SECONDS, &answer), 0);
	rate = (double)sent / (test_now() - begin) / 1e6;
	memset(wire, 0, sizeof(*wire));
	tcp_close(&t);
	text_free(&set);
	text_free(&answer);
	return rate;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(const double *sorted, int n)
{
	return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/*
 * The median is above the k-th smallest of n values and below the k-th largest with 95 % certainty: k - 1 is the
 * largest number of heads that n coins fall short of, or reach, with at most 2.5 %.
 */
static int certain_rank(int n)
{
	double chance = 1, sum;
	int k = 0;

	for (int i = 0; i < n; i++)
		chance /= 2;
	sum = chance;
	while (sum <= 0.025) {
		k++;
		chance = chance * (n - k + 1) / k;
		sum += chance;
	}
	return k;
}

static const char *const counted[] = { "kept_ahead",  "drop_ahead", "drop_redo",
				       "drop_forged", "drop_busy",  "lost" };

/* Whether the row may reach what is wanted. */
static int report(const struct row *row, const struct text *drops)
{
	double ratio[ROUNDS_MAX], low, high;
	int k = certain_rank(rounds);

	for (int i = 0; i < rounds; i++)
		ratio[i] = watched.rate[i] / plain.rate[i];
	qsort(ratio, (size_t)rounds, sizeof(double), compare);
	qsort(watched.rate, (size_t)rounds, sizeof(double), compare);
	qsort(plain.rate, (size_t)rounds, sizeof(double), compare);
	low = ratio[k - 1];
	high = ratio[rounds - k];
	print_message("%-22s %8.1f %8.1f %6.2f %5.2f to %4.2f  %-7s %s\n", row->name,
		      median(plain.rate, rounds), median(watched.rate, rounds),
		      median(ratio, rounds), low, high,
		      low >= WANTED  ? "yes" :
		      high >= WANTED ? "unknown" :
				       "no",
		      drops->data);
	return high >= WANTED;
}

static int measure(struct world *w, const struct row *row)
{
	struct wire_count *lost = &watched.bad.skel->bss->wire.count;
	long long before[TEST_COUNT(counted)];
	struct text drops = {};
	int reached;

	memset(lost, 0, sizeof(*lost));
	for (size_t i = 0; i < TEST_COUNT(counted); i++)
		before[i] = world_stat(w, counted[i]);
	for (int i = 0; i < rounds; i++) {
		struct side *first = i % 2 ? &watched : &plain, *then = i % 2 ? &plain : &watched;

		first->rate[i] = run(w, row, first);
		then->rate[i] = run(w, row, then);
	}
	text_add(&drops, "of %llu segments, %llu lost, %llu overtaken:", lost->segments, lost->lost,
		 lost->held);
	for (size_t i = 0; i < TEST_COUNT(counted); i++)
		text_add(&drops, " %s %lld", counted[i], world_stat(w, counted[i]) - before[i]);
	reached = report(row, &drops);
	text_free(&drops);
	return reached;
}

/* This process, and what it starts from now on, stays on one CPU: where both ends meet is not left to chance. */
static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* with one CPU only, both share it */
}

static void wire_make(struct world *w, struct side *side, const char *client_if)
{
	/* each segment meets its own fate */
	child_sh(&w->client, "ip link set %s gso_max_segs 1", client_if);
	bad_wire_attach(&side->bad, &w->client, client_if);
}

static void forget_other(void)
{
	ns_remove(&other);
}

static int goodput_setup(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	ns_make(&other, "other");
	ns_join(&other, PLAIN_IF, &w->client, PLAIN_CLIENT_IF, PLAIN_NET);
	ns_pass_through(&w->client, PLAIN_CLIENT_IF);
	ns_pass_through(&other, PLAIN_IF);
	setpriority(PRIO_PROCESS, 0, PRIO_MOST); /* inherited by what is started */
	stay_on(1);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	memcached_start(&w->plain, &other, WORLD_PORT, NULL);
	stay_on(0);
	world_start_bmc(w, "");
	wire_make(w, &watched, WORLD_CLIENT_IF);
	wire_make(w, &plain, PLAIN_CLIENT_IF);
	return 0;
}

static int goodput_teardown(void **state)
{
	bad_wire_close(&watched.bad);
	bad_wire_close(&plain.bad);
	return world_teardown(state);
}

static void goodput(void **state)
{
	int below = 0;

	print_message("%-22s %8s %8s %6s %13s  %-7s\n", "MB/s, medians", "without", "with", "ratio",
		      "95 % certain", ">= 0.9");
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		if (strstr(rows[i].name, word))
			below += !measure(*state, &rows[i]);
	}
	assert_int_equal(below, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goodput, goodput_setup, goodput_teardown),
	};

	if (argc > 1)
		rounds = (int)strtol(argv[1], NULL, 10);
	if (argc > 2)
		pace = (unsigned int)(strtod(argv[2], NULL) * 1e6);
	if (argc > 3)
		word = argv[3];
	if (rounds < ROUNDS_MIN || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: goodput [ROUNDS [MB/S [WORD]]]   rounds: %d to %d\n",
			ROUNDS_MIN, ROUNDS_MAX);
		return 2;
	}
	atexit(forget_other); /* however it ends */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
