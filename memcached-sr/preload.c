// SPDX-License-Identifier: BSD-3-Clause
/*
 * Loaded before memcached: each of its workers gets a UDP socket of its own.
 *
 * memcached opens one UDP socket an address and gives each worker a dup() of it. Here bind() opens that socket to
 * siblings, dup() returns a sibling, and epoll_ctl(EPOLL_CTL_ADD) tells which thread serves which. Nothing else is
 * hooked, and nothing that a request goes through.
 */
#include "options.h"
#include "sibling.h"
#include "sr.h"
#include "table.h"
#include "watch.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static int active;
static int steering;
static struct sr_options options;
static int (*real_bind)(int fd, const struct sockaddr *addr, socklen_t len);
static int (*real_dup)(int fd);
static int (*real_epoll_ctl)(int epfd, int op, int fd, struct epoll_event *event);

/* The launcher asks whether this library comes into a memcached at all. */
static void prove(const char *fd)
{
	size_t len = sizeof(SR_PROOF);

	_exit(write((int)strtol(fd, NULL, 10), SR_PROOF, len) == (ssize_t)len ? SR_EXIT_OK :
										SR_EXIT_NOT_LOADED);
}

__attribute__((constructor)) static void load(int argc, char *argv[], char *envp[])
{
	const char *proof = getenv(SR_ENV_PROOF), *steer = getenv(SR_ENV_STEER);

	(void)envp;
	real_bind = (typeof(real_bind))dlsym(RTLD_NEXT, "bind");
	real_dup = (typeof(real_dup))dlsym(RTLD_NEXT, "dup");
	real_epoll_ctl = (typeof(real_epoll_ctl))dlsym(RTLD_NEXT, "epoll_ctl");
	if (proof)
		prove(proof);
	if (!getenv(SR_ENV_ON))
		return;
	sr_options_read(argc, argv, &options);
	steering = steer && !strcmp(steer, "cpu");
	active = 1;
}

EXPORT int bind(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (!active || !sr_is_udp(fd))
		return real_bind(fd, addr, len);
	if (sr_bind_first(fd, addr, len, real_bind))
		return -1;
	if (sr_table_address(fd, sr_cookie(fd))) {
		errno = ENOBUFS;
		return -1;
	}
	sr_watch_start(sr_options_sockets(&options), steering);
	return 0;
}

EXPORT int dup(int fd)
{
	int address = active ? sr_table_find(fd, sr_cookie(fd)) : -1, index, sibling;

	if (address < 0)
		return real_dup(fd);
	sibling = sr_sibling(fd, real_bind);
	if (sibling < 0)
		return -1;
	index = sr_table_add(address, sibling);
	/* the group is there with the second socket; whoever is told too late goes by hash until then */
	if (index == 1 && steering && sr_steer_by_cpu(fd, sr_options_sockets(&options)))
		steering = 0;
	return sibling;
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	int err = real_epoll_ctl(epfd, op, fd, event);

	if (active && !err && op == EPOLL_CTL_ADD)
		sr_table_served(fd);
	return err;
}
