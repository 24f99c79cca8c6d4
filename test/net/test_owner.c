// SPDX-License-Identifier: LGPL-2.1-only
/* Whose item: several interfaces, ports, users and namespaces; a memcached that comes after bmc. */
#include <stdio.h>
#include <string.h>

#include "fake.h"
#include "world.h"

#define EXTRA_IF "srv1"
#define EXTRA_CLIENT_IF "cli1"
#define DAEMON 1

static void start_waits_for_memcached(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "--wait --user nobody --max-age 60s");
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	world_open_clients(w);
	world_cache(w, "k", "value");
	tcp_set(&w->tcp, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void another_users_socket_on_the_port_is_not_memcached(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "--wait --user daemon");
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL); /* as nobody */
	world_open_clients(w);
	tcp_set(&w->tcp, "k", "value", 5);
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, "k"));
}

static int two_wires_setup(void **state)
{
	struct world *w;

	world_setup_memcached(state);
	w = *state;
	ns_join(&w->server, EXTRA_IF, &w->client, EXTRA_CLIENT_IF, 78);
	ns_pass_through(&w->client, EXTRA_CLIENT_IF);
	return 0;
}

static void one_instance_on_two_interfaces(void **state)
{
	struct world *w = *state;
	struct udp second;

	world_start_bmc(w, "--max-age 60s --iface " EXTRA_IF);
	world_open_clients(w);
	udp_open(&second, &w->client, "10.78.0.1", WORLD_PORT);
	world_cache(w, "k", "old");
	world_warm(w, &second, "k");
	tcp_set(&w->tcp, "k", "new", 3);
	world_expect(w, &second, "k", "new");
	world_expect(w, &w->udp, "k", "new");
	udp_close(&second);
}

/* Of two ports only the one that is served was told: "started". */
static void a_port_without_memcached_is_told(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "--port 11211 --port 11212 --wait --user nobody");
	assert_non_null(strstr(bmcctl_result.out, "port 11212: no memcached yet"));
	assert_null(strstr(bmcctl_result.out, "port 11211: no memcached yet"));
}

static void one_instance_with_two_ports(void **state)
{
	struct world *w = *state;
	struct udp second;
	struct tcp t;

	memcached_start(&w->plain, &w->server, 11212, NULL);
	world_start_bmc(w, "--max-age 60s --port 11211 --port 11212");
	world_open_clients(w);
	udp_open(&second, &w->client, WORLD_IP4, 11212);
	tcp_open(&t, &w->client, WORLD_IP4, 11212);
	tcp_set(&t, "k", "other", 5);
	world_cache(w, "k", "old");
	world_warm(w, &second, "k");
	world_expect(w, &second, "k", "other");
	world_expect(w, &w->udp, "k", "old");
	tcp_expect(&t, "flush_all\r\n", "OK");
	world_expect(w, &second, "k", NULL);
	assert_true(world_get(w, &w->udp, "k")); /* the other server's items stay */
	tcp_close(&t);
	udp_close(&second);
}

static void a_port_that_is_not_served_is_left_alone(void **state)
{
	struct world *w = *state;
	struct udp other;
	struct tcp t;

	memcached_start(&w->plain, &w->server, 11212, NULL);
	world_start_bmc(w, "");
	world_open_clients(w);
	udp_open(&other, &w->client, WORLD_IP4, 11212);
	tcp_open(&t, &w->client, WORLD_IP4, 11212);
	tcp_set(&t, "k", "other", 5);
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &other, "k"));
	world_cache(w, "k", "mine");
	tcp_set(&t, "k", "again", 5);
	assert_true(world_get(w, &w->udp, "k"));
	tcp_close(&t);
	udp_close(&other);
}

/* The same port in another namespace: its writes and its items are not ours. */
static void another_namespaces_memcached_changes_nothing(void **state)
{
	struct world *w = *state;
	struct memcached other = {};
	struct tcp t;

	world_start_bmc(w, "--max-age 60s");
	memcached_start(&other, &w->client, WORLD_PORT, NULL);
	world_open_clients(w);
	world_cache(w, "k", "mine");
	tcp_open(&t, &w->client, "127.0.0.1", WORLD_PORT);
	tcp_set(&t, "k", "other", 5);
	tcp_expect(&t, "flush_all\r\n", "OK");
	assert_true(world_get(w, &w->udp, "k"));
	world_expect(w, &w->udp, "k", "mine");
	tcp_close(&t);
	memcached_stop(&other);
	assert_true(world_get(w, &w->udp, "k"));
}

/* An entry answers for the address that it was filled from; a write takes it out everywhere. */
static void local_address_is_part_of_the_item(void **state)
{
	struct world *w = *state;
	struct udp second;

	child_sh(&w->server, "ip addr add 10.77.0.9/24 dev " WORLD_IF);
	memcached_start(&w->memcached, &w->server, WORLD_PORT,
			"-l " WORLD_IP4 ",10.77.0.9," WORLD_IP6);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	udp_open(&second, &w->client, "10.77.0.9", WORLD_PORT);
	world_cache(w, "k", "old");
	assert_true(world_get(w, &w->udp, "k"));
	assert_false(world_get(w, &second, "k"));
	text_assert_is("second address", &w->text, "VALUE k 0 3\r\nold\r\nEND\r\n");
	world_warm(w, &second, "k");
	world_warm(w, &w->udp, "k");
	tcp_set(&w->tcp, "k", "new", 3);
	world_expect(w, &second, "k", "new");
	world_expect(w, &w->udp, "k", "new");
	udp_close(&second);
}

/* memcached's answers come from the interface's first address, whichever was asked. At that one another user has a socket. */
static void answers_from_anothers_address(void **state)
{
	static struct fake fake;
	struct world *w = *state;
	struct udp second;

	child_sh(&w->server, "ip addr add 10.77.0.9/24 dev " WORLD_IF);
	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	world_start_bmc(w, "--max-age 60s");
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	udp_open(&second, &w->client, "10.77.0.9", WORLD_PORT);
	tcp_set(&w->tcp, "k", "value", 5);
	for (int i = 0; i < 5; i++) {
		udp_send(&second, "get k\r\n", 7);
		test_sleep(0.02); /* the answer does not reach this socket */
	}
	udp_get(&w->udp, "k", &w->text);
	text_assert_is("k", &w->text, "END\r\n");
	assert_true(world_stat(w, "refused_address") > 0);
	fake_stop(&fake);
	world_warm(w, &w->udp, "k");
	udp_close(&second);
}

/* Another user's socket beside memcached's, connected to one client: that one's requests are not memcached's. */
static void whom_another_is_connected_to(struct world *w, int comes_later)
{
	static struct fake fake;
	struct udp second;

	if (comes_later)
		world_start_bmc(w, "--max-age 60s");
	fake_start(&fake, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, FAKE_NO_TCP | FAKE_CONNECTS,
		   "END\r\n");
	if (!comes_later)
		world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	udp_open(&second, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&w->tcp, "k", "value", 5);
	udp_get(&second, "k", &w->text);
	text_assert_is("before it is connected", &w->text, "END\r\n");
	world_warm(w, &w->udp, "k");
	for (int i = 0; i < 5; i++) {
		udp_get(&second, "k", &w->text);
		text_assert_is("k", &w->text, "END\r\n");
		assert_true(world_get(w, &w->udp, "k"));
	}
	fake_stop(&fake);
	world_warm(w, &second, "k");
	udp_close(&second);
}

static void another_is_connected_before_start(void **state)
{
	whom_another_is_connected_to(*state, 0);
}

static void another_is_connected_after_start(void **state)
{
	whom_another_is_connected_to(*state, 1);
}

/* What comes by its interface is another user's, whatever address is asked, and memcached's by the other one. */
static void another_is_bound_to_an_interface(void **state)
{
	static struct fake fake;
	struct world *w = *state;
	long long hits;

	world_start_bmc(w, "--max-age 60s --iface " EXTRA_IF);
	world_open_clients(w);
	world_cache(w, "k", "value");
	fake_on_device(EXTRA_IF);
	fake_start(&fake, &w->server, "0.0.0.0", WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	fake_on_device(NULL);
	world_warm(w, &w->udp, "k");
	child_sh(&w->client, "ip route add " WORLD_IP4 "/32 via 10.78.0.1 dev " EXTRA_CLIENT_IF);
	hits = world_stat(w, "hits");
	for (int i = 0; i < 5; i++) {
		udp_send(&w->udp, "get k\r\n", 7);
		test_sleep(0.02); /* the answer has another address */
	}
	assert_int_equal(world_stat(w, "hits"), hits);
	assert_true(world_stat(w, "pass_others") >= 5);
	fake_stop(&fake);
	world_warm(w, &w->udp, "k");
}

/* A client at the wire's end, of a server's address that is at each of its interfaces. */
static void open_link_local(struct udp *u, const struct world *w, const char *ifname)
{
	char address[40];

	child_sh(&w->client, "ip addr add fe80::8/64 dev %s nodad", ifname);
	snprintf(address, sizeof(address), "fe80::9%%%u", ns_ifindex(&w->client, ifname));
	udp_open(u, &w->client, address, WORLD_PORT);
}

/* Both wires have the same link-local address; at the second one another user has it. */
static void another_has_a_link_local_address(void **state)
{
	static struct fake fake;
	struct world *w = *state;
	struct udp first, second;

	child_sh(&w->server, "ip addr add fe80::9/64 dev " WORLD_IF " nodad && "
			     "ip addr add fe80::9/64 dev " EXTRA_IF " nodad");
	open_link_local(&first, w, WORLD_CLIENT_IF);
	open_link_local(&second, w, EXTRA_CLIENT_IF);
	world_start_bmc(w, "--max-age 60s --iface " EXTRA_IF);
	world_open_clients(w);
	tcp_set(&w->tcp, "k", "value", 5);
	world_warm(w, &first, "k");
	world_warm(w, &second, "k");
	fake_on_device(EXTRA_IF);
	fake_start(&fake, &w->server, "fe80::9", WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	fake_on_device(NULL);
	world_warm(w, &first, "k");
	for (int i = 0; i < 5; i++) {
		udp_get(&second, "k", &w->text);
		text_assert_is("another's", &w->text, "END\r\n");
		assert_true(world_get(w, &first, "k"));
	}
	fake_stop(&fake);
	world_warm(w, &second, "k");
	udp_close(&first);
	udp_close(&second);
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)
#define OWNER_TEST(name)                                                                           \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)
#define TWO_WIRES_TEST(name) cmocka_unit_test_setup_teardown(name, two_wires_setup, world_teardown)

static const struct CMUnitTest tests[] = {
	EMPTY_TEST(start_waits_for_memcached),
	EMPTY_TEST(another_users_socket_on_the_port_is_not_memcached),
	TWO_WIRES_TEST(one_instance_on_two_interfaces),
	OWNER_TEST(a_port_without_memcached_is_told),
	OWNER_TEST(one_instance_with_two_ports),
	OWNER_TEST(a_port_that_is_not_served_is_left_alone),
	OWNER_TEST(another_namespaces_memcached_changes_nothing),
	EMPTY_TEST(local_address_is_part_of_the_item),
	OWNER_TEST(answers_from_anothers_address),
	OWNER_TEST(another_is_connected_before_start),
	OWNER_TEST(another_is_connected_after_start),
	TWO_WIRES_TEST(another_is_bound_to_an_interface),
	TWO_WIRES_TEST(another_has_a_link_local_address),
};

TEST_MAIN(tests, NULL, NULL)
