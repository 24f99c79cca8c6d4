// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Expiry: what memcached does not have any more is not served, however its time was given. All parts write first, to
 * memcacheds of their own where one disturbs others, and share the wait until their items are over.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lives.h"
#include "packet.h"
#include "world.h"

#define FLUSH_LATE_S 2.1 /* behind a flush with a delay, from the first reply until one fills */
#define WATCH_S 6.5 /* times of up to 4 s are over, and memcached's clock has noticed */
#define SHIFT_S 5000
#define PAIRS 12
#define SHORTEST_S                                                                                 \
	1.5 /* bmc serves every item of a part for as long: 4 s, less what memcached's clock may be late */
#define PART_TRIES 8

/* ---- memcacheds behind one bmc ---- */
enum which { MAIN, SHIFTED, FLUSHED, FLUSHED_ODDLY, SERVERS };

struct server {
	struct memcached memcached; /* but for MAIN, which is the world's */
	struct tcp tcp;
	struct udp udp;
	struct lives lives;
};

struct times {
	struct world *w;
	struct server server[SERVERS];
	double began; /* the part that runs */
	int late; /* it took so long that its items may have been over before they were looked at */
};

static void open_server(struct times *t, int i)
{
	struct server *s = &t->server[i];

	tcp_open(&s->tcp, &t->w->client, WORLD_IP4, WORLD_PORT + i);
	udp_open(&s->udp, &t->w->client, WORLD_IP4, WORLD_PORT + i);
	s->lives = (struct lives){
		.memcached = i ? &s->memcached : &t->w->memcached,
		.tcp = &s->tcp,
		.udp = &s->udp,
	};
}

static void open_all(struct times *t)
{
	for (int i = 1; i < SERVERS; i++) {
		if (i == SHIFTED)
			memcached_start_shifted(&t->server[i].memcached, &t->w->server,
						WORLD_PORT + i, SHIFT_S);
		else
			memcached_start(&t->server[i].memcached, &t->w->server, WORLD_PORT + i,
					NULL);
	}
	world_start_bmc(t->w, "--port 11211 --port 11212 --port 11213 --port 11214 --max-age 60s");
	for (int i = 0; i < SERVERS; i++)
		open_server(t, i);
}

static void close_all(struct times *t)
{
	for (int i = 0; i < SERVERS; i++) {
		tcp_close(&t->server[i].tcp);
		udp_close(&t->server[i].udp);
		text_free(&t->server[i].lives.text);
		memcached_stop(&t->server[i].memcached);
	}
}

/* These are cached now, unless the part is late. */
static void expect_cached(struct times *t, struct server *s, const char *const *keys, int n)
{
	const char *missing = lives_not_cached(&s->lives, keys, n);

	if (missing && test_now() - t->began < SHORTEST_S)
		fail_msg("'%s' is not cached", missing);
	t->late |= missing != NULL;
}

/* Keys that are watched; the first `cached` of them are cached now. */
static void add(struct times *t, struct server *s, const char *const *keys, int n, int cached)
{
	expect_cached(t, s, keys, cached);
	if (!t->late)
		lives_add(&s->lives, keys, n);
}

static void run_part(struct times *t, void (*part)(struct times *t))
{
	for (int i = 0; i < PART_TRIES; i++) {
		t->began = test_now();
		t->late = 0;
		part(t);
		if (!t->late)
			return;
	}
	fail_msg("it takes longer than an item lives, again and again");
}

static void set_absolute(struct server *s, const char *key, long long at)
{
	char line[128];

	snprintf(line, sizeof(line), "set %s 0 %lld 1\r\na\r\n", key, at);
	lives_say(&s->tcp, line, 1);
}

/* ---- the parts ---- */

static void text_stores(struct times *t)
{
	static const char *const keys[] = { "set",     "replace", "added", "append",
					    "prepend", "incr",	  "decr",  "again",
					    "quiet",   "halves",  "short", "before" };
	struct tcp *tcp = &t->server[MAIN].tcp;

	lives_say(tcp, "set set 0 4 1\r\na\r\n", 1);
	lives_say(tcp, "set replace 0 0 1\r\na\r\nreplace replace 0 4 1\r\nb\r\n", 2);
	lives_say(tcp, "set added 0 4 1\r\na\r\nadd added 0 0 1\r\nb\r\n", 2);
	lives_say(tcp, "set append 0 4 1\r\na\r\nappend append 0 0 1\r\nb\r\n", 2);
	lives_say(tcp, "set prepend 0 4 1\r\na\r\nprepend prepend 0 0 1\r\nb\r\n", 2);
	lives_say(tcp, "set incr 0 4 1\r\n1\r\nincr incr 1\r\n", 2);
	lives_say(tcp, "set decr 0 4 1\r\n1\r\ndecr decr 1\r\n", 2);
	lives_say(tcp, "set again 0 0 1\r\na\r\nset again 0 4 1\r\nb\r\n", 2);
	lives_say(tcp, "set quiet 0 4 1 noreply\r\na\r\nmn\r\n", 1);
	lives_say(tcp, "set halves 0 4 6\r\nabc", 0);
	tcp_wait_sent(tcp);
	lives_say(tcp, "def\r\n", 1);
	lives_say(tcp, "set short 0 1 1\r\na\r\n", 1);
	lives_say(tcp, "set before 0 4 1\r\na\r\nset before 0 1 1\r\nb\r\n", 2);
	add(t, &t->server[MAIN], keys, TEST_COUNT(keys), 10);
}

static void text_touches(struct times *t)
{
	static const char *const keys[] = { "touch", "less", "more", "silent",	"gat",	  "gats1",
					    "gats2", "mgt",  "meta", "deleted", "touched" };
	struct tcp *tcp = &t->server[MAIN].tcp;

	lives_say(tcp, "set touch 0 0 1\r\na\r\ntouch touch 4\r\n", 2);
	lives_say(tcp, "set less 0 100 1\r\na\r\ntouch less 4\r\n", 2);
	lives_say(tcp, "set more 0 4 1\r\na\r\ntouch more 100\r\ntouch more 4\r\n", 3);
	lives_say(tcp, "set silent 0 0 1\r\na\r\ntouch silent 4 noreply\r\nmn\r\n", 2);
	lives_say(tcp, "set gat 0 0 1\r\na\r\ngat 4 gat\r\n", 2);
	lives_say(tcp, "set gats1 0 0 1\r\na\r\nset gats2 0 0 1\r\na\r\n", 2);
	lives_say(tcp, "gats 4 nothing gats1 gats2\r\n", 1);
	lives_say(tcp, "set mgt 0 0 1\r\na\r\nmg mgt T4\r\n", 2);
	lives_say(tcp, "ms meta 1 T4\r\na\r\n", 1);
	lives_say(tcp, "set deleted 0 0 1\r\na\r\ndelete deleted\r\nadd deleted 0 4 1\r\nb\r\n", 3);
	lives_say(tcp, "set touched 0 4 1\r\na\r\ntouch touched -1\r\n", 2);
	add(t, &t->server[MAIN], keys, TEST_COUNT(keys), 10);
}

/* The number that a gets of the key tells. */
static unsigned long long unique_of(struct server *s, const char *key)
{
	unsigned long long unique;
	char line[64];

	snprintf(line, sizeof(line), "gets %s\r\n", key);
	tcp_ask(&s->tcp, line, &s->lives.text);
	assert_int_equal(sscanf(s->lives.text.data, "VALUE %*s %*u %*u %llu", &unique), 1);
	return unique;
}

static void cas_of(struct server *s, const char *key, int seconds, int wrong, const char *answer)
{
	char line[128];

	snprintf(line, sizeof(line), "cas %s 0 %d 1 %llu\r\nb\r\n", key, seconds,
		 unique_of(s, key) + (unsigned int)wrong);
	tcp_expect(&s->tcp, line, answer);
}

static void cas(struct times *t)
{
	static const char *const keys[] = { "cas", "casm", "casr", "casw", "cas0" };
	struct server *s = &t->server[MAIN];
	char line[64];

	lives_say(&s->tcp, "set cas 0 0 1\r\na\r\nset casw 0 4 1\r\na\r\n", 2);
	lives_say(&s->tcp, "set casm 0 0 1\r\na\r\nset casr 0 100 1\r\na\r\n", 2);
	lives_say(&s->tcp, "set cas0 0 4 1\r\na\r\n", 1);
	cas_of(s, "cas", 4, 0, "STORED");
	cas_of(s, "casw", 0, 1, "EXISTS");
	cas_of(s, "casr", 4, 0, "STORED");
	cas_of(s, "cas0", 0, 0, "STORED");
	snprintf(line, sizeof(line), "ms casm 1 T4 C%llu\r\nb\r\n", unique_of(s, "casm"));
	lives_say(&s->tcp, line, 1);
	add(t, s, keys, TEST_COUNT(keys), TEST_COUNT(keys));
}

static void text_times(struct times *t)
{
	static const char *const keys[] = { "month",	"absolute", "negative",
					    "behind30", "past",	    "once" };
	struct server *s = &t->server[MAIN];

	lives_say(&s->tcp, "set month 0 2592000 1\r\na\r\n", 1);
	set_absolute(s, "absolute", (long long)time(NULL) + 5);
	lives_say(&s->tcp, "set negative 0 -1 1\r\na\r\n", 1);
	lives_say(&s->tcp, "set behind30 0 2592001 1\r\na\r\n", 1); /* that is in 1970 */
	set_absolute(s, "past", (long long)time(NULL) - 100);
	lives_say(&s->tcp, "set once 0 0 1\r\na\r\nset once 0 -7 1\r\na\r\n", 2);
	add(t, s, keys, TEST_COUNT(keys), 2);
}

static void binary_protocol(struct times *t)
{
	static const char *const keys[] = { "bset",    "badd",	"breplace", "bsetq",
					    "btouch",  "bgat",	"bgatq",    "bgatk",
					    "bappend", "bincr", "bcreate",  "bneg" };
	struct server *s = &t->server[MAIN];
	struct packet p = {};
	struct tcp binary;

	lives_say(&s->tcp, "set breplace 0 0 1\r\na\r\nset btouch 0 0 1\r\na\r\n", 2);
	lives_say(&s->tcp, "set bgat 0 0 1\r\na\r\nset bgatq 0 0 1\r\na\r\n", 2);
	lives_say(&s->tcp, "set bgatk 0 0 1\r\na\r\nset bappend 0 4 1\r\na\r\n", 2);
	lives_say(&s->tcp, "set bincr 0 4 1\r\n1\r\n", 1);
	packet_add(&p, 0x01, "0000000000000004", "bset", "a", 1);
	packet_add(&p, 0x02, "0000000000000004", "badd", "a", 1);
	packet_add(&p, 0x03, "0000000000000004", "breplace", "b", 1);
	packet_add(&p, 0x11, "0000000000000004", "bsetq", "a", 1);
	packet_add(&p, 0x1c, "00000004", "btouch", "", 0);
	packet_add(&p, 0x1d, "00000004", "bgat", "", 0);
	packet_add(&p, 0x1e, "00000004", "bgatq", "", 0);
	packet_add(&p, 0x23, "00000004", "bgatk", "", 0);
	packet_add(&p, 0x0e, "", "bappend", "b", 1);
	packet_add(&p, 0x05, "0000000000000001000000000000000100000000", "bincr", "", 0);
	packet_add(&p, 0x05, "0000000000000001000000000000000100000004", "bcreate", "", 0);
	packet_add(&p, 0x01, "00000000ffffffff", "bneg", "a", 1);
	packet_add(&p, 0x0a, "", "", "", 0);
	tcp_open(&binary, &t->w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&binary, p.bytes, p.len);
	packet_receive_until_noop(&binary);
	tcp_close(&binary);
	add(t, s, keys, TEST_COUNT(keys), 11);
}

static void over_udp(struct times *t)
{
	static const char *const keys[] = { "uset", "utouch", "umeta", "uadd",
					    "ugat", "uquiet", "ubset", "ubtouch" };
	struct server *s = &t->server[MAIN];
	struct packet p = {};

	lives_say(&s->tcp, "set utouch 0 0 1\r\na\r\nset ugat 0 0 1\r\na\r\n", 2);
	lives_say(&s->tcp, "set uquiet 0 0 1\r\na\r\nset ubtouch 0 0 1\r\na\r\n", 2);
	udp_ask(&s->udp, "set uset 0 4 1\r\na\r\n", &s->lives.text);
	udp_ask(&s->udp, "touch utouch 4\r\n", &s->lives.text);
	udp_ask(&s->udp, "ms umeta 1 T4\r\na\r\n", &s->lives.text);
	udp_ask(&s->udp, "add uadd 0 4 1\r\na\r\n", &s->lives.text);
	expect_cached(t, s, keys, 4);
	udp_ask(&s->udp, "gat 4 ugat\r\n", &s->lives.text);
	udp_send(&s->udp, "set uquiet 0 4 1 noreply\r\nb\r\n", 29);
	packet_add(&p, 0x01, "0000000000000004", "ubset", "a", 1);
	udp_send(&s->udp, p.bytes, p.len);
	p.len = 0;
	packet_add(&p, 0x1c, "00000004", "ubtouch", "", 0);
	udp_send(&s->udp, p.bytes, p.len);
	add(t, s, keys, TEST_COUNT(keys), 0);
}

/* One key of two memcacheds, with two times. */
static void two_servers(struct times *t)
{
	static const char *const keys[] = { "two1", "two2" };

	lives_say(&t->server[MAIN].tcp, "set two1 0 4 1\r\na\r\nset two2 0 0 1\r\na\r\n", 2);
	lives_say(&t->server[SHIFTED].tcp, "set two1 0 0 1\r\nb\r\nset two2 0 4 1\r\nb\r\n", 2);
	add(t, &t->server[MAIN], keys, 2, 2);
	add(t, &t->server[SHIFTED], keys, 2, 2);
}

/* Two sets of one key, with and without a time, in flight at once: which is the last one, memcached knows. */
static void two_writers(struct times *t)
{
	static const char *const keys[] = { "k0", "k1", "k2", "k3", "k4",  "k5",
					    "k6", "k7", "k8", "k9", "k10", "k11" };
	struct server *s = &t->server[MAIN];
	struct tcp two[2];
	char line[64];

	for (int i = 0; i < 2; i++)
		tcp_open(&two[i], &t->w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < PAIRS; i++) {
		if (i >= PAIRS / 2) {
			snprintf(line, sizeof(line), "set %s 0 0 1\r\na\r\n", keys[i]);
			lives_say(&s->tcp, line, 1);
			lives_warm(&s->lives, keys[i]);
		}
		memcached_freeze(&t->w->memcached);
		for (int k = 0; k < 2; k++) {
			snprintf(line, sizeof(line), "set %s 0 %d 1\r\n%d\r\n", keys[i],
				 (k + i) % 2 ? 4 : 0, k);
			tcp_send(&two[(k + i / 2) % 2], line, strlen(line));
			tcp_wait_sent(&two[(k + i / 2) % 2]);
		}
		memcached_thaw(&t->w->memcached);
		for (int k = 0; k < 2; k++)
			assert_int_equal(tcp_receive(&two[k], TEST_ANSWER_S, &t->w->text), 0);
		lives_warm(&s->lives, keys[i]);
	}
	for (int i = 0; i < 2; i++)
		tcp_close(&two[i]);
	add(t, s, keys, PAIRS, 0);
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
static void sets_that_come_to_nothing(struct times *t)
{
	static const char *const keys[] = { "half", "bad", "reset", "rquiet", "nothing" };
	struct server *s = &t->server[MAIN];
	struct tcp half;
	char line[64];

	for (size_t i = 0; i < TEST_COUNT(keys) - 1; i++) {
		snprintf(line, sizeof(line), "set %s 0 4 1\r\na\r\n", keys[i]);
		lives_say(&s->tcp, line, 1);
		lives_warm(&s->lives, keys[i]);
	}
	tcp_open(&half, &t->w->client, WORLD_IP4, WORLD_PORT);
	lives_say(&half, "set half 0 0 10\r\nabc", 0);
	tcp_wait_sent(&half);
	tcp_close(&half);
	tcp_expect(&s->tcp, "set bad 0 0 3\r\nabcde\r\n", "CLIENT_ERROR bad data chunk");
	lives_say(&s->tcp, "mn\r\n", 2); /* the rest of the block is a line, too */
	set_and_reset(t->w, "set reset 0 0 1\r\nb\r\n");
	set_and_reset(t->w, "set rquiet 0 0 1 noreply\r\nb\r\n");
	add(t, s, keys, TEST_COUNT(keys), 0);
}

/* Lines that memcached answers by an error: the items stay, and so do their times. */
static void lines_that_are_rejected(struct times *t)
{
	static const char *const keys[] = { "words", "odd", "twice", "flag", "stored", "number" };
	struct server *s = &t->server[MAIN];
	char line[64];

	for (size_t i = 0; i < TEST_COUNT(keys); i++) {
		snprintf(line, sizeof(line), "set %s 0 4 1\r\na\r\n", keys[i]);
		lives_say(&s->tcp, line, 1);
		lives_warm(&s->lives, keys[i]);
	}
	tcp_expect(&s->tcp, "touch words 1000 a b\r\n", "ERROR");
	tcp_expect(&s->tcp, " touch odd 1000 a b\r\n", "ERROR");
	tcp_expect(&s->tcp, "mg twice T1000 T1001\r\n", "CLIENT_ERROR duplicate flag");
	tcp_expect(&s->tcp, "mg flag T1000 !\r\n", "CLIENT_ERROR invalid flag");
	tcp_expect(&s->tcp, "ms stored 1 T1000 q q\r\nb\r\n", "CLIENT_ERROR duplicate flag");
	tcp_expect(&s->tcp, "ms number 1 T1000 Fx\r\nb\r\n",
		   "CLIENT_ERROR bad command line format");
	add(t, s, keys, TEST_COUNT(keys), 0);
}

/* memcached keeps the wall clock that it began with; it has stepped since. */
static void a_clock_that_stepped(struct times *t)
{
	static const char *const keys[] = { "soon", "late", "ours" };
	struct server *s = &t->server[SHIFTED];
	long long theirs = (long long)time(NULL) + SHIFT_S;

	set_absolute(s, "soon", theirs + 5);
	set_absolute(s, "late", theirs + 100);
	set_absolute(s, "ours", (long long)time(NULL) + 100); /* over since long */
	add(t, s, keys, TEST_COUNT(keys), 2);
}

/* flush_all with a delay, that is answered and one that is not. */
static void flush_all_later(struct times *t)
{
	static const char *const keys[] = { "a", "b" };
	struct server *s = &t->server[FLUSHED];

	lives_say(&s->tcp, "set a 0 0 1\r\na\r\nset b 0 100 1\r\nb\r\n", 2);
	add(t, s, keys, 2, 2);
	tcp_expect(&s->tcp, "flush_all 2\r\n", "OK");
	lives_say(&s->tcp, "flush_all 3 noreply\r\nmn\r\n", 1);
}

/* Times of the past are now; those of memcached's clock are that clock's. */
static void flush_all_at_odd_times(struct times *t)
{
	static const char *const keys[] = { "a" };
	struct server *s = &t->server[FLUSHED_ODDLY];
	char line[64];

	lives_say(&s->tcp, "set a 0 0 1\r\na\r\n", 1);
	lives_assert_cached(&s->lives, keys, 1);
	tcp_expect(&s->tcp, "flush_all -5\r\n", "OK");
	udp_get(&s->udp, "a", &s->lives.text);
	text_assert_is("a", &s->lives.text, "END\r\n");
	test_sleep(1.1); /* what is set in the same second is flushed too */
	lives_say(&s->tcp, "set a 0 0 1\r\na\r\n", 1);
	snprintf(line, sizeof(line), "flush_all %lld\r\n", (long long)time(NULL) + 2);
	tcp_expect(&s->tcp, line, "OK");
	add(t, s, keys, 1, 0);
}

static void (*const parts[])(struct times *t) = {
	flush_all_later,
	flush_all_at_odd_times,
	text_stores,
	text_touches,
	cas,
	text_times,
	binary_protocol,
	over_udp,
	two_servers,
	two_writers,
	sets_that_come_to_nothing,
	lines_that_are_rejected,
	a_clock_that_stepped,
};

/* What lives on, or is stored again, is cached. */
static void all_is_over(struct times *t)
{
	static const char *const on[] = { "month", "two2" }, *const late[] = { "two1", "late" };
	static const char *const again[] = { "a" };

	lives_assert_cached(&t->server[MAIN].lives, on, 2);
	lives_assert_cached(&t->server[SHIFTED].lives, late, 2);
	for (int i = FLUSHED; i < SERVERS; i++) {
		lives_say(&t->server[i].tcp, "set a 0 100 1\r\na\r\n", 1);
		lives_warm(&t->server[i].lives, again[0]);
	}
	test_sleep(FLUSH_LATE_S);
	for (int i = FLUSHED; i < SERVERS; i++)
		lives_assert_cached(&t->server[i].lives, again, 1);
	assert_int_equal(world_stat(t->w, "lost"), 0);
}

static void nothing_is_served_past_its_time(void **state)
{
	struct times t = { .w = *state };
	struct lives *all[SERVERS];

	open_all(&t);
	for (size_t i = 0; i < TEST_COUNT(parts); i++)
		run_part(&t, parts[i]);
	for (int i = 0; i < SERVERS; i++)
		all[i] = &t.server[i].lives;
	lives_watch(all, SERVERS, WATCH_S);
	all_is_over(&t);
	close_all(&t);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(nothing_is_served_past_its_time, world_setup_memcached,
					world_teardown),
};

TEST_MAIN(tests, NULL, NULL)
