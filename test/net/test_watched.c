// SPDX-License-Identifier: LGPL-2.1-only
/* What cannot be watched is refused at `start`, with the reason. (What comes later: test_later.c.) */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"
#include "leaks.h"
#include "tls.h"
#include "said.h"
#include "world.h"

#define NOBODY 65534
#define DAEMON 1

static struct fake fake, second;

static int teardown(void **state)
{
	fake_stop(&fake);
	fake_stop(&second);
	return world_teardown(state);
}

/* start with these options fails, says `text`, and leaves nothing. */
static void refused(struct world *w, const char *options, const char *text)
{
	int code = bmcctl(&w->server,
			  "start --name %s --iface " WORLD_IF " --memory 16M --mode native %s",
			  w->instance, options);

	if (code != 1 || !strstr(bmcctl_result.err, text))
		fail_msg("start: exit %d, and does not say '%s': %s%s", code, text,
			 bmcctl_result.out, bmcctl_result.err);
	leaks_check(w->cookie, w->instance);
	child_sh(&w->server, "! tc qdisc show dev " WORLD_IF " | grep clsact");
}

static void a_silent_server_is_refused(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, 0, NULL);
	refused(w, "", "no plain-text answer");
}

static void tls_is_refused(void **state)
{
	struct world *w = *state;
	struct tcp t;

	tls_launch(&w->memcached, &w->server, WORLD_PORT);
	world_await_listener(w, &t);
	tcp_close(&t);
	refused(w, "", "TLS");
	tls_forget();
}

static void ssl_enabled_is_refused(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, 0,
		   "STAT maxconns 1024\r\nSTAT ssl_enabled yes\r\nEND\r\nVERSION 1.6.18\r\n");
	refused(w, "", "ssl_enabled");
}

static void a_proxy_is_refused(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, 0,
		   "STAT maxconns 1024\r\nSTAT proxy_enabled yes\r\nEND\r\nVERSION 1.6.18\r\n");
	refused(w, "", "proxy_enabled");
}

static void a_server_of_text_alone_is_refused(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-B ascii");
	refused(w, "", "-B ascii");
}

/* The settings say that the protocol is negotiated, which is true of its other listeners. */
static void a_listener_of_text_alone_is_refused(void **state)
{
	struct world *w = *state;
	struct tcp t;

	memcached_launch(&w->memcached, &w->server, WORLD_PORT, "-l proto[ascii]:" WORLD_IP4);
	world_await_listener(w, &t);
	tcp_close(&t);
	refused(w, "", "-B ascii");
}

/* "wants authentication", it said. */
static void a_memcached_at_its_maxconns_is_refused(void **state)
{
	struct world *w = *state;
	struct tcp t;

	memcached_launch(&w->memcached, &w->server, WORLD_PORT, "-c 20 -t 1");
	world_await_listener(w, &t);
	child_sh(&w->server, "bash -c 'for i in $(seq 30); do exec {fd}<>/dev/tcp/" WORLD_IP4
			     "/11211; done; sleep 5' >/dev/null 2>&1 & sleep 0.3");
	refused(w, "", "maxconns");
	tcp_close(&t);
}

static void authentication_is_refused(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, 0,
		   "CLIENT_ERROR unauthenticated\r\n");
	refused(w, "", "authentication");
}

/* memcached itself has no UDP then, which is told first. */
static void memcacheds_authentication_is_refused(void **state)
{
	struct world *w = *state;
	char options[100];
	struct tcp t;

	child_sh(&w->server, "echo user:word >/tmp/bmc-auth-%d && chmod 644 /tmp/bmc-auth-%d",
		 getpid(), getpid());
	snprintf(options, sizeof(options), "-U 0 -Y /tmp/bmc-auth-%d", getpid());
	memcached_launch(&w->memcached, &w->server, WORLD_PORT, options);
	world_await_listener(w, &t);
	tcp_close(&t);
	refused(w, "", "memcached at port 11211");
	child_sh(&w->server, "rm /tmp/bmc-auth-%d", getpid());
}

static void mptcp_is_refused(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, FAKE_MPTCP,
		   "STAT maxconns 1024\r\nEND\r\nVERSION 1.6.33\r\n");
	refused(w, "", "MPTCP");
}

static void two_servers_at_one_port_are_refused(void **state)
{
	static const char answer[] = "STAT maxconns 1024\r\nEND\r\nVERSION 1.6.18\r\n";
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, FAKE_SHARES_PORT, answer);
	fake_start(&second, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, FAKE_SHARES_PORT, answer);
	refused(w, "", "two processes");
}

#define TWO_PORTS "-l 0.0.0.0:11211,0.0.0.0:11212"

/* A write by the other one would not be seen, and a flush_all by it not be that of this one's items. */
static void one_memcached_at_two_ports_is_refused(void **state)
{
	struct world *w = *state;
	struct tcp t;

	memcached_launch(&w->memcached, &w->server, WORLD_PORT, TWO_PORTS);
	world_await_listener(w, &t);
	tcp_close(&t);
	refused(w, "", "has a socket at port 11212 as well");
	refused(w, "--port 11211 --port 11212", "has a socket at port 11212 as well");
}

static void several_users_at_one_port_need_a_choice(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-l " WORLD_IP4);
	fake_start(&fake, &w->server, "127.0.0.9", WORLD_PORT, DAEMON, 0, "nothing\r\n");
	refused(w, "", "several users");
	world_start_bmc(w, "--user nobody --max-age 60s");
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	world_cache(w, "k", "value");
	status_says(w, "other users have 2 sockets at this port");
	status_says(w, "UDP on; udp 10.77.0.1, tcp 10.77.0.1\n");
}

static void sockets_that_cannot_be_seen_are_refused(void **state)
{
	static struct child_result r;
	struct world *w = *state;
	char *argv[] = { "setpriv",  "--bounding-set=-sys_ptrace",
			 BMC_BMCCTL, "start",
			 "--name",   w->instance,
			 "--iface",  WORLD_IF,
			 NULL };

	child_run(&w->server, argv, 30, &r);
	assert_int_equal(r.code, 1);
	if (!strstr(r.err, "CAP_SYS_PTRACE"))
		fail_msg("start does not say what it needs: %s", r.err);
	leaks_check(w->cookie, w->instance);
}

static void another_cgroup_is_refused(void **state)
{
	struct world *w = *state;
	char options[100];

	child_sh(&w->server,
		 "mkdir $(findmnt -nt cgroup2 -o TARGET | head -1)/bmc-test-%d && ln -s $(findmnt "
		 "-nt cgroup2 -o TARGET | head -1)/bmc-test-%d /tmp/bmc-cgroup-%d",
		 getpid(), getpid(), getpid());
	snprintf(options, sizeof(options), "--cgroup /tmp/bmc-cgroup-%d", getpid());
	refused(w, options, "does not run below the cgroup");
	child_sh(&w->server, "rmdir $(readlink /tmp/bmc-cgroup-%d) && rm /tmp/bmc-cgroup-%d",
		 getpid(), getpid());
}

static void force_starts_all_the_same_and_says_so(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, 0, NULL);
	world_start_bmc(w, "--force");
	assert_non_null(strstr(bmcctl_result.err, "UNSAFE"));
	assert_non_null(strstr(bmcctl_result.err, "no plain-text answer"));
	status_says(w, "UNSAFE");
}

/* A memcached that is just going is not refused for that. */
static void a_memcached_that_is_dying_is_waited_for(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 5; i++) {
		memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
		child_sh(&w->server, "(sleep 0.0%d; kill -9 %d) & :", i, w->memcached.pid);
		world_start_bmc(w, "--wait --user nobody");
		memcached_stop(&w->memcached);
		world_stop_bmc(w);
	}
}

/* Its end closes the connection as any other's; what is there after it counts, and that is none. */
static void one_that_ends_while_it_is_asked_is_gone(void **state)
{
	struct world *w = *state;

	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, NOBODY, FAKE_ENDS, NULL);
	refused(w, "", "no memcached listens");
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, teardown)
#define START_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, teardown)

static const struct CMUnitTest tests[] = {
	EMPTY_TEST(a_silent_server_is_refused),
	EMPTY_TEST(tls_is_refused),
	EMPTY_TEST(ssl_enabled_is_refused),
	EMPTY_TEST(a_proxy_is_refused),
	EMPTY_TEST(a_server_of_text_alone_is_refused),
	EMPTY_TEST(a_listener_of_text_alone_is_refused),
	EMPTY_TEST(a_memcached_at_its_maxconns_is_refused),
	EMPTY_TEST(authentication_is_refused),
	EMPTY_TEST(memcacheds_authentication_is_refused),
	EMPTY_TEST(mptcp_is_refused),
	EMPTY_TEST(two_servers_at_one_port_are_refused),
	EMPTY_TEST(one_memcached_at_two_ports_is_refused),
	EMPTY_TEST(several_users_at_one_port_need_a_choice),
	START_TEST(sockets_that_cannot_be_seen_are_refused),
	START_TEST(another_cgroup_is_refused),
	EMPTY_TEST(force_starts_all_the_same_and_says_so),
	EMPTY_TEST(a_memcached_that_is_dying_is_waited_for),
	EMPTY_TEST(one_that_ends_while_it_is_asked_is_gone),
};

TEST_MAIN(tests, NULL, NULL)
