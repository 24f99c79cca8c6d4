// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Segments as no well-behaved client sends them: forged, overlapping, broken off. What TCP refuses changes
 * nothing; what it takes is served as memcached has it; and fills go on.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "world.h"

#define BAD "set k 0 0 3\r\nbad\r\n"
#define NEW "set k 0 0 3\r\nnew\r\n"
#define LEN (sizeof(NEW) - 1)

/* The kernel sums a segment of a few bytes before the programs have it: so many more are needed. */
#define SUMMED_LATE 80
#define REST                                                                                       \
	"get 01234567890123456789 01234567890123456789 01234567890123456789 "                      \
	"01234567890123456789\r\n"

/* What memcached says of k is served, and cached. */
static void expect_truth(struct world *w)
{
	struct text want = {};

	tcp_ask(&w->tcp, "get k\r\n", &want);
	for (int i = 0; i < 3; i++) {
		udp_get(&w->udp, "k", &w->text);
		text_assert_equal("k", &w->text, &want);
	}
	world_warm(w, &w->udp, "k");
	text_assert_equal("k", &w->text, &want);
	text_free(&want);
}

/* TCP refuses `how`, and so does bmc: k stays in the cache, and the connection is as it was. */
static void refused(struct world *w, const struct peer_segment *how, const char *counter)
{
	long long before = world_stat(w, counter), hits;
	struct peer p;

	world_cache(w, "k", "old");
	peer_open(&p, w);
	peer_say(&p, "mn\r\n");
	peer_expect(&p, "MN\r\n");
	hits = world_stat(w, "hits");
	peer_send(&p, how, BAD, LEN);
	world_expect(w, &w->udp, "k", "old");
	assert_int_equal(world_stat(w, "hits") - hits, 3);
	assert_true(world_stat(w, counter) > before);
	peer_say(&p, NEW);
	peer_expect(&p, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
	expect_truth(w);
	assert_int_equal(world_stat(w, "lost"), 0);
	peer_close(&p);
}

static void an_acknowledgment_of_what_was_never_sent(void **state)
{
	static const struct peer_segment how = { .ack = 100000 };

	refused(*state, &how, "drop_forged");
}

static void an_acknowledgment_from_long_ago(void **state)
{
	static const struct peer_segment how = { .ack = -0x40000000 };

	refused(*state, &how, "drop_forged");
}

static void a_sequence_number_far_ahead(void **state)
{
	static const struct peer_segment how = { .seq = 0x10000000 };

	refused(*state, &how, "drop_forged");
}

/* It looks like a copy of what was accepted: TCP answers it, and takes nothing. */
static void a_sequence_number_of_the_past(void **state)
{
	static const struct peer_segment how = { .seq = -(int)LEN };

	refused(*state, &how, "commands");
}

/* What is not known before TCP looks: a wrong checksum. The next copy may end in LOST, never in a wrong value. */
static void a_wrong_checksum_then_other_bytes(void **state)
{
	static const struct peer_segment spoilt = { .spoilt = 1 }, right = {};
	struct world *w = *state;
	double until = test_now() + test_patience(TEST_ANSWER_S);
	long long commands;
	struct peer p;

	commands = world_stat(w, "commands");
	world_cache(w, "k", "old");
	peer_open(&p, w);
	peer_say(&p, "mn\r\n");
	peer_expect(&p, "MN\r\n");
	peer_send(&p, &spoilt, BAD REST, LEN + sizeof(REST) - 1);
	world_expect(w, &w->udp, "k", "old");
	assert_int_equal(world_stat(w, "commands") - commands, 4); /* it was parsed */
	do {
		assert_true(test_now() < until);
		peer_send(&p, &right, NEW REST, LEN + sizeof(REST) - 1);
	} while (peer_receive(&p, 0.03, &w->text));
	text_assert_is("set", &w->text, "STORED\r\n");
	p.seq += LEN + sizeof(REST) - 1;
	world_expect(w, &w->udp, "k", "new");
	peer_close(&p);
	expect_truth(w);
}

/*
 * A segment that the wire held back until a retransmission was before it: TCP refuses it for its age (RFC 7323,
 * section 5), and takes its next copy. So does bmc; the connection is not lost.
 */
static void a_segment_refused_for_its_age(void **state)
{
	static const struct peer_segment late = { .stamp = -500 }, again = {};
	struct world *w = *state;
	struct peer p;

	world_cache(w, "k", "old");
	peer_open_stamped(&p, w, 1000);
	for (int i = 0; i < 2; i++) {
		p.stamp += 1000;
		peer_say(&p, "mn\r\n");
		peer_expect(&p, "MN\r\n");
	}
	peer_send(&p, &late, NEW, LEN);
	assert_int_equal(peer_receive(&p, 0.2, &w->text), -ETIMEDOUT); /* refused */
	p.stamp += 1000;
	peer_send(&p, &again, NEW, LEN);
	peer_expect(&p, "STORED\r\n");
	p.seq += LEN;
	world_expect(w, &w->udp, "k", "new");
	assert_int_equal(world_stat(w, "lost"), 0);
	expect_truth(w);
	peer_close(&p);
}

/* ---- retransmissions ---- */

#define TEXT "set k 0 0 26\r\nabcdefghijklmnopqrstuvwxyz\r\n"
#define OTHER "set k 0 0 26\r\nABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n"
#define ALL ((int)sizeof(TEXT) - 1)

struct piece {
	int from, to; /* 0, 0: no more */
	int other; /* its bytes are not those that were meant */
};

static const struct {
	const char *name;
	struct piece pieces[8];
	int certain; /* TCP can only have taken TEXT; else what differs is dropped, which may end in LOST */
} overlaps[] = {
	{ "overlapping", { { 0, 20, 0 }, { 10, 30, 0 }, { 5, ALL, 0 } }, 1 },
	{ "again and again",
	  { { 0, 5, 0 }, { 0, 9, 0 }, { 0, 9, 0 }, { 0, 21, 0 }, { 0, ALL, 0 } },
	  1 },
	{ "ahead", { { 20, ALL, 0 }, { 10, 30, 0 }, { 0, 20, 0 } }, 1 },
	{ "two ahead", { { 30, ALL, 0 }, { 10, 20, 0 }, { 15, 35, 0 }, { 0, 12, 0 } }, 1 },
	{ "old bytes differ", { { 0, 20, 0 }, { 0, 20, 1 }, { 0, ALL, 0 } }, 1 },
	{ "ahead, then others", { { 20, ALL, 0 }, { 15, 30, 1 }, { 0, 20, 0 }, { 0, ALL, 0 } }, 0 },
	{ "others ahead", { { 20, 30, 1 }, { 0, ALL, 0 }, { 0, ALL, 0 }, { 20, ALL, 0 } }, 0 },
	{ "in the block", { { 0, 16, 0 }, { 25, ALL, 0 }, { 16, 30, 1 }, { 0, ALL, 0 } }, 0 },
	{ "others in the block", { { 0, 16, 0 }, { 25, 35, 1 }, { 16, 25, 0 }, { 0, ALL, 0 } }, 0 },
};

static void overlapped(struct world *w, size_t row)
{
	long long before = world_stat(w, "lost");
	double until = test_now() + test_patience(TEST_ANSWER_S);
	struct peer p;

	world_cache(w, "k", "old");
	peer_open(&p, w);
	peer_say(&p, "mn\r\n"); /* before memcached has the connection nothing ahead is kept */
	peer_expect(&p, "MN\r\n");
	for (const struct piece *piece = overlaps[row].pieces; piece->to; piece++) {
		struct peer_segment how = { .seq = piece->from };

		peer_send(&p, &how, (piece->other ? OTHER : TEXT) + piece->from,
			  (size_t)(piece->to - piece->from));
	}
	while (peer_receive(&p, 0.05, &w->text)) { /* what was refused comes again */
		static const struct peer_segment again = {};

		assert_true(test_now() < until);
		peer_send(&p, &again, TEXT, (size_t)ALL);
	}
	text_assert_is(overlaps[row].name, &w->text, "STORED\r\n");
	if (overlaps[row].certain)
		world_expect(w, &w->udp, "k", "abcdefghijklmnopqrstuvwxyz");
	p.seq += (uint32_t)ALL;
	peer_say(&p, "mn\r\n");
	peer_expect(&p, "MN\r\n");
	if (world_stat(w, "lost") > before) {
		if (overlaps[row].certain)
			fail_msg("%s: lost", overlaps[row].name);
		peer_close(&p);
		expect_truth(w);
	} else {
		expect_truth(w);
		peer_close(&p);
	}
}

static void retransmissions_that_overlap(void **state)
{
	for (size_t i = 0; i < TEST_COUNT(overlaps); i++)
		overlapped(*state, i);
}

/*
 * The block's last bytes tell whether the set is carried out, and with it whether its time counts: those that TCP takes
 * are X and a newline, whatever came before with a wrong checksum. The old item keeps its own time.
 */
static void the_end_of_a_block_comes_again_as_another(void **state)
{
	static const struct peer_segment spoilt = { .spoilt = 1 }, right = {};
	struct world *w = *state;
	double until = test_now() + test_patience(TEST_ANSWER_S);
	char block[SUMMED_LATE + 2]; /* and its \r, then its \n */
	struct peer p;

	memset(block, 'x', sizeof(block));
	block[SUMMED_LATE] = '\r';
	tcp_expect(&w->tcp, "set k 0 5 3\r\nold\r\n", "STORED");
	peer_open(&p, w);
	peer_say(&p, "set k 0 1000 81\r\nx");
	peer_wait(&p);
	peer_send(&p, &spoilt, block, SUMMED_LATE + 1);
	memcpy(block + SUMMED_LATE, "X\n", 2);
	do {
		assert_true(test_now() < until);
		peer_send(&p, &right, block, SUMMED_LATE + 2);
	} while (peer_receive(&p, 0.03, &w->text));
	text_assert_is("set", &w->text, "CLIENT_ERROR bad data chunk\r\n");
	p.seq += SUMMED_LATE + 2;
	for (int i = 0; i < 3; i++)
		udp_get(&w->udp, "k", &w->text);
	world_await(w, &w->tcp, "k", NULL);
	world_expect(w, &w->udp, "k", NULL);
	peer_close(&p);
}

/* ---- an end in the middle ---- */

static void ended(struct world *w, uint8_t flags)
{
	static const char *const begun[] = { "set k 0 0 3", "set k 0 0 3\r\n", "set k 0 0 3\r\nne",
					     "set k 0 0 3\r\nnew\r" };

	for (size_t i = 0; i < TEST_COUNT(begun); i++) {
		struct peer_segment how = { .flags = flags };
		struct peer p;

		world_cache(w, "k", "old");
		peer_open(&p, w);
		peer_say(&p, begun[i]);
		peer_wait(&p);
		peer_send(&p, &how, "", 0);
		p.seq++;
		expect_truth(w); /* nothing holds fills any more */
		world_expect(w, &w->udp, "k", "old");
		peer_close(&p);
	}
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void a_reset_in_mid_command(void **state)
{
	ended(*state, TH_RST);
}

static void a_fin_in_mid_command(void **state)
{
	ended(*state, TH_FIN);
}

/* The FIN is in the segment of the last command: it is answered all the same. */
static void a_half_close_with_the_last_command(void **state)
{
	static const struct peer_segment last = { .flags = TH_FIN };
	struct world *w = *state;
	struct peer p;

	world_cache(w, "k", "old");
	peer_open(&p, w);
	peer_send(&p, &last, NEW, LEN);
	peer_expect(&p, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
	p.seq += LEN + 1;
	expect_truth(w);
	assert_int_equal(world_stat(w, "lost"), 0);
	peer_close(&p);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(an_acknowledgment_of_what_was_never_sent),
	WORLD_TEST(an_acknowledgment_from_long_ago),
	WORLD_TEST(a_sequence_number_far_ahead),
	WORLD_TEST(a_sequence_number_of_the_past),
	WORLD_TEST(a_wrong_checksum_then_other_bytes),
	WORLD_TEST(a_segment_refused_for_its_age),
	WORLD_TEST(retransmissions_that_overlap),
	WORLD_TEST(the_end_of_a_block_comes_again_as_another),
	WORLD_TEST(a_reset_in_mid_command),
	WORLD_TEST(a_fin_in_mid_command),
	WORLD_TEST(a_half_close_with_the_last_command),
};

TEST_MAIN(tests, NULL, NULL)
