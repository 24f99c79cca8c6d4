/* SPDX-License-Identifier: LGPL-2.1-only */
/* Attaches programs and takes them off again: cgroup and XDP by pinned links, TC by a filter that is noted. */
#ifndef BMC_HOOKS_H
#define BMC_HOOKS_H

#include "bmc_abi.h"

struct bpf_program;

/* The filter's handle says whether clsact was made for it: so much is known even when the notes are gone. */
#define BMC_FILTER_HANDLE 1
#define BMC_FILTER_HANDLE_MADE 2

/* After it no program runs that began before it: all that run see what was attached, or written. 0 or -errno. */
int bmc_hooks_wait(void);

/* Attaches to a cgroup and pins the link as links/<program>. 0 or -errno. */
int bmc_hooks_attach_cgroup(const char *instance, const struct bpf_program *prog, int cgroup_fd);

/*
 * Attaches XDP to iface->ifindex in iface->mode and pins the link as links/xdp_<ifindex>. AUTO: native, else skb;
 * iface->mode is then what was got, and *ret_refused why it is not native (-errno; 0: nobody was asked).
 * 0; -EBUSY: another program is there; -errno.
 */
int bmc_hooks_attach_xdp(const char *instance, int prog_fd, struct bmc_iface *iface,
			 int *ret_refused);

/* Where the program is that a link attached to an interface. A link goes with its device to another namespace. */
enum bmc_hook_where {
	BMC_HOOK_NOWHERE, /* the device is gone, or the link was detached */
	BMC_HOOK_HERE,
	BMC_HOOK_ELSEWHERE, /* in another network namespace */
};

struct bmc_hook_place {
	enum bmc_hook_where where;
	__u32 prog_id; /* these of HERE only */
	__u32 ifindex;
	char name[16];
};

/* Of the pin links/<what>, of XDP or tcx; one that is not there is nowhere. */
void bmc_hooks_place(const char *instance, const char *what, struct bmc_hook_place *ret);

/* The pin's name of an interface's link, by the number that it had at `start`. Returns buf, of BMC_XDP_PIN. */
#define BMC_XDP_PIN 16
const char *bmc_hooks_xdp_pin(__u32 ifindex, char *buf);

/* One of the programs of the watch that is not attached to the cgroup any more; NULL: all are. */
const char *bmc_hooks_unwatched(const char *instance);

/* Finds a free place for our filter and whether clsact has to be made: fills iface's tc fields. 0 or -errno. */
int bmc_hooks_plan_tc(int prog_fd, struct bmc_iface *iface);

/* Makes clsact if that was planned. 0; -EEXIST: somebody else just did; -errno. */
int bmc_hooks_make_clsact(const struct bmc_iface *iface);

/* Attaches the egress filter that was planned. 0 or -errno. */
int bmc_hooks_attach_tc(int prog_fd, const struct bmc_iface *iface);

/* Takes a filter off, if it still is the program's. 1: it was there; 0: it was not; -errno. */
int bmc_hooks_detach_tc(__u32 ifindex, __u32 handle, __u32 priority, __u32 prog_id);

/* Removes clsact if no filter is on it. 1: removed; 0: still in use, or not there; -errno. */
int bmc_hooks_remove_clsact(__u32 ifindex);

/* A program's id. 0 or -errno. */
int bmc_hooks_program_id(int prog_fd, __u32 *ret);

/* Whether a program uses a map. */
int bmc_hooks_program_uses(__u32 prog_id, __u32 map_id);

/* Whether a program is an egress filter of bmc's, by its name; or its XDP program. */
int bmc_hooks_program_is_filter(__u32 prog_id);
int bmc_hooks_program_is_xdp(__u32 prog_id);

/* The id of the link by which an XDP program is attached; 0: by none. */
__u32 bmc_hooks_xdp_link(__u32 prog_id);

#endif
