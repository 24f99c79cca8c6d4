// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Guards of the rules that load alone does not need soon enough (bmc_mutants.h): a schedule for each, which goes wrong
 * without the guard and right with it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bmc_mutants.h"
#include "directed.h"
#include "fake.h"
#include "world.h"

#define SLOW_MS 60
#define LATE_MS 80
#define TRIES 12
#define ROUNDS 3
#define AGE_MS 200
#define DAEMON 1

/* ---- NO_LIFE_IN_FLIGHT: a write of a connection that memcached never accepted ends with memcached ---- */
static int never_accepted(struct world *w)
{
	struct tcp t;
	int cached = 0;

	memcached_freeze(&w->memcached);
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&t, "set k 0 0 3\r\nnew\r\n", 18);
	tcp_wait_sent(&t);
	assert_int_equal(kill(w->memcached.pid, SIGKILL), 0); /* at once: it may not go on before */
	world_restart_memcached(w);
	tcp_close(&t);
	tcp_close(&w->tcp);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&w->tcp, "k", "next", 4);
	for (int i = 0; i < TRIES && !cached; i++)
		cached = world_get(w, &w->udp, "k");
	return !cached;
}

/* ---- NO_FLUSH_TIME: what a delayed flush_all will take is not cached before ---- */
static int delayed_flush(struct world *w)
{
	tcp_set(&w->tcp, "k", "old", 3);
	tcp_expect(&w->tcp, "flush_all 3\r\n", "OK"); /* memcached takes one second off */
	for (int i = 0; i < TRIES; i++)
		udp_get(&w->udp, "k", &w->text);
	if (!directed_is_value(&w->text, "old"))
		return -1; /* it is over already */
	test_sleep(2.5);
	world_await(w, &w->tcp, "k", NULL);
	udp_get(&w->udp, "k", &w->text);
	return directed_is_value(&w->text, "old");
}

/* ---- ALL_READ: a delayed flush_all of a connection that was not followed takes what was stored since ---- */
static int unread_flush(struct world *w)
{
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_expect(&t, "set a 0 99999999999999999999 1\r\n",
		   "CLIENT_ERROR bad command line format");
	tcp_expect(&t, "flush_all 3\r\n", "OK");
	tcp_close(&t);
	test_sleep(0.1); /* memcached has closed it, too */
	tcp_set(&w->tcp, "k", "old", 3);
	for (int i = 0; i < TRIES; i++)
		udp_get(&w->udp, "k", &w->text);
	if (!directed_is_value(&w->text, "old"))
		return -1; /* it is over already */
	world_await(w, &w->tcp, "k", NULL);
	test_sleep(3 * AGE_MS * 1e-3);
	udp_get(&w->udp, "k", &w->text);
	return directed_is_value(&w->text, "old");
}

/* ---- NO_OWNER_OF_ADDRESS: memcached answers from an address at which another user has a socket ---- */
static int answers_from_anothers_address(struct world *w)
{
	struct fake fake;
	struct udp u;
	int wrong;

	child_sh(&w->server, "ip addr replace 10.77.0.9/24 dev " WORLD_IF);
	tcp_set(&w->tcp, "k", "old", 3);
	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	udp_open(&u, &w->client, "10.77.0.9", WORLD_PORT);
	for (int i = 0; i < TRIES; i++) {
		udp_send(&u, "get k\r\n", 7);
		test_sleep(
			0.02); /* the answer comes from the interface's first address, not to this socket */
	}
	udp_get(&w->udp, "k", &w->text);
	wrong = directed_is_value(&w->text, "old");
	udp_close(&u);
	fake_stop(&fake);
	return wrong;
}

/* ---- NO_GEN, CLOSED_NO_NOW: a closed connection's silent set, and who has its writer next ---- */

/*
 * memcached has read "old" for a get and answers late. On another thread a connection sets "new", silently, and is
 * closed; its writer goes to a connection with more answers, none of them new. 1: "old" is served. -1: that thread was
 * the late one.
 */
static int closed_writer_round(struct world *w)
{
	struct tcp busy, gone, idle;
	int wrong = -1;

	tcp_open(&busy, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < 5; i++)
		tcp_expect(&busy, "mn\r\n", "MN");
	tcp_open(&idle, &w->client, WORLD_IP4, WORLD_PORT); /* the next round has another thread */
	tcp_open(&gone, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&gone, "k", "old", 3);
	udp_send(&w->udp, "get k\r\n", 7);
	test_sleep(LATE_MS * 0.2e-3);
	tcp_send(&gone, "set k 0 0 3 noreply\r\nnew\r\nquit\r\n", 32);
	if (tcp_receive(&gone, LATE_MS * 0.4e-3, &w->text) == -EPIPE) {
		tcp_send(&busy, "set z 0 0 9\r\nnot yet", 20);
		tcp_wait_sent(&busy);
		assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
		udp_get(&w->udp, "k", &w->text);
		wrong = directed_is_value(&w->text, "old");
	} else {
		udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text);
	}
	tcp_close(&gone);
	tcp_close(&idle);
	tcp_close(&busy);
	test_sleep(SLOW_MS * 1e-3); /* they are closed at memcached too */
	return wrong;
}

static int closed_writer(struct world *w)
{
	int rounds = 0;

	for (int i = 0; i < TRIES && rounds < ROUNDS; i++) {
		int wrong = closed_writer_round(w);

		if (wrong > 0)
			return 1;
		rounds += !wrong;
	}
	return rounds ? 0 : -1;
}

/* ---- NO_DOUBT: the error of a silent command is not the answer to the next one ---- */

/*
 * memcached's thread sleeps after it has sent the error of a silent `ms`, the set of k waits behind it; another thread
 * answers a get. The store of z, which is not whole, keeps the count of commands ahead of that of answers.
 */
static int silent_error(struct world *w)
{
	static char block[1100000];
	struct text out = {};
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&w->tcp, "k", "old", 3);
	test_sleep(2 * SLOW_MS * 1e-3);
	text_add(&out, "ms x %zu q\r\n", sizeof(block));
	text_append(&out, block, sizeof(block));
	text_add(&out, "\r\nset k 0 0 3\r\nnew\r\nset z 0 0 9\r\nnot yet");
	tcp_send(&t, out.data, out.len);
	text_free(&out);
	assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), 0);
	text_assert_is("a silent store", &w->text, "SERVER_ERROR object too large for cache\r\n");
	for (int i = 0; i < 4; i++)
		udp_get(&w->udp, "k", &w->text);
	for (int i = 0; i < TRIES && !directed_is_value(&w->text, "new"); i++) {
		test_sleep(SLOW_MS * 1e-3);
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
	}
	assert_true(directed_is_value(&w->text, "new")); /* carried out */
	udp_get(&w->udp, "k", &w->text);
	tcp_close(&t);
	return directed_is_value(&w->text, "old");
}

static const struct directed schedules[] = {
	{ WITHOUT(NO_LIFE_IN_FLIGHT), .wrong = never_accepted },
	{ WITHOUT(NO_FLUSH_TIME), .wrong = delayed_flush },
	{ WITHOUT(ALL_READ), .wrong = unread_flush, .max_age_ns = AGE_MS * 1000000ULL },
	{ WITHOUT(NO_OWNER_OF_ADDRESS), .wrong = answers_from_anothers_address },
	{ WITHOUT(NO_GEN), .wrong = closed_writer, .slow = "80", .after = "0", .writers = 1 },
	{ WITHOUT(CLOSED_NO_NOW), .wrong = closed_writer, .slow = "80", .after = "0",
	  .writers = 1 },
	{ WITHOUT(NO_DOUBT), .wrong = silent_error, .slow = "0", .after = "60" },
};

int main(void)
{
	return directed_main(schedules, TEST_COUNT(schedules), 1);
}
