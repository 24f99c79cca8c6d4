// SPDX-License-Identifier: BSD-3-Clause
#include "watch.h"

#include "sibling.h"
#include "sr.h"
#include "table.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000000L
#define PATIENCE_LOOKS 500 /* 10 s after the last socket came */

static int want;
static int pinning;
static atomic_int running;

__attribute__((format(printf, 2, 3))) static void say(int priority, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fprintf(stderr, "memcached-sr: %s\n", text);
	openlog("memcached-sr", LOG_PID, LOG_DAEMON);
	syslog(priority, "%s", text);
}

static void pin(pthread_t thread, int index, void *arg)
{
	int cpu = sr_cpu_of(index);
	cpu_set_t set;

	if (cpu < 0) /* more workers than CPUs: those have no CPU of their own */
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	*(int *)arg |= pthread_setaffinity_np(thread, sizeof(set), &set);
}

static void pin_all(void)
{
	int err = 0;

	sr_table_threads(pin, &err);
	if (err)
		say(LOG_WARNING, "a worker cannot be pinned to its CPU: %s", strerror(err));
}

static void complain(const char *why)
{
	const char *warn = getenv(SR_ENV_WARN);

	if (warn && !strcmp(warn, "1")) {
		say(LOG_WARNING, "%s; going on all the same (" SR_ENV_WARN "=1)", why);
		return;
	}
	say(LOG_ERR,
	    "%s: this memcached does not take its UDP sockets as expected; " SR_ENV_WARN
	    "=1 goes on all the same, without memcached-sr it runs as ever",
	    why);
	_exit(SR_EXIT_NOT_SHARED);
}

/* Waits until everything is as it should be and nothing more comes. Returns how much there was; 0: it never was. */
static size_t watch_until_good(char *why, size_t why_size)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	size_t size = 0;

	for (int looks = 0; looks < PATIENCE_LOOKS; looks++) {
		nanosleep(&pause, NULL);
		if (sr_table_size() != size) {
			size = sr_table_size();
			looks = 0;
		} else if (!sr_table_check(want, why, why_size)) {
			return size;
		}
	}
	return 0;
}

static void *watch(void *arg)
{
	char why[128] = "";
	size_t size;

	(void)arg;
	do {
		size = watch_until_good(why, sizeof(why));
		if (!size)
			complain(why);
		else if (pinning)
			pin_all();
		atomic_store(&running, 0);
		/* an address that came since then found us running */
	} while (size && sr_table_size() != size && !atomic_exchange(&running, 1));
	return NULL;
}

void sr_watch_start(int sockets, int pin_threads)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;

	want = sockets;
	pinning = pin_threads;
	if (atomic_exchange(&running, 1))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, watch, NULL))
		say(LOG_WARNING,
		    "no thread for the check of the UDP sockets: they are not checked");
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
