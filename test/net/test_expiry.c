// SPDX-License-Identifier: LGPL-2.1-only
/* Expiry: what is known of items outlives --max-age, what is not known does not. (Times that are over: expiry_times) */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lives.h"
#include "world.h"

#define SHORT_AGE "--max-age 200ms"
#define AFTER_S 0.6 /* that is over for certain */

static struct lives lives;

static struct lives *lives_of(struct world *w)
{
	text_free(&lives.text);
	lives = (struct lives){ .memcached = &w->memcached, .tcp = &w->tcp, .udp = &w->udp };
	return &lives;
}

static int short_setup(void **state)
{
	world_setup_memcached(state);
	world_start_bmc(*state, SHORT_AGE);
	world_open_clients(*state);
	return 0;
}

/* What is known to live is served beyond --max-age; what is not known, no longer. */
static void known_outlives_max_age(void **state)
{
	static const char *const known[] = { "never", "long", "touched", "gotten" };
	static const char *const unknown[] = { "added" };
	struct world *w = *state;
	struct lives *l = lives_of(w);

	lives_say(&w->tcp, "set never 0 0 1\r\na\r\nset long 0 100 1\r\na\r\n", 2);
	lives_say(&w->tcp, "add touched 0 0 1\r\na\r\ntouch touched 100\r\n", 2);
	lives_say(&w->tcp, "add gotten 0 0 1\r\na\r\ngat 0 gotten\r\n", 2);
	lives_say(&w->tcp, "add added 0 0 1\r\na\r\n", 1);
	lives_assert_after(l, known, TEST_COUNT(known), AFTER_S, 1);
	lives_assert_after(l, unknown, TEST_COUNT(unknown), AFTER_S, 0);
	lives_say(&w->tcp, "set added 0 0 1\r\nb\r\n", 1);
	lives_assert_after(l, unknown, TEST_COUNT(unknown), AFTER_S, 1);
}

#define SHORT_LIVED 100

/*
 * Clients that connect, set and close: what was answered before is known, by connections that have ended since too, and the
 * first get behind that fills. Only what no answer ended is served for --max-age.
 */
static void what_closed_connections_wrote_is_known(void **state)
{
	static const char *const known[] = { "first", "last" }, *const unknown[] = { "silent" };
	struct world *w = *state;
	struct lives *l = lives_of(w);

	for (int i = 0; i < SHORT_LIVED; i++) {
		struct tcp t;

		tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
		tcp_set(&t, i ? "last" : "first", "a", 1);
		tcp_close(&t);
	}
	test_sleep(0.05); /* memcached has closed them too */
	udp_get(&w->udp, "last", &w->text);
	assert_true(world_get(w, &w->udp, "last"));
	lives_assert_after(l, known, TEST_COUNT(known), AFTER_S, 1);
	tcp_send(&w->tcp, "set silent 0 0 1 noreply\r\na\r\nquit\r\n", 35);
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), -EPIPE);
	lives_assert_after(l, unknown, TEST_COUNT(unknown), AFTER_S, 0);
}

/* bmcctl flush, or any write of unknown keys: nothing is known any more, until the next set. */
static void unknown_write_voids_what_is_known(void **state)
{
	static const char *const key[] = { "k" };
	struct world *w = *state;
	struct lives *l = lives_of(w);

	lives_say(&w->tcp, "set k 0 0 1\r\na\r\n", 1);
	lives_assert_after(l, key, 1, AFTER_S, 1);
	assert_int_equal(bmcctl(&w->server, "flush --name %s", w->instance), 0);
	lives_assert_after(l, key, 1, AFTER_S, 0);
	lives_say(&w->tcp, "set k 0 0 1\r\nb\r\n", 1);
	lives_assert_after(l, key, 1, AFTER_S, 1);
}

/* Wherever it is cut: behind its block's last byte but two, the segment that ends the block has to be looked at. */
static void a_set_in_two_segments_is_known(void **state)
{
	static const char set[] = "set k%02zu 0 0 5\r\nabcde\r\n";
	static char names[32][8];
	const char *keys[TEST_COUNT(names)];
	struct world *w = *state;
	char line[64];
	size_t n = 0;

	for (;; n++) {
		int len = snprintf(line, sizeof(line), set, n);

		if (n + 1 >= (size_t)len)
			break;
		assert_true(n < TEST_COUNT(names));
		snprintf(names[n], sizeof(names[n]), "k%02zu", n);
		keys[n] = names[n];
		tcp_send(&w->tcp, line, n + 1);
		lives_say(&w->tcp, line + n + 1, 1);
	}
	lives_assert_after(lives_of(w), keys, (int)n, AFTER_S, 1);
}

static void set_absolute(struct world *w, const char *key, long long at)
{
	char line[128];

	snprintf(line, sizeof(line), "set %s 0 %lld 1\r\na\r\n", key, at);
	lives_say(&w->tcp, line, 1);
}

/* Whatever clock the next memcached has: items with such times are its own. */
static void absolute_times_after_a_restart(void **state)
{
	struct world *w = *state;
	struct lives *l = lives_of(w);

	lives_say(&w->tcp, "set never 0 0 1\r\na\r\n", 1);
	tcp_close(&w->tcp);
	world_restart_memcached(w);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	set_absolute(w, "k", (long long)time(NULL) + 100);
	lives_say(&w->tcp, "set never 0 0 1\r\na\r\n", 1);
	lives_warm(l, "k");
	lives_warm(l, "never");
	memcached_freeze(&w->memcached);
	assert_true(lives_is_cached(l, "never", 1));
	assert_false(lives_is_cached(l, "k", 0));
	memcached_thaw(&w->memcached);
}

#define EXPIRY_SHORT(name) cmocka_unit_test_setup_teardown(name, short_setup, world_teardown)

static const struct CMUnitTest tests[] = {
	EXPIRY_SHORT(known_outlives_max_age),
	EXPIRY_SHORT(what_closed_connections_wrote_is_known),
	EXPIRY_SHORT(unknown_write_voids_what_is_known),
	EXPIRY_SHORT(a_set_in_two_segments_is_known),
	WORLD_TEST(absolute_times_after_a_restart),
};

TEST_MAIN(tests, NULL, NULL)
