// SPDX-License-Identifier: LGPL-2.1-only
/* The memcached behind each port: can it be watched? */
#include "cgroup.h"
#include "check.h"
#include "iface.h"
#include "log.h"
#include "memcached.h"
#include "process.h"
#include "sockets.h"
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS_DEFAULT 1024
#define CONNECTIONS_LEAST 16
#define CONNECTIONS_MOST 1000000 /* as --connections */
#define OLDS_MORE 1024 /* connections that may come between check and start */

/* What would make items wrong: refused, but with --force said only. 0, or the exit code. */
static int __attribute__((format(printf, 2, 3)))
refuse(const struct bmc_options *options, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (!options->force)
		return bmc_fail("%s", text);
	bmc_note("UNSAFE, because of --force: %s", text);
	return 0;
}

/* ---- whose port it is ---- */

/* What the sockets of a port tell. */
struct listening {
	__u32 uid; /* of memcached */
	const struct bmc_socket *listener; /* of its, one that can be asked; NULL: none */
	int udp;
	int reachable; /* UDP at an address that is not loopback */
	__u32 connections; /* of its, that are there */
	pid_t pid;
	int patient; /* not the last look: who is just going or coming is looked at again */
};

#define AGAIN (-1) /* beside the exit codes */
#define LOOKS 10
#define LOOK_NS 50000000

static int has_socket(const struct bmc_socket_list *sockets, __u32 uid, int tcp)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (s->uid == uid && (tcp ? s->listener : !s->tcp))
			return 1;
	}
	return 0;
}

/*
 * Users that listen there, and with UDP too if `udp`: how many (2: some), and one of them. Anyone may listen at
 * 127.0.0.9, say.
 */
static int count_users(const struct bmc_socket_list *sockets, int udp, __u32 *ret)
{
	int n = 0;

	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (!s->listener || (udp && !has_socket(sockets, s->uid, 0)))
			continue;
		if (!n || *ret != s->uid)
			n++;
		*ret = s->uid;
	}
	return n;
}

/* Memcached's user: as given, or the one that listens. 1: nobody does; -1: several do. */
static int find_user(const struct bmc_options *options, const struct bmc_socket_list *sockets,
		     __u32 *ret)
{
	int n;

	*ret = options->uid;
	if (options->user)
		return !has_socket(sockets, options->uid, 1);
	n = count_users(sockets, 0, ret);
	if (n > 1)
		n = count_users(sockets, 1, ret);
	return n == 1 ? 0 : n ? -1 : 1;
}

static void look_at(const struct bmc_socket_list *sockets, __u32 uid, struct listening *l)
{
	l->uid = uid;
	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (s->uid != uid)
			continue;
		if (s->tcp && !s->listener) {
			l->connections++;
			continue;
		}
		if (s->listener && !l->listener)
			l->listener = s;
		l->udp |= !s->tcp;
		l->reachable |= !s->tcp && !s->loopback;
	}
}

/* ---- can it be watched? ---- */

static int all_loopback(const struct bmc_plan *plan)
{
	for (int i = 0; i < plan->n_ifaces; i++) {
		if (!bmc_iface_is_loopback(plan->iface[i].ifindex))
			return 0;
	}
	return 1;
}

static int check_sockets(const struct bmc_plan *plan, const struct listening *l, __u16 port)
{
	if (!l->udp && l->patient)
		return AGAIN;
	if (!l->udp)
		return bmc_fail("the memcached at port %u has no UDP: start it with -U %u ('-U %u' "
				"in /etc/memcached.conf)",
				port, port, port);
	if (!l->reachable && !all_loopback(plan))
		return bmc_fail("the memcached at port %u listens on %s only, which is loopback: "
				"packets of '%s' never reach it; give it an address with -l (in "
				"/etc/memcached.conf)",
				port, l->listener->addr, plan->iface[0].name);
	return 0;
}

static int fail_unseen(const struct bmc_socket *s, __u16 port)
{
	return bmc_fail(
		"nobody who can be seen has the %s socket of port %u at %s: run bmcctl where "
		"memcached's process can be seen (the same PID namespace, with "
		"CAP_SYS_PTRACE), and memcached without MPTCP and SMC, whose sockets cannot "
		"be watched",
		s->tcp ? "TCP" : "UDP", port, s->addr);
}

/* Two processes of memcached's user at one port cannot be told apart by those who ask. */
static int check_processes(const struct bmc_socket_list *sockets, struct listening *l, __u16 port)
{
	struct bmc_owner owner;

	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if ((s->tcp && !s->listener) || s->uid != l->uid)
			continue;
		if (bmc_socket_owner(s->inode, &owner))
			return l->patient ? AGAIN : fail_unseen(s, port);
		if (l->pid && owner.pid != l->pid)
			return l->patient ?
				       AGAIN :
				       bmc_fail("two processes (%d and %d) have sockets of port "
						"%u: give each memcached a port of its own",
						l->pid, owner.pid, port);
		l->pid = owner.pid;
	}
	return 0;
}

/* A port other than `port` at which there is one of these sockets; 0: none, or -errno. */
static int other_port(const struct bmc_owner_list *owned, __u16 port)
{
	struct bmc_socket_list all;
	int err = bmc_sockets_of_port(BMC_ANY_PORT, &all), other = 0;

	if (err)
		return err;
	for (size_t i = 0; i < all.n; i++) {
		const struct bmc_socket *s = &all.list[i];

		if (s->port != port && bmc_owner_fd(owned, s->inode) >= 0)
			other = s->port;
	}
	free(all.list);
	return other;
}

/* What comes by another port of this process changes the same items, and is not seen. 0, or the exit code. */
static int check_ports(const struct bmc_options *options, const struct listening *l, __u16 port)
{
	struct bmc_owner_list owned;
	int other;

	if (bmc_sockets_of_process(l->pid, &owned))
		return 0; /* it is gone */
	other = other_port(&owned, port);
	if (!other) /* the kernel may have left one out while others came and went */
		other = other_port(&owned, port);
	free(owned.list);
	if (other < 0)
		return bmc_fail("cannot look at the sockets of memcached (pid %d): %s", l->pid,
				strerror(-other));
	if (!other)
		return 0;
	return refuse(
		options,
		"the memcached at port %u (pid %d) has a socket at port %d as well: what comes by "
		"that one is not seen here; give it one port",
		port, l->pid, other);
}

static int check_cgroup(const struct bmc_options *options, const struct listening *l, __u16 port)
{
	int below = bmc_cgroup_has(options->cgroup, l->pid);

	if (below)
		return 0; /* or it cannot be told */
	if (!options->cgroup)
		return bmc_fail(
			"the memcached at port %u (pid %d) runs outside of the cgroups that can "
			"be seen here: run bmcctl outside of the container",
			port, l->pid);
	return bmc_fail("the memcached at port %u (pid %d) does not run below the cgroup '%s': its "
			"traffic is not seen there; give a directory above it, or no --cgroup",
			port, l->pid, options->cgroup);
}

static int ask(const struct bmc_options *options, const struct listening *l, __u16 port,
	       struct bmc_memcached *ret)
{
	int err = bmc_memcached_ask_at(l->listener, ret);

	if ((err == -ECONNRESET || err == -ECONNREFUSED) && l->patient)
		return AGAIN;
	if (err == -ETIMEDOUT || err == -ECONNRESET)
		return refuse(options,
			      "the server at port %u gives no plain-text answer to 'stats "
			      "settings' within a second: is it stopped, at its maxconns, or "
			      "behind TLS (which cannot be cached)?",
			      port);
	if (err == -EMFILE)
		return refuse(options, "the memcached at port %u " BMC_MEMCACHED_FULL, port);
	if (err == -EACCES)
		return refuse(options,
			      "the memcached at port %u wants authentication: it cannot be cached",
			      port);
	if (err)
		return bmc_fail("cannot ask the memcached at %s port %u: %s", l->listener->addr,
				port, strerror(-err));
	if (ret->ssl)
		return refuse(options, "the memcached at port %u " BMC_MEMCACHED_TLS, port);
	if (ret->proxy)
		return refuse(options, "the memcached at port %u " BMC_MEMCACHED_PROXY, port);
	if (ret->text_only)
		return refuse(options, "the memcached at port %u " BMC_MEMCACHED_TEXT_ONLY, port);
	return 0;
}

/* What listens at the port i is a memcached that can be watched. */
static int check_listening(const struct bmc_options *options, struct bmc_plan *plan, int i,
			   const struct bmc_socket_list *sockets, struct listening *l,
			   __u64 *connections)
{
	__u16 port = options->port[i];
	struct bmc_memcached server;
	__u64 now;
	int code;

	code = check_sockets(plan, l, port);
	if (!code)
		code = check_processes(sockets, l, port);
	if (!code)
		code = check_ports(options, l, port);
	if (!code)
		code = check_cgroup(options, l, port);
	now = bmc_clock_ns(CLOCK_MONOTONIC); /* not before the looks above: they may take long */
	if (!code)
		code = ask(options, l, port, &server);
	if (code)
		return code;
	plan->config.uid[i] = l->uid;
	plan->config.version[i] = server.version;
	plan->udp_each[i] = bmc_sockets_udp_each(sockets, l->uid);
	plan->threads[i] = server.threads;
	plan->asked[i] = l->pid;
	if (server.time)
		plan->config.offset[i] = server.time - (__s64)(now / BMC_SECOND_NS);
	plan->n_olds += l->connections;
	*connections += server.maxconns;
	return 0;
}

static int has_udp(const struct bmc_socket_list *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		if (!sockets->list[i].tcp)
			return 1;
	}
	return 0;
}

/* Nobody of its user listens: it comes later, or it is not there. */
static int check_absent(const struct bmc_options *options, const struct bmc_socket_list *sockets,
			__u16 port)
{
	char name[BMC_USER_MAX];
	__u32 other;

	if (options->wait && !options->user)
		return bmc_fail("no memcached listens on port %u yet, so --wait needs --user: "
				"whose will it be?",
				port);
	if (options->user && count_users(sockets, 0, &other)) {
		if (!options->wait)
			return bmc_fail(
				"the memcached at port %u runs as user %s, not as --user %s", port,
				bmc_format_user(other, name, sizeof(name)), options->user);
		bmc_note("user %s listens on port %u, who is not --user %s: that is not watched",
			 bmc_format_user(other, name, sizeof(name)), port, options->user);
	}
	if (options->wait)
		return 0;
	if (has_udp(sockets))
		return bmc_fail(
			"at port %u there is UDP, but nobody listens: bmc asks memcached over TCP "
			"what it is, and takes UDP alone for that of one whose TCP is at another "
			"port, which is not seen; it must have both at one port (-p %u -U %u)",
			port, port, port);
	return bmc_fail(
		"no memcached listens on port %u in this network namespace: start it, or let it "
		"come later with --wait --user USER",
		port);
}

/* One look. The exit code, or AGAIN. */
static int look_once(const struct bmc_options *options, struct bmc_plan *plan, int i, int patient,
		     __u64 *connections)
{
	struct listening l = { .patient = patient };
	__u16 port = options->port[i];
	struct bmc_socket_list sockets;
	int code, err, found;

	err = bmc_sockets_of_port(port, &sockets);
	if (err)
		return bmc_fail("cannot list the sockets of port %u: %s", port, strerror(-err));
	found = find_user(options, &sockets, &l.uid);
	look_at(&sockets, l.uid, &l);
	if (found < 0)
		code = bmc_fail("several users listen on port %u: say with --user which one is "
				"memcached's",
				port);
	else if (found > 0)
		code = check_absent(options, &sockets, port);
	else
		code = check_listening(options, plan, i, &sockets, &l, connections);
	free(sockets.list);
	return code;
}

static int check_server(const struct bmc_options *options, struct bmc_plan *plan, int i,
			__u64 *connections)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int code = AGAIN;

	plan->config.port[i] = htons(options->port[i]);
	plan->config.uid[i] = options->uid;
	plan->config.offset[i] = BMC_OFFSET_UNKNOWN;
	for (int n = 1; code == AGAIN && n <= LOOKS; n++) {
		if (n > 1)
			nanosleep(&pause, NULL);
		code = look_once(options, plan, i, n < LOOKS, connections);
	}
	return code;
}

int bmc_check_servers(const struct bmc_options *options, struct bmc_plan *plan)
{
	__u64 connections = 0;
	int code;

	plan->config.n_ports = (__u32)options->n_ports;
	plan->n_olds = 0;
	for (int i = 0; i < options->n_ports; i++) {
		code = check_server(options, plan, i, &connections);
		if (code)
			return code;
	}
	if (options->connections)
		connections = options->connections;
	else if (!connections)
		connections = CONNECTIONS_DEFAULT;
	if (connections < CONNECTIONS_LEAST)
		connections = CONNECTIONS_LEAST;
	if (connections > CONNECTIONS_MOST)
		connections = CONNECTIONS_MOST;
	plan->n_olds = 2 * plan->n_olds + OLDS_MORE;
	plan->config.n_writers = (__u32)connections * BMC_WRITERS_PER_CONNECTION;
	return 0;
}
