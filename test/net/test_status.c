// SPDX-License-Identifier: LGPL-2.1-only
/* `bmcctl status`: whoever keeps something out of the cache is named, where it belongs. */
#include <bpf/bpf.h>
#include <json-c/json.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "said.h"
#include "world.h"

static void status(struct world *w, const char *options)
{
	if (bmcctl(&w->server, "status --name %s %s", w->instance, options))
		fail_msg("bmcctl status: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
}

static void a_flush_all_without_an_answer_is_named(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "value");
	tcp_send(&w->tcp, "flush_all noreply\r\n", 19);
	tcp_wait_sent(&w->tcp);
	for (int i = 0; i < 3; i++)
		assert_false(world_get(w, &w->udp, "k"));
	status_says(w, "holds fills 10.77.0.2:");
	status_says(w, "not cached: fills are held by 10.77.0.2:");
	status_says(w, "nothing is cached: port 11211: fills are held by");
	status_says(w, "flush_all noreply");
	tcp_expect(&w->tcp, "get nothing\r\n", "END");
	world_cache(w, "k", "value");
	status_says_not(w, "not cached");
	status_says_not(w, "holds fills");
}

/* Only their keys are kept out: no reason for the whole server. */
static void silent_writes_without_an_answer_are_named(void **state)
{
	struct world *w = *state;

	world_cache(w, "k", "value");
	tcp_send(&w->tcp, "set silent 0 0 1 noreply\r\nx\r\n", 29);
	tcp_wait_sent(&w->tcp);
	status_says(w, "not confirmed 10.77.0.2:");
	status_says_not(w, "not cached");
	assert_true(world_get(w, &w->udp, "k"));
	for (int i = 0; i < 3; i++)
		assert_false(world_get(w, &w->udp, "silent"));
	tcp_expect(&w->tcp, "get nothing\r\n", "END");
	status_says_not(w, "not confirmed");
	world_warm(w, &w->udp, "silent");
}

/* The bug: those of the binary protocol were not named. */
static void quiet_binary_writes_without_an_answer_are_named(void **state)
{
	static const char setq[] = "\x80\x11\0\6\x08\0\0\0\0\0\0\x0f\0\0\0\0\0\0\0\0\0\0\0\0"
				   "\0\0\0\0\0\0\0\0silentx";
	struct world *w = *state;
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_send(&t, setq, sizeof(setq) - 1);
	world_await(w, &w->tcp, "silent", "x");
	status_says(w, "not confirmed 10.77.0.2:");
	status_says_not(w, "not cached");
	tcp_close(&t);
	world_warm(w, &w->udp, "silent");
	status_says_not(w, "not confirmed");
}

/* It used to be told that no memcached listens. */
static void a_memcached_that_cannot_be_seen_is_not_gone(void **state)
{
	static struct child_result r;
	struct world *w = *state;
	char *argv[] = { "setpriv",  "--bounding-set=-sys_ptrace",
			 BMC_BMCCTL, "status",
			 "--name",   w->instance,
			 NULL,	     NULL };

	world_cache(w, "k", "value");
	child_run(&w->server, argv, 20, &r);
	assert_int_equal(r.code, 0);
	if (!strstr(r.out, "its process cannot be seen here") || strstr(r.out, "not running") ||
	    strstr(r.out, "not cached") || !strstr(r.out, "  caching"))
		fail_msg("status says:\n%s", r.out);
	argv[6] = "--json";
	child_run(&w->server, argv, 20, &r);
	assert_non_null(strstr(r.out, "\"process_unseen\":true"));
	assert_int_equal(bmcctl(&w->server, "status --name %s --json", w->instance), 0);
	assert_non_null(strstr(bmcctl_result.out, "\"process_unseen\":false"));
}

#define CGROUP_SH "c=$(findmnt -nt cgroup2 -o TARGET | head -1)/bmc-test-%d; l=/tmp/bmc-cgroup-%d; "

/* Its replies are not seen, wherever they leave: its sockets stay in the cgroup in which it made them. */
static void replies_that_nobody_sees_are_told(void **state)
{
	struct world *w = *state;
	char options[60];
	int pid = getpid();

	world_stop_bmc(w);
	child_sh(&w->server, CGROUP_SH "mkdir $c && ln -s $c $l && echo %d >$c/cgroup.procs", pid,
		 pid, w->memcached.pid);
	snprintf(options, sizeof(options), "--cgroup /tmp/bmc-cgroup-%d", pid);
	world_start_bmc(w, options);
	tcp_set(&w->tcp, "k", "value", 5);
	world_get(w, &w->udp, "k");
	status_says(w, "none of memcached's UDP replies has been seen yet");
	world_stop_bmc(w);
	child_sh(&w->server, CGROUP_SH "echo %d >$c/../cgroup.procs; rmdir $c; rm $l", pid, pid,
		 w->memcached.pid);
}

static int can(const struct ns *ns, const char *command)
{
	char *argv[] = { "sh", "-c", (char *)command, NULL };
	static struct child_result result;

	child_run(ns, argv, 10, &result);
	return !result.code;
}

#define NO_ROOM                                                                                    \
	"600" /* bytes of options that a socket may have: more than a mark, less than a conn */

/* A connection whose state finds no memory. 0; -1: that cannot be had here. */
static int open_without_memory(struct world *w, struct tcp *t)
{
	if (!can(&w->server, "sysctl -qw net.core.optmem_max=" NO_ROOM))
		return -1; /* not a namespace's own before Linux 6.8 */
	tcp_open(t, &w->client, WORLD_IP4, WORLD_PORT);
	child_sh(&w->server, "sysctl -qw net.core.optmem_max=131072");
	return 0;
}

/* It has its hold from its birth: `start` gives it no second state, with which that hold would never end. */
static void one_without_memory_while_start_is_at_work_is_lost(void **state)
{
	struct world *w = *state;
	struct tcp t;
	pid_t start;
	int failed;

	start = bmcctl_paused(&w->server, "sockets marked",
			      "start --name %s --iface " WORLD_IF
			      " --memory 16M --mode native --max-age 60s",
			      w->instance);
	failed = open_without_memory(w, &t);
	assert_int_equal(bmcctl_go_on(start), 0);
	if (failed)
		skip();
	world_open_clients(w);
	tcp_set(&t, "k", "value", 5);
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, "k"));
	status_says(w, "no memory for its state");
	tcp_close(&t);
	world_warm(w, &w->udp, "k");
	status_says_not(w, "not cached");
}

/* `reset` closes it, whose hold is over then. */
static void one_without_memory_is_reset(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_cache(w, "k", "value");
	if (open_without_memory(w, &t))
		skip();
	for (int i = 0; i < 5; i++)
		assert_false(world_get(w, &w->udp, "k"));
	assert_int_equal(bmcctl(&w->server, "reset --name %s", w->instance), 0);
	assert_non_null(strstr(bmcctl_result.out, "(no memory for its state)"));
	world_warm(w, &w->udp, "k");
	tcp_close(&t);
	world_expect(w, &w->udp, "k", "value");
}

/* A connection whose state there was no memory for kept the cache off for ever; it is lost, until it closes. */
static void a_connection_without_memory_is_lost(void **state)
{
	struct world *w = *state;
	struct tcp t;

	world_cache(w, "k", "value");
	if (open_without_memory(w, &t))
		skip();
	assert_int_equal(world_stat(w, "lost"), 1);
	tcp_set(&t, "k", "new", 3);
	world_expect(w, &w->udp, "k", "new");
	assert_false(world_get(w, &w->udp, "k"));
	status_says(w, "no memory for its state");
	tcp_close(&t);
	world_warm(w, &w->udp, "k");
	status_says_not(w, "not cached");
	world_expect(w, &w->udp, "k", "new");
}

/* A reason of one port is not the other's. */
static void reasons_stand_at_their_port(void **state)
{
	struct world *w = *state;
	struct udp second;
	struct tcp t;

	memcached_start(&w->plain, &w->server, 11212, NULL);
	world_start_bmc(w, "--max-age 60s --port 11211 --port 11212");
	world_open_clients(w);
	udp_open(&second, &w->client, WORLD_IP4, 11212);
	tcp_open(&t, &w->client, WORLD_IP4, 11212);
	tcp_set(&t, "k", "other", 5);
	tcp_expect(&t, "watch\r\n", "OK");
	world_cache(w, "k", "value");
	for (int i = 0; i < 3; i++)
		assert_false(world_get(w, &second, "k"));
	status_says(w, "not cached: 1 connection cannot be followed (watch from 10.77.0.2:");
	status_says_not(w, "nothing is cached");
	status_says(w, "caching");
	tcp_close(&t);
	udp_close(&second);
}

static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *found = NULL;

	if (!json_object_object_get_ex(o, key, &found))
		fail_msg("status --json has no \"%s\":\n%s", key, bmcctl_result.out);
	return found;
}

static void json_tells_the_same(void **state)
{
	struct world *w = *state;
	struct json_object *all, *server, *keeper;

	tcp_send(&w->tcp, "flush_all noreply\r\n", 19);
	tcp_wait_sent(&w->tcp);
	test_sleep(0.05);
	status(w, "--json");
	all = json_tokener_parse(bmcctl_result.out);
	assert_non_null(all);
	server = json_object_array_get_idx(get(json_object_array_get_idx(all, 0), "servers"), 0);
	assert_int_equal(json_object_get_int(get(server, "holds")), 1);
	assert_int_equal(json_object_get_int(get(server, "connections_holding")), 1);
	assert_int_equal(json_object_get_int(get(server, "connections_in_step")), 1);
	assert_true(json_object_get_string_len(get(server, "why_nothing_is_cached")) > 0);
	keeper = json_object_array_get_idx(get(server, "keepers"), 0);
	assert_non_null(keeper);
	assert_string_equal(json_object_get_string(get(keeper, "keeps_out")), "everything");
	assert_memory_equal(json_object_get_string(get(keeper, "peer")), "10.77.0.2:", 10);
	json_object_put(all);
}

#define TCX_EGRESS ((enum bpf_attach_type)47) /* linux/bpf.h of Linux 6.6 */
#define BEFORE_ALL (1U << 3)

/* A program that passes everything on, and to no other program. The link's fd; -1: the kernel has no tcx. */
static int attach_tcx_in_front(struct world *w)
{
	static const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = BEFORE_ALL);
	int link, prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "in_front", "GPL", pass, 2, NULL);

	assert_true(prog >= 0);
	assert_int_equal(ns_enter(&w->server), 0);
	link = bpf_link_create(prog, (int)if_nametoindex(WORLD_IF), TCX_EGRESS, &opts);
	assert_int_equal(ns_leave(), 0);
	close(prog);
	return link;
}

/* One that ends memcached's replies before ours sees them. */
static void an_egress_filter_in_front_is_named(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "tc qdisc add dev " WORLD_IF " clsact && tc filter add dev " WORLD_IF
			     " egress prio 1 bpf direct-action object-file " BMC_PASS_OBJECT
			     " section classifier");
	world_start_bmc(w, "--max-age 60s --tc clsact");
	world_open_clients(w);
	tcp_set(&w->tcp, "k", "value", 5);
	for (int i = 0; i < 3; i++)
		assert_false(world_get(w, &w->udp, "k"));
	status_says(w, "the egress filter of priority 1");
	child_sh(&w->server, "tc filter del dev " WORLD_IF " egress prio 1");
	world_warm(w, &w->udp, "k");
	status_says_not(w, "egress filter");
	child_sh(&w->server, "tc qdisc show dev " WORLD_IF " | grep -q clsact");
}

/* The same by a link of tcx, before a filter of ours and before a link. */
static void a_tcx_program_in_front_is_named(void **state)
{
	static const char *const ways[] = { "--max-age 60s --tc clsact", "--max-age 60s" };
	struct world *w = *state;
	int link;

	for (size_t i = 0; i < TEST_COUNT(ways); i++) {
		world_start_bmc(w, ways[i]);
		link = attach_tcx_in_front(w);
		if (link < 0) {
			assert_false(w->is_tcx);
			print_message("this kernel has no tcx\n");
			world_stop_bmc(w);
			return;
		}
		world_open_clients(w);
		tcp_set(&w->tcp, "k", "value", 5);
		for (int n = 0; n < 3; n++)
			assert_false(world_get(w, &w->udp, "k"));
		status_says(w, "at tcx egress, which comes before ours");
		close(link);
		world_warm(w, &w->udp, "k");
		status_says_not(w, "tcx egress");
		world_stop_bmc(w);
		tcp_close(&w->tcp);
		udp_close(&w->udp);
		udp_close(&w->udp6);
	}
}

/* It keeps keys that were written over UDP out, and says so; but nothing is held. */
static void commands_over_udp_without_an_answer_are_told(void **state)
{
	struct world *w = *state;
	double until = test_now() + test_patience(TEST_ANSWER_S);

	world_cache(w, "k", "value");
	memcached_freeze(&w->memcached);
	udp_send(&w->udp, "set u 0 0 1\r\nx\r\n", 17);
	while (!world_stat(w, "udp_writes"))
		assert_true(test_now() < until);
	status_says(w, "over UDP: 1 command unanswered, nothing held");
	status_says_not(w, "not cached");
	status(w, "--json");
	assert_non_null(strstr(bmcctl_result.out, "\"udp_unanswered\":1,"));
	memcached_thaw(&w->memcached);
	assert_int_equal(udp_receive(&w->udp, w->udp.id, TEST_ANSWER_S, &w->text), 0);
	status_says_not(w, "over UDP");
	world_warm(w, &w->udp, "u");
}

static void is_under_way(struct world *w, const char *command)
{
	bmcctl(&w->server, "%s --name %s", command, w->instance);
	if (!strstr(bmcctl_result.err, "another bmcctl starts or stops it just now") &&
	    !strstr(bmcctl_result.out, "another bmcctl starts or stops it just now"))
		fail_msg("%s says: %s%s", command, bmcctl_result.out, bmcctl_result.err);
	assert_null(strstr(bmcctl_result.err, "damaged"));
}

/* It was said to be damaged, or not to have finished, and to be stopped. */
static void a_start_that_is_under_way_is_told(void **state)
{
	static const char *const where[] = { "folders made", "XDP attached", "sockets adopted" };
	struct world *w = *state;

	for (size_t i = 0; i < TEST_COUNT(where); i++) {
		pid_t pid = bmcctl_paused(&w->server, where[i],
					  "start --name %s --iface " WORLD_IF
					  " --memory 16M --mode native --max-age 60s",
					  w->instance);

		is_under_way(w, "status");
		assert_int_equal(bmcctl_go_on(pid), 0);
		status(w, "");
		assert_null(strstr(bmcctl_result.out, "just now"));
		world_stop_bmc(w);
	}
}

/* Every miss has its reason, if the item is there all the same. */
static void misses_tell_why(void **state)
{
	struct world *w = *state;
	long long before;
	struct tcp t;

	/* before `start`: nothing tells when it expires */
	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&t, "k", "value", 5);
	tcp_close(&t);
	world_start_bmc(w, "--max-age 1s");
	world_open_clients(w);
	world_warm(w, &w->udp, "k");
	before = world_stat(w, "miss_expired");
	test_sleep(1.2);
	assert_false(world_get(w, &w->udp, "k"));
	assert_int_equal(world_stat(w, "miss_expired"), before + 1);
	world_warm(w, &w->udp, "k");
	before = world_stat(w, "miss_epoch");
	assert_int_equal(bmcctl(&w->server, "flush --name %s", w->instance), 0);
	assert_false(world_get(w, &w->udp, "k"));
	assert_true(world_stat(w, "miss_epoch") + world_stat(w, "miss_expired") > before);
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)
#define STATUS_TEST(name)                                                                          \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	WORLD_TEST(a_flush_all_without_an_answer_is_named),
	WORLD_TEST(silent_writes_without_an_answer_are_named),
	WORLD_TEST(quiet_binary_writes_without_an_answer_are_named),
	WORLD_TEST(a_connection_without_memory_is_lost),
	STATUS_TEST(one_without_memory_while_start_is_at_work_is_lost),
	WORLD_TEST(one_without_memory_is_reset),
	STATUS_TEST(reasons_stand_at_their_port),
	WORLD_TEST(a_memcached_that_cannot_be_seen_is_not_gone),
	WORLD_TEST(replies_that_nobody_sees_are_told),
	WORLD_TEST(json_tells_the_same),
	WORLD_TEST(commands_over_udp_without_an_answer_are_told),
	STATUS_TEST(a_start_that_is_under_way_is_told),
	STATUS_TEST(misses_tell_why),
	STATUS_TEST(an_egress_filter_in_front_is_named),
	STATUS_TEST(a_tcx_program_in_front_is_named),
};

TEST_MAIN(tests, NULL, NULL)
