// SPDX-License-Identifier: LGPL-2.1-only
/* What bmcctl says when something is not as usual: names, waiting, output that cannot be written. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"
#include "leaks.h"
#include "said.h"
#include "world.h"

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
	assert_says(said.out, "detached TC egress from other7\n");
	if (!w->is_tcx)
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

#define LINKS "/sys/fs/bpf/bmc/%s/links/"

static int has_link(const char *instance, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), LINKS "%s", instance, name);
	return !access(path, F_OK);
}

/* Writes go unseen without them: `status` said that it is caching. */
static void a_program_that_was_taken_off_the_cgroup_is_told(void **state)
{
	static const char *const names[] = { "bmc_ingress",  "bmc_egress",     "bmc_sock_release",
					     "bmc_sockops",  "bmc_post_bind4", "bmc_post_bind6",
					     "bmc_recvmsg4", "bmc_recvmsg6" };
	struct world *w = *state;

	for (size_t i = 0; i < TEST_COUNT(names); i++) {
		world_start_bmc(w, "");
		assert_true(has_link(w->instance, names[i]));
		status_says_not(w, "UNSAFE");
		assert_int_equal(
			sh(w, i % 2 ? "rm " LINKS "%s" : "bpftool link detach pinned " LINKS "%s",
			   w->instance, names[i]),
			0);
		assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
		assert_says(said.out, "UNSAFE");
		assert_says(said.out, names[i]);
		assert_says(said.out, " was taken off the cgroup");
		world_stop_bmc(w);
	}
}

/* The list of the test above has all of them. */
static void nothing_else_is_attached_to_the_cgroup(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "ls " LINKS " | grep -vcE '^(xdp|tcx)_'", w->instance), 0);
	assert_string_equal(said.out, "8\n");
}

#define TO_NS "ip link set " WORLD_IF " netns %s"

/* It was said to be gone, perhaps. Its program answers there, and stop takes it off. */
static void an_interface_that_was_moved_is_told(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, TO_NS, w->client.name);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "interface  " WORLD_IF ": ");
	assert_says(said.out, "it was moved to another network namespace");
	assert_int_equal(sh(w, "bmcctl stats --name %s", w->instance), 0);
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	assert_says(said.out, "(" WORLD_IF ") of another network namespace");
	child_sh(&w->client, "! ip link show " WORLD_IF " | grep prog/xdp");
	leaks_check(w->cookie, w->instance);
}

/* They were, with what memcached has where the interface was. */
static void requests_to_a_moved_interface_are_not_answered(void **state)
{
	struct world *w = *state;
	static struct fake fake;
	struct ns other;

	world_cache(w, "k", "value");
	ns_make(&other, "other");
	child_sh(&w->server, TO_NS, other.name);
	child_sh(&other,
		 "ip addr add " WORLD_IP4 "/24 dev " WORLD_IF " && ip link set " WORLD_IF " up");
	fake_start(&fake, &other, WORLD_IP4, WORLD_PORT, 65534, FAKE_NO_TCP, "END\r\n");
	/* the one by which it is noticed is lost */
	udp_send(&w->udp, "get k\r\n", 7);
	assert_int_equal(udp_receive(&w->udp, w->udp.id, 0.3, &w->text), -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		udp_get(&w->udp, "k", &w->text);
		text_assert_is("k", &w->text, "END\r\n");
	}
	fake_stop(&fake);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "it was moved to another network namespace");
	assert_says(said.out, "an interface was moved to another network namespace");
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	ns_remove(&other);
}

/* If the namespace of `start` was gone, nobody could. */
static void stop_works_where_an_interface_was_moved_to(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, TO_NS, w->client.name);
	assert_int_equal(bmcctl(&w->client, "stop --name %s", w->instance), 0);
	assert_says(bmcctl_result.out, "detached XDP from " WORLD_IF "\n");
	leaks_check(w->cookie, w->instance);
}

/* Its number is another one's by now, and it was said to be gone. */
static void an_interface_that_comes_back_is_told(void **state)
{
	struct world *w = *state;
	unsigned int number = ns_ifindex(&w->server, WORLD_IF);

	child_sh(&w->server, TO_NS, w->client.name);
	child_sh(&w->server, "ip link add name back0 index %u type veth peer name back1", number);
	child_sh(&w->client, "ip link set " WORLD_IF " netns %s", w->server.name);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "interface  " WORLD_IF ": XDP program ");
	assert_says(said.out,
		    w->is_tcx ? "it was in another network namespace" : "TC egress was taken off");
	assert_says_not(said.out, "back0");
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	assert_says(said.out, "detached XDP from " WORLD_IF "\n");
	child_sh(&w->server, "! ip link show " WORLD_IF " | grep prog/xdp");
	leaks_check(w->cookie, w->instance);
}

/* Of the same name and number, with programs of somebody else's: these were taken for bmc's. */
static void an_interface_that_was_made_again_is_told(void **state)
{
	struct world *w = *state;
	unsigned int number = ns_ifindex(&w->server, WORLD_IF);

	child_sh(&w->server,
		 "ip link del " WORLD_IF " && ip link add name " WORLD_IF
		 " index %u type veth peer name again1 && ip link set " WORLD_IF
		 " xdpgeneric obj " BMC_PASS_OBJECT " sec xdp && tc qdisc add dev " WORLD_IF
		 " clsact && tc filter add dev " WORLD_IF
		 " egress bpf direct-action object-file " BMC_PASS_OBJECT " section tc",
		 number);
	assert_int_equal(sh(w, "bmcctl status --name %s", w->instance), 0);
	assert_says(said.out, "interface  " WORLD_IF ": no XDP program");
	assert_says(said.out, "XDP was taken off");
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	child_sh(&w->server,
		 "ip link show " WORLD_IF " | grep -q prog/xdp && tc filter show dev " WORLD_IF
		 " egress | grep -q pass");
	leaks_check(w->cookie, w->instance);
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
	assert_says_not(said.err, pid); /* another test may have it now */
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

/* In a PID namespace whose /proc is not its own, `start` took memcached for one that is still to come. */
static void a_foreign_proc_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w,
			    "unshare --pid --fork " BMC_BMCCTL " start --name %s --iface " WORLD_IF
			    " --memory 16M",
			    w->instance),
			 1);
	assert_says(said.err, "/proc is not mounted, or that of another PID namespace");
	/* that a capability is missing, it said */
	assert_int_equal(sh(w,
			    "unshare --mount sh -c 'umount -l /proc; " BMC_BMCCTL
			    " start --name %s --iface " WORLD_IF " --memory 16M'",
			    w->instance),
			 1);
	assert_says(said.err, "/proc is not mounted, or that of another PID namespace");
	leaks_check(w->cookie, w->instance);
}

/* The times that `start` notes were of another clock than the programs'. */
static void a_time_namespace_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w,
			    "unshare --time --monotonic 5 --fork " BMC_BMCCTL
			    " start --name %s --iface " WORLD_IF " --memory 16M",
			    w->instance),
			 1);
	assert_says(said.err, "the clock here is that of a time namespace");
	leaks_check(w->cookie, w->instance);
}

/* No memcached, it said. */
static void udp_without_tcp_is_told(void **state)
{
	struct world *w = *state;

	memcached_stop(&w->memcached);
	assert_int_equal(sh(w,
			    "memcached -u nobody -p 0 -U 11211 & sleep 0.5; bmcctl start --name %s "
			    "--iface " WORLD_IF "; code=$?; kill $!; wait; exit $code",
			    w->instance),
			 1);
	assert_says(said.err, "at port 11211 there is UDP, but nobody listens");
	assert_says(said.err, "whose TCP is at another port");
	assert_says(said.err, "(-p 11211 -U 11211)");
}

/* `ip link set dev ... xdp off`, as it said, takes no generic program off. */
static void how_to_take_a_foreign_program_off(void **state)
{
	struct world *w = *state;
	char command[64], *end;

	child_sh(&w->server, "ip link set " WORLD_IF " xdpgeneric obj " BMC_PASS_OBJECT " sec xdp");
	assert_int_equal(sh(w, "bmcctl start --name %s --iface " WORLD_IF, w->instance), 1);
	assert_says(said.err, "'ip link set dev ");
	snprintf(command, sizeof(command), "%s", strstr(said.err, "ip link set"));
	end = strchr(command, '\'');
	assert_non_null(end);
	*end = 0;
	child_sh(&w->server, "%s && ! ip link show " WORLD_IF " | grep -q prog/xdp", command);
}

/* That the driver refused native mode was seen by nobody who did not know that there is one. */
static void why_native_mode_is_not_taken_is_told(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "ip link add told0 type bridge");
	assert_int_equal(sh(w, "bmcctl start --name %s --iface told0 --memory 16M", w->instance),
			 0);
	assert_says(said.err, "told0: skb mode, which is slower, since native mode was refused: ");
	world_stop_bmc(w);
	child_sh(&w->server, "ip link add told1 mtu 9000 type veth peer name told2 mtu 9000");
	assert_int_equal(sh(w, "bmcctl start --name %s --iface told1 --memory 16M --mode native",
			    w->instance),
			 1);
	assert_says(said.err, "perhaps for its MTU of 9000; try --mode skb");
	leaks_check(w->cookie, w->instance);
}

/* An interface that is there was told to be gone. */
static void a_stop_after_half_a_stop_names_the_interface(void **state)
{
	struct world *w = *state;

	assert_int_equal(
		sh(w,
		   "unshare --mount sh -c 'links=/sys/fs/bpf/bmc/%s/links; "
		   "mount --bind $links $links; mount -o remount,bind,ro $links; " BMC_BMCCTL
		   " stop --name %s'",
		   w->instance, w->instance),
		1);
	assert_says(said.err, "Read-only file system");
	assert_int_equal(sh(w, "bmcctl stop --name %s", w->instance), 0);
	assert_says(said.out, "detached XDP from " WORLD_IF "\n");
	assert_says_not(said.out, "gone");
}

/* JSON had a reason why nothing was cached, and much was. */
static void an_instance_of_another_namespace_is_told(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "value");
	assert_int_equal(bmcctl(&w->client, "status --name %s --json", w->instance), 0);
	assert_says(bmcctl_result.out, "\"elsewhere\":true");
	assert_says(bmcctl_result.out, "\"why_nothing_is_cached\":\"\"");
	assert_int_equal(bmcctl(&w->client, "status --name %s", w->instance), 0);
	assert_says(bmcctl_result.out, "  it is in another network namespace: ask there");
}

/* It was to be asked in its namespace, which was gone. */
static void an_instance_whose_namespace_is_gone_is_told(void **state)
{
	struct world *w = *state;

	memcached_stop(&w->memcached);
	child_sh(&w->server, "ip link del " WORLD_IF);
	assert_int_equal(bmcctl(&w->client, "status --name %s", w->instance), 0);
	assert_says(bmcctl_result.out, "nothing is cached: its interfaces are gone");
	assert_int_equal(bmcctl(&w->client, "stop --name %s", w->instance), 0);
	leaks_check(w->cookie, w->instance);
}

/* "say which with --name" is for who did not. */
static void who_gives_a_name_is_not_told_to_give_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(sh(w, "bmcctl stop --name %sx", w->instance), 0);
	assert_says(said.out, "x: nothing is running\n");
	assert_says(said.err, w->instance);
	assert_says_not(said.err, "with --name");
}

#define WITHOUT_BMC(name)                                                                          \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	WORLD_TEST(an_interface_is_called_what_it_is_called_now),
	WORLD_TEST(an_interface_that_is_gone_is_told),
	WITHOUT_BMC(a_program_that_was_taken_off_the_cgroup_is_told),
	WORLD_TEST(nothing_else_is_attached_to_the_cgroup),
	WORLD_TEST(an_interface_that_was_moved_is_told),
	WORLD_TEST(requests_to_a_moved_interface_are_not_answered),
	WORLD_TEST(stop_works_where_an_interface_was_moved_to),
	WORLD_TEST(an_interface_that_comes_back_is_told),
	WORLD_CLSACT_TEST(an_interface_is_called_what_it_is_called_now),
	WORLD_CLSACT_TEST(an_interface_that_was_moved_is_told),
	WORLD_CLSACT_TEST(an_interface_that_comes_back_is_told),
	WORLD_CLSACT_TEST(an_interface_that_was_made_again_is_told),
	WORLD_TEST(an_interface_that_was_made_again_is_told),
	WITHOUT_BMC(who_is_waited_for_is_told),
	WORLD_TEST(who_forgets_the_name_is_told_which_there_are),
	WITHOUT_BMC(output_that_cannot_be_written),
	WITHOUT_BMC(a_foreign_proc_is_refused),
	WITHOUT_BMC(a_time_namespace_is_refused),
	WITHOUT_BMC(udp_without_tcp_is_told),
	WITHOUT_BMC(how_to_take_a_foreign_program_off),
	WITHOUT_BMC(why_native_mode_is_not_taken_is_told),
	WORLD_TEST(an_instance_of_another_namespace_is_told),
	WORLD_TEST(an_instance_whose_namespace_is_gone_is_told),
	WORLD_TEST(who_gives_a_name_is_not_told_to_give_one),
	WORLD_TEST(a_stop_after_half_a_stop_names_the_interface),
};

TEST_MAIN(tests, NULL, NULL)
