// SPDX-License-Identifier: LGPL-2.1-only
#include "memcached.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "ns.h"
#include "tcp.h"
#include "test.h"

#define WORDS_MAX 32

static void memcached_run(struct memcached *m, const struct ns *ns, char *program, int port,
			  const char *options)
{
	char number[12], words[512], *save = NULL;
	char *argv[WORDS_MAX + 8] = { program, "-u", "nobody", "-p", number, "-U", number };
	int n = 7;

	snprintf(number, sizeof(number), "%d", port);
	snprintf(words, sizeof(words), "%s", options ? options : "");
	for (char *w = strtok_r(words, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	m->pid = child_start(ns, argv);
	assert_true(m->pid > 0);
}

void memcached_launch(struct memcached *m, const struct ns *ns, int port, const char *options)
{
	memcached_run(m, ns, "memcached", port, options);
}

/* The address after -l, else any. */
static const char *memcached_address(const char *options, char *ret, size_t size)
{
	const char *listen = options ? strstr(options, "-l ") : NULL;

	snprintf(ret, size, "%s", listen ? listen + 3 : "127.0.0.1");
	ret[strcspn(ret, " ,")] = 0;
	return ret;
}

static void memcached_wait(struct memcached *m, const struct ns *ns, int port, const char *options)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	char address[64];
	struct text answer = {};
	struct tcp t;

	memcached_address(options, address, sizeof(address));
	while (tcp_try(&t, ns, address, port)) {
		if (waitpid(m->pid, NULL, WNOHANG) || test_now() > until) {
			m->pid = 0;
			fail_msg("memcached does not answer on %s port %d", address, port);
		}
		test_sleep(0.005);
	}
	tcp_send(&t, "version\r\n", 9);
	assert_int_equal(tcp_receive(&t, TEST_ANSWER_S, &answer), 0);
	text_free(&answer);
	tcp_close(&t);
}

void memcached_start(struct memcached *m, const struct ns *ns, int port, const char *options)
{
	memcached_launch(m, ns, port, options);
	memcached_wait(m, ns, port, options);
}

void memcached_start_sr(struct memcached *m, const struct ns *ns, int port, const char *options)
{
	memcached_run(m, ns, BMC_MEMCACHED_SR, port, options);
	memcached_wait(m, ns, port, options);
}

void memcached_start_slow(struct memcached *m, const struct ns *ns, int port, const char *options,
			  int ms)
{
	char number[12];

	snprintf(number, sizeof(number), "%d", ms);
	setenv("BMC_SLOW_SEND", number, 1);
	setenv("LD_PRELOAD", BMC_SLOW_SEND_LIBRARY, 1);
	memcached_launch(m, ns, port, options);
	unsetenv("LD_PRELOAD");
	unsetenv("BMC_SLOW_SEND");
	memcached_wait(m, ns, port, options);
}

void memcached_start_shifted(struct memcached *m, const struct ns *ns, int port, int seconds)
{
	char number[12];

	snprintf(number, sizeof(number), "%d", seconds);
	setenv("BMC_SHIFT_TIME", number, 1);
	setenv("BMC_SHIFT_FOR", "1", 1);
	setenv("LD_PRELOAD", BMC_SHIFT_TIME_LIBRARY, 1);
	memcached_launch(m, ns, port, NULL);
	unsetenv("LD_PRELOAD");
	unsetenv("BMC_SHIFT_TIME");
	unsetenv("BMC_SHIFT_FOR");
	memcached_wait(m, ns, port, NULL);
}

void memcached_stop(struct memcached *m)
{
	child_stop(m->pid, SIGKILL);
	m->pid = 0;
}

void memcached_freeze(struct memcached *m)
{
	int status;

	assert_int_equal(kill(m->pid, SIGSTOP), 0);
	assert_int_equal(waitpid(m->pid, &status, WUNTRACED), m->pid);
	assert_true(WIFSTOPPED(status));
}

void memcached_thaw(struct memcached *m)
{
	assert_int_equal(kill(m->pid, SIGCONT), 0);
}
