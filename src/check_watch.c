// SPDX-License-Identifier: LGPL-2.1-only
#include "check_watch.h"

#include "cgroup.h"
#include "iface.h"
#include "log.h"
#include "process.h"
#include "util.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static int all_loopback(const struct bmc_plan *plan)
{
	for (int i = 0; i < plan->n_ifaces; i++) {
		if (!bmc_iface_is_loopback(plan->iface[i].ifindex))
			return 0;
	}
	return 1;
}

static int check_sockets(const struct bmc_look *look)
{
	const struct bmc_listening *l = &look->at;
	__u16 port = look->port;

	if (!l->udp && look->patient)
		return BMC_LOOK_AGAIN;
	if (!l->udp)
		return bmc_fail("the memcached at port %u has no UDP: start it with -U %u ('-U %u' "
				"in /etc/memcached.conf)",
				port, port, port);
	if (!l->reachable && !all_loopback(look->plan))
		return bmc_fail("the memcached at port %u listens on %s only, which is loopback: "
				"packets of '%s' never reach it; give it an address with -l (in "
				"/etc/memcached.conf)",
				port, l->listener->addr, look->plan->iface[0].name);
	return 0;
}

static int fail_unseen(const struct bmc_socket *s, __u16 port)
{
	return bmc_fail(
		"no process that is visible here has the %s socket of port %u at %s: run bmcctl "
		"where memcached's process is visible (in its PID namespace, with CAP_SYS_PTRACE), "
		"and memcached without MPTCP and SMC, whose sockets cannot be watched",
		s->tcp ? "TCP" : "UDP", port, s->addr);
}

/* Two processes of memcached's user at one port cannot be told apart by those who ask. */
static int check_processes(struct bmc_look *look)
{
	struct bmc_owner owner;

	for (size_t i = 0; i < look->sockets->n; i++) {
		const struct bmc_socket *s = &look->sockets->list[i];

		if ((s->tcp && !s->listener) || s->uid != look->at.uid)
			continue;
		if (bmc_socket_owner(s->inode, &owner))
			return look->patient ? BMC_LOOK_AGAIN : fail_unseen(s, look->port);
		if (look->pid && owner.pid != look->pid)
			return look->patient ?
				       BMC_LOOK_AGAIN :
				       bmc_fail("two processes (%d and %d) have sockets of port "
						"%u: give each memcached a port of its own",
						look->pid, owner.pid, look->port);
		look->pid = owner.pid;
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
static int check_ports(const struct bmc_look *look)
{
	__u16 port = look->port;
	struct bmc_owner_list owned;
	int other;

	if (bmc_sockets_of_process(look->pid, &owned))
		return 0; /* it is gone */
	other = other_port(&owned, port);
	if (!other) /* the kernel may have left one out while others came and went */
		other = other_port(&owned, port);
	free(owned.list);
	if (other < 0)
		return bmc_fail("cannot look at the sockets of memcached (pid %d): %s", look->pid,
				strerror(-other));
	if (!other)
		return 0;
	return refuse(
		look->options,
		"the memcached at port %u (pid %d) has a socket at port %d as well: what comes by "
		"that one is not seen here; give it one port",
		port, look->pid, other);
}

static int check_cgroup(const struct bmc_look *look)
{
	const char *cgroup = look->options->cgroup;
	int below = bmc_cgroup_has(cgroup, look->pid);

	if (below)
		return 0; /* or it cannot be told */
	if (!cgroup)
		return bmc_fail(
			"the memcached at port %u (pid %d) runs outside of the cgroups that can "
			"be seen here: run bmcctl outside of the container",
			look->port, look->pid);
	return bmc_fail("the memcached at port %u (pid %d) does not run below the cgroup '%s': its "
			"traffic is not seen there; give a directory above it, or no --cgroup",
			look->port, look->pid, cgroup);
}

static int ask(const struct bmc_look *look, struct bmc_memcached *ret)
{
	const struct bmc_options *options = look->options;
	const struct bmc_listening *l = &look->at;
	__u16 port = look->port;
	int err = bmc_memcached_ask_at(l->listener, ret);

	if ((err == -ECONNRESET || err == -ECONNREFUSED) && look->patient)
		return BMC_LOOK_AGAIN;
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

int bmc_check_watchable(struct bmc_look *look, struct bmc_memcached *ret)
{
	int code = check_sockets(look);

	if (!code)
		code = check_processes(look);
	if (!code)
		code = check_ports(look);
	if (!code)
		code = check_cgroup(look);
	/* not before the looks above: they may take long */
	look->asked = bmc_clock_ns(CLOCK_MONOTONIC);
	if (!code)
		code = ask(look, ret);
	return code;
}
