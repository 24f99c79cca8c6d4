// SPDX-License-Identifier: LGPL-2.1-only
/* start, stop, status, flush: what is attached, what is refused, and that nothing is left, whatever
 * happened. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "leaks.h"
#include "notes.h"
#include "world.h"

#define FILTER "bpf direct-action object-file " BMC_PASS_OBJECT " section tc"

static struct child_result shell;

/* The output of a shell line. */
static const char *world_sh(struct world *w, const char *line)
{
	char *argv[] = { "sh", "-c", (char *)line, NULL };

	child_run(&w->server, argv, 20, &shell);
	assert_int_equal(shell.code, 0);
	return shell.out;
}

static const char *world_filters(struct world *w)
{
	return world_sh(w, "tc filter show dev " WORLD_IF " egress; tc filter show dev " WORLD_IF
			   " ingress; true");
}

static int world_has_clsact(struct world *w)
{
	return strstr(world_sh(w, "tc qdisc show dev " WORLD_IF), "clsact") != NULL;
}

static int world_has_xdp(struct world *w)
{
	return strstr(world_sh(w, "ip link show dev " WORLD_IF), "prog/xdp") != NULL;
}

static void assert_nothing_attached(struct world *w)
{
	assert_false(world_has_clsact(w));
	assert_false(world_has_xdp(w));
	leaks_check(w->cookie, w->instance);
}

/* ---- on and off ---- */

static void start_and_stop(struct world *w, const char *options)
{
	world_start_bmc(w, options);
	assert_non_null(strstr(bmcctl_result.out, WORLD_IF));
	assert_true(world_has_xdp(w));
	assert_int_equal(world_has_clsact(w), !w->is_tcx);
	world_stop_bmc(w);
	assert_nothing_attached(w);
}

static void start_and_stop_leave_nothing(void **state)
{
	struct world *w = *state;

	start_and_stop(w, "");
	start_and_stop(w, "--tc clsact");
	assert_false(w->is_tcx);
}

static void start_and_stop_ten_times_with_a_foreign_filter(void **state)
{
	static char before[sizeof(shell.out)];
	struct world *w = *state;

	child_sh(&w->server, "tc qdisc add dev " WORLD_IF " clsact && "
			     "tc filter add dev " WORLD_IF " egress prio 7 " FILTER " && "
			     "tc filter add dev " WORLD_IF " ingress prio 9 " FILTER);
	snprintf(before, sizeof(before), "%s", world_filters(w));
	assert_non_null(strstr(before, "pref 7"));
	for (int i = 0; i < 10; i++) {
		world_start_bmc(w, i % 2 ? "" : "--tc clsact");
		world_open_clients(w);
		if (i % 5 == 0)
			world_cache(w, "k", "value");
		tcp_close(&w->tcp);
		udp_close(&w->udp);
		udp_close(&w->udp6);
		world_stop_bmc(w);
		assert_string_equal(world_filters(w), before);
		assert_true(world_has_clsact(w));
		assert_false(world_has_xdp(w));
		leaks_check(w->cookie, w->instance);
	}
}

static void a_filter_that_came_later_keeps_the_qdisc(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "--tc clsact");
	child_sh(&w->server, "tc filter add dev " WORLD_IF " ingress prio 9 " FILTER);
	world_stop_bmc(w);
	assert_true(world_has_clsact(w));
	assert_non_null(strstr(world_filters(w), "pref 9"));
	child_sh(&w->server, "tc qdisc del dev " WORLD_IF " clsact");
	assert_nothing_attached(w);
}

static void stop_works_twice(void **state)
{
	struct world *w = *state;

	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	world_start_bmc(w, "");
	world_stop_bmc(w);
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	assert_nothing_attached(w);
}

#define PINS_MAX 64

struct pins {
	char path[PINS_MAX][300];
	int n;
};

/* All pinned objects of the instance, in their order. */
static void pins_list(struct world *w, struct pins *ret)
{
	char line[400], folder[300], *save = NULL;

	leaks_pins_path(w->instance, folder, sizeof(folder));
	snprintf(line, sizeof(line), "find %s -type f | sort", folder);
	world_sh(w, line);
	ret->n = 0;
	for (char *p = strtok_r(shell.out, "\n", &save); p && ret->n < PINS_MAX;
	     p = strtok_r(NULL, "\n", &save))
		snprintf(ret->path[ret->n++], sizeof(ret->path[0]), "%s", p);
	assert_true(ret->n > 10);
}

/* The kernel lets go of a link some time after its pin was unlinked. */
static void await_bare(struct world *w, const char *without)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	while (world_has_xdp(w) || *world_filters(w)) {
		if (test_now() > until)
			fail_msg("stop without %s: something is still attached", without);
		test_sleep(0.01);
	}
}

/* Who made the qdisc is known by bmc_instance alone: without that note, an empty one may stay. */
static void assert_stop_clears(struct world *w, const char *without)
{
	if (bmcctl(&w->server, "stop --name %s", w->instance))
		fail_msg("stop without %s: exit %d: %s", without, bmcctl_result.code,
			 bmcctl_result.err);
	await_bare(w, without);
	if (world_has_clsact(w)) {
		if (!strstr(without, "bmc_instance"))
			fail_msg("stop without %s: the qdisc is still there", without);
		child_sh(&w->server, "tc qdisc del dev " WORLD_IF " clsact");
	}
	leaks_check(w->cookie, w->instance);
}

static void stop_without_pins(struct world *w, int first, const char *options)
{
	static struct pins pins;
	const char *without = "the others";

	world_start_bmc(w, options);
	pins_list(w, &pins);
	for (int i = first; i < pins.n; i += 2) {
		assert_int_equal(unlink(pins.path[i]), 0);
		if (strstr(pins.path[i], "bmc_instance"))
			without = pins.path[i];
	}
	assert_stop_clears(w, without);
}

static void stop_works_with_half_of_the_pins_gone(void **state)
{
	stop_without_pins(*state, 0, "");
	stop_without_pins(*state, 0, "--tc clsact");
}

static void stop_works_with_the_other_half_of_the_pins_gone(void **state)
{
	stop_without_pins(*state, 1, "");
	stop_without_pins(*state, 1, "--tc clsact");
}

static void stop_works_with_any_one_pin_gone(void **state)
{
	static struct pins pins;
	struct world *w = *state;

	pins.n = 1;
	for (int i = 0; i < pins.n; i++) {
		world_start_bmc(w, i % 2 ? "" : "--tc clsact");
		pins_list(w, &pins);
		if (i == pins.n) /* the other way has a link less */
			break;
		assert_int_equal(unlink(pins.path[i]), 0);
		assert_stop_clears(w, pins.path[i]);
	}
}

static void stop_works_when_the_interface_is_gone(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "");
	child_sh(&w->server, "ip link del " WORLD_IF);
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	leaks_check(w->cookie, w->instance);
}

/* The interface is gone, and its number is another one's where stop runs: that one had nothing of ours. */
static void stop_elsewhere_names_no_interface_of_this_namespace(void **state)
{
	struct world *w = *state;
	unsigned int number;

	world_start_bmc(w, "");
	number = ns_ifindex(&w->server, WORLD_IF);
	/* while it is there, stop has to be run there */
	assert_int_equal(bmcctl(&w->client, "stop --name %s", w->instance), 1);
	assert_non_null(strstr(bmcctl_result.err, "another network namespace"));
	assert_true(world_has_xdp(w));
	child_sh(&w->server, "ip link del " WORLD_IF);
	child_sh(&w->client,
		 "ip link add other0 index %u type veth peer name other1 && tc qdisc add dev "
		 "other0 clsact",
		 number);
	assert_int_equal(bmcctl(&w->client, "stop --name %s", w->instance), 0);
	if (strstr(bmcctl_result.out, "other0") ||
	    !strstr(bmcctl_result.out, "(" WORLD_IF "), which is gone"))
		fail_msg("stop says:\n%s", bmcctl_result.out);
	child_sh(&w->client, "tc qdisc show dev other0 | grep -q clsact");
	leaks_check(w->cookie, w->instance);
}

/* Without its notes stop cannot tell where it was started, but that the number is not ours here. */
static void stop_elsewhere_without_notes_says_the_number(void **state)
{
	struct world *w = *state;
	char path[300];

	world_start_bmc(w, "");
	leaks_pins_path(w->instance, path, sizeof(path));
	child_sh(NULL, "rm %s/maps/bmc_instance", path);
	child_sh(&w->client, "ip link add other0 index %u type veth peer name other1 || true",
		 ns_ifindex(&w->server, WORLD_IF));
	bmcctl(&w->client, "stop --name %s", w->instance);
	if (!strstr(bmcctl_result.out, "(?) of another network namespace"))
		fail_msg("stop says:\n%s\n%s", bmcctl_result.out, bmcctl_result.err);
	/* the filter is known by its program only: here stop finds it */
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	assert_false(world_has_xdp(w));
	assert_string_equal(world_filters(w), "");
	if (world_has_clsact(w))
		child_sh(&w->server, "tc qdisc del dev " WORLD_IF " clsact");
}

/* What is attached by a filter there cannot be taken off from here: it used to be left behind, as "stopped". */
static void stop_elsewhere_of_another_version_leaves_nothing(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "--tc clsact");
	notes_of_another_version(w->instance);
	assert_int_equal(bmcctl(&w->client, "stop --name %s", w->instance), 1);
	assert_non_null(strstr(bmcctl_result.err, "is in another network namespace"));
	assert_true(world_has_xdp(w));
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	assert_nothing_attached(w);
}

static int watch_links(struct world *w)
{
	static char line[400];
	char path[300];

	leaks_pins_path(w->instance, path, sizeof(path));
	snprintf(line, sizeof(line), "ls %s/links | grep -c ^bmc_ || true", path);
	return atoi(world_sh(w, line));
}

/* XDP answered on, until its link ended by itself, while nobody saw the writes any more. */
static void watch_stays(struct world *w, const char *fault, const char *says)
{
	int links;

	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	world_cache(w, "k", "old");
	links = watch_links(w);
	assert_true(links > 0);
	assert_int_equal(bmcctl_fault(&w->server, fault, "stop --name %s", w->instance), 1);
	assert_non_null(strstr(bmcctl_result.err, says));
	assert_true(world_has_xdp(w));
	assert_int_equal(watch_links(w), links);
	tcp_set(&w->tcp, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	world_stop_bmc(w);
	assert_nothing_attached(w);
}

static void the_watch_stays_as_long_as_xdp_cannot_be_taken_off(void **state)
{
	watch_stays(*state, "no link", "cannot remove the link 'xdp_");
}

static void the_watch_stays_as_long_as_xdp_is_not_detached(void **state)
{
	watch_stays(*state, "no detach", "cannot remove the link 'xdp_");
}

static void the_watch_stays_as_long_as_the_links_cannot_be_listed(void **state)
{
	watch_stays(*state, "no list", "cannot remove the links of '");
}

/* The qdisc's interface was known by the name that was given, which is not the one that it has: the qdisc stayed. */
static void an_alternative_name_leaves_no_qdisc(void **state)
{
	struct world *w = *state;
	pid_t pid;

	child_sh(&w->server, "ip link property add dev " WORLD_IF " altname other0");
	pid = bmcctl_paused(&w->server, "clsact made",
			    "start --name %s --iface other0 --memory 16M --tc clsact", w->instance);
	assert_true(world_has_clsact(w));
	child_stop(pid, SIGKILL);
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	assert_nothing_attached(w);
}

static void memcached_goes_on_after_stop(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "");
	world_open_clients(w);
	world_cache(w, "k", "old");
	world_stop_bmc(w);
	tcp_set(&w->tcp, "k", "new", 3); /* the same connection */
	world_expect(w, &w->udp, "k", "new");
	assert_nothing_attached(w);
}

/* ---- what it says ---- */

static void flush_forgets_everything(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	world_cache(w, "k", "value");
	assert_true(world_get(w, &w->udp, "k"));
	assert_int_equal(bmcctl(&w->server, "flush --name %s", w->instance), 0);
	assert_false(world_get(w, &w->udp, "k"));
	world_expect(w, &w->udp, "k", "value");
	world_warm(w, &w->udp, "k");
}

static void status_says_what_runs_and_why_nothing_is_cached(void **state)
{
	struct world *w = *state;
	struct tcp old;

	tcp_open(&old, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&old, "k", "old", 3);
	world_start_bmc(w, "--max-age 60s --strict");
	world_open_clients(w);
	assert_int_equal(bmcctl(&w->server, "status --name %s", w->instance), 0);
	assert_non_null(strstr(bmcctl_result.out, w->instance));
	assert_non_null(strstr(bmcctl_result.out, WORLD_IF));
	assert_non_null(strstr(bmcctl_result.out, "11211"));
	assert_non_null(strstr(bmcctl_result.out, "10.77.0.2")); /* who holds the fills */
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, "k"));
	tcp_set(&old, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	tcp_close(&old);
	test_sleep(0.05);
	world_warm(w, &w->udp, "k");
	assert_int_equal(bmcctl(&w->server, "status --name %s --json", w->instance), 0);
	assert_int_equal(bmcctl_result.out[0] == '{' || bmcctl_result.out[0] == '[', 1);
}

static void memory_is_what_was_asked_for(void **state)
{
	struct world *w = *state;
	unsigned long long sum;

	world_start_bmc(w, "--memory 64M");
	child_sh(&w->server, "bpftool map show -f >/dev/null");
	sum = strtoull(world_sh(w, "for p in $(find /sys/fs/bpf/bmc/t$PPID* -type f); do "
				   "bpftool map show pinned $p 2>/dev/null; done | "
				   "sed -n 's/.*memlock \\([0-9]*\\)B.*/\\1/p' | "
				   "awk '{ s += $1 } END { print s }'"),
		       NULL, 10);
	assert_in_range(sum, 64 * 95 / 100 * 1048576ULL, 64 * 1048576ULL * 105 / 100);
}

static void help_and_version_are_everywhere(void **state)
{
	static const char *const commands[] = { "", "start", "stop", "stats", "status", "flush" };

	(void)state;
	for (size_t i = 0; i < TEST_COUNT(commands); i++) {
		assert_int_equal(bmcctl(NULL, "%s --help", commands[i]), 0);
		assert_true(strlen(bmcctl_result.out) > 40);
		assert_int_equal(bmcctl(NULL, "%s --version", commands[i]), 0);
		assert_non_null(strstr(bmcctl_result.out, "0."));
	}
}

#define LIFE_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(help_and_version_are_everywhere),
	LIFE_TEST(start_and_stop_leave_nothing),
	LIFE_TEST(start_and_stop_ten_times_with_a_foreign_filter),
	LIFE_TEST(a_filter_that_came_later_keeps_the_qdisc),
	LIFE_TEST(stop_works_twice),
	LIFE_TEST(stop_works_with_half_of_the_pins_gone),
	LIFE_TEST(stop_works_with_the_other_half_of_the_pins_gone),
	LIFE_TEST(stop_works_with_any_one_pin_gone),
	LIFE_TEST(stop_works_when_the_interface_is_gone),
	LIFE_TEST(stop_elsewhere_names_no_interface_of_this_namespace),
	LIFE_TEST(stop_elsewhere_without_notes_says_the_number),
	LIFE_TEST(stop_elsewhere_of_another_version_leaves_nothing),
	LIFE_TEST(the_watch_stays_as_long_as_xdp_cannot_be_taken_off),
	LIFE_TEST(the_watch_stays_as_long_as_xdp_is_not_detached),
	LIFE_TEST(the_watch_stays_as_long_as_the_links_cannot_be_listed),
	LIFE_TEST(an_alternative_name_leaves_no_qdisc),
	LIFE_TEST(memcached_goes_on_after_stop),
	LIFE_TEST(flush_forgets_everything),
	LIFE_TEST(status_says_what_runs_and_why_nothing_is_cached),
	LIFE_TEST(memory_is_what_was_asked_for),
};

TEST_MAIN(tests, NULL, NULL)
