// SPDX-License-Identifier: LGPL-2.1-only
/* Real clients: libmemcached, memcaslap, and many at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libmemcached/memcached.h>

#include "world.h"

/* Whether memcached has this value of "k" within two seconds. */
static int reads_soon(memcached_st *mc, const char *want)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	while (test_now() < until) {
		memcached_return_t rc;
		uint32_t flags;
		size_t len = 0;
		char *value = memcached_get(mc, "k", 1, &len, &flags, &rc);
		int same =
			rc == MEMCACHED_SUCCESS && len == strlen(want) && !memcmp(value, want, len);

		free(value);
		if (same)
			return 1;
		usleep(10000);
	}
	return 0;
}

static void libmemcached_over_tcp(void **state)
{
	static const char config[] = "--SERVER=" WORLD_IP4 ":11211";
	struct world *w = *state;
	memcached_return_t rc;
	memcached_st *mc;
	uint32_t flags;
	uint64_t number;
	size_t len;
	char *value;

	assert_int_equal(ns_enter(&w->client), 0);
	mc = memcached(config, sizeof(config) - 1);
	assert_non_null(mc);
	assert_int_equal(memcached_set(mc, "k", 1, "10", 2, 0, 0), MEMCACHED_SUCCESS);
	world_warm(w, &w->udp, "k");
	assert_int_equal(memcached_increment(mc, "k", 1, 5, &number), MEMCACHED_SUCCESS);
	world_expect(w, &w->udp, "k", "15");
	world_warm(w, &w->udp, "k");
	assert_int_equal(memcached_append(mc, "k", 1, "0", 1, 0, 0), MEMCACHED_SUCCESS);
	world_expect(w, &w->udp, "k", "150");
	value = memcached_get(mc, "k", 1, &len, &flags, &rc);
	assert_int_equal(rc, MEMCACHED_SUCCESS);
	assert_int_equal(len, 3);
	free(value);
	world_warm(w, &w->udp, "k");
	assert_int_equal(memcached_delete(mc, "k", 1, 0), MEMCACHED_SUCCESS);
	world_expect(w, &w->udp, "k", NULL);
	memcached_behavior_set(mc, MEMCACHED_BEHAVIOR_NOREPLY, 1);
	memcached_behavior_set(mc, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1);
	for (int i = 0; i < 500; i++)
		memcached_set(mc, "k", 1, "x", 1, 0, 0);
	memcached_set(mc, "k", 1, "last", 4, 0, 0);
	memcached_flush_buffers(mc);
	memcached_behavior_set(mc, MEMCACHED_BEHAVIOR_NOREPLY, 0);
	memcached_behavior_set(mc, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 0);
	/* the behaviours opened a new connection: the sets of the old one may still be under way */
	assert_true(reads_soon(mc, "last"));
	world_expect(w, &w->udp, "k", "last");
	memcached_free(mc);
	assert_int_equal(ns_leave(), 0);
	assert_int_equal(world_stat(w, "lost"), 0);
}

/* memcaslap checks what it reads. (Not with overwriting, -o: then it finds faults with memcached
 * alone, too.) */
static void memcaslap_finds_nothing_wrong(void **state)
{
	static const char *const modes[] = { "-U", "" };
	static struct child_result r;
	struct world *w = *state;
	char line[300];
	char *argv[] = { "sh", "-c", line, NULL };

	for (size_t i = 0; i < TEST_COUNT(modes); i++) {
		snprintf(line, sizeof(line),
			 "memcaslap -s " WORLD_IP4 ":11211 %s -T 2 -c 16 -t 3s -v 0.5 -w 1k -X 100",
			 modes[i]);
		child_run(&w->client, argv, 30, &r);
		if (r.code || !strstr(r.out, "verify_failed: 0"))
			fail_msg("%s: exit %d: %s%s", line, r.code, r.out, r.err);
	}
	assert_true(world_stat(w, "requests") > 0); /* its gets; its sets go over TCP */
}

/* Sets over TCP, gets over UDP: what bmc is for. Values change to themselves: every answer can be
 * compared. */
static void load_with_sets_over_tcp_and_gets_over_udp(void **state)
{
	static struct child_result r;
	struct world *w = *state;
	char *argv[] = {
		"sh", "-c",
		"load='" BMC_UDPLOAD " -h " WORLD_IP4 " -k 500 -v 150'; $load -s || exit 1; "
		"(for i in 1 2 3 4 5 6 7 8 9 10; do $load -s || exit 1; sleep 0.2; done) & "
		"$load -t 3 && wait $!",
		NULL
	};

	child_run(&w->client, argv, 30, &r);
	if (r.code)
		fail_msg("exit %d: %s%s", r.code, r.out, r.err);
	assert_true(world_stat(w, "hits") > 1000);
	assert_true(world_stat(w, "invalidated") > 500);
	assert_int_equal(world_stat(w, "lost"), 0);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(libmemcached_over_tcp),
	WORLD_TEST(memcaslap_finds_nothing_wrong),
	WORLD_TEST(load_with_sets_over_tcp_and_gets_over_udp),
};

TEST_MAIN(tests, NULL, NULL)
