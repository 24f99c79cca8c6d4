// SPDX-License-Identifier: LGPL-2.1-only
/* Data in the handshake's last segment: the client leaves its ACK to the first command. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "early.h"
#include "net_address.h"
#include "peer.h"
#include "world.h"

/* What bmc could not have read of a handshake: it must have seen one with data, and lost none. */
static void expect_seen(struct world *w, long long before)
{
	assert_int_equal(world_stat(w, "lost"), 0);
	assert_true(world_stat(w, "unknown_writes") > before);
}

static const struct {
	const char *address;
	int local;
} ways[] = { { WORLD_IP4, 0 }, { WORLD_IP6, 0 }, { "127.0.0.1", 1 } };

/* `bytes` with the handshake, then so many answers, the last one of which is known, then the value of k. */
static void handshake_with(struct world *w, const char *bytes, int answers, const char *last,
			   const char *value)
{
	for (size_t i = 0; i < TEST_COUNT(ways); i++) {
		long long before = world_stat(w, "unknown_writes");
		struct tcp t;

		world_cache(w, "k", "old");
		early_open(&t, ways[i].local ? &w->server : &w->client, ways[i].address);
		tcp_send(&t, bytes, strlen(bytes));
		for (int n = 0; n < answers; n++)
			assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), 0);
		if (answers) {
			text_assert_is(bytes, &w->text, last);
		} else {
			world_await(w, &w->tcp, "k",
				    value); /* no answer says that it was carried out */
		}
		world_expect(w, &w->udp, "k", value);
		tcp_expect(&t, "mn\r\n", "MN");
		world_expect(w, &w->udp, "k", value);
		world_warm(w, &w->udp, "k");
		expect_seen(w, before);
		tcp_close(&t);
	}
}

static void a_set_in_the_handshake_takes_its_key_out(void **state)
{
	handshake_with(*state, "set k 0 0 3\r\nnew\r\n", 1, "STORED\r\n", "new");
}

static void a_get_in_the_handshake_is_counted(void **state)
{
	handshake_with(*state, "get k\r\n", 1, "VALUE k 0 3\r\nold\r\nEND\r\n", "old");
}

static void a_noreply_set_in_the_handshake_takes_its_key_out(void **state)
{
	handshake_with(*state, "set k 0 0 3 noreply\r\nnew\r\n", 0, NULL, "new");
}

static void pipelined_commands_in_the_handshake_are_all_seen(void **state)
{
	handshake_with(*state,
		       "set k 0 0 3 noreply\r\none\r\nset k 0 0 3\r\ntwo\r\ndelete x noreply\r\n"
		       "append k 0 0 1 noreply\r\n!\r\n",
		       1, "STORED\r\n", "two!");
}

/* Its error comes before the answer that it could be taken for. */
static void a_silent_command_that_fails_aloud_in_the_handshake(void **state)
{
	handshake_with(*state, "md k q C999999\r\nset k 0 0 3\r\nnew\r\n", 2, "STORED\r\n", "new");
}

static void a_flush_all_in_the_handshake_forgets_all_and_ends(void **state)
{
	handshake_with(*state, "flush_all\r\nset k 0 0 3\r\nnew\r\n", 2, "STORED\r\n", "new");
}

static void a_command_cut_anywhere_after_the_handshake_takes_its_key_out(void **state)
{
	static const char command[] = "set k 0 0 8\r\nabcd\r\n%02d\r\n";
	struct world *w = *state;
	char bytes[sizeof(command) + 8], value[16];

	for (size_t at = 1; at < sizeof(command) - 3; at++) {
		long long before = world_stat(w, "unknown_writes");
		struct tcp t;
		size_t len;

		world_cache(w, "k", "old");
		snprintf(bytes, sizeof(bytes), command, (int)at);
		snprintf(value, sizeof(value), "abcd\r\n%02d", (int)at);
		len = strlen(bytes);
		early_open(&t, &w->client, WORLD_IP4);
		tcp_send(&t, bytes, at);
		tcp_wait_sent(&t);
		tcp_send(&t, bytes + at, len - at);
		assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), 0);
		text_assert_is("cut", &w->text, "STORED\r\n");
		world_expect(w, &w->udp, "k", value);
		world_warm(w, &w->udp, "k");
		expect_seen(w, before);
		tcp_close(&t);
	}
}

/* What is not parsed when the connection ends must not hold fills for ever. */
static void a_handshake_with_data_that_closes_at_once_holds_nothing(void **state)
{
	static const char set[] = "set k 0 0 3 noreply\r\nnew\r\n";
	struct world *w = *state;

	for (int reset = 0; reset < 2; reset++) {
		struct linger linger = { .l_onoff = reset };
		struct tcp t;

		world_cache(w, "k", "old");
		early_open(&t, &w->client, WORLD_IP4);
		tcp_send(&t, set, sizeof(set) - 1);
		if (reset)
			tcp_wait_sent(&t);
		setsockopt(t.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		tcp_close(&t);
		test_sleep(0.05);
		udp_ask(&w->udp, "get k\r\n", &w->text);
		tcp_ask(&w->tcp, "get k\r\n", &w->text); /* memcached's word: a reset may lose it */
		world_warm(w, &w->udp, "k");
		assert_int_equal(world_stat(w, "lost"), 0);
	}
}

#define LONGEST 14480 /* the initial window of a client on Ethernet */

/* As much data as can come with a handshake; what the client's device cuts comes in one piece all the same. */
static void an_initial_window_of_data_in_the_handshake(void **state)
{
	struct world *w = *state;

	for (size_t i = 0; i < TEST_COUNT(ways); i++) {
		struct text all = {};
		struct tcp t;

		world_cache(w, "k", "old");
		while (all.len < LONGEST - 240)
			text_add(&all, "set k%zu 0 0 1 noreply\r\nx\r\n", all.len);
		text_add(&all, "set k 0 0 3\r\nnew\r\n");
		early_open(&t, ways[i].local ? &w->server : &w->client, ways[i].address);
		tcp_send(&t, all.data, all.len);
		assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), 0);
		text_assert_is("long", &w->text, "STORED\r\n");
		world_expect(w, &w->udp, "k", "new");
		assert_int_equal(world_stat(w, "lost"), 0);
		world_warm(w, &w->udp, "k");
		tcp_close(&t);
		text_free(&all);
	}
}

/*
 * The handshake's last segment is lost, and the first one with data is late: the second one comes to the listener. Nothing
 * can be kept for a connection that is not there; it comes again.
 */
static void data_ahead_of_their_turn_in_the_handshake(void **state)
{
	static const char set[] = "set k 0 0 3\r\nnew\r\n";
	static const struct peer_segment first = {}, rest = { .seq = 7 };
	struct world *w = *state;
	struct peer p;

	world_cache(w, "k", "old");
	peer_begin(&p, w, 0);
	peer_send(&p, &rest, set + 7, sizeof(set) - 1 - 7);
	peer_send(&p, &first, set, 7);
	peer_send(&p, &rest, set + 7, sizeof(set) - 1 - 7);
	peer_expect(&p, "STORED\r\n");
	p.seq += sizeof(set) - 1;
	world_expect(w, &w->udp, "k", "new");
	assert_int_equal(world_stat(w, "lost"), 0);
	world_warm(w, &w->udp, "k");
	peer_close(&p);
}

static int fast_open_setup(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	/* servers and clients, without cookies; all listeners (ip-sysctl, tcp_fastopen) */
	child_sh(&w->server, "sysctl -qw net.ipv4.tcp_fastopen=0x603");
	child_sh(&w->client, "sysctl -qw net.ipv4.tcp_fastopen=0x5");
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	return 0;
}

/* Data in a SYN that is taken (RFC 7413) meet the listener too. */
static void data_in_a_fast_opens_syn(void **state)
{
	static const char set[] = "set k 0 0 3\r\nnew\r\n";
	struct world *w = *state;
	struct sockaddr_storage addr;
	socklen_t len = net_address(WORLD_IP4, WORLD_PORT, &addr);
	struct tcp t = {};

	world_cache(w, "k", "old");
	t.fd = ns_socket(&w->client, AF_INET, SOCK_STREAM);
	assert_int_equal(sendto(t.fd, set, sizeof(set) - 1, MSG_FASTOPEN, (struct sockaddr *)&addr,
				len),
			 sizeof(set) - 1);
	assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), 0);
	text_assert_is("fast open", &w->text, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
	tcp_expect(&t, "mn\r\n", "MN");
	child_sh(&w->server, "nstat -asz TcpExtTCPFastOpenPassive | grep -qE '^TcpExt.* [1-9]'");
	assert_int_equal(world_stat(w, "lost"), 0);
	world_warm(w, &w->udp, "k");
	tcp_close(&t);
}

static int old_age_setup(void **state)
{
	world_setup_memcached(state);
	world_start_bmc(*state, "--max-age 60s");
	world_open_clients(*state);
	return 0;
}

#define LATE_S 2.5 /* when the set of the handshake is parsed */
#define GONE_S 15 /* its item has been over for long */

/* Its time began when it came, not when it was parsed. */
static void a_time_in_the_handshake_counts_from_when_it_came(void **state)
{
	static const char set[] = "set k 0 4 3 noreply\r\nnew\r\n";
	struct world *w = *state;
	double until;
	struct tcp t;

	world_cache(w, "k", "old");
	early_open(&t, &w->client, WORLD_IP4);
	tcp_send(&t, set, sizeof(set) - 1);
	tcp_wait_sent(&t);
	test_sleep(LATE_S);
	tcp_expect(&t, "mn\r\n", "MN");
	until = test_now() + test_patience(GONE_S);
	do {
		assert_true(test_now() < until);
		udp_get(&w->udp, "k", &w->text);
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
	} while (w->text.len > 5);
	world_expect(w, &w->udp, "k", NULL);
	assert_int_equal(world_stat(w, "lost"), 0);
	tcp_close(&t);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(a_set_in_the_handshake_takes_its_key_out),
	WORLD_TEST(a_get_in_the_handshake_is_counted),
	WORLD_TEST(a_noreply_set_in_the_handshake_takes_its_key_out),
	WORLD_TEST(pipelined_commands_in_the_handshake_are_all_seen),
	WORLD_TEST(a_silent_command_that_fails_aloud_in_the_handshake),
	WORLD_TEST(a_flush_all_in_the_handshake_forgets_all_and_ends),
	WORLD_TEST(a_command_cut_anywhere_after_the_handshake_takes_its_key_out),
	WORLD_TEST(a_handshake_with_data_that_closes_at_once_holds_nothing),
	WORLD_TEST(an_initial_window_of_data_in_the_handshake),
	WORLD_TEST(data_ahead_of_their_turn_in_the_handshake),
	cmocka_unit_test_setup_teardown(data_in_a_fast_opens_syn, fast_open_setup, world_teardown),
	cmocka_unit_test_setup_teardown(a_time_in_the_handshake_counts_from_when_it_came,
					old_age_setup, world_teardown),
};

TEST_MAIN(tests, NULL, NULL)
