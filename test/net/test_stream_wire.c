// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Writes over a bad wire: segments lost, overtaken, doubled. Whatever is answered is memcached's; no connection is
 * lost to bmc, and what came ahead of its turn is kept, not dropped.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bad_wire.h"
#include "wire.skel.h"
#include "world.h"

#define KEYS 20
#define ROUNDS 60

static struct bad_wire bad;

static int setup(void **state)
{
	struct world *w;

	world_setup(state);
	w = *state;
	/* each segment meets its own fate */
	child_sh(&w->client, "ip link set " WORLD_CLIENT_IF " gso_max_segs 1");
	tcp_close(&w->tcp);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	bad_wire_attach(&bad, &w->client, WORLD_CLIENT_IF);
	return 0;
}

static int teardown(void **state)
{
	bad_wire_close(&bad);
	return world_teardown(state);
}

/* Sends all and takes the answers meanwhile: both sides' buffers are small. Then one `mn` ends it. */
static void send_all(struct tcp *t, struct text *all, struct text *answer)
{
	double until = test_now() + test_patience(30);

	for (size_t at = 0; at < all->len;) {
		at += tcp_send_some(t, all->data + at, all->len - at);
		while (!tcp_receive(t, 0, answer))
			;
		assert_true(test_now() < until);
	}
	tcp_send(t, "mn\r\n", 4);
	do
		assert_int_equal(tcp_receive(t, 20, answer), 0);
	while (strncmp(answer->data, "MN", 2) != 0);
}

/* What the writes of a round leave behind; all of one length. */
static void value_of(char *ret, size_t size, int round, int key)
{
	snprintf(ret, size, "value %06d of key %03d", round, key);
}

/* Pipelined sets and gets over some tens of segments; some data blocks are full of command lines. */
static void add_round(struct text *all, int round, size_t block)
{
	char value[64];

	for (int k = 0; k < KEYS; k++) {
		size_t begin;

		text_add(all, "set big%d 0 0 %zu\r\n", k, block);
		begin = all->len;
		while (all->len - begin + 80 < block)
			text_add(all, "set k%d 0 0 2\r\nno\r\nflush_all\r\nget k%d\r\n", k, k);
		while (all->len - begin < block)
			text_append(all, "x", 1);
		value_of(value, sizeof(value), round, k);
		text_add(all, "\r\nset k%d 0 0 %zu%s\r\n%s\r\nget k%d\r\n", k, strlen(value),
			 k % 3 ? "" : " noreply", value, k);
	}
}

static void expect_round(struct world *w, int round)
{
	char key[16], value[64];

	for (int k = 0; k < KEYS; k++) {
		snprintf(key, sizeof(key), "k%d", k);
		value_of(value, sizeof(value), round, k);
		world_expect(w, &w->udp, key, value);
	}
}

static void assert_followed(struct world *w)
{
	world_warm(w, &w->udp, "k7");
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void write_rounds(struct world *w, int rounds, size_t block)
{
	for (int round = 0; round < rounds; round++) {
		struct text all = {};

		add_round(&all, round, block);
		send_all(&w->tcp, &all, &w->text);
		text_free(&all);
		if (round % 8 == 0 || round == rounds - 1)
			expect_round(w, round);
	}
	assert_followed(w);
}

static void say(struct world *w)
{
	static const struct wire_count none;
	const struct wire_count *n = bad.skel ? &bad.skel->bss->wire.count : &none;

	print_message("segments %llu lost %llu held %llu twice %llu corrupt %llu; kept_ahead %lld "
		      "drop_ahead %lld drop_redo %lld drop_forged %lld drop_busy %lld\n",
		      n->segments, n->lost, n->held, n->twice, n->corrupt,
		      world_stat(w, "kept_ahead"), world_stat(w, "drop_ahead"),
		      world_stat(w, "drop_redo"), world_stat(w, "drop_forged"),
		      world_stat(w, "drop_busy"));
}

static void writes_over_a_wire_that_loses_one_in_a_hundred(void **state)
{
	struct world *w = *state;

	bad.skel->bss->wire.set.lose = 10000;
	write_rounds(w, ROUNDS, 6000);
	say(w);
	assert_true(bad.skel->bss->wire.count.lost > 0);
	assert_true(world_stat(w, "kept_ahead") > 0);
}

static void writes_over_a_wire_that_reorders(void **state)
{
	struct world *w = *state;

	bad.skel->bss->wire.set.hold = 20000;
	bad.skel->bss->wire.set.behind = 5;
	write_rounds(w, ROUNDS, 6000);
	say(w);
	assert_true(bad.skel->bss->wire.count.held > 0);
	assert_true(world_stat(w, "kept_ahead") > 0);
}

static void writes_over_a_wire_that_loses_reorders_and_doubles(void **state)
{
	struct world *w = *state;

	bad.skel->bss->wire.set.lose = 5000;
	bad.skel->bss->wire.set.hold = 20000;
	bad.skel->bss->wire.set.behind = 3;
	bad.skel->bss->wire.set.twice = 20000;
	write_rounds(w, ROUNDS, 6000);
	say(w);
	assert_true(bad.skel->bss->wire.count.twice > 0);
}

/* A wrong checksum is found behind the programs: what they took for commands was none. No wrong value may come of it. */
static void writes_over_a_wire_that_spoils(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++) {
		struct text all = {};

		bad.skel->bss->wire.set.corrupt = 5000;
		bad.skel->bss->wire.set.corrupt_next = 1;
		add_round(&all, i, 2000);
		send_all(&w->tcp, &all, &w->text);
		bad.skel->bss->wire.set.corrupt = 0;
		expect_round(w, i);
		text_free(&all);
		tcp_close(&w->tcp);
		tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	}
	say(w);
	assert_true(bad.skel->bss->wire.count.corrupt > 0);
	world_warm(w, &w->udp, "k7"); /* a connection that was lost is closed, and holds nothing */
}

/* The first segment is lost; the rest, and the end of the stream, come ahead of their turn. */
static void a_half_closed_connection_whose_first_segment_is_lost(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 10; i++) {
		char command[80], value[16];
		struct tcp t;

		snprintf(value, sizeof(value), "value %d", i);
		snprintf(command, sizeof(command), "set k 0 0 %zu\r\n%s\r\n", strlen(value), value);
		world_cache(w, "k", "old");
		tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
		tcp_expect(&t, "mn\r\n", "MN");
		bad.skel->bss->wire.set.lose_next = 1;
		tcp_send(&t, command, 9);
		tcp_send(&t, command + 9, 5);
		tcp_send(&t, command + 14, strlen(command) - 14);
		shutdown(t.fd, SHUT_WR);
		assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), 0);
		text_assert_is("set", &w->text, "STORED\r\n");
		world_expect(w, &w->udp, "k", value);
		tcp_close(&t);
	}
	assert_true(world_stat(w, "kept_ahead") > 0);
	world_warm(w, &w->udp, "k");
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* ---- large values ---- */

#define LARGE_ROUNDS 3

/* Values of `size` bytes full of command lines, and behind each a set. */
static void large_values(struct world *w, size_t size)
{
	world_cache(w, "k7", "old");
	for (int round = 0; round < LARGE_ROUNDS; round++) {
		struct text all = {};
		char value[64];
		size_t begin;

		text_add(&all, "set large 0 0 %zu\r\n", size);
		begin = all.len;
		while (all.len - begin + 40 < size)
			text_add(&all, "set k7 0 0 2\r\nno\r\nflush_all\r\n");
		while (all.len - begin < size)
			text_append(&all, "\n", 1);
		value_of(value, sizeof(value), round, 7);
		text_add(&all, "\r\nset k7 0 0 %zu\r\n%s\r\n", strlen(value), value);
		send_all(&w->tcp, &all, &w->text);
		world_expect(w, &w->udp, "k7", value);
		text_free(&all);
	}
	assert_followed(w);
	say(w);
}

static void values_of_a_megabyte_over_a_wire_that_loses(void **state)
{
	bad.skel->bss->wire.set.lose = 10000;
	large_values(*state, 1000000);
	assert_true(bad.skel->bss->wire.count.lost > 0);
}

static int setup_large_items(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-I 8m -m 256");
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	bad_wire_attach(&bad, &w->client, WORLD_CLIENT_IF);
	return 0;
}

static void values_of_several_megabytes(void **state)
{
	large_values(*state, 6000000);
}

/* ---- two CPUs ---- */

/* Moves what comes in from one CPU to the other and back as fast as it can, for a bounded time. */
static pid_t steer_to_and_fro(struct world *w)
{
	char line[] = "i=0; cd /sys/class/net/" WORLD_IF "/queues/rx-0; while [ $i -lt 1000000 ]; "
		      "do echo 1 >rps_cpus; echo 2 >rps_cpus; i=$((i+1)); done";
	char *argv[] = { "timeout",	 "60", "ip", "netns", "exec",
			 w->server.name, "sh", "-c", line,    NULL };

	return child_start(NULL, argv);
}

/* Segments of one connection are on both CPUs at once, and overtake each other there. */
static void a_connection_on_two_cpus(void **state)
{
	struct world *w = *state;
	pid_t steering = steer_to_and_fro(w);

	assert_true(steering > 0);
	write_rounds(w, ROUNDS, 3000);
	child_stop(steering, SIGTERM);
	say(w);
}

/* ---- TCP's memory ---- */

static int setup_little_memory(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	child_sh(&w->server, "sysctl -q net.ipv4.tcp_rmem='4096 8192 8192'");
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	return 0;
}

#define MANY 80 /* more connections than can keep bytes */
#define STUCK_S 1.0

/*
 * Segments of a few bytes take more of TCP's memory than of its window: it has to make room, and may refuse those that
 * are in order. They come again until memcached reads: no reason to lose the connection.
 */
static void tiny_segments_for_a_memcached_that_stands_still(struct world *w, int n)
{
	struct text all = {};
	struct tcp local[MANY];
	size_t at[MANY] = {};
	double until;

	/* on loopback a segment keeps the memory that it was made of */
	for (int i = 0; i < n; i++) {
		tcp_open(&local[i], &w->server, "127.0.0.1", WORLD_PORT);
		tcp_expect(&local[i], "mn\r\n", "MN");
	}
	world_cache(w, "k", "old");
	for (int i = 0; i < 4000; i++)
		text_add(&all, "set k 0 0 8 noreply\r\n%08d\r\n", i);
	memcached_freeze(&w->memcached);
	for (until = test_now() + STUCK_S; test_now() < until;) { /* TCP takes no more */
		size_t sent = 0;

		for (int i = 0; i < n; i++) {
			size_t len = all.len - at[i] < 17 ? all.len - at[i] : 17;

			len = tcp_send_some(&local[i], all.data + at[i], len);
			at[i] += len;
			sent += len;
		}
		if (sent)
			until = test_now() + STUCK_S;
		else
			test_sleep(0.01);
	}
	memcached_thaw(&w->memcached);
	for (int i = 0; i < n; i++) {
		tcp_send(&local[i], all.data + at[i], all.len - at[i]);
		tcp_expect(&local[i], "mn\r\n", "MN");
	}
	say(w);
	world_expect(w, &w->udp, "k", "00003999");
	/* what is on its way on another CPU is not known: one of many may be */
	assert_in_range(world_stat(w, "lost"), 0, n / 20);
	for (int i = 0; i < n; i++)
		tcp_close(&local[i]);
	world_warm(w, &w->udp, "k");
	text_free(&all);
}

static void tiny_segments_on_one_connection(void **state)
{
	tiny_segments_for_a_memcached_that_stands_still(*state, 1);
}

static void tiny_segments_on_many_connections(void **state)
{
	tiny_segments_for_a_memcached_that_stands_still(*state, MANY);
}

#define FAULTY_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static const struct CMUnitTest tests[] = {
	FAULTY_TEST(writes_over_a_wire_that_loses_one_in_a_hundred),
	FAULTY_TEST(writes_over_a_wire_that_reorders),
	FAULTY_TEST(writes_over_a_wire_that_loses_reorders_and_doubles),
	FAULTY_TEST(writes_over_a_wire_that_spoils),
	FAULTY_TEST(a_half_closed_connection_whose_first_segment_is_lost),
	FAULTY_TEST(values_of_a_megabyte_over_a_wire_that_loses),
	cmocka_unit_test_setup_teardown(values_of_several_megabytes, setup_large_items, teardown),
	FAULTY_TEST(a_connection_on_two_cpus),
	cmocka_unit_test_setup_teardown(tiny_segments_on_one_connection, setup_little_memory,
					world_teardown),
	cmocka_unit_test_setup_teardown(tiny_segments_on_many_connections, setup_little_memory,
					world_teardown),
};

TEST_MAIN(tests, NULL, NULL)
