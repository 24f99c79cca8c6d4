// SPDX-License-Identifier: LGPL-2.1-only
/* Expiry: what writes taught. What memcached does not have any more is not served, and what it has is for long. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

#define WATCH_S 6.5 /* times of up to 4 s are over, and memcached's clock has noticed */
#define SHIFT_S 5000
#define SHORT_AGE "--max-age 200ms"
#define SHORT_AGE_S 0.2

/* Sends each line, whose answers are not looked at. */
static void say(struct tcp *t, const char *commands, int answers)
{
	struct text answer = {};

	tcp_send(t, commands, strlen(commands));
	for (int i = 0; i < answers; i++)
		assert_int_equal(tcp_receive(t, 3, &answer), 0);
	text_free(&answer);
}

static int is_there(const struct text *answer)
{
	return answer->len > 5 && !memcmp(answer->data, "VALUE", 5);
}

/* Gets a key often enough for it to be cached, if it may be. */
static void warm(struct world *w, const char *key)
{
	for (int i = 0; i < 4; i++)
		udp_get(&w->udp, key, &w->text);
}

/* Whether the kernel serves it: memcached stands still. */
static int is_cached(struct world *w, const char *key)
{
	char line[300];
	int len = snprintf(line, sizeof(line), "get %s\r\n", key);

	udp_send(&w->udp, line, (size_t)len);
	return !udp_receive(&w->udp, w->udp.id, 0.05, &w->text) && is_there(&w->text);
}

/* What memcached alone no longer serves is not served. `cached`: by then each of them was. */
static void watch(struct world *w, const char *const *keys, int n, double seconds)
{
	double until = test_now() + seconds;
	char line[300];

	while (test_now() < until) {
		for (int i = 0; i < n; i++) {
			int gone;

			snprintf(line, sizeof(line), "get %s\r\n", keys[i]);
			tcp_ask(&w->tcp, line, &w->text);
			gone = !is_there(&w->text);
			udp_get(&w->udp, keys[i], &w->text);
			if (gone && is_there(&w->text))
				fail_msg("'%s' is over, and served", keys[i]);
		}
		test_sleep(0.02);
	}
}

static void assert_cached(struct world *w, const char *const *keys, int n)
{
	for (int i = 0; i < n; i++)
		warm(w, keys[i]);
	memcached_freeze(&w->memcached);
	for (int i = 0; i < n; i++) {
		if (!is_cached(w, keys[i]))
			fail_msg("'%s' is not cached", keys[i]);
	}
	memcached_thaw(&w->memcached);
}

/* After --max-age the kernel still serves it, or no longer. */
static void assert_outlives_age(struct world *w, const char *const *keys, int n, int outlives)
{
	for (int i = 0; i < n; i++)
		warm(w, keys[i]);
	memcached_freeze(&w->memcached);
	test_sleep(3 * SHORT_AGE_S);
	for (int i = 0; i < n; i++) {
		if (is_cached(w, keys[i]) != outlives)
			fail_msg("'%s' is %s after --max-age", keys[i],
				 outlives ? "not served" : "served");
	}
	memcached_thaw(&w->memcached);
	if (outlives)
		return;
	for (int i = 0; i < n; i++) /* those that waited */
		udp_receive(&w->udp, w->udp.id, 0.05, &w->text);
}

static int short_setup(void **state)
{
	world_setup_memcached(state);
	world_start_bmc(*state, SHORT_AGE);
	world_open_clients(*state);
	return 0;
}

#define CACHED 14 /* of `timed`, the first ones */

/* Every way to give an item 4 s at the most. */
static void times_of_all_commands(void **state)
{
	static const char *const timed[] = {
		"set",	  "absolute", "touch", "gat",	"gats",	  "replace",  "added",
		"append", "prepend",  "incr",  "decr",	"again",  "quiet",    "halves",
		"add",	  "meta",     "mgt",   "short", "before", "negative",
	};
	struct world *w = *state;
	char line[128];

	snprintf(line, sizeof(line), "set absolute 0 %lld 1\r\na\r\n", (long long)time(NULL) + 5);
	say(&w->tcp, line, 1);
	say(&w->tcp, "set set 0 4 1\r\na\r\n", 1);
	say(&w->tcp, "set touch 0 0 1\r\na\r\ntouch touch 4\r\n", 2);
	say(&w->tcp, "set gat 0 0 1\r\na\r\ngat 4 gat\r\n", 2);
	say(&w->tcp, "set gats 0 0 1\r\na\r\ngats 4 nothing gats\r\n", 2);
	say(&w->tcp, "set replace 0 0 1\r\na\r\nreplace replace 0 4 1\r\nb\r\n", 2);
	say(&w->tcp, "set added 0 4 1\r\na\r\nadd added 0 0 1\r\nb\r\n", 2);
	say(&w->tcp, "set append 0 4 1\r\na\r\nappend append 0 0 1\r\nb\r\n", 2);
	say(&w->tcp, "set prepend 0 4 1\r\na\r\nprepend prepend 0 0 1\r\nb\r\n", 2);
	say(&w->tcp, "set incr 0 4 1\r\n1\r\nincr incr 1\r\n", 2);
	say(&w->tcp, "set decr 0 4 1\r\n1\r\ndecr decr 1\r\n", 2);
	say(&w->tcp, "set again 0 0 1\r\na\r\nset again 0 4 1\r\nb\r\n", 2);
	say(&w->tcp, "set quiet 0 4 1 noreply\r\na\r\nmn\r\n", 1);
	say(&w->tcp, "set halves 0 4 6\r\nabc", 0);
	tcp_wait_sent(&w->tcp);
	say(&w->tcp, "def\r\n", 1);
	say(&w->tcp, "add add 0 4 1\r\na\r\n", 1);
	say(&w->tcp, "ms meta 1 T4\r\na\r\n", 1);
	say(&w->tcp, "set mgt 0 0 1\r\na\r\nmg mgt T4\r\n", 2);
	say(&w->tcp, "set short 0 1 1\r\na\r\n", 1);
	say(&w->tcp, "set before 0 4 1\r\na\r\nset before 0 1 1\r\nb\r\n", 2);
	say(&w->tcp, "set negative 0 -1 1\r\na\r\n", 1);
	assert_cached(w, timed, CACHED);
	watch(w, timed, TEST_COUNT(timed), WATCH_S);
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* What is known to live is served beyond --max-age; what is not known, no longer. */
static void known_outlives_max_age(void **state)
{
	static const char *const known[] = { "never", "long", "touched", "gotten" };
	static const char *const unknown[] = { "added" };
	struct world *w = *state;

	say(&w->tcp, "set never 0 0 1\r\na\r\nset long 0 100 1\r\na\r\n", 2);
	say(&w->tcp, "add touched 0 0 1\r\na\r\ntouch touched 100\r\n", 2);
	say(&w->tcp, "add gotten 0 0 1\r\na\r\ngat 0 gotten\r\n", 2);
	say(&w->tcp, "add added 0 0 1\r\na\r\n", 1);
	assert_outlives_age(w, known, TEST_COUNT(known), 1);
	assert_outlives_age(w, unknown, TEST_COUNT(unknown), 0);
	say(&w->tcp, "set added 0 0 1\r\nb\r\n", 1);
	assert_outlives_age(w, unknown, TEST_COUNT(unknown), 1);
}

/* bmcctl flush, or any write of unknown keys: nothing is known any more, until the next set. */
static void unknown_write_voids_what_is_known(void **state)
{
	static const char *const key[] = { "k" };
	struct world *w = *state;

	say(&w->tcp, "set k 0 0 1\r\na\r\n", 1);
	assert_outlives_age(w, key, 1, 1);
	assert_int_equal(bmcctl(&w->server, "flush --name %s", w->instance), 0);
	assert_outlives_age(w, key, 1, 0);
	say(&w->tcp, "set k 0 0 1\r\nb\r\n", 1);
	assert_outlives_age(w, key, 1, 1);
}

#define PAIRS 12

/* Two sets of one key, with and without a time, in flight at once: which is the last one, memcached knows. */
static void two_writers_with_different_times(void **state)
{
	static const char *const keys[] = { "k0", "k1", "k2", "k3", "k4",  "k5",
					    "k6", "k7", "k8", "k9", "k10", "k11" };
	struct world *w = *state;
	struct tcp t[2];
	char line[64];

	for (int i = 0; i < 2; i++)
		tcp_open(&t[i], &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < PAIRS; i++) {
		if (i >= PAIRS / 2) {
			snprintf(line, sizeof(line), "set %s 0 0 1\r\na\r\n", keys[i]);
			say(&w->tcp, line, 1);
			warm(w, keys[i]);
		}
		memcached_freeze(&w->memcached);
		for (int k = 0; k < 2; k++) {
			snprintf(line, sizeof(line), "set %s 0 %d 1\r\n%d\r\n", keys[i],
				 (k + i) % 2 ? 4 : 0, k);
			tcp_send(&t[(k + i / 2) % 2], line, strlen(line));
			tcp_wait_sent(&t[(k + i / 2) % 2]);
		}
		memcached_thaw(&w->memcached);
		for (int k = 0; k < 2; k++)
			assert_int_equal(tcp_receive(&t[k], 3, &w->text), 0);
		warm(w, keys[i]);
	}
	watch(w, keys, PAIRS, WATCH_S);
	for (int i = 0; i < 2; i++)
		tcp_close(&t[i]);
}

static void set_and_reset(struct world *w, const char *line)
{
	struct linger now = { .l_onoff = 1 };
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	memcached_freeze(&w->memcached);
	tcp_send(&t, line, strlen(line));
	tcp_wait_sent(&t);
	setsockopt(t.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	tcp_close(&t);
	memcached_thaw(&w->memcached);
}

/* Sets that never expire and are not carried out, over items that do. */
static void sets_that_come_to_nothing(void **state)
{
	static const char *const keys[] = { "half", "bad", "reset", "quiet", "nothing" };
	struct world *w = *state;
	struct tcp t;
	char line[64];

	for (size_t i = 0; i < TEST_COUNT(keys) - 1; i++) {
		snprintf(line, sizeof(line), "set %s 0 4 1\r\na\r\n", keys[i]);
		say(&w->tcp, line, 1);
		warm(w, keys[i]);
	}
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	say(&t, "set half 0 0 10\r\nabc", 0);
	tcp_wait_sent(&t);
	tcp_close(&t);
	tcp_expect(&w->tcp, "set bad 0 0 3\r\nabcde\r\n", "CLIENT_ERROR bad data chunk");
	say(&w->tcp, "mn\r\n", 2); /* the rest of the block is a line, too */
	set_and_reset(w, "set reset 0 0 1\r\nb\r\n");
	set_and_reset(w, "set quiet 0 0 1 noreply\r\nb\r\n");
	watch(w, keys, TEST_COUNT(keys), WATCH_S);
}

/* flush_all with a delay, that is answered and one that is not. */
static void flush_all_later(void **state)
{
	static const char *const keys[] = { "a", "b" };
	struct world *w = *state;

	say(&w->tcp, "set a 0 0 1\r\na\r\nset b 0 100 1\r\nb\r\n", 2);
	assert_cached(w, keys, TEST_COUNT(keys));
	tcp_expect(&w->tcp, "flush_all 2\r\n", "OK");
	say(&w->tcp, "flush_all 3 noreply\r\nmn\r\n", 1);
	watch(w, keys, TEST_COUNT(keys), WATCH_S);
	say(&w->tcp, "set a 0 0 1\r\na\r\nset b 0 100 1\r\nb\r\n", 2);
	assert_cached(w, keys, TEST_COUNT(keys));
}

/* Times of the past are now; those of memcached's clock are that clock's. */
static void flush_all_at_odd_times(void **state)
{
	static const char *const keys[] = { "a" };
	struct world *w = *state;
	char line[64];

	say(&w->tcp, "set a 0 0 1\r\na\r\n", 1);
	assert_cached(w, keys, 1);
	tcp_expect(&w->tcp, "flush_all -5\r\n", "OK");
	world_expect(w, &w->udp, "a", NULL);
	test_sleep(1.1); /* what is set in the same second is flushed too */
	say(&w->tcp, "set a 0 0 1\r\na\r\n", 1);
	snprintf(line, sizeof(line), "flush_all %lld\r\n", (long long)time(NULL) + 2);
	tcp_expect(&w->tcp, line, "OK");
	watch(w, keys, 1, WATCH_S);
}

/* A memcached whose wall clock is not ours, as after a step of it: memcached keeps the one that it began with. */
static int shift_setup(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	memcached_start_shifted(&w->memcached, &w->server, WORLD_PORT, SHIFT_S);
	world_start_bmc(w, SHORT_AGE);
	world_open_clients(w);
	return 0;
}

static void set_absolute(struct world *w, const char *key, long long at)
{
	char line[128];

	snprintf(line, sizeof(line), "set %s 0 %lld 1\r\na\r\n", key, at);
	say(&w->tcp, line, 1);
}

static void absolute_times_after_a_step_of_the_clock(void **state)
{
	static const char *const keys[] = { "soon", "late" };
	struct world *w = *state;
	long long theirs = (long long)time(NULL) + SHIFT_S;

	set_absolute(w, "soon", theirs + 5);
	set_absolute(w, "late", theirs + 100);
	set_absolute(w, "ours", (long long)time(NULL) + 100); /* over since long */
	assert_outlives_age(w, keys, TEST_COUNT(keys), 1);
	world_expect(w, &w->udp, "ours", NULL);
	watch(w, keys, TEST_COUNT(keys), WATCH_S);
	warm(w, "late");
	assert_outlives_age(w, keys + 1, 1, 1);
}

/* Whatever clock the next memcached has: items with such times are its own. */
static void absolute_times_after_a_restart(void **state)
{
	struct world *w = *state;

	say(&w->tcp, "set never 0 0 1\r\na\r\n", 1);
	tcp_close(&w->tcp);
	world_restart_memcached(w);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	set_absolute(w, "k", (long long)time(NULL) + 100);
	say(&w->tcp, "set never 0 0 1\r\na\r\n", 1);
	warm(w, "k");
	warm(w, "never");
	memcached_freeze(&w->memcached);
	assert_true(is_cached(w, "never"));
	assert_false(is_cached(w, "k"));
	memcached_thaw(&w->memcached);
}

#define EXPIRY_SHORT(name) cmocka_unit_test_setup_teardown(name, short_setup, world_teardown)
#define EXPIRY_SHIFT(name) cmocka_unit_test_setup_teardown(name, shift_setup, world_teardown)

static const struct CMUnitTest tests[] = {
	WORLD_TEST(times_of_all_commands),
	EXPIRY_SHORT(known_outlives_max_age),
	EXPIRY_SHORT(unknown_write_voids_what_is_known),
	WORLD_TEST(two_writers_with_different_times),
	WORLD_TEST(sets_that_come_to_nothing),
	WORLD_TEST(flush_all_later),
	WORLD_TEST(flush_all_at_odd_times),
	EXPIRY_SHIFT(absolute_times_after_a_step_of_the_clock),
	WORLD_TEST(absolute_times_after_a_restart),
};

TEST_MAIN(tests, NULL, NULL)
