// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Every command of the text protocol (protocol.txt of 1.6) in two segments, cut at each of its bytes: whatever it is to
 * k, what is served of k afterwards is what memcached says. And data blocks that hold command lines.
 */
#include <stdio.h>
#include <string.h>

#include "world.h"

static const char *const storage[] = {
	"set k 0 0 2\r\n20\r\n",     "set k 7 0 2 noreply\r\n20\r\n", "add k 0 0 2\r\n30\r\n",
	"add new%d 0 0 2\r\n30\r\n", "replace k 0 0 2\r\n40\r\n",     "append k 0 0 2\r\n50\r\n",
	"prepend k 0 0 2\r\n60\r\n", "cas k 0 0 2 1\r\n70\r\n",	      "set k 0 0 3\r\nabcde\r\n",
};

static const char *const blocks[] = {
	"set x 0 0 35\r\nset k 0 0 2\r\nno\r\nflush_all\r\nget k\r\n\r\n",
	"set k 0 0 26\r\ndelete k\r\nset k 0 0 1\r\n.\r\n\r\n",
	"append k 0 0 12\r\n\r\nincr k 1\r\n\r\n",
};

static const char *const changes[] = {
	"incr k 5\r\n",	      "decr k 5\r\n",	 "incr k 5 noreply\r\n",  "touch k 100\r\n",
	"touch k -1\r\n",     "delete k\r\n",	 "delete k 0\r\n",	  "gat 100 k\r\n",
	"gats 100 x k y\r\n", "gat -1 x k\r\n",	 "delete other\r\n",	  "delete k noreply\r\n",
	"flush_all\r\n",      "flush_all 0\r\n", "flush_all noreply\r\n",
};

static const char *const meta[] = {
	"ms k 2\r\n20\r\n",
	"ms k 2 q\r\n20\r\n",
	"ms k 2 T100 F7 MA\r\n20\r\n",
	"ms aw== 2 b\r\n20\r\n",
	"mg k v t\r\n",
	"mg k v T100\r\n",
	"mg k v q\r\n",
	"mg new%d N30 v\r\n",
	"md k\r\n",
	"md k q\r\n",
	"md k I T30\r\n",
	"ma k\r\n",
	"ma k MD D2 v\r\n",
	"me k\r\n",
	"mn\r\n",
};

static const char *const reads[] = {
	"get k\r\n",
	"gets x k\r\n",
	"get new%d\r\n",
	"version\r\n",
	"verbosity 0\r\n",
	"stats\r\n",
	"stats settings\r\n",
	"stats items\r\n",
	"stats reset\r\n",
	"stats detail on\r\n",
	"stats detail off\r\n",
	"cache_memlimit 64\r\n",
	"lru tune 20 40 0.2 2.0\r\n",
	"lru_crawler sleep 0\r\n",
	"slabs automove 0\r\n",
	"no such command\r\n",
	"\r\n",
};

static const char *const behind_get[] = {
	"get k\r\nset k 0 0 2\r\n60\r\n", "get k\nincr k 5\n",
	"get k\r\ndelete k noreply\r\n",  "get x k\r\ngat -1 k\r\n",
	"get k\r\n\r\nflush_all\r\n",
};

/* Two segments on loopback, where nothing puts them together, then a no-op: its answer is the last one. */
static void send_cut(struct tcp *t, const char *bytes, size_t len, size_t at, struct text *answer)
{
	tcp_send(t, bytes, at);
	tcp_send(t, bytes + at, len - at);
	if (!strcmp(bytes, "mn\r\n")) {
		assert_int_equal(tcp_receive(t, TEST_ANSWER_S, answer), 0);
		return;
	}
	tcp_send(t, "mn\r\n", 4);
	do
		assert_int_equal(tcp_receive(t, TEST_ANSWER_S, answer), 0);
	while (answer->len != 4 || memcmp(answer->data, "MN\r\n", 4) != 0);
}

/* What memcached says of k is what is served, when it is cached again, too. */
static void expect_same(struct world *w, struct tcp *truth, const char *what)
{
	struct text want = {};

	tcp_ask(truth, "get k\r\n", &want);
	for (int i = 0; i < 3; i++) {
		udp_get(&w->udp, "k", &w->text);
		text_assert_equal(what, &w->text, &want);
	}
	text_free(&want);
}

/* A get that follows gets is looked at in another way: so is what then comes in its place. */
static void ask_gets(struct world *w, struct tcp *t)
{
	for (int i = 0; i < 3; i++)
		tcp_ask(t, "get k\r\n", &w->text);
}

static int split_at_every_byte(struct world *w, struct tcp *t, struct tcp *truth,
			       const char *format, int behind_gets)
{
	static int number;
	char command[200];
	size_t len, at;

	for (at = 1;; at++) {
		snprintf(command, sizeof(command), format, 100 + number++ % 900);
		len = strlen(command);
		if (at >= len)
			return (int)at;
		tcp_set(truth, "k", "10", 2);
		for (int i = 0; i < 3; i++)
			udp_get(&w->udp, "k", &w->text);
		if (behind_gets)
			ask_gets(w, t);
		send_cut(t, command, len, at, &w->text);
		expect_same(w, truth, command);
	}
}

static void split_all(struct world *w, const char *const *commands, size_t n, int behind_gets)
{
	long long hits = world_stat(w, "hits");
	struct tcp t, truth;
	int cuts = 0;

	tcp_open(&t, &w->server, "127.0.0.1", WORLD_PORT);
	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	for (size_t i = 0; i < n; i++)
		cuts += split_at_every_byte(w, &t, &truth, commands[i], behind_gets);
	world_cache(w, "k", "end");
	assert_int_equal(world_stat(w, "lost"), 0);
	assert_true(world_stat(w, "hits") - hits > cuts); /* there was something to take out */
	tcp_close(&t);
	tcp_close(&truth);
}

static void storage_commands_split_at_every_byte(void **state)
{
	split_all(*state, storage, TEST_COUNT(storage), 0);
}

static void data_blocks_that_hold_command_lines_split_at_every_byte(void **state)
{
	split_all(*state, blocks, TEST_COUNT(blocks), 0);
}

static void changes_split_at_every_byte(void **state)
{
	split_all(*state, changes, TEST_COUNT(changes), 0);
}

static void commands_behind_gets_split_at_every_byte(void **state)
{
	split_all(*state, storage, TEST_COUNT(storage), 1);
	split_all(*state, changes, TEST_COUNT(changes), 1);
	split_all(*state, reads, TEST_COUNT(reads), 1);
	split_all(*state, behind_get, TEST_COUNT(behind_get), 1);
}

static void meta_commands_split_at_every_byte(void **state)
{
	split_all(*state, meta, TEST_COUNT(meta), 0);
}

static void reads_split_at_every_byte(void **state)
{
	split_all(*state, reads, TEST_COUNT(reads), 0);
}

/* ---- blocks that are larger than what is looked at ---- */

#define LARGE_BLOCK 5000
#define LARGE_LAST 50 /* bytes at the end, cut at each */

static const size_t large_cuts[] = { 1,	   15,	 20,   255,  256,  257,	 1391,
				     3583, 3584, 3585, 4000, 4095, 4096, 4097 };

/* `before`, a large set whose block is full of sets, and behind it a set of k; what is to be read of k is in `value`. */
static void large_command(struct text *ret, const char *before, const char *value)
{
	size_t begin;

	ret->len = 0;
	text_add(ret, "%sset large 0 0 %d\r\n", before, LARGE_BLOCK);
	begin = ret->len;
	while (ret->len - begin + 20 < LARGE_BLOCK)
		text_add(ret, "set k 0 0 2\r\nno\r\n");
	while (ret->len - begin < LARGE_BLOCK)
		text_append(ret, "\n", 1);
	text_add(ret, "\r\nset k 0 0 %zu\r\n%s\r\n", strlen(value), value);
}

static void cut_large(struct world *w, struct tcp *t, struct tcp *truth, const char *before)
{
	struct text command = {};
	char value[24];
	size_t at = 0;

	for (size_t i = 0; at != command.len || !i; i++) {
		size_t n = TEST_COUNT(large_cuts);

		snprintf(value, sizeof(value), "value-%zu", i);
		large_command(&command, before, value);
		at = i < n ? large_cuts[i] : command.len - LARGE_LAST + (i - n);
		world_warm(w, &w->udp, "k");
		send_cut(t, command.data, command.len, at, &w->text);
		expect_same(w, truth, value);
		assert_non_null(strstr(w->text.data, value));
	}
	text_free(&command);
}

/* The block ends with the segment, or before it, or behind it; it begins with it, or not. */
static void large_blocks_cut_where_they_end(void **state)
{
	static const char *const before[] = { "", "get k\r\n", "set x 0 0 1\r\n.\r\n" };
	struct world *w = *state;
	struct tcp t, truth;

	tcp_open(&t, &w->server, "127.0.0.1", WORLD_PORT);
	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	tcp_set(&truth, "k", "old", 3);
	for (size_t i = 0; i < TEST_COUNT(before); i++)
		cut_large(w, &t, &truth, before[i]);
	assert_int_equal(world_stat(w, "lost"), 0);
	tcp_close(&t);
	tcp_close(&truth);
}

/* ---- commands that end a connection, or after which it is not followed ---- */

static const char *const last[] = {
	"quit\r\n",
	"set k 0 0 2000000\r\n", /* too large: it is closed, or what follows is swallowed */
	"stats detail dump\r\n",
	"stats cachedump 1 0\r\n",
	"watch fetchers\r\n",
	"shutdown\r\n", /* answered by an error without -A */
	"lru_crawler metadump all\r\n",
};

/* A new connection for each cut. Behind the command there is a set, which memcached carries out or does not. */
static void last_commands_split_at_every_byte(void **state)
{
	static const char set[] = "set k 0 0 3 noreply\r\nnew\r\n";
	struct world *w = *state;
	struct tcp t;

	for (size_t i = 0; i < TEST_COUNT(last); i++) {
		size_t len = strlen(last[i]);

		for (size_t at = 1; at < len; at++) {
			world_set_after_flush(w, "k", "old");
			for (int n = 0; n < 3; n++)
				udp_get(&w->udp, "k", &w->text);
			tcp_open(&t, &w->server, "127.0.0.1", WORLD_PORT);
			tcp_send(&t, last[i], at);
			tcp_send(&t, last[i] + at, len - at);
			world_expect_truth(w, &w->tcp, &w->udp, "k", last[i]);
			tcp_send_some(&t, set, sizeof(set) - 1); /* it may be closed already */
			world_expect_truth(w, &w->tcp, &w->udp, "k", last[i]);
			tcp_close(&t);
			world_expect_truth(w, &w->tcp, &w->udp, "k", last[i]);
		}
	}
	world_cache(w, "k", "end"); /* those that were lost are closed */
	assert_true(world_stat(w, "lost") > 0);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(storage_commands_split_at_every_byte),
	WORLD_TEST(data_blocks_that_hold_command_lines_split_at_every_byte),
	WORLD_TEST(changes_split_at_every_byte),
	WORLD_TEST(commands_behind_gets_split_at_every_byte),
	WORLD_TEST(meta_commands_split_at_every_byte),
	WORLD_TEST(reads_split_at_every_byte),
	WORLD_TEST(large_blocks_cut_where_they_end),
	WORLD_TEST(last_commands_split_at_every_byte),
};

TEST_MAIN(tests, NULL, NULL)
