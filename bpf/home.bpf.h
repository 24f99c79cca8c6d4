/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Whether the interface is still where memcached is. One that is moved to another network namespace takes its program
 * along. A look at where it is costs some calls, so there is one for the first hit in a tick of each CPU. And whether
 * another device is stacked on it.
 */
#ifndef BMC_HOME_BPF_H
#define BMC_HOME_BPF_H

#include "server.bpf.h"

/* Of the kernel's types what is read. */
#define BMC_HOME_KERNELS __attribute__((preserve_access_index))

struct net___home {
	__u64 net_cookie;
} BMC_HOME_KERNELS;

struct list_head___home {
	struct list_head___home *next;
} BMC_HOME_KERNELS;

struct net_device___home {
	struct {
		struct net___home *net;
	} nd_net;
	struct {
		struct list_head___home upper;
	} adj_list;
} BMC_HOME_KERNELS;

struct xdp_rxq_info___home {
	struct net_device___home *dev;
} BMC_HOME_KERNELS;

struct xdp_buff___home {
	struct xdp_rxq_info___home *rxq;
} BMC_HOME_KERNELS;

/* The packet's interface. NULL: it cannot be read. */
static __always_inline struct net_device___home *bmc_home_device(struct xdp_md *ctx)
{
	struct xdp_buff___home *xdp = (struct xdp_buff___home *)ctx;
	struct xdp_rxq_info___home *rxq = NULL;
	struct net_device___home *dev = NULL;

	if (bpf_probe_read_kernel(&rxq, sizeof(rxq), &xdp->rxq) ||
	    bpf_probe_read_kernel(&dev, sizeof(dev), &rxq->dev))
		return NULL;
	return dev;
}

/* The cookie of the namespace that it is in; 0: it cannot be read. */
static __always_inline __u64 bmc_home_cookie(struct xdp_md *ctx)
{
	struct net_device___home *dev = bmc_home_device(ctx);
	struct net___home *net = NULL;
	__u64 cookie = 0;

	if (!dev || bpf_probe_read_kernel(&net, sizeof(net), &dev->nd_net.net) ||
	    bpf_probe_read_kernel(&cookie, sizeof(cookie), &net->net_cookie))
		return 0;
	return cookie;
}

/* Whether another device (bridge, bond, VRF, VLAN, macvlan) is stacked on it, or that cannot be read. */
static __always_inline int bmc_home_has_upper(struct xdp_md *ctx)
{
	struct net_device___home *dev = bmc_home_device(ctx);
	struct list_head___home *first = NULL;

	if (!dev || bpf_probe_read_kernel(&first, sizeof(first), &dev->adj_list.upper.next))
		return 1;
	return first != &dev->adj_list.upper;
}

/* 1: it is elsewhere: all servers are off now. */
__noinline int bmc_home_look(struct xdp_md *ctx)
{
	__u64 cookie = bmc_config.netns_cookie ? bmc_home_cookie(ctx) : 0;

	if (!cookie || cookie == bmc_config.netns_cookie)
		return 0;
	for (__u32 i = 0; i < BMC_PORTS_MAX; i++) {
		if (i < bmc_config.n_ports)
			bmc_server_off(bmc_server_get(i), BMC_OFF_MOVED);
	}
	return 1;
}

/* Whether it has left. To be asked when there is an answer: the clock was read for it. */
static __always_inline int bmc_home_left(struct xdp_md *ctx, struct bmc_stats *stats)
{
	if (!stats || stats->home == stats->tick)
		return 0;
	stats->home = stats->tick;
	return bmc_home_look(ctx);
}

#endif
