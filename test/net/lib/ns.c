// SPDX-License-Identifier: LGPL-2.1-only
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "child.h"
#include "pass.skel.h"
#include "test.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static int ns_home = -1;

static void ns_know_home(void)
{
	if (ns_home < 0)
		ns_home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

void ns_make(struct ns *ns, const char *what)
{
	char path[80];

	ns_know_home();
	snprintf(ns->name, sizeof(ns->name), "bmct-%d-%s", getpid(), what);
	child_sh(NULL, "ip netns add %s", ns->name);
	snprintf(path, sizeof(path), "/run/netns/%s", ns->name);
	ns->fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(ns->fd, errno);
	child_sh(ns, "ip link set lo up");
}

void ns_remove(struct ns *ns)
{
	if (!ns->name[0])
		return;
	if (ns->fd >= 0)
		close(ns->fd);
	ns->fd = -1;
	child_sh(NULL, "ip netns del %s", ns->name);
	ns->name[0] = 0;
}

int ns_enter(const struct ns *ns)
{
	ns_know_home();
	return setns(ns->fd, CLONE_NEWNET) ? -errno : 0;
}

int ns_leave(void)
{
	return setns(ns_home, CLONE_NEWNET) ? -errno : 0;
}

int ns_socket(const struct ns *ns, int family, int type)
{
	int fd;

	assert_int_equal(ns_enter(ns), 0);
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	assert_int_equal(ns_leave(), 0);
	assert_return_code(fd, errno);
	return fd;
}

unsigned long long ns_cookie(const struct ns *ns)
{
	int fd = ns_socket(ns, AF_INET, SOCK_DGRAM);
	unsigned long long cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_return_code(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len), errno);
	close(fd);
	return cookie;
}

unsigned int ns_ifindex(const struct ns *ns, const char *name)
{
	unsigned int index;

	assert_int_equal(ns_enter(ns), 0);
	index = if_nametoindex(name);
	assert_int_equal(ns_leave(), 0);
	return index;
}

static void ns_address(const struct ns *ns, const char *ifname, int net, int host)
{
	child_sh(ns,
		 "ip addr add 10.%d.0.%d/24 dev %s && ip addr add fd77:%d::%d/64 dev %s nodad && "
		 "ip link set %s up && ethtool -K %s tx off >/dev/null",
		 net, host, ifname, net, host, ifname, ifname, ifname);
}

void ns_join(const struct ns *a, const char *a_if, const struct ns *b, const char *b_if, int net)
{
	child_sh(a, "ip link add %s type veth peer name %s netns %s", a_if, b_if, b->name);
	ns_address(a, a_if, net, 1);
	ns_address(b, b_if, net, 2);
}

void ns_pass_through(const struct ns *ns, const char *ifname)
{
	struct pass_bpf *skel = pass_bpf__open_and_load();
	int err;

	assert_non_null(skel);
	assert_int_equal(ns_enter(ns), 0);
	err = bpf_xdp_attach((int)if_nametoindex(ifname), bpf_program__fd(skel->progs.pass), 0,
			     NULL);
	assert_int_equal(ns_leave(), 0);
	pass_bpf__destroy(skel);
	assert_int_equal(err, 0);
}

int ns_pass_by_link(const struct ns *ns, const char *ifname)
{
	struct pass_bpf *skel = pass_bpf__open_and_load();
	unsigned int ifindex;
	int fd;

	assert_non_null(skel);
	ifindex = ns_ifindex(ns, ifname);
	assert_int_equal(ns_enter(ns), 0);
	fd = bpf_link_create(bpf_program__fd(skel->progs.pass), (int)ifindex, BPF_XDP, NULL);
	assert_int_equal(ns_leave(), 0);
	pass_bpf__destroy(skel);
	assert_return_code(fd, errno);
	return fd;
}
