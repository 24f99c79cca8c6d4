// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Goodput of bulk sets over a bad wire, with bmc against without, in alternation: a measure, not a test.
 * usage: goodput [ROUNDS]      needs root; prints medians in MB/s, their ratio, and what bmc dropped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bad_wire.h"
#include "wire.skel.h"
#include "world.h"

#define ROUNDS_MAX 25
#define RUN_SECONDS 20.0 /* at most */

static const struct row {
	const char *name;
	size_t block; /* bytes of a value */
	size_t total; /* bytes sent in a run */
	struct wire_set set;
} rows[] = {
	{ "64 KB, no loss", 64 << 10, 8 << 20, {} },
	{ "1 MB, no loss", 1000 << 10, 8 << 20, {} },
	{ "64 KB, 0.1 % lost", 64 << 10, 4 << 20, { .lose = 1000 } },
	{ "1 MB, 0.1 % lost", 1000 << 10, 4 << 20, { .lose = 1000 } },
	{ "64 KB, 1 % lost", 64 << 10, 2 << 20, { .lose = 10000 } },
	{ "1 MB, 1 % lost", 1000 << 10, 2 << 20, { .lose = 10000 } },
	{ "64 KB, 1 % overtaken", 64 << 10, 4 << 20, { .hold = 10000, .behind = 5 } },
	{ "1 MB, 1 % overtaken", 1000 << 10, 4 << 20, { .hold = 10000, .behind = 5 } },
};

static struct bad_wire bad;

/* Sends sets without answers, then asks for one: MB/s up to its coming. */
static double run(struct world *w, const struct row *row)
{
	struct text set = {}, answer = {};
	struct tcp t;
	double begin, rate;

	text_add(&set, "set k 0 0 %zu noreply\r\n", row->block);
	for (size_t i = 0; i < row->block; i++)
		text_append(&set, "v", 1);
	text_add(&set, "\r\n");
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	bad.skel->bss->wire.set = row->set;
	begin = test_now();
	for (size_t sent = 0; sent < row->total && test_now() - begin < RUN_SECONDS;
	     sent += set.len)
		tcp_send(&t, set.data, set.len);
	tcp_send(&t, "mn\r\n", 4);
	assert_int_equal(tcp_receive(&t, RUN_SECONDS, &answer), 0);
	rate = (double)row->total / (test_now() - begin) / 1e6;
	memset(&bad.skel->bss->wire.set, 0, sizeof(bad.skel->bss->wire.set));
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

static double median(double *rates, int n)
{
	qsort(rates, (size_t)n, sizeof(*rates), compare);
	return n % 2 ? rates[n / 2] : (rates[n / 2 - 1] + rates[n / 2]) / 2;
}

static double run_with_bmc(struct world *w, const struct row *row, struct text *drops)
{
	static const char *const names[] = { "kept_ahead",  "drop_ahead", "drop_redo",
					     "drop_forged", "drop_busy",  "lost" };
	double rate;

	if (bmcctl(&w->server, "start --name %s --iface " WORLD_IF " --memory 16M --mode skb",
		   w->instance))
		fail_msg("bmcctl start: %s", bmcctl_result.err);
	rate = run(w, row);
	text_clear(drops);
	for (size_t i = 0; i < TEST_COUNT(names); i++)
		text_add(drops, " %s %lld", names[i], world_stat(w, names[i]));
	world_stop_bmc(w);
	return rate;
}

static void measure(struct world *w, const struct row *row, int rounds)
{
	double with[ROUNDS_MAX], without[ROUNDS_MAX], a, b;
	struct text drops = {};

	for (int i = 0; i < rounds; i++) {
		without[i] = run(w, row);
		with[i] = run_with_bmc(w, row, &drops);
	}
	a = median(with, rounds);
	b = median(without, rounds);
	print_message("%-22s %8.1f %8.1f %6.2f  last:%s\n", row->name, b, a, a / b, drops.data);
	text_free(&drops);
}

static int rounds = 5;

static void goodput(void **state)
{
	struct world *w = *state;

	/* each segment meets its own fate */
	child_sh(&w->client, "ip link set " WORLD_CLIENT_IF " gso_max_segs 1");
	bad_wire_attach(&bad, &w->client, WORLD_CLIENT_IF);
	print_message("%-22s %8s %8s %6s\n", "MB/s, medians", "without", "with", "ratio");
	for (size_t i = 0; i < TEST_COUNT(rows); i++)
		measure(w, &rows[i], rounds);
	bad_wire_close(&bad);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goodput, world_setup_memcached, world_teardown),
	};

	if (argc > 1)
		rounds = (int)strtol(argv[1], NULL, 10);
	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: goodput [ROUNDS]   1 to %d\n", ROUNDS_MAX);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
