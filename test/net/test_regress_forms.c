// SPDX-License-Identifier: LGPL-2.1-only
/*
 * More ways in which the original BMC served what memcached did not have, by their names: what it read where something
 * else stood, and what it never looked at.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

#define DATAGRAM_TEXT 1392 /* of memcached's: 1400 less the frame */

static void set_over_udp(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	udp_ask(&w->udp, "set k 0 0 3\r\nnew\r\n", &w->text);
	text_assert_is("set", &w->text, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
	udp_ask(&w->udp, "delete k\r\n", &w->text);
	world_expect(w, &w->udp, "k", NULL);
}

/* The request is answered as memcached alone answers it over TCP. */
static void assert_as_memcached(struct world *w, const char *request)
{
	struct text want = {};

	tcp_ask(&w->tcp, request, &want);
	for (int i = 0; i < 3; i++) {
		udp_ask(&w->udp, request, &w->text);
		text_assert_equal(request, &w->text, &want);
	}
	text_free(&want);
}

/* The original went on by the length of a key that it had cut off, or by one space too few. */
static void get_offset_desync(void **state)
{
	static const char *const requests[] = {
		"get a b\r\n",	  "get  a  b\r\n", "get a b \r\n",  "get   b\r\n",
		"get a ab b\r\n", "get a a a\r\n", "get b a b\r\n",
	};
	struct world *w = *state;
	char key[251], line[600];

	memset(key, 'l', sizeof(key) - 1);
	key[sizeof(key) - 1] = 0;
	world_cache(w, "a", "1");
	world_cache(w, "b", "2");
	world_cache(w, key, "long");
	for (size_t i = 0; i < TEST_COUNT(requests); i++)
		assert_as_memcached(w, requests[i]);
	snprintf(line, sizeof(line), "get %s a\r\n", key);
	assert_as_memcached(w, line);
	snprintf(line, sizeof(line), "get a %s b\r\n", key);
	assert_as_memcached(w, line);
	snprintf(line, sizeof(line), "get a %.249s b\r\n", key);
	assert_as_memcached(w, line);
}

/* A later datagram of a long value begins with what looks like an item. */
static void forged_later_datagram(void **state)
{
	static const char forged[] = "VALUE v 0 3\r\nbad\r\nEND\r\n";
	static const char head[] = "VALUE k 0 3000\r\n";
	struct world *w = *state;
	char value[3001];
	long long fills;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	for (size_t at = DATAGRAM_TEXT - strlen(head); at + sizeof(forged) < sizeof(value);
	     at += DATAGRAM_TEXT)
		memcpy(value + at, forged, sizeof(forged) - 1);
	tcp_set(&w->tcp, "k", value, sizeof(value) - 1);
	tcp_set(&w->tcp, "v", "good", 4);
	fills = world_stat(w, "fills");
	for (int i = 0; i < 3; i++)
		udp_get(&w->udp, "k", &w->text);
	assert_int_equal(world_stat(w, "fills"), fills);
	world_expect(w, &w->udp, "v", "good");
	world_expect(w, &w->udp, "k", value);
}

/* gets and gats print what a get does not; nor is an answer to them one to a get. */
static void fill_from_gats(void **state)
{
	struct world *w = *state;
	long long fills;

	tcp_set(&w->tcp, "k", "value", 5);
	fills = world_stat(w, "fills");
	for (int i = 0; i < 3; i++)
		udp_ask(&w->udp, "gats 0 k\r\n", &w->text);
	assert_int_equal(world_stat(w, "fills"), fills);
	world_expect(w, &w->udp, "k", "value");
}

/* A key that the other key begins, and both in one request. */
static void prefix_key_in_a_multi_get(void **state)
{
	struct world *w = *state;

	world_cache(w, "key", "1");
	world_cache(w, "key12", "2");
	assert_as_memcached(w, "get key key1 key12\r\n");
	assert_as_memcached(w, "get key12 key\r\n");
	tcp_expect(&w->tcp, "delete key\r\n", "DELETED");
	assert_as_memcached(w, "get key12 key\r\n");
}

/* memcached lets the item go, and nobody tells. */
static void expiry(void **state)
{
	struct world *w = *state;

	tcp_expect(&w->tcp, "set k 0 1 3\r\nold\r\n", "STORED");
	for (int i = 0; i < 5; i++)
		udp_get(&w->udp, "k", &w->text);
	world_await(w, &w->tcp, "k", NULL);
	world_expect(w, &w->udp, "k", NULL);
}

static void expiry_after_touch(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "old");
	tcp_expect(&w->tcp, "touch k 1\r\n", "TOUCHED");
	for (int i = 0; i < 5; i++)
		udp_get(&w->udp, "k", &w->text);
	world_await(w, &w->tcp, "k", NULL);
	world_expect(w, &w->udp, "k", NULL);
}

/* strtol stops at white space behind the number, and memcached takes what it has read. */
static void flush_all_with_white_space_behind_its_delay(void **state)
{
	struct world *w = *state;

	tcp_set(&w->tcp, "k", "old", 3);
	tcp_expect(&w->tcp, "flush_all 2\t\r\n", "OK");
	for (int i = 0; i < 5; i++)
		udp_get(&w->udp, "k", &w->text);
	world_await(w, &w->tcp, "k", NULL);
	world_expect(w, &w->udp, "k", NULL);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(set_over_udp),
	WORLD_TEST(get_offset_desync),
	WORLD_TEST(forged_later_datagram),
	WORLD_TEST(fill_from_gats),
	WORLD_TEST(prefix_key_in_a_multi_get),
	WORLD_TEST(expiry),
	WORLD_TEST(expiry_after_touch),
	WORLD_TEST(flush_all_with_white_space_behind_its_delay),
};

TEST_MAIN(tests, NULL, NULL)
