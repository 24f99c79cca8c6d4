// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Guards of expiry (bpf/expiry.bpf.h, bpf/learn.bpf.h): a schedule for each, after which an item is over in memcached,
 * and is served without the guard.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "directed.h"
#include "learn.h"

#define AT_ONCE 8
#define GETS 12
#define TRIES 20
#define GONE_S 15

/* Gets it, so that it is cached if it may be, and once more when memcached has it no longer. */
static int is_served_too_long(struct world *w, const char *key)
{
	double until = test_now() + test_patience(GONE_S);
	char line[64];

	snprintf(line, sizeof(line), "get %s\r\n", key);
	for (int i = 0; i < GETS; i++) {
		udp_get(&w->udp, key, &w->text);
		test_sleep(0.005);
	}
	do {
		assert_true(test_now() < until);
		test_sleep(0.05);
		tcp_ask(&w->tcp, line, &w->text);
	} while (directed_is_value(&w->text, "VALUE"));
	udp_get(&w->udp, key, &w->text);
	return directed_is_value(&w->text, "VALUE");
}

static void ask(struct world *w, const char *command, const char *answer)
{
	tcp_expect(&w->tcp, command, answer);
}

/* Known to live for ever. */
static void set_for_ever(struct world *w, const char *line, const char *key)
{
	ask(w, line, "STORED");
	for (int i = 0; i < GETS; i++)
		udp_get(&w->udp, key, &w->text);
}

/* A set that memcached never reads: it closes the connection at what comes before. */
static void set_behind_quit(struct world *w, const char *line)
{
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&t, line, strlen(line));
	assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &w->text), -EPIPE);
	tcp_close(&t);
}

/* ---- TAUGHT_BY_ALL: a block that does not end as it should ---- */
static int bad_block(struct world *w)
{
	ask(w, "set k 0 3 1\r\na\r\n", "STORED");
	ask(w, "set k 0 0 3\r\nabcde\r\n", "CLIENT_ERROR bad data chunk");
	ask(w, "mn\r\n", "ERROR"); /* the rest of the block is a line */
	assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	return is_served_too_long(w, "k");
}

/* ---- ENDED_TEACHES: a set that was never read ---- */
static int never_read(struct world *w)
{
	ask(w, "set k 0 3 1\r\na\r\n", "STORED");
	set_behind_quit(w, "quit\r\nset k 0 0 1\r\nb\r\n");
	return is_served_too_long(w, "k");
}

/* ---- NO_COMPANY: two sets in flight, of which the one that was seen first is carried out last ---- */
static int two_at_once(struct world *w)
{
	struct tcp late, soon;

	for (int i = 0; i < TRIES; i++) {
		tcp_open(&late, &w->client, WORLD_IP4, WORLD_PORT);
		tcp_open(&soon, &w->client, WORLD_IP4, WORLD_PORT); /* another thread's */
		tcp_expect(&late, "mn\r\n", "MN"); /* now its thread sleeps */
		tcp_send(&late, "set k 0 3 1\r\na\r\n", 16);
		tcp_wait_sent(&late);
		tcp_expect(&soon, "set k 0 0 1\r\nb\r\n", "STORED");
		assert_int_equal(tcp_receive(&late, TEST_ANSWER_S, &w->text), 0);
		tcp_close(&late);
		tcp_close(&soon);
		tcp_ask(&w->tcp, "get k\r\n", &w->text);
		if (directed_is_value(&w->text, "\r\na\r\n"))
			return is_served_too_long(w, "k");
	}
	return -1; /* the first set is never the last one */
}

/* ---- SETTLE_FORGETS: what a set taught that no fill asked for, when the next one comes to nothing ---- */
static int taught_and_not_asked(struct world *w)
{
	set_for_ever(w, "set k 0 0 1\r\na\r\n", "k");
	ask(w, "set k 0 3 1\r\na\r\n", "STORED");
	set_behind_quit(w, "quit\r\nset k 0 0 1\r\nb\r\n");
	return is_served_too_long(w, "k");
}

/* ---- ANY_TIME: two sets of one connection, the later one ends earlier, and nobody asks in between ---- */
static int taught_twice(struct world *w)
{
	ask(w, "set k 0 0 1\r\na\r\n", "STORED");
	ask(w, "set k 0 3 1\r\nb\r\n", "STORED");
	return is_served_too_long(w, "k");
}

/* ---- NOTE_KEEPS: a write that sets a time if it is carried out ---- */
static int add_of_what_is_gone(struct world *w)
{
	set_for_ever(w, "set k 0 0 1\r\na\r\n", "k");
	ask(w, "delete k\r\n", "DELETED");
	ask(w, "add k 0 3 1\r\nb\r\n", "STORED");
	return is_served_too_long(w, "k");
}

/* ---- NO_LIFE_EPOCH: a write of a key that is not known ---- */
static int unknown_write(struct world *w)
{
	char line[700];
	struct tcp t;

	set_for_ever(w, "set k 0 0 1\r\na\r\n", "k");
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	snprintf(line, sizeof(line), "gat 3%600s", "");
	tcp_send(&t, line, strlen(line));
	tcp_wait_sent(&t);
	tcp_ask(&t, " k\r\n", &w->text); /* and is over: nothing is held */
	assert_true(directed_is_value(&w->text, "VALUE"));
	tcp_close(&t);
	assert_int_equal(world_stat(w, "unknown_writes"), 1);
	assert_int_equal(world_stat(w, "lost"), 0);
	return is_served_too_long(w, "k");
}

/* ---- LEARN_ANYWAY, LEARN_MAKES_ROOM: what is written while memcached's dump is read goes before it ---- */
#define LEARN_OTHERS 60000 /* keys: more than there is room for */

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

static int learnt_too_long(struct world *w)
{
	int wrong;

	assert_int_not_equal(learn_seen, 0);
	wrong = is_served_too_long(w, "k");
	tcp_close(&learn_writer);
	return wrong;
}

#define AGE .max_age_ns = 200000000ULL

static const struct directed schedules[] = {
	{ WITHOUT(TAUGHT_BY_ALL), .wrong = bad_block, AGE },
	{ WITHOUT(ENDED_TEACHES), .wrong = never_read, AGE },
	{ WITHOUT(NO_COMPANY), .wrong = two_at_once, AGE, .slow = "0", .after = "60" },
	{ WITHOUT(SETTLE_FORGETS), .wrong = taught_and_not_asked, AGE },
	{ WITHOUT(ANY_TIME), .wrong = taught_twice, AGE },
	{ WITHOUT(NOTE_KEEPS), .wrong = add_of_what_is_gone, AGE },
	{ WITHOUT(NO_LIFE_EPOCH), .wrong = unknown_write, AGE },
	{ WITHOUT(LEARN_ANYWAY), .wrong = learnt_too_long, AGE, .begin = learn_begin,
	  .learning = learn_touch },
	{ WITHOUT(LEARN_MAKES_ROOM), .wrong = learnt_too_long, AGE, .begin = learn_begin,
	  .learning = learn_touch_and_forget },
};

int main(void)
{
	return directed_main(schedules, TEST_COUNT(schedules), AT_ONCE);
}
