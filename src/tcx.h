/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * TC egress by a link (tcx, Linux 6.6), which needs no qdisc and costs a packet less than half of what a filter on clsact
 * costs; its program comes before all filters.
 */
#ifndef BMC_TCX_H
#define BMC_TCX_H

#include "bmc_abi.h"

/* Attaches before what is there, and pins the link as links/tcx_<ifindex>. 1; 0: the kernel has no tcx; -errno. */
int bmc_tcx_attach(const char *instance, int prog_fd, __u32 ifindex);

/* Whether a program is on an interface's egress. */
int bmc_tcx_has(__u32 ifindex, __u32 prog_id);

/* The id of the first program on an interface's egress; 0: there is none, or no tcx. */
__u32 bmc_tcx_first(__u32 ifindex);

/* Whether a pin's name is that of such a link. */
int bmc_tcx_is_pin(const char *what);

#endif
