// SPDX-License-Identifier: LGPL-2.1-only
#include "check.h"

#include "iface.h"
#include "log.h"
#include "memcached.h"
#include "pins.h"
#include "sockets.h"
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KERNEL_LEAST (6U << 8 | 1)
#define CONNECTIONS_DEFAULT 1024
#define CONNECTIONS_LEAST 16
#define OLDS_MORE 1024 /* connections that may come between check and start */
#define CONNECTIONS_MOST 1000000 /* as --connections */
#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

int bmc_check_machine(const struct bmc_options *options)
{
	unsigned int kernel = bmc_kernel_version();
	char want[32], have[32];
	__u64 available;

	if (bmc_pins_hidden())
		return bmc_fail("%s", BMC_PINS_HIDDEN);
	if (kernel < KERNEL_LEAST)
		return bmc_fail("this kernel is %u.%u: bmc needs 6.1 or newer", kernel >> 8,
				kernel & 0xff);
	if (access(VMLINUX_BTF, R_OK))
		return bmc_fail("this kernel has no BTF (%s: %s): bmc needs one built with "
				"CONFIG_DEBUG_INFO_BTF",
				VMLINUX_BTF, strerror(errno));
	if (!bmc_memory_available(&available) && options->memory > available)
		return bmc_fail(
			"--memory %s is more than the %s that this machine has left: give less",
			bmc_format_size(options->memory, want, sizeof(want)),
			bmc_format_size(available, have, sizeof(have)));
	return 0;
}

int bmc_check_ifaces(const struct bmc_options *options, struct bmc_plan *plan)
{
	plan->n_ifaces = options->n_ifaces;
	for (int i = 0; i < options->n_ifaces; i++) {
		struct bmc_iface *iface = &plan->iface[i];
		__u32 id = 0;
		int err, skb;

		strcpy(iface->name, options->iface[i]);
		iface->mode = options->mode;
		iface->ifindex = if_nametoindex(iface->name);
		if (!iface->ifindex)
			return bmc_fail(
				"there is no interface '%s' here; 'ip link' lists those there are",
				iface->name);
		err = bmc_iface_xdp(iface->ifindex, &id, &skb);
		if (err)
			return bmc_fail("cannot ask '%s' for its XDP program: %s", iface->name,
					strerror(-err));
		/* our own are told by bmc_check_instances, which comes first */
		if (id)
			return bmc_fail("'%s' has an XDP program already (id %u): take it off "
					"first ('ip link set dev %s "
					"xdp off', or the tool that attached it)",
					iface->name, id, iface->name);
	}
	return 0;
}

/* ---- other instances ---- */
struct conflict {
	const struct bmc_options *options;
	__u64 netns;
	int code;
};

static int ports_clash(const struct bmc_options *options, const struct bmc_instance *other,
		       __u16 *ret)
{
	for (int i = 0; i < options->n_ports; i++) {
		for (__u32 k = 0; k < other->config.n_ports && k < BMC_PORTS_MAX; k++) {
			if (htons(options->port[i]) == other->config.port[k]) {
				*ret = options->port[i];
				return 1;
			}
		}
	}
	return 0;
}

static const char *ifaces_clash(const struct bmc_options *options, const struct bmc_instance *other)
{
	for (int i = 0; i < options->n_ifaces; i++) {
		for (int k = 0; k < BMC_IFACES_MAX; k++) {
			if (other->iface[k].ifindex &&
			    other->iface[k].ifindex == if_nametoindex(options->iface[i]))
				return options->iface[i];
		}
	}
	return NULL;
}

static int compare(const char *name, void *arg)
{
	struct conflict *c = arg;
	static struct bmc_instance other;
	const char *iface;
	__u16 port;

	if (!strcmp(name, c->options->name)) {
		c->code = bmc_fail("instance '%s' is there already: 'bmcctl stop --name %s' "
				   "removes it, --name starts "
				   "another one",
				   name, name);
		return 1;
	}
	if (bmc_pins_instance(name, &other) || other.config.netns_cookie != c->netns)
		return 0;
	iface = ifaces_clash(c->options, &other);
	if (iface) {
		c->code = bmc_fail("interface '%s' belongs to instance '%s': stop that, or choose "
				   "another interface",
				   iface, name);
		return 1;
	}
	if (ports_clash(c->options, &other, &port)) {
		c->code = bmc_fail(
			"port %u belongs to instance '%s': give all its interfaces to one instance",
			port, name);
		return 1;
	}
	return 0;
}

int bmc_check_instances(const struct bmc_options *options, const struct bmc_plan *plan)
{
	struct conflict c = { .options = options };
	int err = bmc_netns_cookie(&c.netns);

	(void)plan;
	if (err)
		return bmc_fail("cannot tell this network namespace: %s", strerror(-err));
	bmc_pins_instances(compare, &c);
	return c.code;
}

/* ---- memcached ---- */

/* What the sockets of a port tell. */
struct listening {
	const struct bmc_socket *listener; /* one that can be asked; NULL: none */
	int udp;
	int reachable; /* TCP and UDP at an address that is not loopback */
};

static struct listening look_at(const struct bmc_socket_list *sockets)
{
	struct listening l = { 0 };

	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (s->tcp && !s->listener)
			continue;
		if (s->listener && !l.listener)
			l.listener = s;
		l.udp |= !s->tcp;
		l.reachable |= !s->tcp && !s->loopback;
	}
	return l;
}

static int all_loopback(const struct bmc_plan *plan)
{
	for (int i = 0; i < plan->n_ifaces; i++) {
		if (!bmc_iface_is_loopback(plan->iface[i].ifindex))
			return 0;
	}
	return 1;
}

static int ask(const struct bmc_socket *listener, __u16 port, struct bmc_memcached *ret)
{
	int err = bmc_memcached_ask_at(listener, ret);

	if (err == -ETIMEDOUT)
		return bmc_fail("the server at port %u gives no plain-text answer to 'stats "
				"settings' within a second: is it stopped, at its maxconns, or "
				"behind TLS (which cannot be "
				"cached)?",
				port);
	if (err == -EACCES)
		return bmc_fail(
			"the memcached at port %u wants authentication: it cannot be cached", port);
	if (err)
		return bmc_fail("cannot ask the memcached at %s port %u: %s", listener->addr, port,
				strerror(-err));
	if (ret->ssl)
		return bmc_fail("the memcached at port %u speaks TLS (ssl_enabled): its traffic "
				"cannot be read",
				port);
	if (ret->proxy)
		return bmc_fail(
			"the memcached at port %u is a proxy (proxy_enabled): it cannot be cached",
			port);
	return 0;
}

static int check_sockets(const struct bmc_plan *plan, const struct listening *l, __u16 port)
{
	if (!l->udp)
		return bmc_fail("the memcached at port %u has no UDP: start it with -U %u ('-U %u' "
				"in /etc/memcached.conf)",
				port, port, port);
	if (!l->reachable && !all_loopback(plan))
		return bmc_fail("the memcached at port %u listens on %s only, which is loopback: "
				"packets of "
				"'%s' never reach it; give it "
				"an address with -l (in /etc/memcached.conf)",
				port, l->listener->addr, plan->iface[0].name);
	return 0;
}

/* Sockets of other users are nobody's business; two processes of memcached's user at one port are. */
static int check_processes(const struct bmc_socket_list *sockets, const struct listening *l,
			   __u16 port)
{
	struct bmc_owner first = { 0 }, owner;

	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if ((s->tcp && !s->listener) || s->uid != l->listener->uid ||
		    bmc_socket_owner(s->inode, &owner))
			continue;
		if (first.pid && owner.pid != first.pid)
			return bmc_fail("two processes (%d and %d) have sockets of port %u: give "
					"each memcached a "
					"port of its own",
					first.pid, owner.pid, port);
		first = owner;
	}
	return 0;
}

/* "1.6.18" and the like as BMC_VERSION_OF; 0: none that is known. */
static __u32 version_number(const char *text)
{
	unsigned int major, minor, patch;

	if (sscanf(text, "%u.%u.%u", &major, &minor, &patch) != 3 || major > 255 || minor > 255 ||
	    patch > 255)
		return 0;
	return BMC_VERSION_OF(major, minor, patch);
}

/* What listens at the port i is a memcached that can be cached. */
static int check_listening(const struct bmc_options *options, struct bmc_plan *plan, int i,
			   const struct bmc_socket_list *sockets, const struct listening *l,
			   __u64 *connections)
{
	__u16 port = options->port[i];
	struct bmc_memcached server;
	int code;

	code = check_sockets(plan, l, port);
	if (!code)
		code = check_processes(sockets, l, port);
	if (!code)
		code = ask(l->listener, port, &server);
	if (code)
		return code;
	if (options->user && l->listener->uid != options->uid)
		return bmc_fail("the memcached at port %u runs as user id %u, not as --user %s",
				port, l->listener->uid, options->user);
	plan->config.uid[i] = l->listener->uid;
	plan->config.version[i] = version_number(server.version);
	plan->udp_each[i] = bmc_sockets_udp_each(sockets, l->listener->uid);
	plan->threads[i] = server.threads;
	*connections += server.maxconns;
	return 0;
}

static int check_server(const struct bmc_options *options, struct bmc_plan *plan, int i,
			__u64 *connections)
{
	__u16 port = options->port[i];
	struct bmc_socket_list sockets;
	struct listening l;
	int code = 0, err;

	plan->config.port[i] = htons(port);
	plan->config.uid[i] = options->uid;
	err = bmc_sockets_of_port(port, &sockets);
	if (err)
		return bmc_fail("cannot list the sockets of port %u: %s", port, strerror(-err));
	l = look_at(&sockets);
	plan->n_olds += (__u32)sockets.n;
	if (l.listener)
		code = check_listening(options, plan, i, &sockets, &l, connections);
	else if (!options->wait)
		code = bmc_fail(
			"no memcached listens on port %u here: start it, or say --wait and --user",
			port);
	else if (!options->user)
		code = bmc_fail("no memcached listens on port %u yet, so --wait needs --user: "
				"whose will it be?",
				port);
	free(sockets.list);
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
