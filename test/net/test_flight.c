// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Writes in flight: seen, and not answered. memcached stands still or is late while more
 * happens; whatever it then says is the truth, and nothing else may be served.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

#define ROUNDS 20
#define WRITERS 6
#define LATE_TRIES 40

static void assert_truth(struct world *w, const char *key)
{
	world_expect_truth(w, &w->tcp, &w->udp, key, key);
}

static void set_line(char *ret, size_t size, int value, const char *noreply)
{
	snprintf(ret, size, "set k 0 0 4%s\r\n%04d\r\n", noreply, value);
}

/* k is "old!", and served. What the last round sent may be carried out only now and take it away: then it is set again. */
static void warm_old(struct world *w)
{
	for (int i = 0; i < 10; i++) {
		world_set_after_flush(w, "k", "old!");
		for (int n = 0; n < 10; n++) {
			if (world_get(w, &w->udp, "k"))
				return;
			if (!strstr(w->text.data, "VALUE"))
				break;
			test_sleep(0.002 * n);
		}
	}
	world_warm(w, &w->udp, "k");
}

/* A get is queued before or after what `act` sends while memcached stands still. */
static void rounds_of(struct world *w, void (*act)(struct world *w, int round))
{
	for (int round = 1; round <= ROUNDS; round++) {
		warm_old(w);
		memcached_freeze(&w->memcached);
		if (round % 2)
			udp_send(&w->udp, "get k x\r\n", 9);
		act(w, round);
		udp_send(&w->udp, "get k x\r\n", 9);
		memcached_thaw(&w->memcached);
		assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
		test_sleep(0.005);
		assert_truth(w, "k");
	}
}

static void set_and_close(struct world *w, int round)
{
	struct tcp t;
	char line[64];

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	set_line(line, sizeof(line), round, round % 3 ? " noreply" : "");
	tcp_send(&t, line, strlen(line));
	tcp_wait_sent(&t);
	tcp_close(&t);
}

/* The client's end is closed before memcached has read the command. */
static void write_of_a_closed_connection(void **state)
{
	rounds_of(*state, set_and_close);
}

static void set_and_reset(struct world *w, int round)
{
	struct linger now = { .l_onoff = 1 };
	struct tcp t;
	char line[64];

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	set_line(line, sizeof(line), round, "");
	tcp_send(&t, line, strlen(line));
	tcp_wait_sent(&t);
	setsockopt(t.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	tcp_close(&t);
}

/* Carried out or not: memcached knows. */
static void write_of_a_reset_connection(void **state)
{
	rounds_of(*state, set_and_reset);
}

static void set_by_many(struct world *w, int round)
{
	struct tcp t[WRITERS];
	char line[64];

	for (int i = 0; i < WRITERS; i++)
		tcp_open(&t[i], &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < WRITERS; i++) {
		set_line(line, sizeof(line), round * 10 + i, "");
		tcp_send(&t[i], line, strlen(line));
		tcp_wait_sent(&t[i]);
	}
	memcached_thaw(&w->memcached);
	for (int i = WRITERS - 1; i >= 0; i--) {
		assert_int_equal(tcp_receive(&t[i], TEST_ANSWER_S, &w->text), 0);
		udp_get(&w->udp, "k", &w->text);
	}
	for (int i = 0; i < WRITERS; i++)
		tcp_close(&t[i]);
	memcached_freeze(&w->memcached);
}

/* More than a bucket has places for: the others hold all fills, until they are answered. */
static void more_writers_of_a_key_than_places(void **state)
{
	struct world *w = *state;

	rounds_of(w, set_by_many);
	assert_true(world_stat(w, "overflow_holds") > 0);
	world_warm(w, &w->udp, "k");
}

static void flush_everything(struct world *w, int round)
{
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	if (round % 2)
		tcp_send(&t, "flush_all\r\n", 11);
	else
		tcp_send(&t, "flush_all noreply\r\nmn\r\n", 23);
	tcp_wait_sent(&t);
	tcp_close(&t);
}

/* Then every key is written, and every fill is held. */
static void flush_all_in_flight(void **state)
{
	rounds_of(*state, flush_everything);
}

static void write_half_sent(struct world *w, int round)
{
	struct tcp t;

	(void)round;
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&t, "set k 0 0 10\r\nabc", 17);
	tcp_wait_sent(&t);
	tcp_close(&t);
}

/* A block that never ends is never stored. */
static void write_that_is_broken_off(void **state)
{
	struct world *w = *state;

	rounds_of(w, write_half_sent);
	world_warm(w, &w->udp, "k");
}

/* Four connections, one for each thread of memcached, in some order. */
static void four_open(struct world *w, struct tcp *t)
{
	for (int i = 0; i < 4; i++)
		tcp_open(&t[i], &w->client, WORLD_IP4, WORLD_PORT);
}

static void four_close(struct tcp *t)
{
	for (int i = 0; i < 4; i++)
		tcp_close(&t[i]);
}

/* A get of k that memcached has read, as a rule, and answers late; and a connection that another thread serves. */
static struct tcp *late_get(struct world *w, struct tcp *t)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	udp_send(&w->udp, "get k\r\n", 7);
	test_sleep(WORLD_SLOW_MS * 0.2e-3);
	for (int i = 0; i < 4; i++)
		tcp_send(&t[i], "mn\r\n", 4);
	while (test_now() < until) {
		for (int i = 0; i < 4; i++) {
			if (!tcp_receive(&t[i], 0.001, &w->text))
				return &t[i];
		}
	}
	fail_msg("all threads are late");
	return NULL;
}

/* It is answered: was it read before what was done since, as it is meant to be? */
static int was_late(struct world *w, const char *value)
{
	assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
	if (strstr(w->text.data, "old!"))
		return 1;
	world_await(w, &w->tcp, "k", value);
	return 0;
}

/* The old reply leaves when flush_all is answered: nothing is held any more, but it is too old. */
static void late_fill_after_flush_all(void **state)
{
	struct world *w = *state;
	struct tcp t[4];
	int late = 0;

	for (int round = 0; round < LATE_TRIES && late < 4; round++) {
		four_open(w, t);
		world_set_after_flush(w, "k", "old!");
		tcp_expect(late_get(w, t), "flush_all\r\n", "OK");
		late += was_late(w, NULL);
		world_expect(w, &w->udp, "k", NULL);
		four_close(t);
	}
	assert_int_equal(late, 4);
}

/* The same with a write that was never answered: its connection is gone. */
static void late_fill_after_a_close(void **state)
{
	struct world *w = *state;
	struct tcp t[4], *free;
	int late = 0;

	for (int round = 0; round < LATE_TRIES && late < 8; round++) {
		four_open(w, t);
		tcp_set(&w->tcp, "k", "old!", 4);
		free = late_get(w, t);
		tcp_send(free, "set k 0 0 4 noreply\r\nnew!\r\nquit\r\n", 33);
		assert_int_equal(tcp_receive(free, TEST_ANSWER_S, &w->text),
				 -EPIPE); /* closed by memcached */
		late += was_late(w, "new!");
		world_expect(w, &w->udp, "k", "new!");
		four_close(t);
	}
	assert_int_equal(late, 8);
}

/* What a writer is answered after its write, here `mn` and a get, does not make a reply too old that was read after the write. */
static void fill_while_the_writer_gets(void **state)
{
	struct world *w = *state;
	struct tcp t[4];

	for (int round = 0; round < 8; round++) {
		four_open(w, t);
		for (int i = 0; i < 4; i++)
			tcp_set(&t[i], "k", "new!", 4);
		test_sleep(0.002);
		tcp_expect(late_get(w, t), "get k\r\n", "VALUE k 0 4\r\nnew!\r\nEND");
		assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
		assert_true(world_get(w, &w->udp, "k"));
		four_close(t);
	}
}

/* ---- clients that do not read: what they sent last waits in memcached, for as long as it takes ---- */

#define LARGE (900 * 1024)
#define UNREAD_GETS 20

static void stuck_send(struct tcp *t, const char *command)
{
	struct text all = {};

	for (int i = 0; i < UNREAD_GETS; i++)
		text_add(&all, "get large\r\n");
	text_add(&all, "%s", command);
	tcp_send(t, all.data, all.len);
	tcp_wait_sent(t);
	text_free(&all);
}

static void stuck_open(struct world *w, struct tcp *t, const char *command)
{
	tcp_open(t, &w->client, WORLD_IP4, WORLD_PORT);
	stuck_send(t, command);
}

/* Reads: then it is carried out. */
static void stuck_release(struct tcp *t)
{
	struct text answer = {};

	for (int i = 0; i < UNREAD_GETS; i++)
		assert_int_equal(tcp_receive(t, 10, &answer), 0);
	tcp_expect(t, "mn\r\n", "MN");
	text_free(&answer);
	tcp_close(t);
}

static int stuck_setup(void **state)
{
	char *large = calloc(1, LARGE);
	struct world *w;

	assert_non_null(large);
	world_setup(state);
	w = *state;
	tcp_set(&w->tcp, "large", large, LARGE);
	tcp_set(&w->tcp, "k", "old!", 4);
	free(large);
	return 0;
}

static void assert_never_filled(struct world *w, const char *value)
{
	for (int i = 0; i < 5; i++) {
		assert_false(world_get(w, &w->udp, "k"));
		assert_non_null(strstr(w->text.data, value));
		test_sleep(0.02);
	}
}

static void flush_all_of_a_client_that_does_not_read(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_warm(w, &w->udp, "k");
	stuck_open(w, &t, "flush_all noreply\r\n");
	assert_never_filled(w, "old!");
	stuck_release(&t);
	world_expect(w, &w->udp, "k", NULL);
}

/* Four such writers of one key, which has places for three: the one without still waits when the others are through. */
static void writer_without_a_place(void **state)
{
	struct world *w = *state;
	struct tcp t[4];
	char line[64];

	for (int i = 0; i < 4; i++) {
		set_line(line, sizeof(line), i, " noreply");
		stuck_open(w, &t[i], line);
	}
	for (int i = 0; i < 3; i++)
		stuck_release(&t[i]);
	assert_never_filled(w, "0002");
	stuck_release(&t[3]);
	world_expect(w, &w->udp, "k", "0003");
	world_warm(w, &w->udp, "k");
}

/* Who is in the crowd (test_crowd.c) writes again: the answer to what came in between is not the later write's. */
static void who_is_in_the_crowd_writes_again(void **state)
{
	struct world *w = *state;
	struct tcp places[3], t;

	/* each is carried out before the next one is sent: a worker may be late */
	for (int i = 0; i < 3; i++) {
		char line[32], value[8];

		snprintf(value, sizeof(value), "old%d", i);
		snprintf(line, sizeof(line), "set k 0 0 4 noreply\r\n%s\r\n", value);
		tcp_open(&places[i], &w->client, WORLD_IP4, WORLD_PORT);
		tcp_send(&places[i], line, strlen(line));
		world_await(w, &w->tcp, "k", value);
	}
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&t, "set k 0 0 4 noreply\r\nmine\r\n", 27);
	world_await(w, &w->tcp, "k", "mine");
	assert_int_equal(world_stat(w, "crowded"), 1);
	stuck_send(&t, "set k 0 0 4 noreply\r\nlast\r\n");
	for (int i = 0; i < 3; i++)
		tcp_expect(&places[i], "mn\r\n", "MN");
	assert_never_filled(w, "mine");
	stuck_release(&t);
	world_expect(w, &w->udp, "k", "last");
	world_warm(w, &w->udp, "k");
	for (int i = 0; i < 3; i++)
		tcp_close(&places[i]);
}

/* Their client is gone; memcached finds out when it wants to write, and the set is never carried out. */
static void client_that_does_not_read_and_goes(void **state)
{
	struct world *w = *state;
	struct tcp t;

	stuck_open(w, &t, "set k 0 0 4 noreply\r\nnew!\r\n");
	assert_never_filled(w, "old!");
	tcp_close(&t);
	test_sleep(0.1);
	assert_truth(w, "k");
	world_warm(w, &w->udp, "k");
	assert_truth(w, "k");
}

#define FLIGHT_STUCK(name) cmocka_unit_test_setup_teardown(name, stuck_setup, world_teardown)
#define FLIGHT_SLOW(name) cmocka_unit_test_setup_teardown(name, world_setup_slow, world_teardown)

static const struct CMUnitTest tests[] = {
	WORLD_TEST(write_of_a_closed_connection),
	WORLD_TEST(write_of_a_reset_connection),
	WORLD_TEST(more_writers_of_a_key_than_places),
	WORLD_TEST(flush_all_in_flight),
	WORLD_TEST(write_that_is_broken_off),
	FLIGHT_SLOW(late_fill_after_flush_all),
	FLIGHT_SLOW(late_fill_after_a_close),
	FLIGHT_SLOW(fill_while_the_writer_gets),
	FLIGHT_STUCK(flush_all_of_a_client_that_does_not_read),
	FLIGHT_STUCK(writer_without_a_place),
	FLIGHT_STUCK(who_is_in_the_crowd_writes_again),
	FLIGHT_STUCK(client_that_does_not_read_and_goes),
};

TEST_MAIN(tests, NULL, NULL)
