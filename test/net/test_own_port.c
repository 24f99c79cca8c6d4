// SPDX-License-Identifier: LGPL-2.1-only
/* Another user's UDP socket, never bound, to which the kernel gives memcached's port by itself. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

static void own_port_only(struct world *w)
{
	child_sh(&w->server, "sysctl -qw net.ipv4.ip_local_port_range='11211 11211'");
}

/* An item is served, and the next port that is given unasked is memcached's. */
static void start(struct world *w)
{
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	world_cache(w, "k", "value");
	own_port_only(w);
}

/* The same, with another client that was served. */
static void start_with_second(struct world *w, struct udp *ret)
{
	start(w);
	udp_open(ret, &w->client, WORLD_IP4, WORLD_PORT);
	world_warm(w, ret, "k");
}

/* root's, which is not memcached's user */
static int another_socket(struct world *w)
{
	int fd = ns_socket(&w->server, AF_INET, SOCK_DGRAM), one = 1;

	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), errno);
	return fd;
}

static void bind_any_port(int fd, const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	inet_pton(AF_INET, address, &a.sin_addr);
	assert_return_code(bind(fd, (struct sockaddr *)&a, sizeof(a)), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&a, &len), errno);
	assert_int_equal(ntohs(a.sin_port), WORLD_PORT);
}

static void connect_to(int fd, const struct udp *client)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	assert_return_code(getsockname(client->fd, (struct sockaddr *)&a, &len), errno);
	assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof(a)), errno);
}

/* The client's request is another user's, who does not answer. */
static void expect_anothers(struct world *w, struct udp *client, int fd)
{
	char bytes[64];

	udp_send(client, "get k\r\n", 7);
	assert_int_equal(udp_receive(client, client->id, 0.2, &w->text), -ETIMEDOUT);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 15);
}

/* Those of others are memcached's. */
static void expect_one_anothers(struct world *w, struct udp *client, int fd)
{
	for (int i = 0; i < 5; i++) {
		expect_anothers(w, client, fd);
		world_warm(w, &w->udp, "k");
	}
}

static void send_nothing_much(int fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };

	inet_pton(AF_INET, WORLD_IP4, &a.sin_addr);
	sendto(fd, "x", 1, 0, (struct sockaddr *)&a, sizeof(a));
}

/* To the client that it is connected to, which is told nothing. */
static void send_to_peer(int fd, const struct udp *client)
{
	char byte;

	assert_return_code(send(fd, "x", 1, 0), errno);
	assert_int_equal(recv(client->fd, &byte, sizeof(byte), 0), 1);
}

/* Nobody says when it gets its port: it is noticed when it sends. */
static void another_gets_its_port_when_it_is_connected(void **state)
{
	struct world *w = *state;
	struct udp second;
	int fd;

	start_with_second(w, &second);
	fd = another_socket(w);
	connect_to(fd, &second);
	send_to_peer(fd, &second);
	expect_one_anothers(w, &second, fd);
	close(fd);
	world_warm(w, &second, "k");
	udp_close(&second);
}

/* The last one that is bound to no address takes all that come for memcached's, if that is bound to none. */
static void another_gets_its_port_when_it_sends(void **state)
{
	struct world *w = *state;
	int fd;

	start(w);
	fd = another_socket(w);
	send_nothing_much(fd);
	for (int i = 0; i < 5; i++)
		expect_anothers(w, &w->udp, fd);
	close(fd);
	world_warm(w, &w->udp, "k");
}

/* What it sends has IP options, or it has its port though nothing could be sent: then the first request that it gets tells. */
static void another_sends_nothing_plain(void **state)
{
	static const unsigned char nop[4] = { 1, 1, 1, 0 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct world *w = *state;
	char bytes[64];
	int fd;

	start(w);
	fd = another_socket(w);
	assert_return_code(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, nop, sizeof(nop)), errno);
	send_nothing_much(fd);
	expect_anothers(w, &w->udp, fd);
	close(fd);
	world_warm(w, &w->udp, "k");

	fd = another_socket(w);
	inet_pton(AF_INET, WORLD_IP4, &a.sin_addr);
	assert_int_equal(sendto(fd, "x", 1, MSG_OOB, (struct sockaddr *)&a, sizeof(a)), -1);
	udp_send(&w->udp, "get other\r\n", 11);
	assert_int_equal(udp_receive(&w->udp, w->udp.id, 0.2, &w->text), -ETIMEDOUT);
	assert_int_equal(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 19);
	expect_anothers(w, &w->udp, fd);
	close(fd);
	world_warm(w, &w->udp, "k");
}

/* It is counted already when it gets the port: no epoch says so then. */
static void another_gets_its_port_a_second_time(void **state)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct world *w = *state;
	int fd;

	start(w);
	fd = another_socket(w);
	connect_to(fd, &w->udp);
	send_to_peer(fd, &w->udp);
	assert_return_code(connect(fd, &none, sizeof(none)), errno);
	world_warm(w, &w->udp, "k");
	send_nothing_much(fd);
	expect_anothers(w, &w->udp, fd);
	close(fd);
	world_warm(w, &w->udp, "k");
}

/* Only a socket that chose no port can be bound twice: it loses the port with its peer. */
static void another_is_bound_twice(void **state)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct world *w = *state;
	struct udp second;
	int fd;

	start_with_second(w, &second);
	fd = another_socket(w);
	bind_any_port(fd, "127.0.0.9");
	world_warm(w, &second, "k");
	assert_return_code(connect(fd, &none, sizeof(none)), errno);
	bind_any_port(fd, WORLD_IP4);
	connect_to(fd, &second);
	expect_one_anothers(w, &second, fd);
	close(fd);
	world_warm(w, &second, "k"); /* though it stays counted */
	udp_close(&second);
}

#define OWNER_TEST(name)                                                                           \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	OWNER_TEST(another_gets_its_port_when_it_is_connected),
	OWNER_TEST(another_gets_its_port_when_it_sends),
	OWNER_TEST(another_sends_nothing_plain),
	OWNER_TEST(another_gets_its_port_a_second_time),
	OWNER_TEST(another_is_bound_twice),
};

TEST_MAIN(tests, NULL, NULL)
