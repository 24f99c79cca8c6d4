// SPDX-License-Identifier: LGPL-2.1-only
/*
 * flush_all with a delay that nobody read: of before `start`, of a connection that is not followed, of a handshake. What was
 * stored meanwhile, and seen to be, without an end, is not served after it; or at the most for --max-age.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

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

static void one_of_before_start(void **state)
{
	struct world *w = *state;
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_expect(&t, "flush_all " DELAY "\r\n", "OK");
	tcp_close(&t);
	world_start_bmc(w, "--max-age 60s");
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

#define BEFORE(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)
#define SHORT(name) cmocka_unit_test_setup_teardown(name, short_setup, world_teardown)

static const struct CMUnitTest tests[] = {
	BEFORE(one_of_before_start), BEFORE(one_that_has_happened), SHORT(one_of_a_lost_connection),
	SHORT(one_that_reset_finds), SHORT(one_of_a_handshake),
};

TEST_MAIN(tests, NULL, NULL)
