// SPDX-License-Identifier: LGPL-2.1-only
/* What bmcctl says when something is not as usual: names, waiting, output that cannot be written. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "leaks.h"
#include "world.h"

static struct child_result said;

/* A shell line; `bmcctl` is one of its words. What it says is in `said`. -> exit code */
static int __attribute__((format(printf, 2, 3))) sh(struct world *w, const char *format, ...)
{
	char line[1024] = "bmcctl() { " BMC_BMCCTL " \"$@\"; }; ";
	char *argv[] = { "sh", "-c", line, NULL };
	size_t len = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	child_run(&w->server, argv, 60, &said);
	return said.code;
}

static void assert_says(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("it does not say '%s', but: %s%s", what, said.out, said.err);
}

static void assert_says_not(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("it says '%s': %s%s", what, said.out, said.err);
}

/* It was the name of `start` for ever. */
static void an_interface_is_called_what_it_is_called_now(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "ip link set " WORLD_IF " down && ip link set " WORLD_IF
			       " name other7 && ip link set other7 up"),
			 0);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "interface  other7: ");
	assert_says_not(said.out, WORLD_IF);
	assert_int_equal(sh(w, "bmcctl start --iface other7 --name %sx --port 5", w->instance), 1);
	assert_says(said.err, "interface 'other7' belongs to instance");
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	assert_says(said.out, "detached XDP from other7\n");
	assert_says(said.out, "removed the clsact qdisc of other7\n");
	leaks_check(w->cookie, w->instance);
}

static void an_interface_that_is_gone_is_told(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "ip link del " WORLD_IF);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, WORLD_IF);
	assert_says(said.out, "it is gone");
}

/* It waited half a minute without a word. */
static void who_is_waited_for_is_told(void **state)
{
	struct world *w = *state;
	char pid[32];
	pid_t other =
		bmcctl_paused(&w->server, "loaded",
			      "start --name %s --iface " WORLD_IF " --memory 16M", w->instance);

	snprintf(pid, sizeof(pid), "pid %d, '", (int)other);
	sh(w, "timeout 2.5 " BMC_BMCCTL " stop --name %s", w->instance);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(bmcctl_go_on(other), 128 + SIGKILL);
	assert_int_equal(said.code, 124);
	assert_says(said.err, pid);
	assert_says(said.err, " start --name ");
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	assert_says_not(said.err, "waiting");
}

/* `stop` said that nothing was running, and `stats` named one of them. */
static void who_forgets_the_name_is_told_which_there_are(void **state)
{
	static const char *const commands[] = { "stats", "status", "flush", "reset" };
	struct world *w = *state;
	char name[40];

	snprintf(name, sizeof(name), "'%s'", w->instance);
	for (size_t i = 0; i < TEST_COUNT(commands); i++) {
		assert_int_equal(sh(w, "bmcctl %s --name %sx", commands[i], w->instance), 1);
		assert_says(said.err, name);
	}
	assert_int_equal(sh(w, "bmcctl stop --name %sx", w->instance), 0);
	assert_says(said.out, "nothing is running");
	assert_says(said.err, name);
}

/*
 * What was done counts: a `start` that fails would have left nothing. (It did what was asked for, and the exit code was
 * 1.) What only tells fails if it cannot.
 */
static void output_that_cannot_be_written(void **state)
{
	static const char *const tells[] = { "stats", "stats --json", "status", "status --json" };
	static const char *const acts[] = { "flush", "reset", "stop" };
	struct world *w = *state;

	assert_int_equal(sh(w,
			    "bmcctl start --name %s --iface " WORLD_IF " --memory 16M >/dev/full",
			    w->instance),
			 0);
	assert_says(said.err, "No space left on device");
	assert_says(said.err, "'start' was");
	for (size_t i = 0; i < TEST_COUNT(tells); i++) {
		assert_int_equal(sh(w, "bmcctl %s --name %s >/dev/full", tells[i], w->instance), 1);
		assert_says(said.err, "cannot write the result: No space left on device");
	}
	for (size_t i = 0; i < TEST_COUNT(acts); i++) {
		assert_int_equal(sh(w, "bmcctl %s --name %s >/dev/full", acts[i], w->instance), 0);
		assert_says(said.err, "No space left on device");
	}
	leaks_check(w->cookie, w->instance);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(an_interface_is_called_what_it_is_called_now),
	WORLD_TEST(an_interface_that_is_gone_is_told),
	cmocka_unit_test_setup_teardown(who_is_waited_for_is_told, world_setup_memcached,
					world_teardown),
	WORLD_TEST(who_forgets_the_name_is_told_which_there_are),
	cmocka_unit_test_setup_teardown(output_that_cannot_be_written, world_setup_memcached,
					world_teardown),
};

TEST_MAIN(tests, NULL, NULL)
