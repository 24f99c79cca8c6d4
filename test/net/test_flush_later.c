// SPDX-License-Identifier: LGPL-2.1-only
/*
 * flush_all with a delay that nobody read: of before `start`, of a connection that is not followed, of a handshake. What was
 * stored meanwhile, and seen to be, without an end, is not served after it; or at the most for --max-age.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "child.h"
#include "early.h"
#include "lives.h"
#include "said.h"
#include "world.h"

#define DELAY "3"
#define MAX_AGE "--max-age 200ms"
#define AGE_S 0.6 /* that is over for certain */

static int short_setup(void **state)
{
	world_setup_memcached(state);
	world_start_bmc(*state, MAX_AGE);
	world_open_clients(*state);
	return 0;
}

/* Neither served now nor kept for later. */
static void expect_flushed(struct world *w, double age)
{
	struct lives l = { .memcached = &w->memcached, .tcp = &w->tcp, .udp = &w->udp };

	lives_say(&w->tcp, "set k 0 0 1\r\na\r\n", 1);
	lives_warm(&l, "k");
	while (1) {
		lives_warm(&l, "k");
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
		if (!strncmp(w->text.data, "END", 3))
			break;
		test_sleep(0.02);
	}
	test_sleep(age);
	udp_get(&w->udp, "k", &w->text);
	text_assert_is("k", &w->text, "END\r\n");
	text_free(&l.text);
}

#define DELAY_MOST 60

/* One that is still to come when `start` is through, which may have to wait for others' bmcctl. */
static void flush_and_start(struct world *w)
{
	for (int delay = 3; delay < DELAY_MOST; delay *= 2) {
		double until = test_now() + delay - 1;
		char line[40];
		struct tcp t;

		snprintf(line, sizeof(line), "flush_all %d\r\n", delay);
		tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
		tcp_expect(&t, line, "OK");
		tcp_close(&t);
		world_start_bmc(w, "--max-age 60s");
		if (test_now() < until)
			return;
		world_stop_bmc(w);
	}
	fail_msg("start is too slow");
}

static void one_of_before_start(void **state)
{
	struct world *w = *state;

	flush_and_start(w);
	world_open_clients(w);
	status_says(w, "a flush_all with a delay is under way");
	expect_flushed(w, 0);
	status_says_not(w, "not all commands were read");
}

/* A flush of before holds nothing. */
static void one_that_has_happened(void **state)
{
	struct world *w = *state;
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_expect(&t, "flush_all\r\n", "OK");
	tcp_close(&t);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	status_says_not(w, "a flush_all with a delay is under way");
}

static void lose(struct world *w, struct tcp *t, const char *then)
{
	tcp_open(t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_expect(t, "set a 0 99999999999999999999 1\r\n", "CLIENT_ERROR bad command line format");
	assert_int_equal(world_stat(w, "lost"), 1);
	tcp_expect(t, then, "OK");
}

/* A connection that is lost, and then closed: it holds nothing any more. */
static void one_of_a_lost_connection(void **state)
{
	struct world *w = *state;
	struct tcp t;

	lose(w, &t, "flush_all " DELAY "\r\n");
	tcp_close(&t);
	expect_flushed(w, AGE_S);
	status_says(w, "not all commands were read");
}

/* `reset` asks memcached what has become of it. */
static void one_that_reset_finds(void **state)
{
	struct world *w = *state;
	struct tcp t;

	lose(w, &t, "flush_all " DELAY "\r\n");
	assert_int_equal(bmcctl(&w->server, "reset --name %s", w->instance), 0);
	status_says(w, "a flush_all with a delay is under way");
	status_says_not(w, "not all commands were read");
	tcp_close(&t);
	expect_flushed(w, 0);
}

/* In a handshake's last segment, of a connection that is reset before anything else comes. */
static void one_of_a_handshake(void **state)
{
	struct linger now = { .l_onoff = 1 };
	struct world *w = *state;
	struct tcp t;

	early_open(&t, &w->client, WORLD_IP4);
	memcached_freeze(&w->memcached);
	tcp_send(&t, "flush_all " DELAY " noreply\r\n", 21);
	tcp_wait_sent(&t);
	setsockopt(t.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	tcp_close(&t);
	memcached_thaw(&w->memcached);
	test_sleep(0.2);
	expect_flushed(w, AGE_S);
}

/* ---- a flush that is carried out long after it was seen ---- */

#define BIG 900000
#define BEHIND 40 /* big answers, more than sockets and memcached take ahead of a client */

/* The bug: its delay was counted from when it was sent. */
static void one_behind_answers_that_are_not_read(void **state)
{
	static char big[BIG];
	struct world *w = *state;
	struct text all = {};
	struct tcp t;

	tcp_set(&w->tcp, "big", memset(big, 'x', BIG), BIG);
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < BEHIND; i++)
		tcp_send(&t, "get big\r\n", 9);
	tcp_send(&t, "flush_all " DELAY "\r\n", 13);
	test_sleep(6);
	for (int i = 0; i <= BEHIND; i++)
		assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &all), 0);
	text_assert_is("flush_all", &all, "OK\r\n");
	expect_flushed(w, 0);
	text_free(&all);
	tcp_close(&t);
}

/* ---- memcached's clock ---- */

#define LATE 2.2 /* what is allowed for memcached's clock is over */
#define ASKING 16

/* The bug: a memcached that goes on behind SIGSTOP answers what waits before its clock moves. */
static void one_that_memcached_sleeps_over(void **state)
{
	struct udp u[ASKING];
	struct world *w = *state;

	tcp_expect(&w->tcp, "flush_all " DELAY "\r\n", "OK");
	tcp_expect(&w->tcp, "set k 0 0 1\r\na\r\n", "STORED");
	memcached_freeze(&w->memcached);
	test_sleep(3 + LATE);
	for (int i = 0; i < ASKING; i++) {
		udp_open(&u[i], &w->client, WORLD_IP4, WORLD_PORT);
		udp_send(&u[i], "get k\r\n", 7);
	}
	memcached_thaw(&w->memcached);
	world_await(w, &w->tcp, "k", NULL);
	for (int i = 0; i < ASKING; i++)
		udp_close(&u[i]);
	world_expect(w, &w->udp, "k", NULL);
}

/* The bug: a restarted memcached with -e has its items, and the flush that is to come. */
/* It is restarted when it was told by `tell` to flush in eight seconds, and takes over its items: noticed so late, seconds. */
static void restart_behind(struct world *w, void (*tell)(struct world *w), double max_age,
			   double late)
{
	char dir[] = "/dev/shm/bmc-test-XXXXXX", option[64], age[32];

	assert_non_null(mkdtemp(dir));
	assert_return_code(chmod(dir, 0777), errno);
	snprintf(option, sizeof(option), "-e %s/items", dir);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, option);
	snprintf(age, sizeof(age), "--max-age %.0fms", max_age * 1e3);
	world_start_bmc(w, age);
	world_open_clients(w);
	tell(w);
	child_stop(w->memcached.pid, SIGUSR1);
	w->memcached.pid = 0;
	test_sleep(1.5); /* less is no restart to it */
	tcp_close(&w->tcp);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, option);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	expect_flushed(w, late);
	child_sh(NULL, "rm -r %s", dir);
}

static void tell_by_tcp(struct world *w)
{
	tcp_expect(&w->tcp, "flush_all 8\r\n", "OK");
}

static void one_that_a_restart_keeps(void **state)
{
	restart_behind(*state, tell_by_tcp, 60, 0);
}

/* Behind a command of which bmc does not know where it ends: what follows is not read. */
static void tell_by_udp_unread(struct world *w)
{
	udp_ask(&w->udp, "watch nothing\r\nflush_all 8\r\n", &w->text);
	test_sleep(0.1);
}

static void one_over_udp_that_is_not_read_and_a_restart_keeps(void **state)
{
	restart_behind(*state, tell_by_udp_unread, 0.5, 0.6);
}

/* With a handshake, whose client says nothing more: it is parsed only with the next segment, or not at all. */
static void tell_by_handshake(struct world *w)
{
	static struct tcp t;

	early_open(&t, &w->client, WORLD_IP4);
	tcp_send(&t, "flush_all 8 noreply\r\n", 21);
	tcp_wait_sent(&t);
	test_sleep(0.2);
	tcp_close(&t);
}

static void one_of_a_handshake_that_a_restart_keeps(void **state)
{
	restart_behind(*state, tell_by_handshake, 0.5, 0.6);
}

#define BEFORE(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, short_setup, world_teardown)
#define EMPTY(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)

static const struct CMUnitTest tests[] = {
	BEFORE(one_of_before_start),
	BEFORE(one_that_has_happened),
	SHORT(one_of_a_lost_connection),
	SHORT(one_that_reset_finds),
	SHORT(one_of_a_handshake),
	WORLD_TEST(one_behind_answers_that_are_not_read),
	WORLD_TEST(one_that_memcached_sleeps_over),
	EMPTY(one_that_a_restart_keeps),
	EMPTY(one_of_a_handshake_that_a_restart_keeps),
	EMPTY(one_over_udp_that_is_not_read_and_a_restart_keeps),
};

TEST_MAIN(tests, NULL, NULL)
