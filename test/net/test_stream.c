// SPDX-License-Identifier: LGPL-2.1-only
/* Writes over TCP as a stream brings them: in pieces, by the thousand, unanswered for long. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

/* ---- over segments ---- */

static void send_split(struct tcp *t, const char *bytes, size_t len, size_t at)
{
	tcp_send(t, bytes, at);
	tcp_wait_sent(t);
	tcp_send(t, bytes + at, len - at);
}

/* Each of these with a cut after each of its bytes. */
static void writes_split_at_every_byte(struct world *w, const char *format)
{
	char command[200], get[] = "get k\r\n";
	struct text want = {};
	size_t len;

	tcp_set(&w->tcp, "k", "10", 2);
	snprintf(command, sizeof(command), format, 99);
	len = strlen(command);
	for (size_t at = 1; at < len; at++) {
		snprintf(command, sizeof(command), format, (int)(10 + at % 80));
		world_warm(w, &w->udp, "k");
		send_split(&w->tcp, command, len, at);
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &want), 0);
		tcp_ask(&w->tcp, get, &want); /* what memcached says */
		for (int i = 0; i < 3; i++) {
			udp_ask(&w->udp, get, &w->text);
			text_assert_equal(command, &w->text, &want);
		}
	}
	text_free(&want);
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void a_set_split_at_every_byte_takes_its_key_out(void **state)
{
	writes_split_at_every_byte(*state, "set k 0 0 8\r\nabcd\r\n%d\r\n");
}

static void an_incr_split_at_every_byte_takes_its_key_out(void **state)
{
	writes_split_at_every_byte(*state, "incr k %d\r\n");
}

static void an_append_split_at_every_byte_takes_its_key_out(void **state)
{
	writes_split_at_every_byte(*state, "append k 0 0 2\r\n%d\r\n");
}

static void a_set_sent_byte_by_byte_takes_its_key_out(void **state)
{
	static const char command[] = "set k 0 0 8 noreply\r\nset k 0 \r\nset k 0 0 1\r\nx\r\n";
	struct world *w = *state;

	world_cache(w, "k", "old");
	for (size_t i = 0; i < sizeof(command) - 1; i++) {
		tcp_send(&w->tcp, command + i, 1);
		tcp_wait_sent(&w->tcp);
	}
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	text_assert_is("set", &w->text, "STORED\r\n");
	world_expect(w, &w->udp, "k", "x");
	world_warm(w, &w->udp, "k");
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* ---- many in one write ---- */

#define PIPELINED 5000
#define PIPELINED_KEYS 50

static void writes_pipelined_by_the_thousand_take_their_keys_out(void **state)
{
	struct world *w = *state;
	struct text all = {};
	char key[16], value[16];

	for (int i = 0; i < PIPELINED_KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		world_cache(w, key, "old");
	}
	for (int i = 0; i < PIPELINED; i++)
		text_add(&all, "set k%d 0 0 5\r\n%05d\r\nget k%d\r\n", i % PIPELINED_KEYS, i,
			 i % PIPELINED_KEYS);
	for (size_t at = 0; at < all.len;) { /* both directions: else both would wait */
		at += tcp_send_some(&w->tcp, all.data + at, all.len - at);
		tcp_receive(&w->tcp, 0, &w->text);
	}
	tcp_send(&w->tcp, "mn\r\n", 4);
	do
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	while (strncmp(w->text.data, "MN", 2) != 0);
	for (int i = 0; i < PIPELINED_KEYS; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		snprintf(value, sizeof(value), "%05d", PIPELINED - PIPELINED_KEYS + i);
		world_expect(w, &w->udp, key, value);
	}
	world_warm(w, &w->udp, "k7");
	text_free(&all);
	assert_int_equal(world_stat(w, "lost"), 0);
}

#define LARGE (900 * 1024)
#define UNREAD_GETS 40

/*
 * The set is inside memcached's buffers, not carried out, for as long as the client does not read:
 * no answer, no clock ends it, and nothing of that key is filled. Then it is carried out, and
 * nothing old is there.
 */
static void a_client_that_does_not_read_keeps_its_write_in_flight(void **state)
{
	struct world *w = *state;
	struct tcp slow;
	struct text all = {};
	char *large = calloc(1, LARGE);

	assert_non_null(large);
	tcp_set(&w->tcp, "large", large, LARGE);
	world_cache(w, "k", "old");
	tcp_open(&slow, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < UNREAD_GETS; i++)
		text_add(&all, "get large\r\n");
	text_add(&all, "set k 0 0 3 noreply\r\nnew\r\n");
	tcp_send(&slow, all.data, all.len);
	tcp_wait_sent(&slow);
	for (int i = 0; i < 5; i++) {
		udp_get(&w->udp, "k", &w->text); /* old: memcached's present value */
		text_assert_is("not carried out", &w->text, "VALUE k 0 3\r\nold\r\nEND\r\n");
		test_sleep(0.1);
	}
	for (int i = 0; i < UNREAD_GETS; i++)
		assert_int_equal(tcp_receive(&slow, 10, &w->text), 0);
	tcp_expect(&slow, "mn\r\n", "MN");
	world_expect(w, &w->udp, "k", "new");
	tcp_close(&slow);
	text_free(&all);
	free(large);
}

/* ---- many connections ---- */

#define LOOP_SECONDS 6.0
#define LOOP_STARTS 6

/* A process that opens connections with data at once, over the wire and loopback in turn, until it is ended. */
static pid_t connect_in_a_loop(struct world *w)
{
	static const char set[] = "set loop 0 0 1 noreply\r\nx\r\n";
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (double until = test_now() + 10 * LOOP_SECONDS; test_now() < until;) {
		struct tcp t;

		if (!tcp_try(&t, &w->client, WORLD_IP4, WORLD_PORT)) {
			send(t.fd, set, sizeof(set) - 1, MSG_NOSIGNAL);
			tcp_close(&t);
		}
		if (!tcp_try(&t, &w->server, "127.0.0.1", WORLD_PORT)) {
			send(t.fd, set, sizeof(set) - 1, MSG_NOSIGNAL);
			tcp_close(&t);
		}
	}
	_exit(0);
}

/* However a connection falls between the steps of `start`, none may be taken for one that cannot be followed. */
static void connects_in_a_loop_while_bmc_starts_and_stops(void **state)
{
	struct world *w = *state;
	pid_t loop = connect_in_a_loop(w);
	double until = test_now() + LOOP_SECONDS;

	assert_true(loop > 0);
	for (int i = 0; i < LOOP_STARTS && (i < 2 || test_now() < until); i++) {
		world_start_bmc(w, "--max-age 60s");
		world_open_clients(w);
		while (!world_stat(w, "connections"))
			assert_true(test_now() < until + test_patience(TEST_ANSWER_S));
		tcp_set(&w->tcp, "k", "v", 1);
		world_warm(w, &w->udp, "k"); /* the server is not off */
		tcp_close(&w->tcp);
		udp_close(&w->udp);
		udp_close(&w->udp6);
		world_stop_bmc(w);
	}
	child_stop(loop, SIGKILL);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(a_set_split_at_every_byte_takes_its_key_out),
	WORLD_TEST(an_incr_split_at_every_byte_takes_its_key_out),
	WORLD_TEST(an_append_split_at_every_byte_takes_its_key_out),
	WORLD_TEST(a_set_sent_byte_by_byte_takes_its_key_out),
	WORLD_TEST(writes_pipelined_by_the_thousand_take_their_keys_out),
	WORLD_TEST(a_client_that_does_not_read_keeps_its_write_in_flight),
	cmocka_unit_test_setup_teardown(connects_in_a_loop_while_bmc_starts_and_stops,
					world_setup_memcached, world_teardown),
};

TEST_MAIN(tests, NULL, NULL)
