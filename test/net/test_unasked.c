// SPDX-License-Identifier: LGPL-2.1-only
/* A memcached that comes after `start --wait` was never asked what it speaks: what cannot be read is told by its connections. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"
#include "net_address.h"
#include "tls.h"
#include "world.h"

#define NOBODY 65534

static struct fake fake;

static int teardown(void **state)
{
	fake_stop(&fake);
	return world_teardown(state);
}

/* The bug: of 150 connections 35 looked like text, whose answers fit their commands, and 35 items were old ones. */
static void one_that_speaks_tls(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_start_bmc(w, "--wait --user nobody --max-age 60s");
	tls_launch(&w->memcached, &w->server, WORLD_PORT);
	world_await_listener(w, &t);
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < 10; i++) {
		tls_say(&w->client, WORLD_IP4, WORLD_PORT, "set k 0 0 3\\r\\nold\\r\\n", "STORED");
		for (int n = 0; n < 3; n++)
			udp_get(&w->udp, "k", &w->text);
		tls_say(&w->client, WORLD_IP4, WORLD_PORT, "set k 0 0 3\\r\\nnew\\r\\n", "STORED");
		world_expect(w, &w->udp, "k", "new");
	}
	assert_int_equal(world_stat(w, "lost"), 20);
	tcp_close(&t);
	tls_forget();
}

static int mptcp_open(const struct ns *ns, const char *address, int port)
{
	struct sockaddr_storage to;
	socklen_t len = net_address(address, port, &to);
	int fd;

	assert_int_equal(ns_enter(ns), 0);
	fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);
	assert_int_equal(ns_leave(), 0);
	assert_return_code(fd, errno);
	assert_return_code(connect(fd, (struct sockaddr *)&to, len), errno);
	return fd;
}

/* Its bytes may come by several subflows, each of which looks like a connection. */
static void one_that_speaks_mptcp(void **state)
{
	struct world *w = *state;
	char answer[20];
	int fd;

	world_start_bmc(w, "--wait --user nobody");
	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, NOBODY, FAKE_MPTCP, "STORED\r\n");
	fd = mptcp_open(&w->client, WORLD_IP4, WORLD_PORT);
	assert_int_equal(send(fd, "set k 0 0 1\r\nx\r\n", 16, 0), 16);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 8);
	assert_int_equal(world_stat(w, "lost"), 1);
	close(fd);
}

#define UNASKED_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, teardown)

static const struct CMUnitTest tests[] = {
	UNASKED_TEST(one_that_speaks_tls),
	UNASKED_TEST(one_that_speaks_mptcp),
};

TEST_MAIN(tests, NULL, NULL)
