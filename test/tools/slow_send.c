// SPDX-License-Identifier: LGPL-2.1-only
/*
 * LD_PRELOAD for memcached. BMC_SLOW_SEND: datagrams leave so many milliseconds after they were meant to.
 * BMC_SLOW_AFTER: a thread sleeps so many milliseconds after it sent something over TCP. BMC_SLOW_EVERY: only every
 * n-th one of each kind.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static atomic_long datagrams, segments;

static long setting(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

static void slow_down(const char *name, atomic_long *count)
{
	long n = setting(name), every = setting("BMC_SLOW_EVERY");
	struct timespec ts = { .tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000 };

	if (n > 0 && atomic_fetch_add(count, 1) % (every > 0 ? every : 1) == 0)
		nanosleep(&ts, NULL);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int), n;
	socklen_t len = sizeof(int);
	int type = 0;

	*(void **)&next = dlsym(RTLD_NEXT, "sendmsg");
	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
	if (type == SOCK_DGRAM)
		slow_down("BMC_SLOW_SEND", &datagrams);
	n = next(fd, msg, flags);
	if (type == SOCK_STREAM)
		slow_down("BMC_SLOW_AFTER", &segments);
	return n;
}
