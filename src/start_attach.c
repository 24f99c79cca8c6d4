// SPDX-License-Identifier: LGPL-2.1-only
/* A start's programs are attached: the watch first, then TC and XDP. */
#include "fault.h"
#include "hooks.h"
#include "iface.h"
#include "start.h"
#include "tcx.h"

#include <errno.h>
#include <string.h>

int bmc_start_attach_watch(struct bmc_start *s)
{
	struct bpf_program *prog;
	int err;

	bpf_object__for_each_program(prog, s->skel->obj) {
		if (prog == s->skel->progs.bmc_xdp || prog == s->skel->progs.bmc_tc_egress ||
		    prog == s->skel->progs.bmc_learn)
			continue;
		err = bmc_hooks_attach_cgroup(s->plan->name, prog, s->plan->cgroup_fd);
		if (err)
			return bmc_start_because(s, err, "cannot attach '%s' to the cgroup: %s",
						 bpf_program__name(prog), strerror(-err));
		bmc_fault_point(bpf_program__name(prog));
	}
	return 0;
}

/* Noted before it is done: `stop` must know of it even if we die in between. */
static int make_clsact(struct bmc_start *s, struct bmc_iface *iface, int prog_fd)
{
	int err = -EEXIST;

	for (int i = 0; err == -EEXIST && i < 3; i++) {
		err = bmc_hooks_plan_tc(prog_fd, iface);
		if (!err)
			err = bmc_start_note(s);
		bmc_fault_point("TC noted");
		if (!err)
			err = bmc_hooks_make_clsact(iface);
	}
	if (err == -EEXIST) /* it comes and goes: not ours */
		iface->made_clsact = 0;
	return err;
}

static int attach_filter(struct bmc_start *s, struct bmc_iface *iface, int fd)
{
	int err;

	err = make_clsact(s, iface, fd);
	if (err) {
		bmc_start_note(s);
		return bmc_start_because(s, err, "cannot make a clsact qdisc on '%s': %s",
					 iface->name, strerror(-err));
	}
	bmc_fault_point("clsact made");
	err = bmc_hooks_attach_tc(fd, iface);
	if (err)
		return bmc_start_because(s, err, "cannot attach a TC egress filter to '%s': %s",
					 iface->name, strerror(-err));
	bmc_fault_point("TC attached");
	return 0;
}

/* By a link, if the kernel has them; else by a filter. */
static int attach_tc(struct bmc_start *s, struct bmc_iface *iface)
{
	int fd = bpf_program__fd(s->skel->progs.bmc_tc_egress), err = 0;

	if (!s->plan->clsact)
		err = bmc_tcx_attach(s->plan->name, fd, iface->ifindex);
	if (!err)
		return attach_filter(s, iface, fd);
	if (err < 0)
		return bmc_start_because(s, err, "cannot attach TC egress to '%s': %s", iface->name,
					 strerror(-err));
	err = bmc_hooks_program_id(fd, &iface->tc_prog_id);
	bmc_fault_point("tcx attached");
	return err ? err : bmc_start_note(s);
}

static int attach_xdp(struct bmc_start *s, int i)
{
	struct bmc_iface *iface = &s->plan->iface[i];
	char doubt[BMC_IFACE_DOUBT], name[IF_NAMESIZE];
	int err = bmc_hooks_attach_xdp(s->plan->name, bpf_program__fd(s->skel->progs.bmc_xdp),
				       iface, &s->report->not_native[i]);

	if (err && !if_indextoname(iface->ifindex, name)) /* the kernel says EINVAL */
		return bmc_start_because(s, -ENODEV, "cannot attach XDP to '%s': %s", iface->name,
					 strerror(ENODEV));
	if (err == -EBUSY)
		return bmc_start_because(
			s, err, "'%s' has an XDP program of somebody else's: take it off first",
			iface->name);
	if (err && iface->mode == BMC_MODE_NATIVE)
		return bmc_start_because(
			s, err, "cannot attach XDP to '%s' in native mode: %s%s; try --mode skb",
			iface->name, strerror(-err), bmc_iface_doubt(iface->ifindex, doubt));
	if (err)
		return bmc_start_because(s, err, "cannot attach XDP to '%s' in %s mode: %s",
					 iface->name, iface->mode == BMC_MODE_SKB ? "skb" : "any",
					 strerror(-err));
	bmc_fault_point("XDP attached");
	return bmc_start_note(s);
}

int bmc_start_attach_ifaces(struct bmc_start *s)
{
	int err = 0;

	for (int i = 0; !err && i < s->plan->n_ifaces; i++)
		err = attach_tc(s, &s->plan->iface[i]);
	for (int i = 0; !err && i < s->plan->n_ifaces; i++)
		err = attach_xdp(s, i);
	return err;
}
