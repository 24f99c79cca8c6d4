// SPDX-License-Identifier: LGPL-2.1-only
/* What bmcctl refuses: a message that says what, on what and what to do; the right exit code;
 * nothing left. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "leaks.h"
#include "notes.h"
#include "said.h"
#include "world.h"

#define FAILED 1
#define USAGE 2

struct row {
	const char *line; /* after bmcctl; %s is the instance */
	int code;
	const char *says; /* is in the message */
};

static const struct row usage_rows[] = {
	{ "nonsense", USAGE, "nonsense" },
	{ "start --name %s", USAGE, "--iface" },
	{ "start --name %s --iface srv0 --nonsense", USAGE, "nonsense" },
	{ "start --name %s --iface srv0 nonsense", USAGE, "nonsense" },
	{ "start --name %s --iface srv0 --iface srv0", USAGE, "srv0" },
	{ "start --name %s --iface srv0 --port 0", USAGE, "'0'" },
	{ "start --name %s --iface srv0 --port 70000", USAGE, "70000" },
	{ "start --name %s --iface srv0 --port -1", USAGE, "-1" },
	{ "start --name %s --iface srv0 --port 11211x", USAGE, "11211x" },
	{ "start --name %s --iface srv0 --port 11211 --port 11211", USAGE, "11211" },
	{ "start --name %s --iface srv0 --memory 0", USAGE, "16M" },
	{ "start --name %s --iface srv0 --memory 1M", USAGE, "16M" },
	{ "start --name %s --iface srv0 --memory 64X", USAGE, "64X" },
	{ "start --name %s --iface srv0 --memory -64M", USAGE, "-64M" },
	{ "start --name %s --iface srv0 --memory 99999999999999999999G", USAGE, "more than" },
	{ "start --name %s --iface srv0 --memory 17179869200G", USAGE, "more than" },
	{ "start --name %s --iface srv0 --mode fast", USAGE, "fast" },
	{ "start --name %s --iface srv0 --connections 0", USAGE, "'0'" },
	{ "start --name %s --iface srv0 --connections many", USAGE, "many" },
	{ "start --name %s --iface srv0 --max-age soon", USAGE, "soon" },
	{ "start --name %s --iface srv0 --max-age -1s", USAGE, "-1s" },
	{ "start --name %s/../x --iface srv0", USAGE, "/../x" },
	{ "start --name a.%s --iface srv0", USAGE, "a." },
	{ "start --name %s --iface", USAGE, "iface" },
	{ "stats --name %s --nonsense", USAGE, "nonsense" },
	{ "stop --name a.b%s", USAGE, "a.b" },
	{ "start --name %s --iface srv0 --iface averyveryverylongname", USAGE, "averyvery" },
};

static const struct row machine_rows[] = {
	{ "start --name %s --iface nosuch0", FAILED, "nosuch0" },
	{ "start --name %s --iface srv0 --iface nosuch0", FAILED, "nosuch0" },
	{ "start --name %s --iface srv0 --memory 4000G", FAILED, "memory" },
	{ "start --name %s --iface srv0 --port 11999", FAILED, "11999" },
	{ "start --name %s --iface srv0 --port 11211 --port 11999", FAILED, "11999" },
	{ "start --name %s --iface srv0 --cgroup /nosuch", FAILED, "/nosuch" },
	{ "start --name %s --iface srv0 --user nosuchuser", FAILED, "nosuchuser" },
	{ "start --name %s --iface srv0 --cgroup /tmp", FAILED,
	  "'/tmp' is not a directory of cgroup2" },
	{ "start --name %s --iface srv0 --wait --port 11999", FAILED, "--user" },
	{ "stats --name %s", FAILED, "%s" },
	{ "flush --name %s", FAILED, "%s" },
	{ "status --name %s", FAILED, "%s" },
};

static void refused(struct world *w, const char *line, int code, const char *says)
{
	int got = bmcctl(&w->server, line, w->instance);
	char what[200];

	snprintf(what, sizeof(what), says, w->instance);
	if (code == USAGE ? got != USAGE : got != code)
		fail_msg("'%s': exit %d, not %d: %s%s", line, got, code, bmcctl_result.out,
			 bmcctl_result.err);
	if (!strstr(bmcctl_result.err, what))
		fail_msg("'%s': the message does not say '%s': %s", line, what, bmcctl_result.err);
	leaks_check(w->cookie, w->instance);
}

static void refused_rows(struct world *w, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		refused(w, rows[i].line, rows[i].code, rows[i].says);
	child_sh(&w->server, "! tc qdisc show dev srv0 | grep clsact");
	child_sh(&w->server, "! ip link show dev srv0 | grep prog/xdp");
}

static void what_is_wrong_by_itself_is_exit_2(void **state)
{
	refused_rows(*state, usage_rows, TEST_COUNT(usage_rows));
}

static void what_is_wrong_for_this_machine_is_exit_1(void **state)
{
	refused_rows(*state, machine_rows, TEST_COUNT(machine_rows));
}

static void without_root_is_refused(void **state)
{
	static struct child_result r;
	struct world *w = *state;
	char *argv[] = { "setpriv", "--reuid=65534", "--clear-groups", BMC_BMCCTL, "start",
			 "--name",  w->instance,     "--iface",	       WORLD_IF,   NULL };

	child_run(&w->server, argv, 20, &r);
	assert_int_equal(r.code, FAILED);
	assert_non_null(strstr(r.err, "root"));
	leaks_check(w->cookie, w->instance);
}

/* It has all capabilities, and may not ask the kernel: TC egress was told to be taken off. */
static void root_of_a_user_namespace_is_refused(void **state)
{
	static const char *const commands[] = { "status", "stop" };
	static struct child_result r;
	struct world *w = *state;

	world_start_bmc(w, "");
	for (size_t i = 0; i < TEST_COUNT(commands); i++) {
		char *argv[] = { "unshare", "-Ur",	 BMC_BMCCTL, (char *)commands[i],
				 "--name",  w->instance, NULL };

		child_run(&w->server, argv, 20, &r);
		assert_int_equal(r.code, FAILED);
		assert_non_null(strstr(r.err, "user namespace"));
	}
	world_open_clients(w);
	world_cache(w, "k", "still works");
}

/* `start` with a limit of open files, as prlimit has it. */
static const struct child_result *start_limited(struct world *w, char *files)
{
	static struct child_result r;
	char *argv[] = { "prlimit",   files,	 BMC_BMCCTL, "start", "--name",
			 w->instance, "--iface", WORLD_IF,   NULL };

	child_run(&w->server, argv, 20, &r);
	return &r;
}

/* EMFILE used to be told as a memcached that is busy. */
static void few_open_files_are_refused(void **state)
{
	struct world *w = *state;
	const struct child_result *r = start_limited(w, "--nofile=40:40");

	assert_int_equal(r->code, FAILED);
	assert_non_null(strstr(r->err, "files may be open"));
	leaks_check(w->cookie, w->instance);
}

static void a_low_soft_limit_of_open_files_is_raised(void **state)
{
	struct world *w = *state;
	const struct child_result *r = start_limited(w, "--nofile=40:1024");

	if (r->code)
		fail_msg("exit %d: %s", r->code, r->err);
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	leaks_check(w->cookie, w->instance);
}

static void help_that_cannot_be_written_is_exit_1(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "! " BMC_BMCCTL " --help >/dev/full");
	child_sh(&w->server, "! " BMC_BMCCTL " --version >/dev/full");
	child_sh(&w->server, "! " BMC_BMCCTL " start --help >/dev/full");
}

static void a_reader_that_has_enough_is_no_failure(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "{ { sleep 0.2; " BMC_BMCCTL
			     " --help 2>&4 || echo failed >&4; } | true; } 4>&1 | { ! grep .; }");
}

/* start and stop died of it, and left what they had come to. */
static void a_limit_of_file_size_is_no_failure(void **state)
{
	static const char line[] = "f=$(mktemp) && (ulimit -f 0; " BMC_BMCCTL
				   " %s --name %s >$f 2>&1); r=$?; rm -f $f; exit $r";
	struct world *w = *state;

	child_sh(&w->server, line, "start --memory 16M --iface " WORLD_IF, w->instance);
	child_sh(&w->server, line, "stop", w->instance);
	leaks_check(w->cookie, w->instance);
}

static void a_foreign_xdp_program_is_refused(void **state)
{
	struct world *w = *state;

	ns_pass_through(&w->server, WORLD_IF);
	refused(w, "start --name %s --iface " WORLD_IF, FAILED, WORLD_IF);
	assert_non_null(strstr(bmcctl_result.err, "XDP"));
	child_sh(&w->server, "ip link show dev " WORLD_IF " | grep -q prog/xdp");
	child_sh(&w->server, "! tc qdisc show dev " WORLD_IF " | grep clsact");
}

/* It was said to go with ip(8), which takes no link off. */
static void an_xdp_program_by_a_link_is_refused_and_how_to_detach_it_is_said(void **state)
{
	struct world *w = *state;
	const char *how;
	int link;

	ns_pass_through(&w->server, WORLD_IF);
	child_sh(&w->server, "ip link set dev " WORLD_IF " xdp off");
	link = ns_pass_by_link(&w->server, WORLD_IF);
	refused(w, "start --name %s --iface " WORLD_IF, FAILED, "bpftool link detach id ");
	how = strstr(bmcctl_result.err, "bpftool link detach id ");
	child_sh(NULL, "%.*s", (int)strcspn(how, "'"), how);
	assert_int_equal(close(link), 0);
	world_start_bmc(w, "");
}

/* bpffs was unmounted, and is still mounted elsewhere: its links go on. It was some XDP program. */
static void an_instance_of_a_bpffs_that_is_hidden_is_told(void **state)
{
	struct world *w = *state;
	char path[300], pin[340];
	int link;

	world_start_bmc(w, "");
	leaks_pins_path(w->instance, path, sizeof(path));
	snprintf(pin, sizeof(pin), "%s/links/xdp_%u", path, ns_ifindex(&w->server, WORLD_IF));
	link = bpf_obj_get(pin);
	assert_return_code(link, errno);
	child_sh(NULL, "rm -r %s", path);
	assert_int_equal(bmcctl(&w->server, "start --name %s --iface " WORLD_IF, w->instance),
			 FAILED);
	assert_non_null(strstr(bmcctl_result.err, "has bmc's own XDP program"));
	assert_int_equal(close(link), 0);
	child_sh(&w->server, "tc qdisc del dev " WORLD_IF " clsact 2>/dev/null || true");
}

/* It was "Cannot allocate memory", of maps and programs. */
static void without_memory_for_the_maps_what_to_do_is_said(void **state)
{
	static const char line[] =
		"c=/sys/fs/cgroup; on=; [ -d $c/memory ] && c=$c/memory || "
		"grep -qw memory $c/cgroup.subtree_control || "
		"{ echo +memory >$c/cgroup.subtree_control && on=$c; }; c=$c/%s; mkdir $c || exit "
		"9; "
		"for f in memory.max memory.limit_in_bytes; do "
		"[ ! -e $c/$f ] || echo 48M >$c/$f || exit 9; done; "
		"sh -c \"echo \\$\\$ >$c/cgroup.procs; "
		"exec " BMC_BMCCTL " start --name %s --iface " WORLD_IF " --memory 128M\"; "
		"code=$?; rmdir $c; "
		"[ -z \"$on\" ] || echo -memory >$on/cgroup.subtree_control; exit $code";
	struct world *w = *state;

	assert_int_equal(sh(w, line, w->instance, w->instance), FAILED);
	assert_says(said.err, "give less --memory, or raise the limit of the cgroup");
	leaks_check(w->cookie, w->instance);
}

static void an_instance_that_runs_is_refused(void **state)
{
	struct world *w = *state;

	world_start_bmc(w, "");
	assert_int_equal(bmcctl(&w->server, "start --name %s --iface " WORLD_IF, w->instance),
			 FAILED);
	assert_non_null(strstr(bmcctl_result.err, w->instance));
	world_open_clients(w);
	world_cache(w, "k", "still works");
}

static void an_interface_or_port_that_is_taken_is_refused(void **state)
{
	struct world *w = *state;

	ns_join(&w->server, "srv1", &w->client, "cli1", 78);
	memcached_start(&w->plain, &w->server, 11212, NULL);
	world_start_bmc(w, "");
	assert_int_equal(bmcctl(&w->server, "start --name %sb --iface srv0 --port 11212",
				w->instance),
			 FAILED);
	assert_non_null(strstr(bmcctl_result.err, "srv0"));
	assert_int_equal(bmcctl(&w->server, "start --name %sb --iface srv1 --port 11211",
				w->instance),
			 FAILED);
	assert_non_null(strstr(bmcctl_result.err, "11211"));
	assert_int_equal(bmcctl(&w->server,
				"start --name %sb --iface srv1 --port 11212 --memory 16M",
				w->instance),
			 0);
	assert_int_equal(bmcctl(&w->server, "stop --name %sb", w->instance), 0);
	world_open_clients(w);
	world_cache(w, "k", "still works");
}

/* Its XDP program was taken for that of an instance that is nowhere to be seen. */
static void an_interface_of_another_version_is_told(void **state)
{
	struct world *w = *state;
	char says[100];

	world_start_bmc(w, "");
	notes_of_another_version(w->instance);
	assert_int_equal(bmcctl(&w->server, "start --name %sb --iface lo --iface " WORLD_IF,
				w->instance),
			 FAILED);
	snprintf(says, sizeof(says), "belongs to instance '%s', which another version of bmcctl",
		 w->instance);
	assert_non_null(strstr(bmcctl_result.err, says));
	assert_int_equal(
		bmcctl(&w->server, "start --name %sb --iface lo --memory 16M", w->instance), 0);
	assert_non_null(strstr(bmcctl_result.err, "whether it has the same port cannot be told"));
	assert_int_equal(bmcctl(&w->server, "stop --name %sb", w->instance), 0);
	assert_int_equal(bmcctl(&w->server, "stop --name %s", w->instance), 0);
	leaks_check(w->cookie, w->instance);
}

/* It said "File exists". */
static void an_interface_by_two_names_is_refused(void **state)
{
	struct world *w = *state;

	child_sh(&w->server, "ip link property add dev " WORLD_IF " altname other0");
	refused(w, "start --name %s --iface " WORLD_IF " --iface other0", FAILED,
		"'other0' is the interface '" WORLD_IF "', which is given already");
}

static void run_read_only(struct world *w, const char *command, const char *options)
{
	static struct child_result r;
	char line[400];
	char *argv[] = { "unshare", "-m", "sh", "-c", line, NULL };

	snprintf(line, sizeof(line),
		 "mount -o remount,bind,ro /sys/fs/bpf && exec %s %s --name %s %s", BMC_BMCCTL,
		 command, w->instance, options);
	child_run(&w->server, argv, 20, &r);
	if (r.code != FAILED || !strstr(r.err, "/sys/fs/bpf is mounted read-only: "))
		fail_msg("%s with a read-only bpffs: exit %d: %s", command, r.code, r.err);
}

/* The instance was called damaged, and stop said to remove it, which it could not. */
static void a_bpffs_that_is_read_only_is_told(void **state)
{
	static const char *const commands[] = { "status", "stats", "flush", "reset", "stop" };
	struct world *w = *state;

	run_read_only(w, "start", "--iface " WORLD_IF);
	world_start_bmc(w, "");
	for (size_t i = 0; i < TEST_COUNT(commands); i++)
		run_read_only(w, commands[i], "");
	world_open_clients(w);
	world_cache(w, "k", "still works");
}

/* libbpf then gives no memory of the map: bmcctl died of it, and left all attached. */
static void without_memory_for_mmap_nothing_is_left(void **state)
{
	struct world *w = *state;

	assert_int_equal(bmcctl_fault(&w->server, "no mmap",
				      "start --name %s --iface " WORLD_IF " --memory 16M",
				      w->instance),
			 FAILED);
	assert_non_null(strstr(bmcctl_result.err, "give less --memory"));
	leaks_check(w->cookie, w->instance);
}

static void refused_with_memcached(struct world *w, const char *options, const char *says)
{
	memcached_start(&w->memcached, &w->server, WORLD_PORT, options);
	refused(w, "start --name %s --iface " WORLD_IF, FAILED, says);
	memcached_stop(&w->memcached);
}

static void memcached_without_udp_is_refused(void **state)
{
	refused_with_memcached(*state, "-U 0", "-U");
}

static void memcached_on_loopback_alone_is_refused(void **state)
{
	refused_with_memcached(*state, "-l 127.0.0.1", "loopback");
}

static void memcached_that_does_not_answer_is_refused(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	memcached_freeze(&w->memcached);
	refused(w, "start --name %s --iface " WORLD_IF, FAILED, "11211");
}

static void memcached_in_another_namespace_is_refused(void **state)
{
	struct world *w = *state;

	memcached_start(&w->memcached, &w->client, WORLD_PORT, NULL);
	refused(w, "start --name %s --iface " WORLD_IF, FAILED, "11211");
}

static void memcached_with_binary_protocol_only_is_refused(void **state)
{
	struct world *w = *state;
	struct tcp t;

	memcached_launch(&w->memcached, &w->server, WORLD_PORT, "-B binary");
	world_await_listener(w, &t);
	tcp_close(&t);
	refused(w, "start --name %s --iface " WORLD_IF, FAILED, "11211");
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)
#define REFUSED_TEST(name)                                                                         \
	cmocka_unit_test_setup_teardown(name, world_setup_memcached, world_teardown)

static const struct CMUnitTest tests[] = {
	REFUSED_TEST(what_is_wrong_by_itself_is_exit_2),
	REFUSED_TEST(what_is_wrong_for_this_machine_is_exit_1),
	REFUSED_TEST(without_root_is_refused),
	REFUSED_TEST(root_of_a_user_namespace_is_refused),
	REFUSED_TEST(few_open_files_are_refused),
	REFUSED_TEST(a_low_soft_limit_of_open_files_is_raised),
	REFUSED_TEST(help_that_cannot_be_written_is_exit_1),
	REFUSED_TEST(a_reader_that_has_enough_is_no_failure),
	REFUSED_TEST(a_limit_of_file_size_is_no_failure),
	REFUSED_TEST(a_foreign_xdp_program_is_refused),
	REFUSED_TEST(an_xdp_program_by_a_link_is_refused_and_how_to_detach_it_is_said),
	REFUSED_TEST(an_instance_of_a_bpffs_that_is_hidden_is_told),
	REFUSED_TEST(without_memory_for_the_maps_what_to_do_is_said),
	REFUSED_TEST(an_instance_that_runs_is_refused),
	REFUSED_TEST(an_interface_or_port_that_is_taken_is_refused),
	REFUSED_TEST(an_interface_of_another_version_is_told),
	REFUSED_TEST(an_interface_by_two_names_is_refused),
	REFUSED_TEST(a_bpffs_that_is_read_only_is_told),
	REFUSED_TEST(without_memory_for_mmap_nothing_is_left),
	EMPTY_TEST(memcached_without_udp_is_refused),
	EMPTY_TEST(memcached_on_loopback_alone_is_refused),
	EMPTY_TEST(memcached_that_does_not_answer_is_refused),
	EMPTY_TEST(memcached_in_another_namespace_is_refused),
	EMPTY_TEST(memcached_with_binary_protocol_only_is_refused),
};

TEST_MAIN(tests, NULL, NULL)
