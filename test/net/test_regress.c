// SPDX-License-Identifier: LGPL-2.1-only
/* Each way in which the original BMC served what memcached no longer had, by its name. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

#define ROUNDS 40

/*
 * A thread that is late with its UDP answer answers nothing: one of four connections has another thread. -> how many
 * are not answered
 */
static int set_somewhere(struct tcp *tcp, int n, const char *command, struct text *ret)
{
	for (int i = 0; i < n; i++) {
		tcp_send(&tcp[i], command, strlen(command));
		if (!tcp_receive(&tcp[i], 0.005, ret))
			return i;
	}
	return n;
}

/* get misses, memcached reads v0, set passes and is answered, and only then v0's answer leaves: it
 * must not be kept. */
static void late_fill(void **state)
{
	struct world *w = *state;
	struct tcp tcp[4];
	char command[64], value[16];
	int late;

	for (int i = 0; i < 4; i++)
		tcp_open(&tcp[i], &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&tcp[0], "k", "0", 1);
	for (int round = 1; round <= ROUNDS; round += 4) {
		udp_send(&w->udp, "get k\r\n", 7);
		test_sleep(WORLD_SLOW_MS * 0.25e-3); /* it has read the old value, and waits */
		snprintf(value, sizeof(value), "%d", round);
		snprintf(command, sizeof(command), "set k 0 0 %zu\r\n%s\r\n", strlen(value), value);
		late = set_somewhere(tcp, 4, command, &w->text);
		assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
		for (int i = 0; i < late; i++)
			assert_int_equal(tcp_receive(&tcp[i], TEST_ANSWER_S, &w->text), 0);
		world_expect(w, &w->udp, "k", value);
	}
	for (int i = 0; i < 4; i++)
		tcp_close(&tcp[i]);
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* The set has passed bmc and waits in memcached's socket; a get is answered with the old value;
 * then the set is applied. */
static void early_miss(void **state)
{
	struct world *w = *state;
	char command[64], value[16];

	tcp_set(&w->tcp, "k", "0", 1);
	for (int round = 1; round <= ROUNDS; round++) {
		snprintf(value, sizeof(value), "%d", round);
		snprintf(command, sizeof(command), "set k 0 0 %zu\r\n%s\r\n", strlen(value), value);
		memcached_freeze(&w->memcached);
		if (round % 2)
			udp_send(&w->udp, "get k\r\n", 7);
		tcp_send(&w->tcp, command, strlen(command));
		tcp_wait_sent(&w->tcp);
		if (round % 2 == 0)
			udp_send(&w->udp, "get k\r\n", 7);
		memcached_thaw(&w->memcached);
		assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
		world_expect(w, &w->udp, "k", value);
		if (round % 4 == 0)
			world_warm(w, &w->udp, "k");
	}
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* With a value in the cache and memcached standing still, the set is seen: from then on no get is
 * answered by the kernel. */
static void no_hit_while_a_set_waits(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	memcached_freeze(&w->memcached);
	udp_get(&w->udp, "k", &w->text);
	text_assert_is("in the kernel", &w->text, "VALUE k 0 3\r\nold\r\nEND\r\n");
	tcp_send(&w->tcp, "set k 0 0 3\r\nnew\r\n", 18);
	tcp_wait_sent(&w->tcp);
	udp_send(&w->udp, "get k\r\n", 7);
	assert_int_not_equal(udp_receive(&w->udp, w->udp.id, 0.2, &w->text), 0);
	memcached_thaw(&w->memcached);
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	world_expect(w, &w->udp, "k", "new");
}

static void set_noreply(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_send(&w->tcp, "set k 0 0 3 noreply\r\nnew\r\n", 26);
	tcp_expect(&w->tcp, "mn\r\n", "MN");
	world_expect(w, &w->udp, "k", "new");
	world_warm(w, &w->udp, "k");
}

/* Never answered, never closed: that key is not filled, and the truth is served. */
static void set_noreply_without_an_answer_after_it(void **state)
{
	struct world *w = *state;
	struct tcp truth;

	world_cache(w, "k", "old");
	tcp_open(&truth, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&w->tcp, "set k 0 0 3 noreply\r\nnew\r\n", 26);
	tcp_wait_sent(&w->tcp);
	world_await(w, &truth, "k", "new");
	for (int i = 0; i < 10; i++) {
		assert_false(world_get(w, &w->udp, "k"));
		text_assert_is("noreply", &w->text, "VALUE k 0 3\r\nnew\r\nEND\r\n");
	}
	tcp_close(&w->tcp);
	world_warm(w, &w->udp, "k");
	tcp_close(&truth);
}

static void set_over_ipv6(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_cache(w, "k", "old");
	tcp_open(&t, &w->client, WORLD_IP6, WORLD_PORT);
	tcp_set(&t, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	world_expect(w, &w->udp6, "k", "new");
	world_warm(w, &w->udp6, "k");
	tcp_close(&t);
}

static void set_over_loopback(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_cache(w, "k", "old");
	tcp_open(&t, &w->server, "127.0.0.1", WORLD_PORT);
	tcp_set(&t, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	world_warm(w, &w->udp, "k");
	tcp_close(&t);
}

static void set_in_two_segments(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_send(&w->tcp, "se", 2);
	tcp_wait_sent(&w->tcp);
	tcp_send(&w->tcp, "t k 0 0 3\r\nnew\r\n", 16);
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	world_expect(w, &w->udp, "k", "new");
}

static void set_behind_another_command(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_send(&w->tcp, "get x\r\nset k 0 0 3\r\nnew\r\n", 25);
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	world_expect(w, &w->udp, "k", "new");
}

static void other_writes_than_set(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "1");
	tcp_expect(&w->tcp, "incr k 1\r\n", "2");
	world_expect(w, &w->udp, "k", "2");
	world_warm(w, &w->udp, "k");
	tcp_expect(&w->tcp, "append k 0 0 1\r\n3\r\n", "STORED");
	world_expect(w, &w->udp, "k", "23");
	world_warm(w, &w->udp, "k");
	tcp_expect(&w->tcp, "delete k\r\n", "DELETED");
	world_expect(w, &w->udp, "k", NULL);
}

static void flush_all(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_expect(&w->tcp, "flush_all\r\n", "OK");
	world_expect(w, &w->udp, "k", NULL);
	world_set_after_flush(w, "k", "new");
	world_warm(w, &w->udp, "k");
}

/* The original compared as many bytes as the shorter key has. */
static void key_that_is_the_beginning_of_another(void **state)
{
	struct world *w = *state;

	world_cache(w, "abc", "long");
	world_cache(w, "ab", "short");
	world_expect(w, &w->udp, "abc", "long");
	world_expect(w, &w->udp, "ab", "short");
	world_expect(w, &w->udp, "a", NULL);
	world_expect(w, &w->udp, "abcd", NULL);
	world_expect(w, &w->udp, "ABC", NULL);
}

/* The original answered with the hits alone, and END. */
static void multi_get_of_which_one_is_not_there(void **state)
{
	static const char both[] = "VALUE a 0 1\r\n1\r\nVALUE c 0 1\r\n3\r\nEND\r\n";
	struct world *w = *state;
	long long hits;

	world_cache(w, "a", "1");
	world_cache(w, "b", "2");
	tcp_expect(&w->tcp, "set c 0 0 1\r\n3\r\n",
		   "STORED"); /* memcached has it, the cache has not */
	hits = world_stat(w, "hits");
	udp_ask(&w->udp, "get a c\r\n", &w->text);
	text_assert_is("one of two", &w->text, both);
	assert_int_equal(world_stat(w, "hits"), hits);
	world_cache(w, "c", "3");
	hits = world_stat(w, "hits");
	udp_ask(&w->udp, "get a c\r\n", &w->text);
	text_assert_is("both", &w->text, both);
	assert_int_equal(w->udp.datagrams, 1);
	assert_int_equal(world_stat(w, "hits"), hits + 1);
	udp_ask(&w->udp, "get a nobody b\r\n", &w->text);
	text_assert_is("a gap", &w->text, "VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
}

/* Its VALUE line has a fifth token, which a get's has not. */
static void fill_from_gets(void **state)
{
	struct world *w = *state;
	long long fills;

	tcp_set(&w->tcp, "k", "value", 5);
	fills = world_stat(w, "fills");
	for (int i = 0; i < 5; i++)
		udp_ask(&w->udp, "gets k\r\n", &w->text);
	assert_int_equal(world_stat(w, "fills"), fills);
	world_expect(w, &w->udp, "k", "value");
}

/* memcached takes them; memcaslap's keys have them. */
static void key_with_control_characters(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_set(&w->tcp, "\x10\x01k\x7f", "old", 3);
	tcp_set(&w->tcp, "\x10\x01k\x7f", "new", 3);
	world_expect(w, &w->udp, "\x10\x01k\x7f", "new");
	assert_true(world_get(w, &w->udp, "k"));
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void newline_in_value(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "one\r\ntwo\nthree\r\nEND\r\n");
	world_expect(w, &w->udp, "k", "one\r\ntwo\nthree\r\nEND\r\n");
	world_cache(w, "l", "\r\n");
	world_expect(w, &w->udp, "l", "\r\n");
}

/* The original looked for "set " anywhere: in another key's data too. */
static void data_block_that_ends_in_set(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_expect(&w->tcp, "set x 0 0 3\r\nset\r\n", "STORED");
	tcp_expect(&w->tcp, "set k 0 0 3\r\nnew\r\n", "STORED");
	world_expect(w, &w->udp, "k", "new");
	world_warm(w, &w->udp, "k");
	tcp_expect(&w->tcp, "set x 0 0 15\r\nset k 0 0 1\r\ny\n\r\n", "STORED");
	assert_true(world_get(w, &w->udp, "k")); /* data: no command */
}

static void value_of_several_datagrams(void **state)
{
	struct world *w = *state;
	char value[3001];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	tcp_set(&w->tcp, "k", value, sizeof(value) - 1);
	world_expect(w, &w->udp, "k", value);
	assert_int_equal(world_stat(w, "fills"), 0);
	tcp_set(&w->tcp, "k", "short", 5);
	world_expect(w, &w->udp, "k", "short");
}

/* What an earlier memcached had is not what this one has. */
static void restart(void **state)
{
	struct world *w = *state;

	for (int round = 0; round < 3; round++) {
		world_cache(w, "k", "old");
		tcp_close(&w->tcp);
		memcached_stop(&w->memcached);
		udp_send(&w->udp, "get k\r\n", 7);
		assert_int_not_equal(udp_receive(&w->udp, w->udp.id, 0.05, &w->text), 0);
		udp_close(&w->udp); /* it has an ICMP error */
		memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
		udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
		tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
		world_expect(w, &w->udp, "k", NULL);
	}
	world_cache(w, "k", "new");
}

#define REGRESS_SLOW(name) cmocka_unit_test_setup_teardown(name, world_setup_slow, world_teardown)

static const struct CMUnitTest tests[] = {
	REGRESS_SLOW(late_fill),
	WORLD_TEST(early_miss),
	WORLD_TEST(no_hit_while_a_set_waits),
	WORLD_TEST(set_noreply),
	WORLD_TEST(set_noreply_without_an_answer_after_it),
	WORLD_TEST(set_over_ipv6),
	WORLD_TEST(set_over_loopback),
	WORLD_TEST(set_in_two_segments),
	WORLD_TEST(set_behind_another_command),
	WORLD_TEST(other_writes_than_set),
	WORLD_TEST(flush_all),
	WORLD_TEST(key_that_is_the_beginning_of_another),
	WORLD_TEST(multi_get_of_which_one_is_not_there),
	WORLD_TEST(fill_from_gets),
	WORLD_TEST(key_with_control_characters),
	WORLD_TEST(newline_in_value),
	WORLD_TEST(data_block_that_ends_in_set),
	WORLD_TEST(value_of_several_datagrams),
	WORLD_TEST(restart),
};

TEST_MAIN(tests, NULL, NULL)
