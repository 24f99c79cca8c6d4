// SPDX-License-Identifier: LGPL-2.1-only
/*
 * `start --learn`: items that memcached had before are served until their time, never longer; whatever comes between
 * the dump and the note of it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lives.h"
#include "world.h"

#define AGE "--max-age 200ms"
#define AGE_S 0.6 /* is over for certain */
#define WATCH_S 5.5 /* times of up to 3 s are over, and memcached's clock has noticed */
/* Of the table of hashpower=13, which is to grow at one and a half a bucket. Of their dump, 9 MB, no buffer takes all. */
#define MANY 12000
#define TOO_MANY 12400
#define SLASHES "////////////////////////////////////////////////////////////////////////"
#define GROWS_S 1.2 /* memcached lets its table grow once a second */
#define WORKERS 4
#define NOT_WAITED_S 15
#define SILENCE_S 1.5 /* is waited for more of a dump, and more */

static struct lives lives;

static struct lives *lives_of(struct world *w)
{
	text_free(&lives.text);
	lives = (struct lives){ .memcached = &w->memcached, .tcp = &w->tcp, .udp = &w->udp };
	return &lives;
}

/* ---- start --learn that stops between the dump and its notes ---- */

/* A child that runs it, and stands still now. */
static pid_t start_paused(struct world *w, const char *where)
{
	return bmcctl_paused(&w->server, where,
			     "start --name %s --iface " WORLD_IF
			     " --memory 16M --mode native --max-age 200ms --learn",
			     w->instance);
}

/* ---- items, before ---- */
static const char *const known[] = { "never", "long", "a=b%20c", "p\xc3\xa4" };
static const char *const short_lived[] = { "three", "touched", "set", "gotten", "udp" };

#define ITEMS 9

static void store_before(struct world *w)
{
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	lives_say(&w->tcp, "set never 0 0 1\r\na\r\nset long 0 100 1\r\na\r\n", 2);
	lives_say(&w->tcp, "set a=b%20c 0 100 1\r\na\r\nset p\xc3\xa4 0 100 1\r\na\r\n", 2);
	lives_say(&w->tcp, "set three 0 3 1\r\na\r\nset touched 0 0 1\r\na\r\n", 2);
	lives_say(&w->tcp, "set set 0 0 1\r\na\r\nset gotten 0 0 1\r\na\r\n", 2);
	lives_say(&w->tcp, "set udp 0 0 1\r\na\r\n", 1);
	tcp_close(&w->tcp);
}

/* Items number `from` to `to`: a dump writes each slash as three bytes. */
static void store_many(struct world *w, int from, int to)
{
	struct text out = {};

	for (int i = from; i < to; i++)
		text_add(&out, "set many" SLASHES SLASHES SLASHES "%d 0 0 1 noreply\r\na\r\n", i);
	text_add(&out, "mn\r\n");
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&w->tcp, out.data, out.len);
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	tcp_close(&w->tcp);
	text_free(&out);
}

static int learn_setup(void **state)
{
	world_setup_memcached(state);
	store_before(*state);
	return 0;
}

/* Of some the time is changed after memcached has said it, and before it is noted. */
static void items_from_before_are_served_until_their_time(void **state)
{
	struct world *w = *state;
	struct lives *l = lives_of(w);
	pid_t pid = start_paused(w, "dump read");
	long long learnt;

	world_open_clients(w);
	lives_say(&w->tcp, "touch touched 3\r\nset set 0 3 1\r\nb\r\ngat 3 gotten\r\n", 3);
	udp_ask(&w->udp, "touch udp 3\r\n", &w->text);
	assert_int_equal(bmcctl_go_on(pid), 0);
	learnt = world_stat(w, "learnt");
	tcp_ask(&w->tcp, "get three\r\n",
		&w->text); /* `start` may have taken longer than it lives */
	assert_in_range(learnt, ITEMS - 4 - !strstr(w->text.data, "VALUE"), ITEMS - 4);
	for (size_t i = 0; i < TEST_COUNT(short_lived); i++)
		lives_warm(l, short_lived[i]);
	lives_assert_after(l, known, TEST_COUNT(known), AGE_S, 1);
	lives_add(l, known, TEST_COUNT(known));
	lives_add(l, short_lived, TEST_COUNT(short_lived));
	lives_watch(&l, 1, WATCH_S);
	assert_int_equal(world_stat(w, "lost"), 0);
	lives_say(&w->tcp, "set never 0 0 1\r\nb\r\n", 1);
	world_expect(w, &w->udp, "never", "b");
}

/* And a key of the dump that is longer than what is kept of a line of answers. */
static void without_it_they_are_not(void **state)
{
	struct world *w = *state;
	struct lives *l = lives_of(w);
	char line[600] = "set ", key[251];

	memset(key, 0xff, 250);
	key[250] = 0;
	snprintf(line, sizeof(line), "set %s 0 0 1\r\na\r\n", key);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	lives_say(&w->tcp, line, 1);
	lives_say(&w->tcp, "set three 0 100 1\r\na\r\n", 1); /* two starts take their time */
	tcp_close(&w->tcp);
	world_start_bmc(w, AGE);
	world_open_clients(w);
	lives_assert_after(l, known, TEST_COUNT(known), AGE_S, 0);
	assert_int_equal(world_stat(w, "learnt"), 0);
	world_stop_bmc(w);
	world_start_bmc(w, AGE " --learn");
	assert_non_null(strstr(bmcctl_result.out, "learnt when 10 of 10 items expire"));
	assert_int_equal(world_stat(w, "learnt"), ITEMS + 1);
	assert_int_equal(world_stat(w, "lost"), 0);
	lives_assert_after(l, known, TEST_COUNT(known), AGE_S, 1);
}

/* All items are gone, and come back with less time, unseen by nobody. */
static void a_flush_in_between_voids_it(void **state)
{
	struct world *w = *state;
	struct lives *l = lives_of(w);
	pid_t pid = start_paused(w, "dump read");

	world_open_clients(w);
	lives_say(&w->tcp, "flush_all\r\n", 1);
	assert_int_equal(bmcctl_go_on(pid), 0);
	assert_int_equal(world_stat(w, "learnt"), 0);
	world_expect(w, &w->udp, "never", NULL);
	world_set_after_flush(w, "never", "b");
	lives_assert_after(l, known, 1, AGE_S, 1);
}

static void a_restart_in_between_voids_it(void **state)
{
	struct world *w = *state;
	pid_t pid = start_paused(w, "dump read");

	world_restart_memcached(w);
	world_open_clients(w);
	assert_int_equal(bmcctl_go_on(pid), 0);
	assert_int_equal(world_stat(w, "learnt"), 0);
	world_expect(w, &w->udp, "never", NULL);
	world_cache(w, "never", "b");
}

/* memcached stands still in the middle of it: the start ends, and what it attached works. */
static void a_memcached_that_stops_is_not_waited_for(void **state)
{
	struct world *w = *state;
	double began;
	pid_t pid;

	store_many(w, 0, MANY);
	pid = start_paused(w, "dump read");
	memcached_freeze(&w->memcached);
	began = test_now();
	assert_int_equal(bmcctl_go_on(pid), 0);
	assert_true(test_now() - began > SILENCE_S);
	assert_true(test_now() - began < test_patience(NOT_WAITED_S));
	memcached_thaw(&w->memcached);
	world_open_clients(w);
	world_cache(w, "k", "v");
	assert_true(world_stat(w, "learnt") > 0);
}

static void an_interrupt_leaves_nothing(void **state)
{
	struct world *w = *state;
	pid_t pid = start_paused(w, "dump read");

	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(bmcctl_go_on(pid), 1);
	child_sh(&w->server, "! ip link show dev " WORLD_IF " | grep prog/xdp");
	world_start_bmc(w, AGE " --learn"); /* nothing of it is there */
}

static void start_without_crawler(struct world *w, const char *options)
{
	memcached_start(&w->memcached, &w->server, WORLD_PORT, options);
	store_before(w);
	world_start_bmc(w, AGE " --learn");
	world_open_clients(w);
	lives_assert_after(lives_of(w), known, TEST_COUNT(known), AGE_S, 0);
}

static void a_memcached_that_does_not_dump(void **state)
{
	struct world *w = *state;

	start_without_crawler(w, "-o no_lru_crawler");
	assert_int_equal(world_stat(w, "learnt"), 0);
	world_stop_bmc(w);
	memcached_stop(&w->memcached);
	tcp_close(&w->tcp);
	udp_close(&w->udp);
	udp_close(&w->udp6);
	start_without_crawler(w, "-X");
	assert_int_equal(world_stat(w, "learnt"), 0);
}

/* ---- what an `lru_crawler metadump` can do to memcached ---- */

/* Whoever reads it does not: until no more of it comes. */
static void open_unread_dump(struct world *w, struct tcp *t)
{
	int before = -1, now = 0;

	tcp_open(t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(t, "lru_crawler metadump all\r\n", 26);
	while (now == 0 || now != before) {
		before = now;
		test_sleep(0.2);
		assert_int_equal(ioctl(t->fd, FIONREAD, &now), 0);
	}
}

/* New connections go to one after the other. */
static void assert_all_workers_answer(struct world *w)
{
	struct tcp t[2 * WORKERS];

	for (size_t i = 0; i < TEST_COUNT(t); i++) {
		tcp_open(&t[i], &w->client, WORLD_IP4, WORLD_PORT);
		tcp_expect(&t[i], "mn\r\n", "MN");
	}
	for (size_t i = 0; i < TEST_COUNT(t); i++)
		tcp_close(&t[i]);
}

/* ^Z stops it when it has left memcached's crawler alone: it is waited for here until it says that it was silent. */
static void a_stop_key_waits_for_the_end_of_it(void **state)
{
	struct world *w = *state;
	pid_t pid;
	double began;
	int status;

	store_many(w, 0, MANY);
	pid = start_paused(w, "dump read");
	memcached_freeze(&w->memcached);
	began = test_now();
	assert_int_equal(kill(pid, SIGCONT), 0);
	test_sleep(0.2);
	assert_int_equal(kill(pid, SIGTSTP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(test_now() - began > SILENCE_S);
	memcached_thaw(&w->memcached);
	assert_int_equal(WIFSTOPPED(status) ? bmcctl_go_on(pid) : WEXITSTATUS(status), 0);
}

/*
 * memcached 1.6.18: a worker that is asked for a dump waits while the reader of another one stands still; and once the
 * table was to grow meanwhile, no worker answered ever again.
 */
static void memcached_hangs_between_two_dumps(void **state)
{
	struct world *w = *state;
	struct tcp other;
	pid_t pid;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-o hashpower=13");
	store_many(w, 0, MANY);
	pid = start_paused(w, "dump next");
	open_unread_dump(w, &other);
	store_many(w, MANY, TOO_MANY);
	test_sleep(GROWS_S);
	assert_int_equal(bmcctl_go_on(pid), 0);
	assert_all_workers_answer(w);
	tcp_close(&other);
	assert_all_workers_answer(w);
	assert_int_equal(world_stat(w, "learnt"), 0);
	assert_int_equal(world_stat(w, "lost"), 0);
	world_open_clients(w);
	world_cache(w, "k", "v");
}

/* 12288 items are one and a half a bucket; the table would grow with the next one. */
static void not_while_its_table_is_to_grow(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-o hashpower=13,no_hashexpand");
	store_many(w, 0, 12288);
	world_start_bmc(w, AGE " --learn");
	assert_true(world_stat(w, "learnt") > 0);
	world_stop_bmc(w);
	store_many(w, 12288, 12289);
	world_start_bmc(w, AGE " --learn");
	assert_non_null(strstr(bmcctl_result.err, "its hash table is about to grow"));
	assert_int_equal(world_stat(w, "learnt"), 0);
}

/* One that grows in the meantime is asked then. */
static void when_its_table_has_grown(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-o hashpower=13");
	store_many(w, 0, TOO_MANY);
	world_start_bmc(w, AGE " --learn --memory 64M");
	assert_true(world_stat(w, "learnt") > 0);
}

/* What they write is not seen. */
static void nothing_while_a_connection_cannot_be_followed(void **state)
{
	struct world *w = *state;
	struct tcp lost;

	tcp_open(&lost, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_expect(&lost, "mn\r\n", "MN");
	world_start_bmc(w, AGE " --strict --learn");
	assert_non_null(strstr(bmcctl_result.err, "connections that cannot be followed"));
	tcp_close(&lost);
	world_open_clients(w);
	assert_int_equal(world_stat(w, "learnt"), 0);
	world_cache(w, "k", "v");
}

#define LEARN_TEST(name) cmocka_unit_test_setup_teardown(name, learn_setup, world_teardown)
#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)

static const struct CMUnitTest tests[] = {
	LEARN_TEST(items_from_before_are_served_until_their_time),
	LEARN_TEST(without_it_they_are_not),
	LEARN_TEST(a_flush_in_between_voids_it),
	LEARN_TEST(a_restart_in_between_voids_it),
	LEARN_TEST(a_memcached_that_stops_is_not_waited_for),
	LEARN_TEST(an_interrupt_leaves_nothing),
	EMPTY_TEST(a_memcached_that_does_not_dump),
	LEARN_TEST(a_stop_key_waits_for_the_end_of_it),
	EMPTY_TEST(memcached_hangs_between_two_dumps),
	EMPTY_TEST(not_while_its_table_is_to_grow),
	EMPTY_TEST(when_its_table_has_grown),
	LEARN_TEST(nothing_while_a_connection_cannot_be_followed),
};

TEST_MAIN(tests, NULL, NULL)
