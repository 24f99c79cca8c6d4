// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Urgent data (RFC 9293, section 3.8.5): memcached is not given that byte, so that no parser can follow. The connection is
 * lost, wherever the pointer came; what is served stays right.
 */
#include <netinet/tcp.h>

#include "peer.h"
#include "world.h"

/* The connection is closed: what memcached says of k is served, and cached. */
static void fills_go_on(struct world *w)
{
	world_expect_truth(w, &w->tcp, &w->udp, "k", "urgent");
	world_warm(w, &w->udp, "k");
}

static void urgent_data(void **state)
{
	static const char set[] = "set k 0 0 3\r\nnew!\r\n";
	static const struct peer_segment urgent = { .flags = TH_URG, .urgent = sizeof(set) - 3 };
	struct world *w = *state;
	struct peer p;

	world_cache(w, "k", "old");
	peer_open(&p, w);
	peer_send(&p, &urgent, set, sizeof(set) - 1);
	p.seq += sizeof(set) - 1;
	peer_expect(&p, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
	assert_int_equal(world_stat(w, "lost"), 1);
	peer_close(&p);
	fills_go_on(w);
}

#define URGENT_SET "set kX 0 0 3\r\nnew\r\n" /* X is urgent: it sets k */

/* The pointer alone, and the byte later, in a segment that does not say that it is urgent. */
static const struct peer_segment pointer = { .flags = TH_URG, .urgent = sizeof("set kX") - 1 };

static void urgent_byte_is_skipped(struct world *w, struct peer *p)
{
	peer_say(p, URGENT_SET);
	peer_expect(p, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
	assert_int_equal(world_stat(w, "lost"), 1);
	peer_close(p);
	fills_go_on(w);
}

static void an_urgent_pointer_without_data(void **state)
{
	struct world *w = *state;
	struct peer p;

	world_cache(w, "k", "old");
	peer_open(&p, w);
	peer_say(&p, "mn\r\n");
	peer_expect(&p, "MN\r\n");
	peer_send(&p, &pointer, "", 0);
	urgent_byte_is_skipped(w, &p);
}

static void an_urgent_pointer_in_the_handshake(void **state)
{
	struct world *w = *state;
	struct peer p;

	world_cache(w, "k", "old");
	peer_open_by(&p, w, 0, &pointer);
	urgent_byte_is_skipped(w, &p);
}

/* Its connection is quiet when bmc starts, but for the pointer. */
static void an_urgent_pointer_before_start(void **state)
{
	struct world *w = *state;
	struct peer p;

	peer_open(&p, w);
	peer_say(&p, "mn\r\n");
	peer_expect(&p, "MN\r\n");
	peer_send(&p, &pointer, "", 0);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	world_cache(w, "k", "old");
	urgent_byte_is_skipped(w, &p);
}

/* The pointer comes when the connection is known to be quiet. */
static void an_urgent_pointer_after_start(void **state)
{
	struct world *w = *state;
	struct peer p;

	peer_open(&p, w);
	peer_say(&p, "mn\r\n");
	peer_expect(&p, "MN\r\n");
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	world_cache(w, "k", "old");
	peer_send(&p, &pointer, "", 0);
	urgent_byte_is_skipped(w, &p);
}

#define OLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	WORLD_TEST(urgent_data),
	WORLD_TEST(an_urgent_pointer_without_data),
	WORLD_TEST(an_urgent_pointer_in_the_handshake),
	OLD_TEST(an_urgent_pointer_before_start),
	OLD_TEST(an_urgent_pointer_after_start),
};

TEST_MAIN(tests, NULL, NULL)
