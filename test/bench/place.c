// SPDX-License-Identifier: LGPL-2.1-only
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "child.h"

#define SH_SECONDS 20
#define SERVER_MAC "02:00:00:00:00:02"
#define CLIENT_MAC "02:00:00:00:00:01"
/* Address and interface; interface; the other's address and MAC, and the interface again. */
#define ADDRESS                                                                                    \
	"ip addr add %s/24 dev %s && ip link set %s up && "                                        \
	"ip neigh replace %s lladdr %s dev %s nud permanent"

/* A new namespace without a name, with its loopback up. -> fd, or -1 */
static int make_net(const struct bench_place *p)
{
	struct bench_where where = BENCH_HERE;
	int fd;

	if (unshare(CLONE_NEWNET))
		return bench_fail("cannot make a network namespace: %s", strerror(errno));
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(p->home, CLONE_NEWNET) || fd < 0)
		return bench_fail("cannot leave the network namespace: %s", strerror(errno));
	where.net = fd;
	if (bench_child_sh(&where, SH_SECONDS, "ip link set lo up")) {
		close(fd);
		return -1;
	}
	return fd;
}

/* As many queues as CPUs, so that senders on all of them do not wait for each other; addresses as test/prog's packets have them. */
static int make_wire(const struct bench_place *p)
{
	struct bench_where server = BENCH_HERE, client = BENCH_HERE;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	server.net = p->server;
	client.net = p->client;
	if (bench_child_sh(
		    &server, SH_SECONDS,
		    "ip link add %s numtxqueues %ld numrxqueues %ld address " SERVER_MAC
		    " type veth peer name %s numtxqueues %ld numrxqueues %ld address " CLIENT_MAC
		    " && ip link set %s netns /proc/%d/fd/%d",
		    BENCH_SERVER_IF, cpus, cpus, BENCH_CLIENT_IF, cpus, cpus, BENCH_CLIENT_IF,
		    getpid(), p->client))
		return -1;
	if (bench_child_sh(&server, SH_SECONDS, ADDRESS, BENCH_SERVER_IP, BENCH_SERVER_IF,
			   BENCH_SERVER_IF, BENCH_CLIENT_IP, CLIENT_MAC, BENCH_SERVER_IF))
		return -1;
	return bench_child_sh(&client, SH_SECONDS, ADDRESS, BENCH_CLIENT_IP, BENCH_CLIENT_IF,
			      BENCH_CLIENT_IF, BENCH_SERVER_IP, SERVER_MAC, BENCH_CLIENT_IF);
}

int bench_place_checksums(const struct bench_place *p)
{
	struct bench_where client = BENCH_HERE;

	client.net = p->client;
	return bench_child_sh(&client, SH_SECONDS, "ethtool -K %s tx off", BENCH_CLIENT_IF);
}

/* ---- cgroups ---- */

int bench_cgroup_enter(const char *cgroup)
{
	char path[PATH_MAX + 16];
	int fd, err;

	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write(fd, "0", 1) == 1 ? 0 : -errno;
	close(fd);
	return err;
}

int bench_place_enter(const struct bench_place *p)
{
	int err = bench_cgroup_enter(p->client_cgroup);

	return err ? bench_fail("cannot enter '%s': %s", p->client_cgroup, strerror(-err)) : 0;
}

/* A line of /proc/self/mountinfo, see proc(5). */
int bench_cgroup_root(char *ret, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], mount[256];
	int err = -1;

	while (file && err && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - cgroup2 ") ||
		    sscanf(line, "%*d %*d %*s %*s %255s", mount) != 1)
			continue;
		snprintf(ret, size, "%s", mount);
		err = 0;
	}
	if (file)
		fclose(file);
	return err ? bench_fail("cgroup2 is mounted nowhere") : 0;
}

/* This process's folder below `root`. */
static void find_own_cgroup(const char *root, char *ret, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];

	snprintf(ret, size, "%s", root);
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3))
			snprintf(ret, size, "%.2000s%.2000s", root, line + 3);
	}
	if (file)
		fclose(file);
}

static int make_cgroups(struct bench_place *p)
{
	char root[256];

	if (bench_cgroup_root(root, sizeof(root)))
		return -1;
	find_own_cgroup(root, p->home_cgroup, sizeof(p->home_cgroup));
	snprintf(p->cgroup, sizeof(p->cgroup), "%s/bmc-%s", root, p->name);
	snprintf(p->server_cgroup, sizeof(p->server_cgroup), "%.2000s/server", p->cgroup);
	snprintf(p->client_cgroup, sizeof(p->client_cgroup), "%.2000s/client", p->cgroup);
	if (mkdir(p->cgroup, 0755) || mkdir(p->server_cgroup, 0755) ||
	    mkdir(p->client_cgroup, 0755))
		return bench_fail("cannot make cgroups in '%s': %s", p->cgroup, strerror(errno));
	return bench_place_enter(p);
}

static void remove_cgroups(struct bench_place *p)
{
	int err = p->home_cgroup[0] ? bench_cgroup_enter(p->home_cgroup) : 0;

	if (err)
		bench_fail("cannot go back to '%s': %s", p->home_cgroup, strerror(-err));
	if (p->cgroup[0]) {
		rmdir(p->server_cgroup);
		rmdir(p->client_cgroup);
		if (rmdir(p->cgroup) && errno != ENOENT)
			bench_fail("cannot remove '%s': %s", p->cgroup, strerror(errno));
	}
}

/* ---- all of it ---- */

int bench_place_make(struct bench_place *p, const char *bmcctl, int n)
{
	*p = (struct bench_place){ .bmcctl = bmcctl, .home = -1, .server = -1, .client = -1 };
	snprintf(p->name, sizeof(p->name), "bench-%d-%d", getpid(), n);
	p->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (p->home < 0)
		return bench_fail("cannot open /proc/self/ns/net: %s", strerror(errno));
	p->server = make_net(p);
	p->client = p->server < 0 ? -1 : make_net(p);
	if (p->client < 0 || make_wire(p))
		return -1;
	return make_cgroups(p);
}

void bench_place_remove(struct bench_place *p)
{
	const int fds[] = { p->client, p->server, p->home };

	bench_pin(-1);
	remove_cgroups(p);
	for (size_t i = 0; i < BENCH_COUNT(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

int bench_place_socket(const struct bench_place *p, int net, int family, int type)
{
	int fd, err;

	if (setns(net, CLONE_NEWNET))
		return bench_fail("cannot enter the network namespace: %s", strerror(errno));
	fd = socket(family, type | SOCK_CLOEXEC, 0);
	err = errno;
	if (setns(p->home, CLONE_NEWNET))
		abort(); /* nothing that follows would be where it should */
	return fd < 0 ? bench_fail("cannot make a socket: %s", strerror(err)) : fd;
}
