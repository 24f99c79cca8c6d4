// SPDX-License-Identifier: LGPL-2.1-only
#include "check.h"

#include "hooks.h"
#include "iface.h"
#include "log.h"
#include "pins.h"
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define KERNEL_LEAST (6U << 8 | 1)
#define FILES_LEAST 256 /* 64 suffice for one interface and port */
#define VMLINUX_BTF "/sys/kernel/btf/vmlinux"

int bmc_check_machine(const struct bmc_options *options)
{
	unsigned int kernel = bmc_kernel_version();
	char want[32], have[32];
	struct rlimit files;
	__u64 available;

	if (bmc_pins_unusable())
		return bmc_fail("%s", bmc_pins_unusable());
	if (!bmc_proc_is_ours())
		return bmc_fail(
			"/proc is not mounted, or that of another PID namespace: run bmcctl "
			"outside of the container");
	if (!bmc_clock_is_kernels())
		return bmc_fail("the clock here is that of a time namespace: run bmcctl outside of "
				"the container");
	if (kernel < KERNEL_LEAST)
		return bmc_fail("this kernel is %u.%u: bmc needs 6.1 or newer", kernel >> 8,
				kernel & 0xff);
	if (access(VMLINUX_BTF, R_OK))
		return bmc_fail("this kernel has no BTF (%s: %s): bmc needs one built with "
				"CONFIG_DEBUG_INFO_BTF",
				VMLINUX_BTF, strerror(errno));
	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < FILES_LEAST)
		return bmc_fail("%llu files may be open at a time: start needs %d; raise the limit "
				"('ulimit -Hn %d', LimitNOFILE=)",
				(unsigned long long)files.rlim_cur, FILES_LEAST, FILES_LEAST);
	if (!bmc_memory_available(&available) && options->memory > available)
		return bmc_fail(
			"--memory %s is more than the %s that this machine has left: give less",
			bmc_format_size(options->memory, want, sizeof(want)),
			bmc_format_size(available, have, sizeof(have)));
	return 0;
}

/* A link is not taken off by ip(8). */
static int fail_taken(const struct bmc_iface *iface, __u32 id, int skb)
{
	__u32 link = bmc_hooks_xdp_link(id);

	if (link && bmc_hooks_program_is_xdp(id))
		return bmc_fail(
			"'%s' has bmc's own XDP program (id %u), of an instance that the bpffs "
			"mounted here does not have: 'bmcctl stop' where its bpffs still is "
			"mounted, or 'bpftool link detach id %u', takes it off",
			iface->name, id, link);
	if (link)
		return bmc_fail("'%s' has an XDP program already (id %u): take it off first "
				"('bpftool link detach id %u', or the tool that attached it)",
				iface->name, id, link);
	return bmc_fail("'%s' has an XDP program already (id %u): take it off first ('ip link set "
			"dev %s %s off', or the tool that attached it)",
			iface->name, id, iface->name, skb ? "xdpgeneric" : "xdp");
}

/* It may be given by an alternative name: what is noted and said is its own, and it is given once. 0, or the exit code */
static int check_name(struct bmc_plan *plan, int i)
{
	struct bmc_iface *iface = &plan->iface[i];
	char given[IF_NAMESIZE];

	strcpy(given, iface->name);
	if (!if_indextoname(iface->ifindex, iface->name))
		return bmc_fail("the interface '%s' has just gone", given);
	for (int k = 0; k < i; k++) {
		if (plan->iface[k].ifindex == iface->ifindex)
			return bmc_fail("'%s' is the interface '%s', which is given already", given,
					iface->name);
	}
	return 0;
}

/* XDP must see Ethernet there. 0, or the exit code */
static int check_kind(const struct bmc_iface *iface)
{
	if (bmc_iface_is_vrf(iface->ifindex))
		return bmc_fail("'%s' is a VRF, where XDP sees nothing: give the interfaces in it "
				"('ip link show master %s' lists them)",
				iface->name, iface->name);
	if (!bmc_iface_has_ethernet(iface->ifindex))
		return bmc_fail("packets of '%s' have no Ethernet header, so that they cannot be "
				"answered (is it a tunnel?): leave it out; memcached answers what "
				"comes by it",
				iface->name);
	return 0;
}

/* Whether sockets that are bound to no VRF get the datagrams of all. */
static int is_udp_of_vrfs(void)
{
	FILE *f = fopen("/proc/sys/net/ipv4/udp_l3mdev_accept", "re");
	int accept = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%d", &accept) != 1)
		accept = 0;
	fclose(f);
	return accept != 0;
}

/* What memcached would not get must not be answered. 0, or the exit code */
static int check_vrfs(const struct bmc_plan *plan)
{
	__u32 first = bmc_iface_vrf(plan->iface[0].ifindex);

	for (int i = 1; i < plan->n_ifaces; i++) {
		if (bmc_iface_vrf(plan->iface[i].ifindex) != first && !is_udp_of_vrfs())
			return bmc_fail(
				"'%s' and '%s' are not in the same VRF, so that memcached gets "
				"the datagrams of one of them only: give interfaces of one VRF, "
				"or 'sysctl net.ipv4.udp_l3mdev_accept=1'",
				plan->iface[0].name, plan->iface[i].name);
	}
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
		if (check_name(plan, i) || check_kind(iface))
			return BMC_FAILED;
		err = bmc_iface_xdp(iface->ifindex, &id, &skb);
		if (err)
			return bmc_fail("cannot ask '%s' for its XDP program: %s", iface->name,
					strerror(-err));
		/* our own are told by bmc_check_instances, which comes first */
		if (id)
			return fail_taken(iface, id, skb);
	}
	return check_vrfs(plan);
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

/* Its notes cannot be read, so its ports cannot be known; its interfaces are those of its links. */
static int compare_other_version(struct conflict *c, const char *name)
{
	struct bmc_hook_place place;
	char pin[BMC_XDP_PIN];

	for (int i = 0; i < c->options->n_ifaces; i++) {
		const char *iface = c->options->iface[i];

		bmc_hooks_place(name, bmc_hooks_xdp_pin(if_nametoindex(iface), pin), &place);
		if (place.where != BMC_HOOK_HERE)
			continue;
		c->code = bmc_fail("interface '%s' belongs to instance '%s', which another version "
				   "of bmcctl started: 'bmcctl stop --name %s' first",
				   iface, name, name);
		return 1;
	}
	bmc_note("instance '%s' was started by another version of bmcctl: whether it has the same "
		 "port cannot be told",
		 name);
	return 0;
}

static int compare(const char *name, void *arg)
{
	struct conflict *c = arg;
	static struct bmc_instance other;
	const char *iface;
	__u16 port;
	int err;

	if (!strcmp(name, c->options->name)) {
		c->code = bmc_fail("instance '%s' is there already: 'bmcctl stop --name %s' "
				   "removes it, --name starts "
				   "another one",
				   name, name);
		return 1;
	}
	err = bmc_pins_instance(name, &other);
	if (err == -EPROTO)
		return compare_other_version(c, name);
	if (err || other.config.netns_cookie != c->netns)
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
