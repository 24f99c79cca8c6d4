// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Guards of the rules that load alone does not need soon enough (bmc_mutants.h): a schedule for each, which goes wrong
 * without the guard and right with it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bmc_mutants.h"
#include "instance.h"
#include "learn.h"
#include "world.h"

#define MAX_AGE_NS 60000000000ULL
#define SLOW_MS 60
#define LATE_MS 80
#define TRIES 12
#define ROUNDS 3

/* 1: what bmc serves, or refuses to keep, is wrong. */
typedef int (*schedule_fn)(struct world *w);

struct directed {
	const char *name;
	uint64_t mutants;
	schedule_fn wrong;
	const char *slow, *after; /* of the preload, ms; NULL: without */
	schedule_fn begin; /* before bmc is started with --learn; NULL: nothing, and without */
	void (*learning)(const char *what, size_t n, size_t total);
};

static int is_value(const struct text *t, const char *value)
{
	return t->data && strstr(t->data, value) != NULL;
}

/* ---- NO_LIFE_IN_FLIGHT: a write of a connection that memcached never accepted ends with memcached ---- */
static int never_accepted(struct world *w)
{
	struct tcp t;
	int cached = 0;

	memcached_freeze(&w->memcached);
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&t, "set k 0 0 3\r\nnew\r\n", 18);
	tcp_wait_sent(&t);
	assert_int_equal(kill(w->memcached.pid, SIGKILL), 0); /* at once: it may not go on before */
	world_restart_memcached(w);
	tcp_close(&t);
	tcp_close(&w->tcp);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&w->tcp, "k", "next", 4);
	for (int i = 0; i < TRIES && !cached; i++)
		cached = world_get(w, &w->udp, "k");
	return !cached;
}

/* ---- NO_FLUSH_TIME: what a delayed flush_all will take is not cached before ---- */
static int delayed_flush(struct world *w)
{
	tcp_set(&w->tcp, "k", "old", 3);
	tcp_expect(&w->tcp, "flush_all 3\r\n", "OK"); /* memcached takes one second off */
	for (int i = 0; i < TRIES; i++)
		udp_get(&w->udp, "k", &w->text);
	assert_true(is_value(&w->text, "old"));
	test_sleep(2.5);
	udp_get(&w->udp, "k", &w->text);
	return is_value(&w->text, "old");
}

/* ---- NO_GEN, CLOSED_NO_NOW: a closed connection's silent set, and who has its writer next ---- */

/*
 * memcached has read "old" for a get and answers late. On another thread a connection sets "new", silently, and is
 * closed; its writer goes to a connection with more answers, none of them new. 1: "old" is served. -1: that thread was
 * the late one.
 */
static int closed_writer_round(struct world *w)
{
	struct tcp busy, gone, idle;
	int wrong = -1;

	tcp_open(&busy, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < 5; i++)
		tcp_expect(&busy, "mn\r\n", "MN");
	tcp_open(&idle, &w->client, WORLD_IP4, WORLD_PORT); /* the next round has another thread */
	tcp_open(&gone, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&gone, "k", "old", 3);
	udp_send(&w->udp, "get k\r\n", 7);
	test_sleep(LATE_MS * 0.2e-3);
	tcp_send(&gone, "set k 0 0 3 noreply\r\nnew\r\nquit\r\n", 32);
	if (tcp_receive(&gone, LATE_MS * 0.4e-3, &w->text) == -EPIPE) {
		tcp_send(&busy, "set z 0 0 9\r\nnot yet", 20);
		tcp_wait_sent(&busy);
		assert_int_equal(udp_receive(&w->udp, w->udp.id, 3, &w->text), 0);
		udp_get(&w->udp, "k", &w->text);
		wrong = is_value(&w->text, "old");
	} else {
		udp_receive(&w->udp, w->udp.id, 3, &w->text);
	}
	tcp_close(&gone);
	tcp_close(&idle);
	tcp_close(&busy);
	test_sleep(SLOW_MS * 1e-3); /* they are closed at memcached too */
	return wrong;
}

static int closed_writer(struct world *w)
{
	int rounds = 0;

	for (int i = 0; i < TRIES && rounds < ROUNDS; i++) {
		int wrong = closed_writer_round(w);

		if (wrong > 0)
			return 1;
		rounds += !wrong;
	}
	assert_int_not_equal(rounds, 0);
	return 0;
}

/* ---- NO_DOUBT: the error of a silent command is not the answer to the next one ---- */

/*
 * memcached's thread sleeps after it has sent the error of a silent `ms`, the set of k waits behind it; another thread
 * answers a get. The store of z, which is not whole, keeps the count of commands ahead of that of answers.
 */
static int silent_error(struct world *w)
{
	static char block[1100000];
	struct text out = {};
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&w->tcp, "k", "old", 3);
	test_sleep(2 * SLOW_MS * 1e-3);
	text_add(&out, "ms x %zu q\r\n", sizeof(block));
	text_append(&out, block, sizeof(block));
	text_add(&out, "\r\nset k 0 0 3\r\nnew\r\nset z 0 0 9\r\nnot yet");
	tcp_send(&t, out.data, out.len);
	text_free(&out);
	assert_int_equal(tcp_receive(&t, 3, &w->text), 0);
	text_assert_is("a silent store", &w->text, "SERVER_ERROR object too large for cache\r\n");
	for (int i = 0; i < 4; i++)
		udp_get(&w->udp, "k", &w->text);
	for (int i = 0; i < TRIES && !is_value(&w->text, "new"); i++) {
		test_sleep(SLOW_MS * 1e-3);
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
	}
	assert_true(is_value(&w->text, "new")); /* carried out */
	udp_get(&w->udp, "k", &w->text);
	tcp_close(&t);
	return is_value(&w->text, "old");
}

/* ---- LEARN_ANYWAY, LEARN_MAKES_ROOM: what is written while memcached's dump is read goes before it ---- */
#define LEARN_AGE_NS 200000000ULL
#define LEARN_OTHERS 60000 /* keys: more than there is room for */
#define LEARN_GONE_S 7

static struct tcp learn_writer;
static int learn_seen;

/* An item that never expires, written by a connection that is there before bmc. */
static int learn_begin(struct world *w)
{
	learn_seen = 0;
	tcp_open(&learn_writer, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&learn_writer, "k", "old", 3);
	return 0;
}

/* The item gets 3 seconds, when memcached has said that it has for ever. */
static void learn_touch(const char *what, size_t n, size_t total)
{
	(void)n;
	(void)total;
	if (!strcmp(what, BMC_LEARN_PROGRESS) && !learn_seen++)
		tcp_expect(&learn_writer, "touch k 3\r\n", "TOUCHED");
}

/* The same, and what was seen of that is forgotten for others. */
static void learn_touch_and_forget(const char *what, size_t n, size_t total)
{
	struct text out = {};

	if (strcmp(what, BMC_LEARN_PROGRESS) != 0 || learn_seen)
		return;
	learn_touch(what, n, total);
	for (int i = 0; i < LEARN_OTHERS; i++)
		text_add(&out, "set other%d 0 9 1 noreply\r\na\r\n", i);
	tcp_send(&learn_writer, out.data, out.len);
	tcp_expect(&learn_writer, "mn\r\n", "MN");
	text_free(&out);
}

/* Whether it is served when memcached has it no longer. */
static int learnt_too_long(struct world *w)
{
	double until = test_now() + test_patience(LEARN_GONE_S);

	assert_int_not_equal(learn_seen, 0);
	for (int i = 0; i < TRIES; i++)
		udp_get(&w->udp, "k", &w->text);
	tcp_ask(&w->tcp, "get k\r\n", &w->text);
	while (is_value(&w->text, "old")) {
		assert_true(test_now() < until);
		test_sleep(0.05);
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
	}
	udp_get(&w->udp, "k", &w->text);
	tcp_close(&learn_writer);
	return is_value(&w->text, "old");
}

#define WITHOUT(id) .name = #id, .mutants = 1ULL << BMC_MUT_##id

static const struct directed schedules[] = {
	{ WITHOUT(NO_LIFE_IN_FLIGHT), .wrong = never_accepted },
	{ WITHOUT(NO_FLUSH_TIME), .wrong = delayed_flush },
	{ WITHOUT(NO_GEN), .wrong = closed_writer, .slow = "80", .after = "0" },
	{ WITHOUT(CLOSED_NO_NOW), .wrong = closed_writer, .slow = "80", .after = "0" },
	{ WITHOUT(NO_DOUBT), .wrong = silent_error, .slow = "0", .after = "60" },
	{ WITHOUT(LEARN_ANYWAY), .wrong = learnt_too_long, .begin = learn_begin,
	  .learning = learn_touch },
	{ WITHOUT(LEARN_MAKES_ROOM), .wrong = learnt_too_long, .begin = learn_begin,
	  .learning = learn_touch_and_forget },
};

static int directed_run(void **state, const struct directed *d, uint64_t mutants)
{
	const struct instance_settings settings = { .mutants = mutants,
						    .max_age_ns =
							    d->learning ? LEARN_AGE_NS : MAX_AGE_NS,
						    .learning = d->learning };
	struct world *w;
	int wrong;

	world_setup_empty(state);
	w = *state;
	if (d->slow) {
		setenv("BMC_SLOW_AFTER", d->after, 1);
		memcached_start_slow(&w->memcached, &w->server, WORLD_PORT, "-t 4",
				     (int)strtol(d->slow, NULL, 10));
		unsetenv("BMC_SLOW_AFTER");
	} else {
		memcached_start(&w->memcached, &w->server, WORLD_PORT, "-t 4");
	}
	if (d->begin)
		d->begin(w);
	instance_start(w, &settings);
	world_open_clients(w);
	wrong = d->wrong(w);
	world_teardown(state);
	*state = (void *)d;
	return wrong;
}

static void directed(void **state)
{
	const struct directed *d = *state;

	if (!directed_run(state, d, d->mutants))
		fail_msg("%s: nothing is wrong without the guard", d->name);
	if (directed_run(state, d, 0))
		fail_msg("%s: wrong with the guard", d->name);
}

int main(void)
{
	struct CMUnitTest tests[TEST_COUNT(schedules)];
	const char *filter = getenv("BMC_TEST_FILTER");

	for (size_t i = 0; i < TEST_COUNT(schedules); i++)
		tests[i] = (struct CMUnitTest){ .name = schedules[i].name,
						.test_func = directed,
						.initial_state = (void *)&schedules[i] };
	if (filter)
		cmocka_set_test_filter(filter);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
