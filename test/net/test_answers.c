// SPDX-License-Identifier: LGPL-2.1-only
/* Answers over TCP: those that are counted are those that were sent, and the writes that they answer are over. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

/* What is counted while nobody else talks to memcached. */
struct count {
	long long commands, answers;
};

static struct count count_now(struct world *w)
{
	return (struct count){ world_stat(w, "commands"), world_stat(w, "answers") };
}

/* Since `before`: so many commands, and as many answers as those of them that answer. Then what was written is cached. */
static void expect_counted(struct world *w, struct count before, int commands, int silent)
{
	struct count now = count_now(w);

	assert_int_equal(now.commands - before.commands, commands);
	assert_int_equal(now.answers - before.answers, commands - silent);
	assert_int_equal(world_stat(w, "lost"), 0);
	world_warm(w, &w->udp, "k");
}

/* So many answers, of which the last one is MN. */
static void take(struct world *w, int answers)
{
	for (int i = 0; i < answers; i++)
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	text_assert_is("the last one", &w->text, "MN\r\n");
}

/* One write of the client's, so one or a few segments. */
static void send_all(struct world *w, const char *commands)
{
	tcp_send(&w->tcp, commands, strlen(commands));
}

#define SILENT 500

static void noreply_then_mn(void **state)
{
	struct world *w = *state;
	struct count before = count_now(w);
	struct text all = {};

	for (int i = 0; i < SILENT; i++)
		text_add(&all, "set k 0 0 3 noreply\r\n%03d\r\n", i);
	text_add(&all, "mn\r\n");
	send_all(w, all.data);
	take(w, 1);
	expect_counted(w, before, SILENT + 1, SILENT);
	world_expect(w, &w->udp, "k", "499");
	text_free(&all);
}

/* Two `mn` of one segment are two answers, also with silent commands between them. */
static void several_mn_between_silent_commands(void **state)
{
	struct world *w = *state;
	struct count before = count_now(w);

	send_all(w, "set k 0 0 1 noreply\r\na\r\nmn\r\nset k 0 0 1 noreply\r\nb\r\nmn\r\nmn\r\n");
	take(w, 3);
	expect_counted(w, before, 5, 2);
	world_expect(w, &w->udp, "k", "b");
}

/* An error makes memcached forget the answers before it that were not sent yet: `mn` is known to be behind all. */
static void answers_that_memcached_throws_away(void **state)
{
	struct world *w = *state;
	struct text all = {};
	struct count before;
	char key[252] = "";
	int answers = 0;

	tcp_set(&w->tcp, "k", "old", 3);
	before = count_now(w);
	memset(key, 'x', sizeof(key) - 1);
	text_add(&all, "set a 0 0 1\r\na\r\nset k 0 0 3\r\nnew\r\nget %s\r\nmn\r\n", key);
	send_all(w, all.data);
	do {
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
		answers++;
	} while (strcmp(w->text.data, "MN\r\n") != 0);
	assert_in_range(answers, 2, 4); /* as its version has it */
	expect_counted(w, before, 4, 0);
	world_expect(w, &w->udp, "k", "new");
	text_free(&all);
}

/* Silent, but for a failure: that line is nobody's answer. */
static void silent_commands_that_fail_aloud(void **state)
{
	struct world *w = *state;
	struct count before;

	tcp_set(&w->tcp, "k", "old", 3);
	before = count_now(w);
	send_all(w, "md k q C999999\r\n"
		    "ms k 1 q C999999\r\nx\r\n"
		    "md none q\r\n"
		    "set k 0 0 3\r\nnew\r\n"
		    "mn\r\n");
	for (int aloud = 0;; aloud++) { /* whether NF is silent goes by the version */
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
		if (!strcmp(w->text.data, "STORED\r\n")) {
			assert_in_range(aloud, 2, 3);
			break;
		}
	}
	take(w, 1);
	expect_counted(w, before, 5, 3);
	world_expect(w, &w->udp, "k", "new");
}

#define UNREAD 200
#define LARGE 20000
#define LITTLE 4096 /* of the client's buffer */

/* memcached's socket fills, its answers leave in pieces of any size, and none is counted before it does. */
static void a_slow_reader(void **state)
{
	struct world *w = *state;
	char large[LARGE];
	struct text all = {};
	struct count before;
	int size = LITTLE;

	memset(large, '\n', sizeof(large)); /* a line each, if it were one */
	tcp_set(&w->tcp, "large", large, sizeof(large));
	tcp_set(&w->tcp, "k", "old", 3);
	world_warm(w, &w->udp, "k");
	tcp_close(&w->tcp);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
	assert_return_code(setsockopt(w->tcp.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)),
			   errno);
	before = count_now(w);
	for (int i = 0; i < UNREAD; i++)
		text_add(&all, "get large\r\n");
	text_add(&all, "set k 0 0 3\r\nnew\r\nmn\r\n");
	send_all(w, all.data);
	tcp_wait_sent(&w->tcp);
	assert_true(count_now(w).answers - before.answers < UNREAD);
	size = UNREAD * LARGE;
	setsockopt(w->tcp.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	for (int i = 0; i < UNREAD; i++) {
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
		assert_true(w->text.len > LARGE);
	}
	take(w, 2);
	expect_counted(w, before, UNREAD + 2, 0);
	world_expect(w, &w->udp, "k", "new");
	text_free(&all);
}

/* But for those that bmc does not follow: `stats cachedump` and `stats detail dump`. */
static void answers_of_many_lines(void **state)
{
	static const char *const commands[] = {
		"stats\r\n",	       "stats settings\r\n",   "stats items\r\n",
		"stats slabs\r\n",     "stats sizes\r\n",      "stats conns\r\n",
		"stats reset\r\n",     "version\r\n",	       "lru_crawler sleep 0\r\n",
		"mg k v\r\n",	       "gets k none k\r\n",    "me k\r\n",
		"stats detail on\r\n", "stats detail off\r\n", "stats detail\r\n",
	};
	struct world *w = *state;
	struct text all = {};
	struct count before;

	tcp_set(&w->tcp, "k", "old", 3);
	before = count_now(w);
	send_all(w,
		 "lru_crawler metadump all\r\n"); /* memcached may not go on if more is behind it */
	do
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	while (strcmp(w->text.data, "END\r\n") != 0);
	expect_counted(w, before, 1, 0);
	before = count_now(w);
	for (size_t i = 0; i < TEST_COUNT(commands); i++) {
		tcp_send(&w->tcp, commands[i], strlen(commands[i]));
		tcp_send(&w->tcp, "mn\r\n", 4);
		do
			assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
		while (strcmp(w->text.data, "MN\r\n") != 0);
		text_add(&all, "%s", commands[i]);
	}
	expect_counted(w, before, 2 * TEST_COUNT(commands), 0);
	before = count_now(w);
	text_add(&all, "set k 0 0 3\r\nnew\r\nmn\r\n"); /* and all at once */
	send_all(w, all.data);
	do
		assert_int_equal(tcp_receive(&w->tcp, TEST_ANSWER_S, &w->text), 0);
	while (strcmp(w->text.data, "MN\r\n") != 0);
	expect_counted(w, before, TEST_COUNT(commands) + 2, 0);
	world_expect(w, &w->udp, "k", "new");
	text_free(&all);
}

#define HEADER 24
#define SETQ 0x11
#define GETQ 0x09
#define NOOP 0x0a

/* A request of the binary protocol without extras but a set's, which are zeros. */
static void add_binary(struct text *all, unsigned char opcode, const char *key, const char *value)
{
	unsigned char head[HEADER + 8] = { 0x80, opcode };
	size_t extras = opcode == SETQ ? 8 : 0;

	head[3] = (unsigned char)strlen(key);
	head[4] = (unsigned char)extras;
	head[11] = (unsigned char)(extras + strlen(key) + strlen(value));
	text_append(all, head, HEADER + extras);
	text_append(all, key, strlen(key));
	text_append(all, value, strlen(value));
}

#define QUIET 100

/* Of quiet ones only a get that finds something answers: the no-op behind ends them all. */
static void binary_quiet_then_noop(void **state)
{
	struct world *w = *state;
	unsigned char answer[HEADER + 1];
	struct text all = {};
	struct count before;
	struct tcp t;
	size_t len = 0;

	tcp_set(&w->tcp, "k", "old", 3);
	before = count_now(w);
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	for (int i = 0; i < QUIET; i++) {
		add_binary(&all, SETQ, "k", "new");
		add_binary(&all, GETQ, "none", "");
	}
	add_binary(&all, NOOP, "", "");
	tcp_send(&t, all.data, all.len);
	while (len < HEADER) {
		struct pollfd pfd = { .fd = t.fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&pfd, 1, (int)(test_patience(TEST_ANSWER_S) * 1000)), 1);
		n = recv(t.fd, answer + len, sizeof(answer) - len, MSG_DONTWAIT);
		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_int_equal(len, HEADER);
	assert_int_equal(answer[0], 0x81);
	assert_int_equal(answer[1], NOOP);
	expect_counted(w, before, 2 * QUIET + 1, 2 * QUIET);
	world_expect(w, &w->udp, "k", "new");
	tcp_close(&t);
	text_free(&all);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(noreply_then_mn),
	WORLD_TEST(several_mn_between_silent_commands),
	WORLD_TEST(answers_that_memcached_throws_away),
	WORLD_TEST(silent_commands_that_fail_aloud),
	WORLD_TEST(a_slow_reader),
	WORLD_TEST(answers_of_many_lines),
	WORLD_TEST(binary_quiet_then_noop),
};

TEST_MAIN(tests, NULL, NULL)
