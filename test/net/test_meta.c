// SPDX-License-Identifier: LGPL-2.1-only
/* Meta commands over TCP that write take their keys out of the cache, and fills go on behind them; so do lines that
 * memcached rejects, and what is nearly no line at all. */
#include <stdio.h>
#include <string.h>

#include "world.h"

/* %s is the key; the item is "10" before. Each is sent with an `mn` behind it. */
static const char *const writes[] = {
	"ms %s 2\r\n20\r\n",
	"ms %s 2 q\r\n20\r\n",
	"ms %s 2 T3600 F7 c k O123\r\n20\r\n",
	"ms %s 2 ME\r\n20\r\n",
	"ms %s 2 ME q\r\n20\r\n",
	"ms %s 2 MA q\r\n20\r\n",
	"ms %s 2 MP\r\n20\r\n",
	"ms %s 2 MR\r\n20\r\n",
	"ms %s 2 C1\r\n20\r\n",
	"ms %s 2 C1 q\r\n20\r\n",
	"ms %s 2 C9999999999 I\r\n20\r\n",
	"ms %s 2 MX\r\n20\r\n",
	"ms %s 2 q\r\n2000",
	"md %s\r\n",
	"md %s q\r\n",
	"md %s I T3600\r\n",
	"md %s C1 q\r\n",
	"ma %s\r\n",
	"ma %s q D5\r\n",
	"ma %s MD N0 J7 v\r\n",
	"mg %s T3600 v\r\n",
	"mg %s N30 v q\r\n",
	"mg %s T-1\r\n",
};

/* Leniency, and lines that are rejected: what follows them is read, and followed. */
static const char *const odd_lines[] = {
	"  delete %s\r\n",
	"set %s 0 0 +2\r\n20\r\n",
	"set %s 0 0 02 what\r\n20\r\n",
	"set %s 4294967297 0 2 NOREPLY\r\n20\r\n",
	"set %s 0 0 2\r\r\n20\r\n",
	"set %s 0 0 -1\r\n",
	"set %s 0 0\r\n",
	"set %s x 0 2\r\n",
	"set %s x 0 2 noreply\r\n",
	"set %s 0 0 2 3 4\r\n",
	"set %s 0 x 2\r\ndelete %s\r\n",
	"cas %s 0 0 2 -1\r\n",
	"incr %s\r\n",
	"incr %s x noreply\r\n",
	"delete %s 1 2 noreply\r\n",
	"gat x %s\r\n",
	"set %s 0 0 2\r\n2000delete nobody noreply\r\n",
	"\r\n\n \r\ndelete %s noreply\r\n",
};

static void send_and_wait(struct world *w, const char *command, size_t len)
{
	struct text got = { 0 };
	int mn = 0;

	tcp_send(&w->tcp, command, len);
	tcp_send(&w->tcp, "mn\r\n", 4);
	for (int i = 0; i < 20 && !mn; i++) {
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &got), 0);
		mn = got.len == 4 && !memcmp(got.data, "MN\r\n", 4);
	}
	assert_true(mn);
	text_free(&got);
}

static void prepare(struct world *w, struct tcp *truth, const char *key)
{
	tcp_set(truth, key, "10", 2);
	world_warm(w, &w->udp, key);
}

static void each_line(struct world *w, const char *const *lines, size_t n)
{
	char command[600], key[40];
	struct tcp truth;

	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	for (size_t i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "key-%zu", i);
		prepare(w, &truth, key);
		snprintf(command, sizeof(command), lines[i], key, key);
		send_and_wait(w, command, strlen(command));
		world_expect_truth(w, &truth, &w->udp, key, command);
		prepare(w, &truth, key); /* nothing in flight, nothing held */
		assert_int_equal(world_stat(w, "lost"), 0);
	}
	tcp_close(&truth);
}

static void meta_writes_invalidate(void **state)
{
	each_line(*state, writes, TEST_COUNT(writes));
}

static void odd_lines_are_followed(void **state)
{
	each_line(*state, odd_lines, TEST_COUNT(odd_lines));
}

/* A key in base64 is another one than its letters. */
static void meta_key_in_base64(void **state)
{
	struct world *w = *state;
	struct tcp truth;

	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	prepare(w, &truth, "foo");
	send_and_wait(w, "ms Zm9v 2 b\r\n20\r\n", 17);
	world_expect_truth(w, &truth, &w->udp, "foo", "ms, base64");
	prepare(w, &truth, "foo");
	send_and_wait(w, "md Zm9v b q\r\n", 13);
	world_expect_truth(w, &truth, &w->udp, "foo", "md, base64");
	prepare(w, &truth, "foo");
	send_and_wait(w, "ma Z-9v b\r\n", 11); /* what that is nobody knows: everything goes */
	world_expect_truth(w, &truth, &w->udp, "foo", "ma, no base64");
	prepare(w, &truth, "foo");
	tcp_close(&truth);
}

/* A read that is quiet, or asks for flags, leaves the item where it is. */
static void meta_reads_leave_items_in_the_cache(void **state)
{
	static const char *const reads[] = { "mg k v f s t c k h l O1\r\n", "mg k q\r\n",
					     "mg other q\r\n", "me k\r\n", "mn\r\n" };
	struct world *w = *state;
	struct tcp truth;

	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	prepare(w, &truth, "k");
	for (size_t i = 0; i < TEST_COUNT(reads); i++) {
		long long before = world_stat(w, "writes");

		send_and_wait(w, reads[i], strlen(reads[i]));
		assert_int_equal(world_stat(w, "writes"), before);
	}
	tcp_close(&truth);
}

/* A quiet ms or md never says HD, VA, EN or OK: such a line is another command's answer, though no `mn` tells so. */
static void a_quiet_store_leaves_answers_in_step(void **state)
{
	static const char *const quiet[] = { "ms other 1 q\r\nx\r\n", "md k q\r\n" };
	static const char *const plain[][2] = { { "ms k 1\r\nx\r\n", "HD" },
						{ "flush_all\r\n", "OK" },
						{ "ms k 1\r\ny\r\n", "HD" } };
	struct world *w = *state;
	struct tcp truth;

	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	for (size_t i = 0; i < TEST_COUNT(quiet); i++) {
		prepare(w, &truth, "k");
		tcp_send(&w->tcp, quiet[i], strlen(quiet[i]));
		for (size_t j = 0; j < TEST_COUNT(plain); j++)
			tcp_expect(&w->tcp, plain[j][0], plain[j][1]);
		world_warm(w, &w->udp, "k");
		world_expect_truth(w, &truth, &w->udp, "k", quiet[i]);
	}
	tcp_close(&truth);
}

/* A NUL ends the line for memcached: the key is what stands before it. */
static void a_nul_ends_the_line(void **state)
{
	static const char set[] = "set k 0 0 2\0junk\r\n20\r\n", gone[] = "delete k\0b\r\n";
	struct world *w = *state;
	struct tcp truth;

	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	prepare(w, &truth, "k");
	send_and_wait(w, set, sizeof(set) - 1);
	world_expect_truth(w, &truth, &w->udp, "k", "set with a NUL");
	prepare(w, &truth, "k");
	send_and_wait(w, gone, sizeof(gone) - 1);
	world_expect_truth(w, &truth, &w->udp, "k", "delete with a NUL");
	prepare(w, &truth, "k");
	assert_int_equal(world_stat(w, "lost"), 0);
	tcp_close(&truth);
}

/* Longer than what is kept of an incomplete line, and cut: what it writes is not known, the connection is. */
static void long_lines_that_come_in_pieces(void **state)
{
	static const char *const words[] = { "delete", "gat 0", "get", "no-verb", "md" };
	struct world *w = *state;
	struct tcp truth;
	char line[1200];

	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	for (size_t i = 0; i < TEST_COUNT(words); i++) {
		int len = snprintf(line, sizeof(line), "%s k%*s\r\n", words[i], 1000, "x");

		prepare(w, &truth, "k");
		tcp_send(&w->tcp, line, 700);
		tcp_wait_sent(&w->tcp);
		send_and_wait(w, line + 700, (size_t)len - 700);
		world_expect_truth(w, &truth, &w->udp, "k", words[i]);
		prepare(w, &truth, "k");
		assert_int_equal(world_stat(w, "lost"), 0);
	}
	tcp_close(&truth);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(meta_writes_invalidate),
	WORLD_TEST(odd_lines_are_followed),
	WORLD_TEST(meta_key_in_base64),
	WORLD_TEST(meta_reads_leave_items_in_the_cache),
	WORLD_TEST(a_quiet_store_leaves_answers_in_step),
	WORLD_TEST(a_nul_ends_the_line),
	WORLD_TEST(long_lines_that_come_in_pieces),
};

TEST_MAIN(tests, NULL, NULL)
