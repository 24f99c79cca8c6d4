// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Writes over UDP: the key is out of the cache at once, and is filled again after the answer. What is never answered,
 * or by nothing that tells it from a get's answer, keeps its bucket empty until memcached restarts.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "child.h"
#include "world.h"

#define FLOOD 4000
#define HEADER 24

struct command {
	const char *request; /* %s is the key */
	const char *answer; /* begins so */
};

/* The item is "10" before. */
static const struct command answered[] = {
	{ "set %s 0 0 2\r\n20\r\n", "STORED" },
	{ "set %s 7 0 0\r\n\r\n", "STORED" },
	{ "add %s 0 0 2\r\n30\r\n", "NOT_STORED" },
	{ "replace %s 0 0 2\r\n40\r\n", "STORED" },
	{ "append %s 0 0 2\r\n50\r\n", "STORED" },
	{ "prepend %s 0 0 2\r\n60\r\n", "STORED" },
	{ "cas %s 0 0 2 1\r\n70\r\n", "EXISTS" },
	{ "cas no%s 0 0 2 1\r\n70\r\n", "NOT_FOUND" },
	{ "incr %s 5\r\n", "15" },
	{ "decr %s 5\r\n", "5" },
	{ "touch %s 0\r\n", "TOUCHED" },
	{ "touch no%s 0\r\n", "NOT_FOUND" },
	{ "delete %s\r\n", "DELETED" },
	{ "delete no%s\r\n", "NOT_FOUND" },
	{ "flush_all\r\n", "OK" },
	{ "ms %s 2\r\n80\r\n", "HD" },
	{ "ms %s 2 ME\r\n80\r\n", "NS" },
	{ "ms no%s 2 MR\r\n80\r\n", "NS" },
	{ "ma %s\r\n", "HD" },
	{ "ma %s v\r\n", "VA" },
	{ "ma no%s\r\n", "NF" },
	{ "md %s\r\n", "HD" },
	{ "md no%s\r\n", "NF" },
	{ "mg %s t T0\r\n", "HD" },
	{ "mg %s v T0\r\n", "VA" },
	/* they write nothing */
	{ "version\r\n", "VERSION" },
	{ "mn\r\n", "MN" },
	{ "mg %s v\r\n", "VA" },
	{ "mg no%s v\r\n", "EN" },
	{ "verbosity 0\r\n", "OK" },
	{ "verbosity 0 noreply\r\n", NULL },
	{ "stats\r\n", "STAT" },
};

/* Answered by what a get may be answered by, or not at all. */
static const struct command for_good[] = {
	{ "set %s 0 0 2 noreply\r\n20\r\n", NULL },
	{ "incr %s 1 noreply\r\n", NULL },
	{ "touch %s 0 noreply\r\n", NULL },
	{ "gat 0 %s\r\n", "VALUE" },
	{ "gats 0 no %s\r\n", "VALUE" },
	{ "incr %s x\r\n", "CLIENT_ERROR" },
	{ "set %s 0 0 2\r\ntoo long\r\n", "CLIENT_ERROR" },
	{ "ms %s 2 q\r\n80\r\n", NULL },
};

static void send_command(struct udp *u, const char *format, const char *key)
{
	char request[400];
	int len = snprintf(request, sizeof(request), format, key);

	udp_send(u, request, (size_t)len);
}

/* Sends it; returns when it is carried out, as far as an answer tells. */
static void carry_out(struct world *w, struct udp *u, const struct command *c, const char *key)
{
	send_command(u, c->request, key);
	if (!c->answer) {
		test_sleep(0.05);
		return;
	}
	assert_int_equal(udp_receive(u, u->id, TEST_ANSWER_S, &w->text), 0);
	if (strncmp(w->text.data, c->answer, strlen(c->answer)) != 0)
		fail_msg("%s: %s", c->request, w->text.data);
}

static void expect_truth(struct world *w, struct udp *u, const char *key, const char *what)
{
	world_expect_truth(w, &w->tcp, u, key, what);
}

static void expect_not_filled(struct world *w, struct udp *u, const char *key)
{
	for (int i = 0; i < 4; i++)
		assert_false(world_get(w, u, key));
}

static void each_is_filled_again(struct world *w, struct udp *u)
{
	char key[40];

	for (size_t i = 0; i < TEST_COUNT(answered); i++) {
		snprintf(key, sizeof(key), "key-%d-%zu", u == &w->udp6, i);
		world_set_after_flush(w, key, "10");
		world_warm(w, u, key);
		carry_out(w, u, &answered[i], key);
		expect_truth(w, u, key, answered[i].request);
		world_set_after_flush(w, key, "10");
		world_warm(w, u, key);
	}
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void each_command_over_udp_is_filled_again(void **state)
{
	struct world *w = *state;

	each_is_filled_again(w, &w->udp);
}

static void each_command_over_udp_ipv6_is_filled_again(void **state)
{
	struct world *w = *state;

	each_is_filled_again(w, &w->udp6);
}

static void what_is_never_told_stays_out_until_restart(void **state)
{
	struct world *w = *state;
	char key[40];

	for (size_t i = 0; i < TEST_COUNT(for_good); i++) {
		snprintf(key, sizeof(key), "key-%zu", i);
		world_cache(w, key, "10");
		carry_out(w, &w->udp, &for_good[i], key);
		tcp_set(&w->tcp, key, "10", 2);
		expect_truth(w, &w->udp, key, for_good[i].request);
		expect_not_filled(w, &w->udp, key);
		tcp_close(&w->tcp);
		world_restart_memcached(w);
		tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
		world_cache(w, key, "new");
		carry_out(w, &w->udp, &answered[0], key);
		world_warm(w, &w->udp, key);
	}
}

/* A noreply write or a gat blocks its own bucket only. */
static void noreply_over_udp_leaves_other_writes_alone(void **state)
{
	struct world *w = *state;

	world_cache(w, "a", "10");
	world_cache(w, "b", "10");
	carry_out(w, &w->udp, &for_good[0], "a");
	carry_out(w, &w->udp, &for_good[3], "a");
	carry_out(w, &w->udp, &answered[0], "b");
	world_warm(w, &w->udp, "b");
	expect_not_filled(w, &w->udp, "a");
}

static void several_commands_in_a_datagram(void **state)
{
	struct world *w = *state;

	world_cache(w, "a", "10");
	world_cache(w, "b", "10");
	send_command(&w->udp, "set a 0 0 1\r\n1\r\nset b 0 0 1\r\n2\r\nget %s\r\nincr a 1\r\n",
		     "a");
	test_sleep(0.05);
	expect_truth(w, &w->udp, "a", "set");
	expect_truth(w, &w->udp, "b", "set");
	world_warm(w, &w->udp, "a");
	world_warm(w, &w->udp, "b");
	assert_int_equal(world_stat(w, "udp_answers"), 3);
}

static void flush_all_over_udp_holds_until_its_answer(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++) {
		world_set_after_flush(w, "k", "10");
		world_warm(w, &w->udp, "k");
		memcached_freeze(&w->memcached);
		udp_send(&w->udp, "get k x\r\n", 9);
		udp_send(&w->udp, "flush_all\r\n", 11);
		udp_send(&w->udp, "get k x\r\n", 9);
		memcached_thaw(&w->memcached);
		assert_int_equal(udp_receive(&w->udp, (uint16_t)(w->udp.id - 1), TEST_ANSWER_S,
					     &w->text),
				 0);
		world_expect(w, &w->udp, "k", NULL);
	}
	world_set_after_flush(w, "k", "10");
	world_warm(w, &w->udp, "k");
}

static void flush_all_noreply_over_udp_holds_until_restart(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "10");
	udp_send(&w->udp, "flush_all noreply\r\n", 19);
	world_await(w, &w->tcp, "k", NULL);
	world_set_after_flush(w, "k", "10");
	expect_not_filled(w, &w->udp, "k");
	assert_int_equal(bmcctl(&w->server, "status --name %s", w->instance), 0);
	assert_non_null(strstr(bmcctl_result.out, "until memcached restarts"));
	tcp_close(&w->tcp);
	world_restart_memcached(w);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	world_cache(w, "k", "10");
}

/* The reply that memcached prepared before the write comes after it. */
static void a_get_in_front_of_a_write_over_udp(void **state)
{
	struct world *w = *state;
	char value[16], line[64];

	for (int i = 0; i < 20; i++) {
		tcp_set(&w->tcp, "k", "old!", 4);
		world_warm(w, &w->udp, "k");
		memcached_freeze(&w->memcached);
		udp_send(&w->udp, "get k x\r\n", 9);
		snprintf(value, sizeof(value), "%04d", i);
		snprintf(line, sizeof(line), "set k 0 0 4\r\n%s\r\n", value);
		udp_send(&w->udp6, line, strlen(line));
		udp_send(&w->udp, "get k x\r\n", 9);
		memcached_thaw(&w->memcached);
		assert_int_equal(udp_receive(&w->udp6, w->udp6.id, TEST_ANSWER_S, &w->text), 0);
		test_sleep(0.005);
		world_expect(w, &w->udp, "k", value);
		world_warm(w, &w->udp, "k");
	}
}

/* A datagram that begins as a get: wherever its first line ends, and whatever ends it, the write behind it is seen. */
static void a_write_behind_a_get_in_one_datagram(void **state)
{
	static const char *const forms[] = { "get %.*s\r\ndelete k\r\n", "gets %.*s\ndelete k\n",
					     "get %.*s\ndelete k\r\nget x\r\n" };
	static const char other[] = "abcdefghijklmnopqrst";
	struct world *w = *state;
	char request[100];

	for (int i = 1; i < (int)sizeof(other); i++) {
		for (size_t k = 0; k < sizeof(forms) / sizeof(forms[0]); k++) {
			int len = snprintf(request, sizeof(request), forms[k], i, other);

			world_cache(w, "k", "10");
			udp_send(&w->udp, request, (size_t)len);
			/* the get's answer, then the write's: both are sent by then */
			assert_int_equal(udp_receive(&w->udp, w->udp.id, 3, &w->text), 0);
			test_sleep(0.001);
			expect_truth(w, &w->udp, "k", request);
		}
	}
}

/* memcached stands still and its socket's buffer is full: a set of "lost" by w->udp gets nowhere. */
static void lose_a_set(struct world *w, const char *key)
{
	struct udp flood;

	udp_open(&flood, &w->client, WORLD_IP4, WORLD_PORT);
	memcached_freeze(&w->memcached);
	for (int i = 0; i < FLOOD; i++)
		udp_send(&flood, "get nothing\r\n", 13);
	send_command(&w->udp, "set %s 0 0 4\r\nlost\r\n", key);
	memcached_thaw(&w->memcached);
	tcp_expect(&w->tcp, "mn\r\n", "MN");
	test_sleep(0.1);
	udp_close(&flood);
	expect_truth(w, &w->udp6, key, "lost");
	assert_null(strstr(w->text.data, "lost"));
}

/* Nor do answers to others of the same id end it, a get's or a write's. */
static void a_lost_write_stays_out_whatever_is_answered(void **state)
{
	struct world *w = *state;
	uint16_t id;

	world_cache(w, "k", "old");
	world_cache(w, "other", "old");
	lose_a_set(w, "k");
	id = w->udp.id;
	for (int i = 0; i < 3; i++) {
		w->udp.id = (uint16_t)(id - 1);
		udp_get(&w->udp, "missing", &w->text);
		w->udp.id = (uint16_t)(id - 1);
		udp_get(&w->udp, "k", &w->text);
	}
	assert_int_equal(world_stat(w, "udp_answers"), 0);
	expect_not_filled(w, &w->udp6, "k");
	for (int i = 0; i < 3; i++) {
		w->udp.id = (uint16_t)(id - 1);
		carry_out(w, &w->udp, &answered[0], "other");
	}
	expect_not_filled(w, &w->udp6, "k");
	assert_int_equal(world_stat(w, "udp_answers"), 3); /* one for each that was answered */
}

/* A client that has one id for all, and waits for each answer. */
static void one_id_for_all(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 20; i++) {
		w->udp.id = 7;
		carry_out(w, &w->udp, &answered[i % 2], "k");
		w->udp.id = 7;
		udp_get(&w->udp, "k", &w->text);
	}
	world_warm(w, &w->udp, "k");
	assert_int_equal(world_stat(w, "udp_answers"), 20);
}

/* ---- the binary protocol ---- */

/* Sends a request of a key and 8 bytes of extras (0 if !extras) and a value; waits for the answer's first datagram. */
static void binary(struct udp *u, int opcode, const char *key, int extras, const char *value,
		   int answer)
{
	struct pollfd fd = { .fd = u->fd, .events = POLLIN };
	size_t keylen = strlen(key), vallen = strlen(value),
	       body = (size_t)extras + keylen + vallen;
	char text[200] = { (char)0x80, (char)opcode, 0, (char)keylen, (char)extras };

	text[11] = (char)body;
	snprintf(text + HEADER + extras, sizeof(text) - HEADER - (size_t)extras, "%s%s", key,
		 value);
	udp_send(u, text, HEADER + body);
	if (!answer) {
		test_sleep(0.05);
		return;
	}
	for (int i = 0; i < 10; i++) {
		uint8_t got[2000];
		ssize_t n;

		assert_int_equal(poll(&fd, 1, (int)(test_patience(TEST_ANSWER_S) * 1000)), 1);
		n = recv(u->fd, got, sizeof(got), 0);
		assert_true(n >= 8);
		if (n >= 8 + HEADER && (got[0] << 8 | got[1]) == u->id) {
			assert_int_equal(got[9], opcode);
			return;
		}
	}
	fail_msg("no answer to opcode %d", opcode);
}

static void each_binary_command_is_filled_again(void **state)
{
	static const struct {
		int opcode, extras;
		const char *value;
		int of_key;
	} commands[] = {
		{ 0x01, 8, "20", 1 }, { 0x02, 8, "30", 1 }, { 0x03, 8, "40", 1 },
		{ 0x04, 0, "", 1 },   { 0x05, 20, "", 1 },  { 0x06, 20, "", 1 },
		{ 0x0e, 0, "50", 1 }, { 0x0f, 0, "60", 1 }, { 0x1c, 4, "", 1 },
		{ 0x1d, 4, "", 1 },   { 0x23, 4, "", 1 },   { 0x08, 0, "", 0 },
		{ 0x0a, 0, "", 0 },   { 0x0b, 0, "", 0 },   { 0x00, 0, "", 1 },
		{ 0x10, 0, "", 0 },
	};
	struct world *w = *state;
	char key[40];

	for (size_t i = 0; i < 2 * TEST_COUNT(commands); i++) {
		size_t c = i / 2;
		struct udp *u = i % 2 ? &w->udp6 : &w->udp;

		snprintf(key, sizeof(key), "key-%zu", i);
		world_set_after_flush(w, key, "10");
		world_warm(w, u, key);
		binary(u, commands[c].opcode, commands[c].of_key ? key : "", commands[c].extras,
		       commands[c].value, 1);
		expect_truth(w, u, key, "binary");
		world_set_after_flush(w, key, "10");
		world_warm(w, u, key);
	}
}

static void a_quiet_binary_command_stays_out(void **state)
{
	struct world *w = *state;

	world_cache(w, "a", "10");
	world_cache(w, "b", "10");
	binary(&w->udp, 0x11, "a", 8, "20", 0);
	binary(&w->udp, 0x12, "a", 8, "30", 0); /* fails: ADDQ's own answer */
	expect_truth(w, &w->udp, "a", "SETQ");
	expect_not_filled(w, &w->udp, "a");
	binary(&w->udp, 0x01, "b", 8, "20", 1);
	world_warm(w, &w->udp, "b");
}

/* ---- two servers ---- */

static int two_setup(void **state)
{
	struct world *w;

	world_setup_memcached(state);
	w = *state;
	memcached_start(&w->plain, &w->server, 11212, NULL);
	world_start_bmc(w, "--max-age 60s --port 11211 --port 11212");
	world_open_clients(w);
	return 0;
}

/* Of one key: it was an unknown write of the second one, which held all its fills until it restarted. */
static void two_servers_write_one_bucket_over_udp(void **state)
{
	struct world *w = *state;
	struct udp second;

	udp_open(&second, &w->client, WORLD_IP4, 11212);
	for (int i = 0; i < 5; i++) {
		carry_out(w, &w->udp, &answered[0], "k");
		carry_out(w, &second, &answered[1], "k");
		memcached_freeze(&w->memcached);
		send_command(&w->udp, "set %s 0 0 1\r\n3\r\n", "k");
		carry_out(w, &second, &answered[0], "k");
		expect_not_filled(w, &second, "k");
		memcached_thaw(&w->memcached);
		assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
		world_expect(w, &w->udp, "k", "3");
		world_expect(w, &second, "k", "20");
		world_warm(w, &second, "k");
		world_warm(w, &w->udp, "k");
	}
	assert_int_equal(world_stat(w, "unknown_writes"), 0);
	assert_int_equal(world_stat(w, "overflow_holds"), 0);
	udp_close(&second);
}

/* The bug: the answer was looked for at the address that was asked, and such a write never ended. */
static void one_answered_from_another_address(void **state)
{
	static const char set[] = "set k 0 0 1\r\n1\r\n";
	struct world *w = *state;
	struct udp u;

	child_sh(&w->server, "ip addr add 10.77.0.9/24 dev " WORLD_IF);
	world_cache(w, "k", "0");
	udp_open(&u, &w->client, "10.77.0.9", WORLD_PORT);
	udp_send(&u, set, sizeof(set) - 1);
	world_await(w, &w->tcp, "k", "1");
	world_warm(w, &w->udp, "k");
	udp_close(&u);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(each_command_over_udp_is_filled_again),
	WORLD_TEST(each_command_over_udp_ipv6_is_filled_again),
	WORLD_TEST(what_is_never_told_stays_out_until_restart),
	WORLD_TEST(noreply_over_udp_leaves_other_writes_alone),
	WORLD_TEST(several_commands_in_a_datagram),
	WORLD_TEST(flush_all_over_udp_holds_until_its_answer),
	WORLD_TEST(flush_all_noreply_over_udp_holds_until_restart),
	WORLD_TEST(a_get_in_front_of_a_write_over_udp),
	WORLD_TEST(a_write_behind_a_get_in_one_datagram),
	WORLD_TEST(a_lost_write_stays_out_whatever_is_answered),
	WORLD_TEST(one_id_for_all),
	WORLD_TEST(one_answered_from_another_address),
	WORLD_TEST(each_binary_command_is_filled_again),
	WORLD_TEST(a_quiet_binary_command_stays_out),
	cmocka_unit_test_setup_teardown(two_servers_write_one_bucket_over_udp, two_setup,
					world_teardown),
};

TEST_MAIN(tests, NULL, NULL)
