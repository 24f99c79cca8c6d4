// SPDX-License-Identifier: LGPL-2.1-only
/* What bmc does on the kernel that runs: each test is a column of the table in README (test/kernels.sh). */
#include <stdio.h>
#include <string.h>

#include "leaks.h"
#include "world.h"

#define LONG_VALUE 1000

static struct world *world; /* of all these tests: a start is dear where the machine is emulated */

static void assert_says(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("'%s' is not in: %s", what, text);
}

/* Native XDP, or what `start` itself says that it has instead. */
static void native_xdp(void **state)
{
	struct world *w = world;
	const char *mode = "native";
	char line[64];

	(void)state;
	if (bmcctl(&w->server,
		   "start --name %s --iface " WORLD_IF " --memory 16M --max-age 60s "
		   "--mode native",
		   w->instance)) {
		print_message("native: %s", bmcctl_result.err);
		mode = "skb";
		world_start_bmc(w, "--max-age 60s --mode auto");
	}
	snprintf(line, sizeof(line), WORLD_IF ": XDP in %s mode", mode);
	assert_says(bmcctl_result.out, line);
	assert_int_equal(bmcctl(&w->server, "status --name %s", w->instance), 0);
	assert_says(bmcctl_result.out, mode);
	print_message("mode: %s\n", mode);
	world_open_clients(w);
}

static void fills(void **state)
{
	struct world *w = world;
	long long before = world_stat(w, "fills");

	(void)state;
	world_cache(w, "filled", "by memcached's answer");
	assert_true(world_stat(w, "fills") > before);
	world_expect(w, &w->udp, "filled", "by memcached's answer");
}

static void hits(void **state)
{
	struct world *w = world;
	struct text answer = {};
	char value[LONG_VALUE + 1] = {};
	long long before;

	(void)state;
	memset(value, 'v', LONG_VALUE);
	tcp_set(&w->tcp, "long", value, LONG_VALUE);
	world_expect(w, &w->udp, "long", value);
	world_cache(w, "a", "1");
	world_cache(w, "b", "2");
	world_warm(w, &w->udp6, "a");
	before = world_stat(w, "hits");
	udp_ask(&w->udp, "get a b\r\n", &answer);
	text_assert_is("get a b", &answer, "VALUE a 0 1\r\n1\r\nVALUE b 0 1\r\n2\r\nEND\r\n");
	assert_true(world_stat(w, "hits") > before);
	text_free(&answer);
}

struct write {
	const char *command;
	const char *answer; /* NULL: none */
	const char *value; /* then; NULL: no item */
};

static const struct write writes[] = {
	{ "set k 0 0 1\r\n5\r\n", "STORED", "5" },
	{ "set k 0 0 1 noreply\r\n6\r\n", NULL, "6" },
	{ "append k 0 0 1\r\n7\r\n", "STORED", "67" },
	{ "incr k 2\r\n", "8", "8" },
	{ "ms k 1\r\n8\r\n", "HD", "8" },
	{ "delete k\r\n", "DELETED", NULL },
	{ "cas k 0 0 1 1\r\n9\r\n", "EXISTS", "6" },
};

/* Each is made while its key is cached, and seen by the next get. */
static void writes_over(struct tcp *t)
{
	struct world *w = world;

	for (size_t i = 0; i < TEST_COUNT(writes); i++) {
		tcp_set(&w->tcp, "k", "6", 1);
		world_get(w, &w->udp, "k");
		world_get(w, &w->udp, "k");
		if (writes[i].answer)
			tcp_expect(t, writes[i].command, writes[i].answer);
		else
			tcp_send(t, writes[i].command, strlen(writes[i].command));
		tcp_expect(t, "verbosity 0\r\n", "OK");
		world_expect(w, &w->udp, "k", writes[i].value);
	}
}

static void writes_seen(void **state)
{
	struct world *w = world;
	struct tcp loopback;

	(void)state;
	writes_over(&w->tcp);
	tcp_open(&loopback, &w->server, "127.0.0.1", WORLD_PORT);
	writes_over(&loopback);
	tcp_close(&loopback);
	world_cache(w, "k", "old");
	udp_ask(&w->udp, "set k 0 0 3\r\nnew\r\n", &w->text);
	text_assert_is("set over UDP", &w->text, "STORED\r\n");
	world_expect(w, &w->udp, "k", "new");
}

static void clean_up(void **state)
{
	struct world *w = world;

	(void)state;
	world_stop_bmc(w);
	leaks_check(w->cookie, w->instance);
	child_sh(&w->server, "! tc qdisc show dev " WORLD_IF " | grep clsact");
	child_sh(&w->server, "! ip link show dev " WORLD_IF " | grep prog/xdp");
	tcp_expect(&w->tcp, "verbosity 0\r\n", "OK");
	world_start_bmc(w, "");
	world_stop_bmc(w);
	leaks_check(w->cookie, w->instance);
}

/* On a kernel that is too old for more: one sentence, and nothing done. */
static void refused(void **state)
{
	(void)state;
	assert_int_equal(bmcctl(NULL, "start --iface lo"), 1);
	assert_says(bmcctl_result.err, "bmc needs 6.1 or newer");
	assert_ptr_equal(strchr(bmcctl_result.err, '\n'),
			 bmcctl_result.err + strlen(bmcctl_result.err) - 1);
	assert_int_equal(bmcctl_result.out[0], 0);
	child_sh(NULL, "! ls /sys/fs/bpf/bmc && ! ip link show dev lo | grep xdp");
	print_message("says: %s", bmcctl_result.err);
}

static int kernel_setup(void **state)
{
	world_setup_memcached(state);
	world = *state;
	return 0;
}

int main(void)
{
	static const struct CMUnitTest new_kernel[] = {
		cmocka_unit_test(native_xdp),  cmocka_unit_test(fills),	   cmocka_unit_test(hits),
		cmocka_unit_test(writes_seen), cmocka_unit_test(clean_up),
	};
	static const struct CMUnitTest old_kernel[] = { cmocka_unit_test(refused) };

	if (getenv("BMC_TEST_OLD_KERNEL"))
		return cmocka_run_group_tests(old_kernel, NULL, NULL);
	return cmocka_run_group_tests(new_kernel, kernel_setup, world_teardown);
}
