// SPDX-License-Identifier: LGPL-2.1-only
/* A write takes its key out of the cache, whichever way it comes: no get that begins after its
 * answer sees the old value. */
#include <stdio.h>
#include <string.h>

#include "world.h"

/* A way to memcached, and a connection that knows the truth. */
struct way {
	struct world *w;
	struct tcp *tcp; /* NULL: udp */
	struct udp *udp;
	struct tcp truth;
	struct text got;
};

/* %s is the key. The item is "10" before. */
static const char *const writes[] = {
	"set %s 0 0 2%s\r\n20\r\n",
	"set %s 7 0 0%s\r\n\r\n",
	"add %s 0 0 2%s\r\n30\r\n",
	"replace %s 0 0 2%s\r\n40\r\n",
	"append %s 0 0 2%s\r\n50\r\n",
	"prepend %s 0 0 2%s\r\n60\r\n",
	"cas %s 0 0 2 1%s\r\n70\r\n",
	"incr %s 5%s\r\n",
	"decr %s 5%s\r\n",
	"touch %s 0%s\r\n",
	"touch %s -1%s\r\n",
	"delete %s%s\r\n",
	"delete %s 0%s\r\n",
};

/* These have no key of that form, or no noreply. */
static const char *const other_writes[] = {
	"gat 0 %s\r\n",	 "gats 0 %s\r\n",   "gat 0 x y %s z\r\n",    "gat -1 %s\r\n",
	"flush_all\r\n", "flush_all 0\r\n", "flush_all noreply\r\n",
};

static void way_open(struct way *p, struct world *w)
{
	memset(p, 0, sizeof(*p));
	p->w = w;
	tcp_open(&p->truth, &w->server, "127.0.0.1", WORLD_PORT);
}

static void way_close(struct way *p)
{
	tcp_close(&p->truth);
	text_free(&p->got);
}

/* What memcached says, and what is served, again and again. */
static void way_check(struct way *p, const char *key, const char *what)
{
	world_expect_truth(p->w, &p->truth, &p->w->udp, key, what);
	world_expect_truth(p->w, &p->truth, &p->w->udp6, key, what);
}

/* Sends a command; returns when memcached has carried it out. */
static void way_send(struct way *p, const char *command, int answered)
{
	if (p->tcp) {
		tcp_send(p->tcp, command, strlen(command));
		if (answered)
			assert_int_equal(tcp_receive(p->tcp, TEST_ANSWER_S, &p->got), 0);
		tcp_expect(p->tcp, "mn\r\n", "MN");
		return;
	}
	udp_send(p->udp, command, strlen(command));
	if (answered)
		assert_int_equal(udp_receive(p->udp, p->udp->id, TEST_ANSWER_S, &p->got), 0);
	else
		test_sleep(0.03);
}

static void way_write(struct way *p, const char *key, const char *format, const char *more)
{
	char command[600];

	snprintf(command, sizeof(command), format, key, more);
	way_send(p, command, !*more && !strstr(command, "noreply"));
	way_check(p, key, command);
}

/* A UDP write may keep its bucket from being filled: then a new key for each. */
static void way_prepare(struct way *p, char *key, size_t size)
{
	static int number;

	snprintf(key, size, "key-%d", number++);
	tcp_set(&p->w->tcp, key, "10", 2);
	if (p->tcp)
		world_warm(p->w, &p->w->udp, key);
	else
		for (int i = 0; i < 3; i++)
			udp_get(&p->w->udp, key, &p->got);
}

static void way_all_writes(struct way *p, const char *more)
{
	char key[40];

	for (size_t i = 0; i < TEST_COUNT(writes); i++) {
		way_prepare(p, key, sizeof(key));
		way_write(p, key, writes[i], more);
	}
	for (size_t i = 0; i < TEST_COUNT(other_writes) && !*more; i++) {
		way_prepare(p, key, sizeof(key));
		way_write(p, key, other_writes[i], "");
	}
}

static void writes_over_tcp(struct world *w, const struct ns *from, const char *address,
			    const char *more)
{
	struct tcp t;
	struct way p;

	tcp_open(&t, from, address, WORLD_PORT);
	way_open(&p, w);
	p.tcp = &t;
	way_all_writes(&p, more);
	assert_int_equal(world_stat(w, "lost"), 0);
	way_close(&p);
	tcp_close(&t);
}

static void every_write_over_the_wire_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->client, WORLD_IP4, "");
}

static void every_noreply_write_over_the_wire_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->client, WORLD_IP4, " noreply");
}

static void every_write_over_loopback_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->server, "127.0.0.1", "");
}

static void every_noreply_write_over_loopback_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->server, "127.0.0.1", " noreply");
}

static void every_write_over_ipv6_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->client, WORLD_IP6, "");
}

static void every_noreply_write_over_ipv6_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->client, WORLD_IP6, " noreply");
}

static void every_write_over_ipv6_loopback_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_tcp(w, &w->server, "::1", "");
}

static void writes_over_udp(struct world *w, struct udp *u, const char *more)
{
	struct way p;

	way_open(&p, w);
	p.udp = u;
	way_all_writes(&p, more);
	way_close(&p);
}

static void every_write_over_udp_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_udp(w, &w->udp, "");
}

static void every_noreply_write_over_udp_takes_its_key_out(void **state)
{
	struct world *w = *state;

	writes_over_udp(w, &w->udp6, " noreply");
}

/* ---- what was not asked for stays ---- */

static void a_write_leaves_other_keys_in_the_cache(void **state)
{
	struct world *w = *state;

	world_cache(w, "stays", "value");
	world_cache(w, "goes", "value");
	tcp_set(&w->tcp, "goes", "new", 3);
	assert_true(world_get(w, &w->udp, "stays"));
	world_expect(w, &w->udp, "goes", "new");
}

static void a_line_that_memcached_refuses_is_never_served_wrong(void **state)
{
	static const char *const lines[] = {
		"set k 0 0 7 foo\r\nchanged\r\n",
		"set k 0 0 x\r\n",
		"set k 0 0 -1\r\n",
		"set k 0\r\n",
		"set  k  0  0  1 \r\nx\r\n",
		" set k 0 0 1\r\ny\r\n",
		"set k 0 0 3\r\ntoo long\r\n",
		"delete k 1\r\n",
		"delete k\n",
		"incr k\r\n",
		"SET k 0 0 1\r\nz\r\n",
		"set k 0 0 2 NOREPLY\r\nno\r\n",
		"set k +0 +0 +1\r\np\r\n",
		"set k 01 0 01\r\nq\r\n",
		"set k 4294967296 0 1\r\nr\r\n",
		"nonsense k\r\n",
		"\r\n",
	};
	struct world *w = *state;
	struct way p;
	struct tcp t;

	way_open(&p, w);
	for (size_t i = 0; i < TEST_COUNT(lines); i++) {
		tcp_set(&w->tcp, "k", "old", 3);
		udp_get(&w->udp, "k", &w->text);
		udp_get(&w->udp, "k", &w->text);
		tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
		tcp_send(&t, lines[i], strlen(lines[i]));
		tcp_receive(&t, 0.05, &p.got);
		way_check(&p, "k", lines[i]);
		tcp_close(&t);
	}
	way_close(&p);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(every_write_over_the_wire_takes_its_key_out),
	WORLD_TEST(every_noreply_write_over_the_wire_takes_its_key_out),
	WORLD_TEST(every_write_over_loopback_takes_its_key_out),
	WORLD_TEST(every_noreply_write_over_loopback_takes_its_key_out),
	WORLD_TEST(every_write_over_ipv6_takes_its_key_out),
	WORLD_TEST(every_noreply_write_over_ipv6_takes_its_key_out),
	WORLD_TEST(every_write_over_ipv6_loopback_takes_its_key_out),
	WORLD_TEST(every_write_over_udp_takes_its_key_out),
	WORLD_TEST(every_noreply_write_over_udp_takes_its_key_out),
	WORLD_TEST(a_write_leaves_other_keys_in_the_cache),
	WORLD_TEST(a_line_that_memcached_refuses_is_never_served_wrong),
};

TEST_MAIN(tests, NULL, NULL)
