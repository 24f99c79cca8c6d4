// SPDX-License-Identifier: LGPL-2.1-only
/*
 * The crowd: silent writes that find no place of their own in their bucket keep fills from that bucket, and from no other,
 * until all of their connections have had an answer, or are closed.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define PLACES 3 /* of connections, in a bucket */
#define WRITERS 6
#define OTHERS 40 /* keys: they are in more than one bucket */

struct crowd {
	struct tcp t[WRITERS];
};

static void silent_set(struct tcp *t, const char *key, const char *value)
{
	char line[64];

	snprintf(line, sizeof(line), "set %s 0 0 %zu noreply\r\n%s\r\n", key, strlen(value), value);
	tcp_send(t, line, strlen(line));
	tcp_wait_sent(t);
}

/* Each has written k, and was never answered. */
static void gather(struct world *w, struct crowd *c)
{
	for (int i = 0; i < WRITERS; i++) {
		char value[16];

		tcp_open(&c->t[i], &w->client, WORLD_IP4, WORLD_PORT);
		snprintf(value, sizeof(value), "of %d", i);
		silent_set(&c->t[i], "k", value);
		world_await(w, &w->tcp, "k", value);
	}
}

static void assert_never_filled(struct world *w, const char *value)
{
	for (int i = 0; i < 5; i++) {
		assert_false(world_get(w, &w->udp, "k"));
		assert_non_null(strstr(w->text.data, value));
		test_sleep(0.02);
	}
}

/* How many of other keys are served by the kernel. */
static int others_served(struct world *w)
{
	char key[16];
	int served = 0;

	for (int i = 0; i < OTHERS; i++) {
		snprintf(key, sizeof(key), "other%d", i);
		for (int n = 0; n < 4; n++)
			udp_get(&w->udp, key, &w->text);
		served += world_get(w, &w->udp, key);
	}
	return served;
}

static void set_others(struct world *w)
{
	char key[16];

	for (int i = 0; i < OTHERS; i++) {
		snprintf(key, sizeof(key), "other%d", i);
		tcp_set(&w->tcp, key, "x", 1);
	}
}

/* The bug: with four connections that only ever send noreply nothing was cached any more. */
static void silent_writers_keep_their_bucket_and_no_other(void **state)
{
	struct world *w = *state;
	struct crowd c;

	set_others(w);
	gather(w, &c);
	assert_never_filled(w, "of 5");
	assert_int_equal(world_stat(w, "crowded"), WRITERS - PLACES);
	assert_int_equal(world_stat(w, "overflow_holds"), 0);
	assert_true(others_served(w) > OTHERS / 2);
	for (int i = 0; i < WRITERS; i++) {
		assert_false(world_get(w, &w->udp, "k"));
		tcp_expect(&c.t[i], "mn\r\n", "MN");
	}
	world_warm(w, &w->udp, "k");
	for (int i = 0; i < WRITERS; i++)
		tcp_close(&c.t[i]);
}

/* In whatever order they close, the last one of the crowd ends it. */
static void silent_writers_that_close(void **state)
{
	struct world *w = *state;
	struct crowd c;

	for (int round = 0; round < 2; round++) {
		gather(w, &c);
		for (int i = 0; i < WRITERS; i++) {
			assert_false(world_get(w, &w->udp, "k"));
			tcp_close(&c.t[round ? WRITERS - 1 - i : i]);
		}
		world_warm(w, &w->udp, "k");
	}
}

/* What was gathered before memcached was restarted says nothing of what comes then. */
static void silent_writers_of_a_memcached_that_is_gone(void **state)
{
	struct world *w = *state;
	struct crowd old, c;

	gather(w, &old);
	world_restart_memcached(w);
	tcp_close(&w->tcp);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	world_cache(w, "k", "new");
	gather(w, &c);
	for (int i = 0; i < WRITERS; i++)
		tcp_close(&old.t[i]);
	assert_never_filled(w, "of 5");
	for (int i = 0; i < WRITERS; i++)
		tcp_close(&c.t[i]);
	world_warm(w, &w->udp, "k");
}

/* A write over UDP to such a bucket, whose last place the crowd has, holds all fills until it is answered. */
static void udp_write_where_the_crowd_is(void **state)
{
	struct world *w = *state;
	struct crowd c;

	set_others(w);
	gather(w, &c);
	udp_ask(&w->udp, "set k 0 0 3\r\nudp\r\n", &w->text);
	assert_string_equal(w->text.data, "STORED\r\n");
	assert_true(world_stat(w, "overflow_holds") > 0);
	assert_never_filled(w, "udp");
	assert_true(others_served(w) > OTHERS / 2);
	for (int i = 0; i < WRITERS; i++)
		tcp_close(&c.t[i]);
	world_warm(w, &w->udp, "k");
	assert_non_null(strstr(w->text.data, "udp"));
}

/* A silent write that finds neither a place of its own nor the crowd's, as writes over UDP have that, holds all fills. */
static void silent_write_where_udp_is(void **state)
{
	struct world *w = *state;
	struct crowd c;

	udp_send(&w->udp, "set k 0 0 3 noreply\r\nudp\r\n", 26);
	world_await(w, &w->tcp, "k", "udp");
	gather(w, &c);
	assert_int_equal(world_stat(w, "crowded"), 0);
	assert_int_equal(world_stat(w, "overflow_holds"), WRITERS - PLACES);
	set_others(w);
	assert_int_equal(others_served(w), 0);
	for (int i = 0; i < WRITERS; i++)
		tcp_close(&c.t[i]);
	assert_true(others_served(w) > OTHERS / 2);
	assert_never_filled(w, "of 5");
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(silent_writers_keep_their_bucket_and_no_other),
	WORLD_TEST(silent_writers_that_close),
	WORLD_TEST(silent_writers_of_a_memcached_that_is_gone),
	WORLD_TEST(udp_write_where_the_crowd_is),
	WORLD_TEST(silent_write_where_udp_is),
};

TEST_MAIN(tests, NULL, NULL)
