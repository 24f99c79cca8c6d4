// SPDX-License-Identifier: LGPL-2.1-only
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ns.h"
#include "test.h"

#define FRAME_MAX 65600
#define SECONDS_MAX 300

static int tap_open(const struct ns *ns, const char *ifname, int is_virtio)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd;

	if (is_virtio)
		ifr.ifr_flags |= IFF_VNET_HDR;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	assert_int_equal(ns_enter(ns), 0);
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_return_code(ioctl(fd, TUNSETIFF, &ifr), errno);
	assert_int_equal(ns_leave(), 0);
	if (is_virtio)
		assert_return_code(ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM), errno);
	return fd;
}

/* One frame; what a tap that is down does not take is lost. */
static void carry(int from, int to)
{
	static char frame[FRAME_MAX];
	ssize_t n = read(from, frame, sizeof(frame));

	if (n <= 0 || (write(to, frame, (size_t)n) < 0 && errno != EIO))
		_exit(1);
}

static void between(int a, int b)
{
	struct pollfd fds[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };

	alarm(SECONDS_MAX);
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents)
			carry(a, b);
		if (fds[1].revents)
			carry(b, a);
	}
	_exit(1);
}

pid_t tap_join(const struct ns *a, const char *a_if, const struct ns *b, const char *b_if,
	       int is_virtio)
{
	int one = tap_open(a, a_if, is_virtio), other = tap_open(b, b_if, is_virtio);
	pid_t pid = fork();

	assert_return_code(pid, errno);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		between(one, other);
	}
	close(one);
	close(other);
	return pid;
}
