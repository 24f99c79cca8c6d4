// SPDX-License-Identifier: LGPL-2.1-only
/* The same commands, to a memcached behind bmc and to one without: the answers must be the same,
 * byte for byte. */
#include <stdio.h>
#include <string.h>

#include "wire.h"
#include "world.h"

#define VALUE_MAX 1300

struct pair { /* one conversation with both */
	struct world *w;
	struct wire wire;
	struct udp plain_udp;
	struct tcp plain_tcp;
	struct text got, want;
	char value[VALUE_MAX + 1];
	size_t len;
};

static int same_setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	void *world;

	assert_non_null(p);
	world_setup(&world);
	p->w = world;
	memcached_start(&p->w->plain, &p->w->server, WORLD_PLAIN_PORT, NULL);
	udp_open(&p->plain_udp, &p->w->client, WORLD_IP4, WORLD_PLAIN_PORT);
	tcp_open(&p->plain_tcp, &p->w->client, WORLD_IP4, WORLD_PLAIN_PORT);
	wire_open(&p->wire, &p->w->client, WORLD_CLIENT_IF, &p->w->server, WORLD_IF);
	*state = p;
	return 0;
}

static int same_teardown(void **state)
{
	struct pair *p = *state;
	void *world = p->w;

	wire_close(&p->wire);
	udp_close(&p->plain_udp);
	tcp_close(&p->plain_tcp);
	text_free(&p->got);
	text_free(&p->want);
	free(p);
	return world_teardown(&world);
}

/* Newlines, NULs, and what looks like protocol, in every value that is long enough. */
static void same_value(struct pair *p, size_t len, unsigned char seed)
{
	static const char nasty[] = "a\r\nEND\r\n\0\n\nVALUE x 0 1\r\nset x 0 0 1\r\n\0";

	assert_in_range(len, 0, VALUE_MAX);
	for (size_t i = 0; i < len; i++)
		p->value[i] = i < sizeof(nasty) ? nasty[i] : (char)(i * 7 + seed);
	if (len)
		p->value[0] = (char)seed;
	p->len = len;
}

/* Over UDP, three times: a miss, then what the cache makes of it. */
static void same_get(struct pair *p, const char *request)
{
	for (int i = 0; i < 3; i++) {
		udp_ask(&p->plain_udp, request, &p->want);
		udp_ask(&p->w->udp, request, &p->got);
		text_assert_equal(request, &p->got, &p->want);
		udp_ask(&p->w->udp6, request, &p->got);
		text_assert_equal(request, &p->got, &p->want);
	}
}

/*
 * The same for `get k`, and with as much padding behind the packet as the value has bytes: newer
 * kernels' veth leaves an XDP program hardly any room to grow a packet, so that only a long frame
 * gets a long answer.
 */
static void same_get_k(struct pair *p)
{
	same_get(p, "get k\r\n");
	for (int i = 0; i < 2; i++) {
		wire_send_udp(&p->wire, &p->w->udp, "get k\r\n", p->len);
		assert_int_equal(udp_receive(&p->w->udp, p->w->udp.id, TEST_ANSWER_S, &p->got), 0);
		text_assert_equal("get k, padded", &p->got, &p->want);
	}
}

/* A command with an answer over TCP. */
static void same_command(struct pair *p, const void *bytes, size_t len)
{
	tcp_send(&p->w->tcp, bytes, len);
	tcp_send(&p->plain_tcp, bytes, len);
	assert_int_equal(tcp_receive(&p->w->tcp, TEST_ANSWER_S, &p->got), 0);
	assert_int_equal(tcp_receive(&p->plain_tcp, TEST_ANSWER_S, &p->want), 0);
	text_assert_equal(bytes, &p->got, &p->want);
}

static void same_line(struct pair *p, const char *line)
{
	same_command(p, line, strlen(line));
	same_get_k(p);
}

/* `verb k flags exptime <len> [cas]` with p->value as its block. */
static void same_store(struct pair *p, const char *verb, const char *more)
{
	struct text t = {};

	text_add(&t, "%s k 5 0 %zu%s\r\n", verb, p->len, more);
	text_append(&t, p->value, p->len);
	text_append(&t, "\r\n", 2);
	same_command(p, t.data, t.len);
	text_free(&t);
	same_get_k(p);
}

/* cas with the unique that `gets` answered. */
static void same_cas(struct pair *p)
{
	unsigned long long unique = 0;
	char more[32];

	same_command(p, "gets k\r\n", 8);
	assert_int_equal(sscanf(p->got.data, "VALUE %*s %*s %*s %llu", &unique), 1);
	snprintf(more, sizeof(more), " %llu", unique);
	same_store(p, "cas", more);
	same_store(p, "cas", more); /* EXISTS */
}

static void same_all_commands(struct pair *p, size_t len)
{
	long long hits = world_stat(p->w, "hits");

	same_value(p, len, 'a');
	same_get(p, "get k\r\n");
	same_store(p, "set", "");
	same_value(p, len, 'b');
	same_store(p, "replace", "");
	same_store(p, "add", ""); /* NOT_STORED */
	same_cas(p);
	same_line(p, "touch k 0\r\n");
	same_line(p, "gat 0 k\r\n");
	same_line(p, "gats 0 k\r\n");
	same_line(p, "delete k\r\n");
	same_line(p, "delete k\r\n");
	same_store(p, "add", "");
	same_line(p, "flush_all\r\n");
	if (world_stat(p->w, "hits") <= hits)
		fail_msg("no hits: %s", bmcctl_result.out);
}

static void same_answers_for_values_of_0_bytes(void **state)
{
	same_all_commands(*state, 0);
}

static void same_answers_for_values_of_1_byte(void **state)
{
	same_all_commands(*state, 1);
}

static void same_answers_for_values_of_100_bytes(void **state)
{
	same_all_commands(*state, 100);
}

static void same_answers_for_values_of_1000_bytes(void **state)
{
	same_all_commands(*state, 1000);
}

static void same_answers_for_values_of_1300_bytes(void **state)
{
	same_all_commands(*state, 1300);
}

/* Up to what veth leaves room for: behind the packet, then in front of it; beyond, memcached answers. */
static void same_answers_whatever_way_a_packet_grows(void **state)
{
	struct pair *p = *state;
	long long before = world_stat(p->w, "hits"), large = world_stat(p->w, "pass_large");

	for (size_t len = 0; len <= 400; len += 8) {
		same_value(p, len, (unsigned char)('a' + len % 26));
		same_store(p, "set", "");
		same_get(p, "get k\r\n");
	}
	assert_true(world_stat(p->w, "hits") - before > 51);
	assert_true(world_stat(p->w, "pass_large") > large);
}

static void same_answers_for_append_and_prepend(void **state)
{
	struct pair *p = *state;

	same_value(p, 100, 'a');
	same_store(p, "append", ""); /* NOT_STORED */
	same_store(p, "set", "");
	for (int i = 0; i < 4; i++) {
		same_value(p, 40, (unsigned char)('a' + i));
		same_store(p, "append", "");
		same_store(p, "prepend", "");
	}
}

/*
 * An `incr` or `decr`. What is a shorter number keeps the item's length, with spaces behind it, unless a get's answer
 * holds the item at that moment: then memcached makes a new one. Two of them may differ in that, so that what bmc
 * answers is held against its own memcached's TCP; against the other one's, no more than the number.
 */
static void same_number(struct pair *p, const char *line)
{
	unsigned long long number, plain_number;

	same_command(p, line, strlen(line));
	tcp_send(&p->plain_tcp, "get k\r\n", 7);
	assert_int_equal(tcp_receive(&p->plain_tcp, TEST_ANSWER_S, &p->want), 0);
	assert_int_equal(sscanf(p->want.data, "VALUE k 5 %*u %llu", &plain_number), 1);
	tcp_send(&p->w->tcp, "get k\r\n", 7);
	assert_int_equal(tcp_receive(&p->w->tcp, TEST_ANSWER_S, &p->want), 0);
	assert_int_equal(sscanf(p->want.data, "VALUE k 5 %*u %llu", &number), 1);
	assert_int_equal(number, plain_number);
	for (int i = 0; i < 3; i++) {
		udp_ask(&p->w->udp, "get k\r\n", &p->got);
		text_assert_equal(line, &p->got, &p->want);
	}
}

static void same_answers_for_incr_and_decr(void **state)
{
	struct pair *p = *state;

	same_line(p, "incr k 1\r\n"); /* NOT_FOUND */
	memcpy(p->value, "99", 2);
	p->len = 2;
	same_store(p, "set", "");
	same_number(p, "incr k 1\r\n");
	same_number(p, "decr k 1\r\n"); /* keeps its length: "99 " */
	same_number(p, "decr k 1000\r\n");
	same_number(p, "incr k 18446744073709551615\r\n");
	same_number(p, "incr k 5\r\n"); /* past the end: 4 */
	same_line(p, "incr k x\r\n");
	p->value[0] = 'x';
	same_store(p, "set", "");
	same_line(p, "incr k 1\r\n"); /* not a number */
}

static void same_answers_for_requests_of_every_form(void **state)
{
	static const char *const requests[] = {
		"get k\r\n",   "get k\n",   "get  k  \r\n", "get k k\r\n",   "get k l m\r\n",
		"get l k\r\n", "get m\r\n", "gets k l\r\n", "get k l n\r\n", "get n m l k\r\n",
		"get\r\n",     "GET k\r\n", "version\r\n",  "get k l\r\n",   "mn\r\n",
		"mg k v\r\n",  "mg k\r\n",  "nonsense\r\n",
	};
	struct pair *p = *state;

	same_value(p, 100, 'a');
	same_store(p, "set", "");
	same_command(p, "set l 4294967295 0 3\r\nabc\r\n", 27);
	same_command(p, "set n 0 0 0\r\n\r\n", 15);
	for (size_t i = 0; i < TEST_COUNT(requests); i++)
		same_get(p, requests[i]);
}

static void same_answers_for_the_longest_key(void **state)
{
	struct pair *p = *state;
	struct text line = {};
	char key[252];

	memset(key, 'k', sizeof(key));
	for (int len = 249; len <= 251; len++) {
		text_clear(&line);
		text_add(&line, "set %.*s 0 0 5\r\nhello\r\n", len, key);
		if (len <= 250)
			same_command(p, line.data, line.len);
		text_clear(&line);
		text_add(&line, "get %.*s\r\n", len, key);
		same_get(p, line.data);
	}
	text_free(&line);
}

static void same_answers_for_values_longer_than_a_datagram(void **state)
{
	struct pair *p = *state;
	struct text t = {};

	for (int len = 1365; len <= 1400; len++) {
		text_clear(&t);
		text_add(&t, "set k 0 0 %d\r\n%0*d\r\n", len, len, len);
		same_command(p, t.data, t.len);
		same_get(p, "get k\r\n");
	}
	text_free(&t);
}

static void same_answers_when_items_expire(void **state)
{
	struct pair *p = *state;

	same_command(p, "set k 0 -1 3\r\nabc\r\n", 19);
	same_get(p, "get k\r\n");
	same_command(p, "set k 0 1 3\r\nabc\r\n", 18);
	world_stop_bmc(p->w);
	world_start_bmc(p->w, "--max-age 1s");
	same_command(p, "set k 0 2 3\r\nabc\r\n", 18);
	udp_ask(&p->w->udp, "get k\r\n", &p->got);
	udp_ask(&p->w->udp, "get k\r\n", &p->got);
	world_await(p->w, &p->w->tcp, "k", NULL);
	world_await(p->w, &p->plain_tcp, "k", NULL);
	test_sleep(1.1); /* --max-age */
	same_get(p, "get k\r\n");
	text_assert_is("expired", &p->got, "END\r\n");
}

#define SAME_TEST(name) cmocka_unit_test_setup_teardown(name, same_setup, same_teardown)

static const struct CMUnitTest tests[] = {
	SAME_TEST(same_answers_for_values_of_0_bytes),
	SAME_TEST(same_answers_for_values_of_1_byte),
	SAME_TEST(same_answers_for_values_of_100_bytes),
	SAME_TEST(same_answers_for_values_of_1000_bytes),
	SAME_TEST(same_answers_for_values_of_1300_bytes),
	SAME_TEST(same_answers_whatever_way_a_packet_grows),
	SAME_TEST(same_answers_for_append_and_prepend),
	SAME_TEST(same_answers_for_incr_and_decr),
	SAME_TEST(same_answers_for_requests_of_every_form),
	SAME_TEST(same_answers_for_the_longest_key),
	SAME_TEST(same_answers_for_values_longer_than_a_datagram),
	SAME_TEST(same_answers_when_items_expire),
};

TEST_MAIN(tests, NULL, NULL)
