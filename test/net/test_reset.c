// SPDX-License-Identifier: LGPL-2.1-only
/* `bmcctl reset` and `start --reset-connections`: what cannot be followed is closed, and its client comes again. */
#include <errno.h>
#include <libmemcached/memcached.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

#define OLD 5

static struct tcp old[OLD];

static void open_old(struct world *w)
{
	for (int i = 0; i < OLD; i++) {
		tcp_open(&old[i], &w->client, i % 2 ? WORLD_IP6 : WORLD_IP4, WORLD_PORT);
		tcp_set(&old[i], "k", "before", 6);
	}
}

static void said(const char *text)
{
	if (!strstr(bmcctl_result.out, text))
		fail_msg("bmcctl does not say '%s':\n%s%s", text, bmcctl_result.out,
			 bmcctl_result.err);
}

static void reset(struct world *w)
{
	if (bmcctl(&w->server, "reset --name %s", w->instance))
		fail_msg("bmcctl reset: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
}

/* The server has ended it: by a reset, or plainly. */
static void assert_ended(struct tcp *t, int error)
{
	struct pollfd fd = { .fd = t->fd, .events = POLLIN };
	char bytes[4096];
	ssize_t n = 1;

	for (int i = 0; n > 0 && i < 100; i++) {
		assert_int_equal(poll(&fd, 1, (int)(test_patience(TEST_ANSWER_S) * 1000)), 1);
		n = recv(t->fd, bytes, sizeof(bytes), 0);
	}
	if (error ? n >= 0 || errno != error : n != 0)
		fail_msg("the connection is not ended as it should be: %zd, %s", n,
			 strerror(errno));
}

static void close_old(int error)
{
	for (int i = 0; i < OLD; i++) {
		assert_ended(&old[i], error);
		tcp_close(&old[i]);
	}
}

static void reset_closes_what_is_lost_and_nothing_else(void **state)
{
	struct world *w = *state;

	open_old(w);
	world_start_bmc(w, "--strict --max-age 60s");
	world_open_clients(w);
	tcp_set(&w->tcp, "k", "now", 3);
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, "k"));
	reset(w);
	said("closed 10.77.0.2:");
	said("closed [fd77:77::2]:");
	said("older than start");
	said("5 connections closed");
	close_old(ECONNRESET);
	world_warm(w, &w->udp, "k");
	tcp_set(&w->tcp, "k", "then", 4); /* this one is in step, and open */
	world_expect(w, &w->udp, "k", "then");
	reset(w);
	said("0 connections closed");
	tcp_set(&w->tcp, "k", "last", 4);
}

/* Connections that were lost later are closed like those that were from the start. */
static void reset_closes_one_that_was_lost_on_the_way(void **state)
{
	struct world *w = *state;
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_expect(&t, "watch\r\n", "OK");
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, "k"));
	reset(w);
	said("(watch)");
	said("1 connection closed");
	assert_ended(&t, ECONNRESET);
	tcp_close(&t);
	world_cache(w, "k", "value");
}

static void start_can_close_all_that_are_older(void **state)
{
	struct world *w = *state;

	open_old(w);
	world_start_bmc(w, "--reset-connections --max-age 60s");
	said("5 connections older than this start: 0 followed, 5 closed, 0 not to be followed");
	close_old(ECONNRESET);
	world_open_clients(w);
	world_cache(w, "k", "value");
}

/* A kernel without CONFIG_INET_DIAG_DESTROY. */
static void without_sock_destroy_they_are_shut_down(void **state)
{
	struct world *w = *state;

	open_old(w);
	world_start_bmc(w, "--strict --max-age 60s");
	assert_int_equal(bmcctl_fault(&w->server, "no destroy", "reset --name %s", w->instance), 0);
	said("5 connections closed");
	assert_non_null(strstr(bmcctl_result.err, "CONFIG_INET_DIAG_DESTROY"));
	close_old(0);
	world_open_clients(w);
	world_cache(w, "k", "value");
}

/* A memcached that stands still closes nothing: that is said. */
static void a_memcached_that_stands_still_is_named(void **state)
{
	struct world *w = *state;

	open_old(w);
	world_start_bmc(w, "--strict --max-age 60s");
	memcached_freeze(&w->memcached);
	assert_int_equal(bmcctl(&w->server, "reset --name %s", w->instance), 1);
	assert_non_null(strstr(bmcctl_result.err, "5 connections are still open"));
	memcached_thaw(&w->memcached);
	close_old(ECONNRESET);
	world_open_clients(w);
	world_cache(w, "k", "value");
}

/* What users run: its connection is gone, the next command makes another one. */
static void libmemcached_comes_again(void **state)
{
	struct world *w = *state;
	memcached_st *m = memcached_create(NULL);
	memcached_return_t rc = MEMCACHED_FAILURE;
	double until;

	assert_int_equal(ns_enter(&w->client), 0);
	memcached_server_add(m, WORLD_IP4, WORLD_PORT);
	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 0);
	assert_int_equal(memcached_set(m, "k", 1, "before", 6, 0, 0), MEMCACHED_SUCCESS);
	assert_int_equal(ns_leave(), 0);
	world_start_bmc(w, "--strict --max-age 60s");
	reset(w);
	said("1 connection closed");
	assert_int_equal(ns_enter(&w->client), 0);
	until = test_now() + test_patience(TEST_ANSWER_S);
	while (rc != MEMCACHED_SUCCESS && test_now() < until) {
		rc = memcached_set(m, "k", 1, "after", 5, 0, 0);
		test_sleep(0.02);
	}
	assert_int_equal(ns_leave(), 0);
	assert_int_equal(rc, MEMCACHED_SUCCESS);
	world_open_clients(w);
	world_warm(w, &w->udp, "k");
	world_expect(w, &w->udp, "k", "after");
	assert_int_equal(world_stat(w, "lost"), 0);
	memcached_free(m);
}

#define OLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	OLD_TEST(reset_closes_what_is_lost_and_nothing_else),
	WORLD_TEST(reset_closes_one_that_was_lost_on_the_way),
	OLD_TEST(start_can_close_all_that_are_older),
	OLD_TEST(without_sock_destroy_they_are_shut_down),
	OLD_TEST(a_memcached_that_stands_still_is_named),
	OLD_TEST(libmemcached_comes_again),
};

TEST_MAIN(tests, NULL, NULL)
