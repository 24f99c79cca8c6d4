// SPDX-License-Identifier: LGPL-2.1-only
/* Writes in the binary protocol over TCP take their keys out of the cache, and fills go on behind them. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "packet.h"
#include "world.h"

/* An opcode with its extras (hexadecimal) and whether it has a value, "20". */
struct write {
	const char *name;
	unsigned char opcode;
	const char *extras;
	int value;
};

static const struct write writes[] = {
	{ "set", 0x01, "0000000500000000", 1 },
	{ "set until", 0x01, "0000000000000e10", 1 },
	{ "add", 0x02, "0000000000000000", 1 },
	{ "replace", 0x03, "0000000000000000", 1 },
	{ "delete", 0x04, "", 0 },
	{ "incr", 0x05, "0000000000000005000000000000000100000000", 0 },
	{ "decr", 0x06, "0000000000000003000000000000000100000000", 0 },
	{ "append", 0x0e, "", 1 },
	{ "prepend", 0x0f, "", 1 },
	{ "touch", 0x1c, "00000e10", 0 },
	{ "touch, gone", 0x1c, "ffffffff", 0 },
	{ "gat", 0x1d, "00000e10", 0 },
	{ "gatk", 0x23, "00000e10", 0 },
	{ "flush", 0x08, "", 0 },
	{ "flush 0", 0x08, "00000000", 0 },
	{ "setq", 0x11, "0000000500000000", 1 },
	{ "addq", 0x12, "0000000000000000", 1 },
	{ "replaceq", 0x13, "0000000000000000", 1 },
	{ "deleteq", 0x14, "", 0 },
	{ "incrq", 0x15, "0000000000000005000000000000000100000000", 0 },
	{ "decrq", 0x16, "0000000000000003000000000000000100000000", 0 },
	{ "flushq", 0x18, "", 0 },
	{ "appendq", 0x19, "", 1 },
	{ "prependq", 0x1a, "", 1 },
	{ "gatq", 0x1e, "00000e10", 0 },
	{ "gatkq", 0x24, "00000e10", 0 },
};

static void test_each_write(struct world *w, struct tcp *binary, struct tcp *truth, size_t i)
{
	const struct write *c = &writes[i];
	int flush = c->opcode == 0x08 || c->opcode == 0x18;
	struct packet p = { .len = 0 };
	char key[40];

	snprintf(key, sizeof(key), "key-%zu", i);
	tcp_set(&w->tcp, key, "10", 2);
	world_warm(w, &w->udp, key);
	packet_add(&p, c->opcode, c->extras, flush ? "" : key, "20", c->value ? 2 : 0);
	packet_add(&p, 0x0a, "", "", "", 0);
	tcp_send(binary, p.bytes, p.len);
	packet_receive_until_noop(binary);
	world_expect_truth(w, truth, &w->udp, key, c->name);
	tcp_set(&w->tcp, key, "30", 2);
	world_warm(w, &w->udp, key); /* nothing is in flight, nothing held */
	assert_int_equal(world_stat(w, "lost"), 0);
}

static void binary_writes_invalidate(void **state)
{
	struct world *w = *state;
	struct tcp binary, truth;

	tcp_open(&binary, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	for (size_t i = 0; i < TEST_COUNT(writes); i++)
		test_each_write(w, &binary, &truth, i);
	tcp_close(&binary);
	tcp_close(&truth);
}

/* A request cut at every byte, a value with commands in it. */
static void binary_requests_split_anywhere(void **state)
{
	static const char value[] = "\x80\x04\0\1k\r\nset key-1 0 0 1\r\nx\r\n";
	struct world *w = *state;
	struct tcp binary, truth;
	struct packet p = { .len = 0 };

	tcp_open(&binary, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_open(&truth, &w->server, "127.0.0.1", WORLD_PORT);
	packet_add(&p, 0x01, "0000000000000000", "split", value, sizeof(value) - 1);
	packet_add(&p, 0x0e, "", "split", "more", 4);
	packet_add(&p, 0x0a, "", "", "", 0);
	for (size_t cut = 1; cut < p.len; cut++) {
		tcp_set(&w->tcp, "split", "10", 2);
		world_warm(w, &w->udp, "split");
		tcp_send(&binary, p.bytes, cut);
		tcp_wait_sent(&binary);
		tcp_send(&binary, p.bytes + cut, p.len - cut);
		packet_receive_until_noop(&binary);
		world_expect_truth(w, &truth, &w->udp, "split", "split");
	}
	assert_int_equal(world_stat(w, "lost"), 0);
	tcp_close(&binary);
	tcp_close(&truth);
}

/* memcached closes the connection: whatever was held is over with it. */
static void binary_request_of_a_wrong_form(void **state)
{
	struct world *w = *state;
	struct packet p = { .len = 0 };
	unsigned char bytes[200];
	struct tcp binary;

	tcp_set(&w->tcp, "k", "10", 2);
	world_warm(w, &w->udp, "k");
	tcp_open(&binary, &w->client, WORLD_IP4, WORLD_PORT);
	packet_add(&p, 0x01, "00000000", "k", "20", 2);
	tcp_send(&binary, p.bytes, p.len);
	for (int i = 0; i < 100 && recv(binary.fd, bytes, sizeof(bytes), 0) > 0; i++)
		;
	assert_int_equal(world_stat(w, "lost"), 1);
	tcp_close(&binary);
	world_warm(w, &w->udp, "k");
}

/* A quit that is quiet is not answered; what was sent before it was. */
static void binary_quit_leaves_nothing_behind(void **state)
{
	static const unsigned char quits[] = { 0x07, 0x17 };
	struct world *w = *state;
	unsigned char bytes[200];

	for (size_t i = 0; i < sizeof(quits); i++) {
		struct packet p = { .len = 0 };
		struct tcp binary;

		tcp_set(&w->tcp, "k", "10", 2);
		world_warm(w, &w->udp, "k");
		tcp_open(&binary, &w->client, WORLD_IP4, WORLD_PORT);
		packet_add(&p, 0x11, "0000000000000000", "k", "20", 2);
		packet_add(&p, quits[i], "", "", "", 0);
		tcp_send(&binary, p.bytes, p.len);
		for (int n = 0; n < 100 && recv(binary.fd, bytes, sizeof(bytes), 0) > 0; n++)
			;
		tcp_close(&binary);
		world_expect(w, &w->udp, "k", "20");
		world_warm(w, &w->udp, "k");
	}
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* Sends a request whose key is missing over UDP. How many unknown writes it makes. */
static long long unknown_writes_of_a_cut_request(struct world *w, struct udp *u)
{
	long long before = world_stat(w, "unknown_writes");
	struct packet p = {};

	packet_add(&p, 0x04, "", "hello", "", 0);
	udp_send(u, p.bytes, p.len - 5);
	udp_send(u, "get k\r\n", 7); /* seen behind it */
	test_sleep(0.1);
	return world_stat(w, "unknown_writes") - before;
}

/* 1.5 takes the rest of it from the next datagram, though that be no request: so may one that was restarted. */
static void a_cut_request_over_udp_writes_in_old_versions(void **state)
{
	struct world *w = *state;

	world_restart_memcached(w);
	assert_int_equal(unknown_writes_of_a_cut_request(w, &w->udp), 1);
}

/* 1.6.18 forgets it. */
static void a_cut_request_over_udp_is_forgotten(void **state)
{
	struct world *w = *state;

	world_cache(w, "hello", "value");
	assert_int_equal(unknown_writes_of_a_cut_request(w, &w->udp), 0);
	udp_send(&w->udp, "hello", 5);
	world_expect(w, &w->udp, "hello", "value");
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(a_cut_request_over_udp_writes_in_old_versions),
	WORLD_TEST(a_cut_request_over_udp_is_forgotten),
	WORLD_TEST(binary_writes_invalidate),
	WORLD_TEST(binary_requests_split_anywhere),
	WORLD_TEST(binary_request_of_a_wrong_form),
	WORLD_TEST(binary_quit_leaves_nothing_behind),
};

TEST_MAIN(tests, NULL, NULL)
