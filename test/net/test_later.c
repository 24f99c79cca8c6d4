// SPDX-License-Identifier: LGPL-2.1-only
/* What comes after `start`, as memcached or beside it, and cannot be watched: it is noticed, and nothing is served. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "fake.h"
#include "said.h"
#include "world.h"

#define NOBODY 65534
#define DAEMON 1
#define WAIT "--wait --user nobody --max-age 60s"
#define TWO_PORTS "-l 0.0.0.0:11211,0.0.0.0:11212"

static struct fake fake;

static int teardown(void **state)
{
	fake_stop(&fake);
	return world_teardown(state);
}

static void nothing_is_served(struct world *w, const char *key)
{
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, key));
}

/* ---- what it is: nobody asks it ---- */

static void is_not_served(struct world *w, const char *text)
{
	struct tcp t;

	world_await_listener(w, &t);
	tcp_set(&t, "k", "value", 5);
	nothing_is_served(w, "k");
	status_says(w, text);
	tcp_close(&t);
}

/* It takes for text what bmc takes for the binary protocol. The next one is another one. */
static void one_of_text_alone_is_noticed(void **state)
{
	static const char *const options[] = { "-B ascii", "-Bascii", "--protocol=ascii",
					       "-l proto[ascii]:0.0.0.0", "-vB ascii -t 2" };
	struct world *w = *state;

	world_start_bmc(w, WAIT);
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	for (size_t i = 0; i < TEST_COUNT(options); i++) {
		memcached_launch(&w->memcached, &w->server, WORLD_PORT, options[i]);
		is_not_served(w, "it takes the text protocol only (-B ascii)");
		memcached_stop(&w->memcached);
	}
	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-B auto");
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	world_cache(w, "k", "value");
}

static void a_restart_with_text_alone_is_noticed(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "value");
	memcached_stop(&w->memcached);
	memcached_launch(&w->memcached, &w->server, WORLD_PORT, "-B ascii");
	is_not_served(w, "it takes the text protocol only (-B ascii)");
}

static void a_proxy_is_noticed(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, WAIT);
	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, FAKE_IS_PROXY,
		   "VALUE k 0 1\r\nx\r\nEND\r\n");
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	nothing_is_served(w, "k");
	status_says(w, "it is a proxy (proxy_enabled)");
}

#define WORDS 18000 /* twice of five bytes: more than is looked at */

static void one_that_cannot_be_told_is_noticed(void **state)
{
	static char *argv[WORDS + 8] = { "memcached", "-u", "nobody", "-U", "11211" };
	struct world *w = *state;

	for (int i = 0; i < WORDS; i += 2) {
		argv[5 + i] = "-t";
		argv[6 + i] = "4";
	}
	world_start_bmc(w, WAIT);
	w->memcached.pid = child_start(&w->server, argv);
	assert_true(w->memcached.pid > 0);
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	is_not_served(w, "what it is could not be told");
}

static void force_serves_it_all_the_same(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, WAIT " --force");
	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-B ascii");
	world_open_clients(w);
	world_cache(w, "k", "value");
}

/* Not there when `start` looked, and before the programs: it is asked. */
static void one_that_comes_while_start_is_at_work_is_asked(void **state)
{
	struct world *w = *state;
	pid_t pid = bmcctl_paused(&w->server, "configured",
				  "start --name %s --iface " WORLD_IF
				  " --memory 16M --mode native " WAIT,
				  w->instance);

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-B ascii");
	assert_int_equal(bmcctl_go_on(pid), 0);
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	is_not_served(w, "it takes the text protocol only (-B ascii)");
}

/* ---- its sockets, and others' ---- */

static void a_second_process_of_its_user_is_noticed(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-l " WORLD_IP4);
	world_start_bmc(w, "--max-age 60s");
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	world_cache(w, "k", "value");
	fake_start(&fake, &w->server, "127.0.0.9", WORLD_PORT, NOBODY, 0, "nothing\r\n");
	nothing_is_served(w, "k");
	status_says(w, "a second process");
	status_says(w, "memcached, pid");
	fake_stop(&fake);
	world_warm(w, &w->udp, "k");
	tcp_set(&w->tcp, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
}

/* One that was not there at start. */
static void one_that_comes_with_two_ports_is_noticed(void **state)
{
	static const char *const options[] = { WAIT,
					       "--port 11211 --port 11212 --wait --user nobody "
					       "--max-age 60s" };
	struct world *w = *state;

	for (size_t i = 0; i < TEST_COUNT(options); i++) {
		struct tcp t;

		world_start_bmc(w, options[i]);
		memcached_launch(&w->memcached, &w->server, WORLD_PORT, TWO_PORTS);
		world_await_listener(w, &t);
		tcp_set(&t, "k", "value", 5);
		udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
		nothing_is_served(w, "k");
		status_says(w, "a socket at another port too");
		tcp_close(&t);
		udp_close(&w->udp);
		memcached_stop(&w->memcached);
		world_stop_bmc(w);
	}
}

/* UDP here, TCP at another port, which is bound before. */
static void one_that_comes_with_tcp_at_another_port_is_noticed(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_start_bmc(w, WAIT);
	memcached_start(&w->memcached, &w->server, 11300, "-U 11211");
	tcp_open(&t, &w->client, WORLD_IP4, 11300);
	tcp_set(&t, "k", "value", 5);
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	nothing_is_served(w, "k");
	status_says(w, "UDP here without TCP");
	tcp_close(&t);
}

/* Its datagrams go to another user's socket now: what was filled from it is not served for that. */
static void another_users_socket_takes_over_an_address(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "value");
	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, FAKE_NO_TCP, "\0\0\0\0");
	assert_false(world_stat(w, "hits") == 0);
	udp_send(&w->udp, "get k\r\n", 7);
	assert_int_equal(udp_receive(&w->udp, w->udp.id, 0.3, &w->text), -ETIMEDOUT);
	status_says(w,
		    "other users have 1 socket at this port; UDP requests that may be for it are "
		    "not answered by bmc");
	fake_stop(&fake);
	world_warm(w, &w->udp, "k");
}

static void a_restart_as_another_user_is_noticed(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "value");
	memcached_stop(&w->memcached);
	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, 0, NULL);
	udp_send(&w->udp, "get k\r\n", 7);
	assert_int_equal(udp_receive(&w->udp, w->udp.id, 0.2, &w->text), -ETIMEDOUT);
	status_says(w, "runs as another user than nobody");
}

/* It was bound before the programs were there, and listens after: its connections are known all the same. */
static void one_that_listens_after_start_is_watched(void **state)
{
	struct world *w = *state;
	struct tcp t;

	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, NOBODY,
		   FAKE_LISTENS_LATE | FAKE_NO_UDP, NULL);
	world_start_bmc(w, "--wait --user nobody");
	fake_listen(&fake);
	world_await_listener(w, &t);
	tcp_send(&t, "get k\r\n", 7);
	tcp_wait_sent(&t);
	assert_int_equal(world_stat(w, "connections"), 1);
	assert_int_equal(world_stat(w, "commands"), 1);
	tcp_close(&t);
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, teardown)
#define LATER_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, teardown)

static const struct CMUnitTest tests[] = {
	EMPTY_TEST(one_of_text_alone_is_noticed),
	LATER_TEST(a_restart_with_text_alone_is_noticed),
	EMPTY_TEST(a_proxy_is_noticed),
	EMPTY_TEST(one_that_cannot_be_told_is_noticed),
	EMPTY_TEST(force_serves_it_all_the_same),
	EMPTY_TEST(one_that_comes_while_start_is_at_work_is_asked),
	EMPTY_TEST(one_that_comes_with_two_ports_is_noticed),
	EMPTY_TEST(one_that_comes_with_tcp_at_another_port_is_noticed),
	EMPTY_TEST(a_second_process_of_its_user_is_noticed),
	LATER_TEST(another_users_socket_takes_over_an_address),
	LATER_TEST(a_restart_as_another_user_is_noticed),
	EMPTY_TEST(one_that_listens_after_start_is_watched),
};

TEST_MAIN(tests, NULL, NULL)
