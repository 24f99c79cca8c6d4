// SPDX-License-Identifier: LGPL-2.1-only
/* bmcctl dies by SIGKILL after each of its steps: then the instance works, or `stop` clears it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "leaks.h"
#include "world.h"

#define KILLED (128 + SIGKILL)
#define POINTS_MAX 200

static const char start_line[] = "start --name %s --iface " WORLD_IF " --memory 16M %s";

/* The number that BMC_FAULT=count prints last on standard error. */
static int points_of(const char *err)
{
	const char *last = NULL;

	for (const char *at = strstr(err, "fault point "); at; at = strstr(at + 1, "fault point "))
		last = at;
	return last ? (int)strtol(last + strlen("fault point "), NULL, 10) : 0;
}

static void assert_cleared(struct world *w, int point)
{
	if (bmcctl(&w->server, "stop --name %s", w->instance))
		fail_msg("stop after a kill at point %d: exit %d: %s", point, bmcctl_result.code,
			 bmcctl_result.err);
	child_sh(&w->server, "! tc qdisc show dev " WORLD_IF " | grep clsact");
	child_sh(&w->server, "! ip link show dev " WORLD_IF " | grep prog/xdp");
	leaks_check(w->cookie, w->instance);
}

/* memcached answers, and never anything old, whatever is half there. */
static void assert_right(struct world *w, int point)
{
	char value[16];

	world_open_clients(w);
	for (int i = 0; i < 3; i++) {
		snprintf(value, sizeof(value), "%d-%d", point, i);
		tcp_set(&w->tcp, "k", value, strlen(value));
		world_expect(w, &w->udp, "k", value);
	}
	tcp_close(&w->tcp);
	udp_close(&w->udp);
	udp_close(&w->udp6);
}

static void start_is_killed_at(struct world *w, const char *options, int point)
{
	char fault[16];
	int code;

	snprintf(fault, sizeof(fault), "%d", point);
	code = bmcctl_fault(&w->server, fault, start_line, w->instance, options);
	if (code != KILLED)
		fail_msg("start, to be killed at point %d: exit %d: %s", point, code,
			 bmcctl_result.err);
}

static void kill_of_start_at_every_step(void **state)
{
	static const char options[] = "";
	struct world *w = *state;
	int points;

	assert_int_equal(bmcctl_fault(&w->server, "count", start_line, w->instance, options), 0);
	points = points_of(bmcctl_result.err);
	assert_in_range(points, 5, POINTS_MAX);
	assert_cleared(w, 0);
	for (int point = 1; point <= points; point++) {
		start_is_killed_at(w, options, point);
		assert_right(w, point);
		if (point % 2) { /* a second start works at once, or says what to do */
			int code = bmcctl(&w->server, start_line, w->instance, options);

			if (code && !strstr(bmcctl_result.err, "stop"))
				fail_msg("start after a kill at point %d: %s", point,
					 bmcctl_result.err);
		}
		assert_cleared(w, point);
	}
}

static void kill_stop(struct world *w, const char *options)
{
	int points;

	world_start_bmc(w, options);
	assert_int_equal(bmcctl_fault(&w->server, "count", "stop --name %s", w->instance), 0);
	points = points_of(bmcctl_result.err);
	assert_in_range(points, 3, POINTS_MAX);
	for (int point = 1; point <= points; point++) {
		char fault[16];

		snprintf(fault, sizeof(fault), "%d", point);
		world_start_bmc(w, options);
		assert_int_equal(bmcctl_fault(&w->server, fault, "stop --name %s", w->instance),
				 KILLED);
		assert_right(w, point);
		assert_cleared(w, point);
	}
}

static void kill_of_stop_at_every_step(void **state)
{
	kill_stop(*state, "");
	kill_stop(*state, "--tc clsact");
}

/* What exists before start is there after the kill and the stop. */
static void kill_of_start_keeps_what_is_not_ours(void **state)
{
	static const char options[] = "--tc clsact";
	struct world *w = *state;
	int points;

	child_sh(&w->server,
		 "tc qdisc add dev " WORLD_IF " clsact && tc filter add dev " WORLD_IF
		 " egress prio 7 bpf direct-action object-file " BMC_PASS_OBJECT " section tc");
	assert_int_equal(bmcctl_fault(&w->server, "count", start_line, w->instance, options), 0);
	points = points_of(bmcctl_result.err);
	world_stop_bmc(w);
	for (int point = 1; point <= points; point++) {
		start_is_killed_at(w, options, point);
		assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
		child_sh(&w->server, "tc filter show dev " WORLD_IF " egress | grep -q 'pref 7'");
		child_sh(&w->server, "! tc filter show dev " WORLD_IF " egress | grep bmc");
		leaks_check(w->cookie, w->instance);
	}
}

#define FAULT_TEST(name)                                                                           \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	FAULT_TEST(kill_of_start_at_every_step),
	FAULT_TEST(kill_of_stop_at_every_step),
	FAULT_TEST(kill_of_start_keeps_what_is_not_ours),
};

TEST_MAIN(tests, NULL, NULL)
