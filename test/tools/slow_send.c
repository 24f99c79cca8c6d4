// SPDX-License-Identifier: LGPL-2.1-only
/* LD_PRELOAD for memcached: each datagram leaves BMC_SLOW_SEND milliseconds after it was meant to.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static void slow_down(int fd)
{
	const char *ms = getenv("BMC_SLOW_SEND");
	long n = ms ? strtol(ms, NULL, 10) : 0;
	struct timespec ts = { .tv_sec = n / 1000, .tv_nsec = n % 1000 * 1000000 };
	socklen_t len = sizeof(int);
	int type = 0;

	if (n > 0 && !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_DGRAM)
		nanosleep(&ts, NULL);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t (*next)(int, const struct msghdr *, int);

	*(void **)&next = dlsym(RTLD_NEXT, "sendmsg");
	slow_down(fd);
	return next(fd, msg, flags);
}
