// SPDX-License-Identifier: LGPL-2.1-only
/* memcached-sr: a UDP socket for each worker of the distribution's memcached, or a loud end. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "sr_look.h"
#include "world.h"

#define PORTS 200 /* clients */
#define EX_NOT_LOADED 70
#define EX_NOT_SHARED 71

static struct child_result result;

/* memcached-sr with these words, to its end. -> exit code */
static int sr(const struct ns *ns, const char *words)
{
	char line[512], *argv[] = { "sh", "-c", line, NULL };

	snprintf(line, sizeof(line), "exec " BMC_MEMCACHED_SR " %s", words);
	child_run(ns, argv, 30, &result);
	return result.code;
}

static void sr_check_says(struct world *w, int code, const char *says)
{
	if (sr(&w->server, "--check") != code)
		fail_msg("--check: exit %d: %s%s", result.code, result.out, result.err);
	if (!strstr(result.out, says))
		fail_msg("--check does not say '%s': %s", says, result.out);
}

/* An item over TCP, then a get from each of many ports: all are answered. */
static void get_from_many_ports(struct world *w, const char *address)
{
	static struct udp clients[PORTS];
	struct tcp t;

	tcp_open(&t, &w->client, WORLD_IP4, WORLD_PORT);
	tcp_set(&t, "k", "value", 5);
	tcp_close(&t);
	for (int i = 0; i < PORTS; i++) {
		udp_open(&clients[i], &w->client, address, WORLD_PORT);
		udp_send(&clients[i], "get k\r\n", 7);
	}
	for (int i = 0; i < PORTS; i++) {
		assert_int_equal(udp_receive(&clients[i], clients[i].id, TEST_ANSWER_S, &w->text),
				 0);
		text_assert_is("k", &w->text, "VALUE k 0 5\r\nvalue\r\nEND\r\n");
		udp_close(&clients[i]);
	}
}

/* Each one wakes its worker; of a burst a worker takes many at once. */
static void get_one_by_one(struct world *w, const char *address)
{
	struct udp client;

	for (int i = 0; i < PORTS; i++) {
		udp_open(&client, &w->client, address, WORLD_PORT);
		udp_ask(&client, "get k\r\n", &w->text);
		udp_close(&client);
	}
}

static void expect_workers(struct world *w, int workers)
{
	char options[32];

	snprintf(options, sizeof(options), "-t %d", workers);
	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, options);
	sr_look_wait(w->memcached.pid, WORLD_PORT, "0.0.0.0", workers);
	sr_look_wait(w->memcached.pid, WORLD_PORT, "::", workers);
	sr_check_says(w, 0, "a socket of its own");
	get_from_many_ports(w, WORLD_IP4);
	get_from_many_ports(w, WORLD_IP6);
	memcached_stop(&w->memcached);
}

static void as_many_sockets_as_workers(void **state)
{
	expect_workers(*state, 1);
	expect_workers(*state, 2);
	expect_workers(*state, 4);
}

static void every_worker_gets_some(void **state)
{
	struct world *w = *state;
	struct sr_wakeups before, after;

	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, "-t 4");
	sr_look_wait(w->memcached.pid, WORLD_PORT, "0.0.0.0", 4);
	get_from_many_ports(w, WORLD_IP4);
	sr_look_wakeups(w->memcached.pid, &before);
	get_one_by_one(w, WORLD_IP4);
	sr_look_wakeups(w->memcached.pid, &after);
	assert_true(sr_look_woken(&before, &after, 5) >= 4);
}

/* A name with three addresses, in a hosts file of its own. */
static void a_name_with_several_addresses(void **state)
{
	struct world *w = *state;
	char hosts[] = "/tmp/bmc-hosts-XXXXXX", line[700];
	char *argv[] = { "unshare", "-m", "sh", "-c", line, NULL };
	int fd = mkstemp(hosts);

	assert_return_code(fd, errno);
	dprintf(fd, "127.0.0.1 many\n" WORLD_IP4 " many\n::1 many\n");
	fchmod(fd, 0644);
	close(fd);
	snprintf(line, sizeof(line),
		 "mount --bind %s /etc/hosts && exec " BMC_MEMCACHED_SR
		 " -u nobody -p %d -U %d -l many -t 2",
		 hosts, WORLD_PORT, WORLD_PORT);
	w->memcached.pid = child_start(&w->server, argv);
	sr_look_wait(w->memcached.pid, WORLD_PORT, "127.0.0.1", 2);
	sr_look_wait(w->memcached.pid, WORLD_PORT, WORLD_IP4, 2);
	sr_look_wait(w->memcached.pid, WORLD_PORT, "::1", 2);
	sr_check_says(w, 0, "a socket of its own");
	sr_check_says(w, 0, "  [::1]: 2 sockets"); /* "::1: 2", it said */
	get_from_many_ports(w, WORLD_IP4);
	unlink(hosts);
}

static void a_list_has_one_worker_an_address(void **state)
{
	struct world *w = *state;

	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT,
			   "-t 4 -l " WORLD_IP4 ",127.0.0.1");
	sr_look_wait(w->memcached.pid, WORLD_PORT, WORLD_IP4, 1);
	sr_look_wait(w->memcached.pid, WORLD_PORT, "127.0.0.1", 1);
	sr_check_says(w, 0, "several addresses");
	get_from_many_ports(w, WORLD_IP4);
	memcached_stop(&w->memcached);
	sr(&w->server, "-u nobody -U 11211 -l 192.0.2.1,192.0.2.2"); /* not ours: it ends at once */
	assert_non_null(strstr(result.err, "of each by one worker"));
}

static pid_t daemon_pid(const char *path)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	int pid = 0;

	while (!pid && test_now() < until) {
		FILE *f = fopen(path, "re");

		if (f && fscanf(f, "%d", &pid) != 1)
			pid = 0;
		if (f)
			fclose(f);
		if (!pid)
			test_sleep(0.01);
	}
	assert_true(pid > 0);
	return pid;
}

static void as_a_daemon_and_again_after_kill(void **state)
{
	struct world *w = *state;
	char dir[] = "/tmp/bmc-sr-XXXXXX", path[64], words[160];

	assert_non_null(mkdtemp(dir));
	chmod(dir, 0777);
	snprintf(path, sizeof(path), "%s/pid", dir);
	snprintf(words, sizeof(words), "-d -P %s -u nobody -p %d -U %d -t 2", path, WORLD_PORT,
		 WORLD_PORT);
	for (int i = 0; i < 2; i++) {
		pid_t pid;

		unlink(path);
		assert_int_equal(sr(&w->server, words), 0);
		pid = daemon_pid(path);
		sr_look_wait(pid, WORLD_PORT, "0.0.0.0", 2);
		sr_check_says(w, 0, "a socket of its own");
		get_from_many_ports(w, WORLD_IP4);
		assert_int_equal(kill(pid, SIGKILL), 0);
		for (int tries = 0; !kill(pid, 0) && tries < 500; tries++)
			test_sleep(0.01);
	}
	unlink(path);
	rmdir(dir);
}

/* Only the UDP port is taken: with another TCP port nothing else would tell. */
static void a_busy_port_fails_in_both_orders(void **state)
{
	struct world *w = *state;
	char *plain[] = { "memcached", "-u", "nobody", "-p", "11298", "-U", "11211", NULL };

	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, NULL);
	sr_look_wait(w->memcached.pid, WORLD_PORT, "0.0.0.0", 4);
	child_run(&w->server, plain, 10, &result);
	assert_int_not_equal(result.code, 0);
	assert_non_null(strstr(result.err, "in use"));
	assert_int_not_equal(sr(&w->server, "-u nobody -p 11298 -U 11211"), 0);
	assert_non_null(strstr(result.err, "in use"));
	memcached_stop(&w->memcached);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	assert_int_not_equal(sr(&w->server, "-u nobody -p 11298 -U 11211"), 0);
	assert_non_null(strstr(result.err, "in use"));
	sr_check_says(w, 1, "one socket for 4 workers");
}

/* memcached answers later than it asks, and ^Z and back come in between. */
static void a_check_that_is_stopped_goes_on(void **state)
{
	char *argv[] = { BMC_MEMCACHED_SR, "--check", NULL };
	struct world *w = *state;
	int status;
	pid_t pid;

	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, "-t 2");
	sr_look_wait(w->memcached.pid, WORLD_PORT, "0.0.0.0", 2);
	memcached_freeze(&w->memcached);
	pid = child_start(&w->server, argv);
	assert_true(pid > 0);
	test_sleep(0.3);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(kill(pid, SIGCONT), 0);
	test_sleep(0.1);
	memcached_thaw(&w->memcached);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void what_takes_no_library_is_refused(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/bmc-sr-XXXXXX";
	int fd = mkstemp(path);

	assert_return_code(fd, errno);
	close(fd);
	setenv("MEMCACHED_SR_MEMCACHED", SR_STATIC, 1);
	assert_int_equal(sr(&w->server, "-U 11211"), EX_NOT_LOADED);
	assert_string_equal(result.out, "");
	child_sh(NULL, "cp \"$(command -v memcached)\" %s && chown nobody %s && chmod 4755 %s",
		 path, path, path);
	setenv("MEMCACHED_SR_MEMCACHED", path, 1);
	assert_int_equal(sr(&w->server, "-u nobody -U 11211"), EX_NOT_LOADED);
	setenv("MEMCACHED_SR_MEMCACHED", "/nonexistent/memcached", 1);
	assert_int_equal(sr(&w->server, "-U 11211"), 127);
	unsetenv("MEMCACHED_SR_MEMCACHED");
	unlink(path);
}

/* The worker check made to fail: 71, or a warning if that is what is wanted. */
static void workers_that_share_end_it(void **state)
{
	struct world *w = *state;

	setenv("LD_PRELOAD", SR_NODUP, 1);
	assert_int_equal(sr(&w->server, "-u nobody -U 11211 -t 2"), EX_NOT_SHARED);
	assert_non_null(strstr(result.err, "memcached-sr: "));
	assert_non_null(strstr(result.err, "1 UDP sockets of one address, where there are 2"));
	setenv("MEMCACHED_SR_WARN", "1", 1);
	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, "-t 2");
	unsetenv("MEMCACHED_SR_WARN");
	unsetenv("LD_PRELOAD");
	test_sleep(11); /* its patience is 10 s */
	assert_int_equal(waitpid(w->memcached.pid, NULL, WNOHANG), 0);
	sr_check_says(w, 1, "one socket for 2 workers");
	get_from_many_ports(w, WORLD_IP4);
}

/* CPUs that this test may use: of those memcached-sr chooses. */
static int cpus_here(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return CPU_COUNT(&set);
}

static void steered_workers_are_pinned(void **state)
{
	int cpus = cpus_here(), workers = cpus < 2 ? 1 : cpus < 4 ? 2 : 4;
	struct world *w = *state;
	char options[32];

	snprintf(options, sizeof(options), "-t %d --steer=cpu", workers);
	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, options);
	if (cpus > 1) /* all threads are where the one is */
		sr_look_wait_pinned(w->memcached.pid, workers);
	get_from_many_ports(w, WORLD_IP4);
	assert_int_equal(sr(&w->server, "--steer=rss"), 64);
}

static void what_has_no_udp_is_said(void **state)
{
	struct world *w = *state;

	assert_int_equal(sr(&w->server, "--check"), 1);
	assert_non_null(strstr(result.err, "cannot ask"));
	sr(&w->server, "-u nobody -l 192.0.2.1");
	assert_non_null(strstr(result.err, "without -U"));
	sr(&w->server, "-u nobody -s /nonexistent/socket");
	assert_non_null(strstr(result.err, "with -s"));
	memcached_start(&w->memcached, &w->server, WORLD_PORT, "-U 0");
	assert_int_equal(sr(&w->server, "--check"), 1);
	assert_non_null(strstr(result.err, "no UDP"));
}

/* "No route to host", "Protocol error" and exit code 0 it was. */
static void a_check_that_cannot_ask_or_tell_says_why(void **state)
{
	static const struct {
		const char *words;
		int code;
		const char *says;
	} rows[] = {
		{ "--check=", 64, "is not HOST" },
		{ "--check 127.0.0.1:", 64, "is not HOST" },
		{ "--check 127.0.0.1 x", 64, "takes one address" },
		{ "--check=127.0.0.1 -t 4", 64, "takes one address" },
		{ "--check 127.0.0.1:x", 1, "port x: Servname not supported" },
		{ "--check nosuch.invalid", 1, "nosuch.invalid port 11211: " },
		{ "--check 127.0.0.1:1", 1, "Connection refused" },
		{ "--check >/dev/full", 1, "cannot write the result: No space left" },
	};
	struct world *w = *state;

	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, "-t 2");
	sr_look_wait(w->memcached.pid, WORLD_PORT, "0.0.0.0", 2);
	for (size_t i = 0; i < TEST_COUNT(rows); i++) {
		if (sr(&w->server, rows[i].words) != rows[i].code ||
		    !strstr(result.err, rows[i].says) || strstr(result.err, "No route"))
			fail_msg("%s: exit %d: %s", rows[i].words, result.code, result.err);
	}
	memcached_freeze(&w->memcached);
	assert_int_equal(sr(&w->server, "--check"), 1);
	assert_non_null(strstr(result.err, "no answer within two seconds"));
	memcached_thaw(&w->memcached);
}

/* Fills are exact with it: what is cached is out with the write, from whatever worker's socket it was filled. */
static void with_bmc_in_front(void **state)
{
	struct world *w = *state;
	char value[16];

	memcached_start_sr(&w->memcached, &w->server, WORLD_PORT, "-t 4");
	world_start_bmc(w, "--max-age 60s");
	assert_non_null(strstr(bmcctl_result.out, "memcached-sr: 4 UDP sockets an address"));
	bmcctl(&w->server, "status --name %s", w->instance);
	assert_non_null(strstr(bmcctl_result.out, "memcached-sr: 4 sockets an address"));
	world_open_clients(w);
	for (int i = 0; i < 20; i++) {
		struct udp other;

		snprintf(value, sizeof(value), "value%04d", i);
		world_cache(w, "k", value);
		udp_open(&other, &w->client, WORLD_IP4, WORLD_PORT);
		world_expect(w, &other, "k", value);
		udp_close(&other);
	}
}

#define SR_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)

static const struct CMUnitTest tests[] = {
	SR_TEST(as_many_sockets_as_workers),
	SR_TEST(every_worker_gets_some),
	SR_TEST(a_name_with_several_addresses),
	SR_TEST(a_list_has_one_worker_an_address),
	SR_TEST(as_a_daemon_and_again_after_kill),
	SR_TEST(a_busy_port_fails_in_both_orders),
	SR_TEST(a_check_that_is_stopped_goes_on),
	SR_TEST(a_check_that_cannot_ask_or_tell_says_why),
	SR_TEST(what_takes_no_library_is_refused),
	SR_TEST(workers_that_share_end_it),
	SR_TEST(steered_workers_are_pinned),
	SR_TEST(what_has_no_udp_is_said),
	SR_TEST(with_bmc_in_front),
};

TEST_MAIN(tests, NULL, NULL)
