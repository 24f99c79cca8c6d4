// SPDX-License-Identifier: LGPL-2.1-only
/* Connections that are older than `bmcctl start`: idle ones are followed from their next command, others are named. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "world.h"

#define MANY 5000
#define SOME 50
#define BUSY 8

static struct tcp old[MANY];

static void open_old(struct world *w, int n)
{
	char key[16];

	for (int i = 0; i < n; i++) {
		tcp_open(&old[i], &w->client, WORLD_IP4, WORLD_PORT);
		snprintf(key, sizeof(key), "k%d", i % SOME);
		tcp_set(&old[i], key, "before", 6);
	}
}

static void close_old(int n)
{
	for (int i = 0; i < n; i++)
		tcp_close(&old[i]);
}

/* What start said must contain this. */
static void said(const char *text)
{
	if (!strstr(bmcctl_result.out, text))
		fail_msg("start does not say '%s':\n%s%s", text, bmcctl_result.out,
			 bmcctl_result.err);
}

static void status_says(struct world *w, const char *text)
{
	assert_int_equal(bmcctl(&w->server, "status --name %s", w->instance), 0);
	if (!strstr(bmcctl_result.out, text))
		fail_msg("status does not say '%s':\n%s", text, bmcctl_result.out);
}

static void nothing_is_served(struct world *w, const char *key)
{
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, key));
}

/* They hold nothing, are in step from their first command on, and empty nothing when they wake. */
static void idle_ones_are_followed(void **state)
{
	struct world *w = *state;
	char key[16];

	open_old(w, SOME);
	world_start_bmc(w, "--max-age 60s");
	said("50 connections older than this start: 50 followed, 0 closed, 0 not to be followed");
	world_open_clients(w);
	world_cache(w, "other", "stays");
	for (int i = 0; i < SOME; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		world_warm(w, &w->udp, key);
		tcp_set(&old[i], key, "after", 5);
		world_expect(w, &w->udp, key, "after");
	}
	assert_true(world_get(w, &w->udp, "other"));
	assert_int_equal(world_stat(w, "old"), SOME);
	assert_int_equal(world_stat(w, "lost"), 0);
	assert_int_equal(world_stat(w, "unknown_writes"), 0);
	status_says(w, "connections: 51 followed, 0 not; holds: 0");
	close_old(SOME);
}

static void five_thousand_idle_ones_wake_and_empty_nothing(void **state)
{
	const struct rlimit files = { .rlim_cur = MANY + 2000, .rlim_max = MANY + 2000 };
	struct world *w = *state;
	double began;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-c 6000");
	open_old(w, MANY);
	began = test_now();
	world_start_bmc(w, "--max-age 60s --memory 64M");
	print_message("start with %d old connections: %.2f s\n", MANY, test_now() - began);
	said("5000 connections older than this start: 5000 followed, 0 closed, 0 not to be "
	     "followed");
	world_open_clients(w);
	world_cache(w, "other", "stays");
	for (int i = 0; i < MANY; i++)
		tcp_expect(&old[i], "get nothing\r\n", "END");
	assert_true(world_get(w, &w->udp, "other"));
	assert_int_equal(world_stat(w, "old"), MANY);
	assert_int_equal(world_stat(w, "lost"), 0);
	assert_int_equal(world_stat(w, "unknown_writes"), 0);
	began = test_now();
	status_says(w, "connections: 5001 followed, 0 not; holds: 0");
	print_message("status with %d connections: %.2f s\n", MANY, test_now() - began);
	close_old(MANY);
}

/* Half a line before, the rest later: what comes is no beginning of a command. */
static void one_in_the_middle_of_a_line_is_lost(void **state)
{
	struct world *w = *state;

	tcp_open(&old[0], &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&old[0], "k", "before", 6);
	tcp_send(&old[0], "set k 0 0 5", 11);
	tcp_wait_sent(&old[0]);
	world_start_bmc(w, "--max-age 60s");
	said("1 followed");
	world_open_clients(w);
	world_warm(w, &w->udp, "k");
	tcp_expect(&old[0], "\r\nafter\r\n", "STORED");
	world_expect(w, &w->udp, "k", "after");
	assert_int_equal(world_stat(w, "lost"), 1);
	status_says(w, "no command's beginning");
	close_old(1);
	world_warm(w, &w->udp, "k");
	world_expect(w, &w->udp, "k", "after");
}

static void one_in_the_middle_of_a_block_is_lost(void **state)
{
	struct world *w = *state;

	tcp_open(&old[0], &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&old[0], "k", "before", 6);
	tcp_send(&old[0], "set k 0 0 5\r\naf", 15);
	tcp_wait_sent(&old[0]);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	world_warm(w, &w->udp, "k");
	tcp_expect(&old[0], "ter\r\n", "STORED");
	world_expect(w, &w->udp, "k", "after");
	assert_int_equal(world_stat(w, "lost"), 1);
	close_old(1);
	world_warm(w, &w->udp, "k");
}

/* The bug: the rest of such a block was taken for what it looks like. */
static void the_rest_of_a_block_may_look_like_a_command(void **state)
{
	struct world *w = *state;

	tcp_open(&old[0], &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&old[0], "k", "before", 6);
	tcp_send(&old[0], "set k 0 0 22\r\n", 14);
	tcp_wait_sent(&old[0]);
	test_sleep(0.1);
	world_start_bmc(w, "--max-age 60s");
	said("1 followed");
	world_open_clients(w);
	world_warm(w, &w->udp, "k");
	tcp_expect(&old[0], "set j 0 0 5\r\nafter\r\nxx\r\n", "STORED");
	world_expect_truth(w, &w->tcp, &w->udp, "k", "the rest of a block");
	assert_int_equal(world_stat(w, "lost"), 1);
	close_old(1);
	world_warm(w, &w->udp, "k");
}

/* Its answers are not read: commands may wait inside memcached. */
static void one_that_does_not_read_is_lost_and_named(void **state)
{
	struct world *w = *state;
	struct text value = {};
	size_t sent = 1;

	tcp_open(&old[0], &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < 100000; i++)
		text_append(&value, "x", 1);
	tcp_set(&old[0], "large", value.data, value.len);
	for (int i = 0; i < 1000 && sent; i++)
		sent = tcp_send_some(&old[0], "get large\r\n", 11);
	tcp_send_some(&old[0], "set k 0 0 5\r\nafter\r\n", 20);
	world_start_bmc(w, "--max-age 60s");
	said("0 followed, 0 closed, 1 not to be followed");
	said("10.77.0.2");
	world_open_clients(w);
	nothing_is_served(w, "large");
	status_says(w, "older than start");
	close_old(1);
	text_free(&value);
	world_cache(w, "k", "now");
}

/* ---- while they are at work ---- */

struct client {
	struct tcp *tcp;
	pthread_t thread;
	int number;
	int end;
	long writes; /* that were answered */
};

static void *work(void *arg)
{
	struct client *c = arg;
	struct text got = {};
	char line[64];

	while (!__atomic_load_n(&c->end, __ATOMIC_SEQ_CST)) {
		snprintf(line, sizeof(line), "set busy%d 0 0 10\r\n%010ld\r\n", c->number,
			 c->writes + 1);
		tcp_send(c->tcp, line, strlen(line));
		if (tcp_receive(c->tcp, TEST_ANSWER_S, &got))
			break;
		__atomic_fetch_add(&c->writes, 1, __ATOMIC_SEQ_CST);
	}
	text_free(&got);
	return NULL;
}

/*
 * Synchronous clients that never rest: each one is followed or named, and what is served afterwards is what they
 * wrote.
 */
static void busy_ones_are_followed_or_named(void **state)
{
	struct client clients[BUSY] = { 0 };
	struct world *w = *state;
	int followed = -1, closed, lost;
	char key[16], value[16];
	const char *at;

	for (int i = 0; i < BUSY; i++) {
		tcp_open(&old[i], &w->client, WORLD_IP4, WORLD_PORT);
		clients[i].tcp = &old[i];
		clients[i].number = i;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, work, &clients[i]), 0);
	}
	test_sleep(0.1);
	world_start_bmc(w, "--max-age 60s");
	at = strstr(bmcctl_result.out, "older than this start: ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "older than this start: %d followed, %d closed, %d not",
				&followed, &closed, &lost),
			 3);
	print_message("busy: %d followed, %d lost\n", followed, lost);
	assert_int_equal(followed + lost, BUSY);
	test_sleep(0.3);
	world_open_clients(w);
	for (int i = 0; i < BUSY; i++) {
		__atomic_store_n(&clients[i].end, 1, __ATOMIC_SEQ_CST);
		pthread_join(clients[i].thread, NULL);
		assert_true(clients[i].writes > 0);
	}
	assert_true(world_stat(w, "lost") <= lost);
	if (lost)
		close_old(BUSY);
	for (int i = 0; i < BUSY; i++) {
		snprintf(key, sizeof(key), "busy%d", i);
		snprintf(value, sizeof(value), "%010ld", clients[i].writes);
		world_warm(w, &w->udp, key);
		world_expect(w, &w->udp, key, value);
	}
	close_old(BUSY);
}

/* A command that waits behind a thread that sleeps is not over because the queues are empty. */
static void a_write_inside_memcached_is_waited_for(void **state)
{
	struct world *w = *state;

	memcached_start_slow(&w->memcached, &w->server, WORLD_PORT, "-t 1", 100);
	tcp_open(&old[0], &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&old[0], "k", "before", 6);
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < 4; i++) /* its only worker sleeps over each answer */
		udp_send(&w->udp, "get k\r\n", 7);
	udp_send(&w->udp, "set k 0 0 6\r\nmiddle\r\n", 21);
	tcp_send(&old[0], "set k 0 0 5\r\nafter\r\n", 20);
	udp_close(&w->udp);
	world_start_bmc(w, "--max-age 60s");
	said("1 followed");
	world_open_clients(w);
	for (int i = 0; i < 8 && !world_get(w, &w->udp, "k"); i++)
		;
	udp_get(&w->udp, "k", &w->text);
	tcp_ask(&w->tcp, "get k\r\n", &w->text);
	world_expect(w, &w->udp, "k",
		     strstr(w->text.data, "after") ? "after" : "middle"); /* as over TCP */
	close_old(1);
}

/* memcached takes what is left of a block from the next datagrams that this thread gets, their frames too: until it has it. */
static void send_rest(struct world *w)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	do {
		assert_true(test_now() < until);
		udp_send(&w->udp, "1234567\r\n", 9);
		test_sleep(0.01);
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
	} while (strstr(w->text.data, "before"));
}

/* The bug: such a set was carried out after `start`, by a datagram that looked harmless. */
static void a_set_over_udp_that_was_cut_before_start_is_no_surprise(void **state)
{
	struct world *w = *state;

	world_open_clients(w);
	tcp_set(&w->tcp, "k", "before", 6);
	udp_send(&w->udp, "set k 0 0 20\r\nafter", 19);
	test_sleep(0.1);
	tcp_close(&w->tcp);
	udp_close(&w->udp);
	udp_close(&w->udp6);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	for (int i = 0; i < 5; i++)
		world_get(w, &w->udp6, "k");
	send_rest(w);
	world_expect_truth(w, &w->tcp, &w->udp6, "k", "the rest of a set");
	status_says(w, "fills are held until memcached restarts");
}

static void strict_follows_none(void **state)
{
	struct world *w = *state;

	open_old(w, 3);
	world_start_bmc(w, "--strict");
	said("0 followed, 0 closed, 3 not to be followed");
	world_open_clients(w);
	nothing_is_served(w, "k0");
	status_says(w, "3 not; holds: 3");
	close_old(3);
	world_warm(w, &w->udp, "k0");
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)
#define OLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	OLD_TEST(idle_ones_are_followed),
	EMPTY_TEST(five_thousand_idle_ones_wake_and_empty_nothing),
	OLD_TEST(one_in_the_middle_of_a_line_is_lost),
	OLD_TEST(one_in_the_middle_of_a_block_is_lost),
	OLD_TEST(the_rest_of_a_block_may_look_like_a_command),
	OLD_TEST(one_that_does_not_read_is_lost_and_named),
	OLD_TEST(busy_ones_are_followed_or_named),
	EMPTY_TEST(a_write_inside_memcached_is_waited_for),
	OLD_TEST(a_set_over_udp_that_was_cut_before_start_is_no_surprise),
	OLD_TEST(strict_follows_none),
};

TEST_MAIN(tests, NULL, NULL)
