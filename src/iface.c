// SPDX-License-Identifier: LGPL-2.1-only
#include "iface.h"

#include "netlink.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MTU_USUAL 1500 /* of Ethernet; drivers refuse larger ones most */

/* An interface, and those it is stacked on. */
struct stacked {
	__u32 ifindex;
	__u32 lower; /* IFLA_LINK; 0: none here */
	__u32 master; /* the one that is stacked on this */
	int vlan;
};

struct links {
	struct stacked *link; /* read_links() makes it as large as it has to be; free() */
	int n;
	int room;
};

static int is_vlan(const struct rtattr *attrs, size_t len)
{
	const struct rtattr *info = bmc_netlink_attr(attrs, len, IFLA_LINKINFO), *kind;

	if (!info)
		return 0;
	kind = bmc_netlink_attr(RTA_DATA(info), RTA_PAYLOAD(info), IFLA_INFO_KIND);
	return kind && !strcmp(RTA_DATA(kind), "vlan");
}

static struct stacked *new_link(struct links *links)
{
	struct stacked *link;

	if (links->n == links->room) {
		int room = 2 * links->room + 64;

		link = realloc(links->link, (size_t)room * sizeof(*link));
		if (!link)
			return NULL;
		links->link = link;
		links->room = room;
	}
	link = &links->link[links->n++];
	memset(link, 0, sizeof(*link));
	return link;
}

static int add_link(const struct nlmsghdr *msg, void *arg)
{
	const struct ifinfomsg *info = NLMSG_DATA(msg);
	const struct rtattr *attrs = IFLA_RTA(info), *attr;
	size_t len = IFLA_PAYLOAD(msg);
	struct links *links = arg;
	struct stacked *link;

	if (msg->nlmsg_type != RTM_NEWLINK)
		return 0;
	link = new_link(links);
	if (!link)
		return -ENOMEM;
	link->ifindex = (__u32)info->ifi_index;
	link->vlan = is_vlan(attrs, len);
	attr = bmc_netlink_attr(attrs, len, IFLA_LINK);
	/* a lower device of another namespace has its index there */
	if (attr && !bmc_netlink_attr(attrs, len, IFLA_LINK_NETNSID))
		link->lower = bmc_netlink_u32(attr);
	attr = bmc_netlink_attr(attrs, len, IFLA_MASTER);
	if (attr)
		link->master = bmc_netlink_u32(attr);
	return 0;
}

/* 0, or -errno; *ret is to be freed in either case. */
static int read_links(struct links *ret)
{
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };

	*ret = (struct links){ 0 };
	return bmc_netlink_dump(NETLINK_ROUTE, RTM_GETLINK, &info, sizeof(info), add_link, ret);
}

static int contains(const __u32 *list, int n, __u32 value)
{
	for (int i = 0; i < n; i++) {
		if (list[i] == value)
			return 1;
	}
	return 0;
}

static int append(__u32 *list, int *n, int max, __u32 value)
{
	if (contains(list, *n, value))
		return 0;
	if (*n == max)
		return -ENOSPC;
	list[(*n)++] = value;
	return 0;
}

/* Asks the interface itself: ioctl(2), which wants its name. 0, or -errno */
static int ask(__u32 ifindex, unsigned long what, struct ifreq *request)
{
	int err, fd;

	if (!if_indextoname(ifindex, request->ifr_name))
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = ioctl(fd, what, request) ? -errno : 0;
	close(fd);
	return err;
}

/* Whether the device takes VLAN tags off what it receives. */
static int strips_vlan(__u32 ifindex)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ifreq request = { .ifr_data = (void *)&flags };

	return !ask(ifindex, SIOCETHTOOL, &request) && (flags.data & ETH_FLAG_RXVLAN);
}

/* Adds what is stacked on `lower`: those that name it, and the one that it names as its master. */
static int append_upper(const struct links *links, __u32 lower, __u32 *list, int *n, int max,
			__u32 *ret_skipped)
{
	int err = 0;

	for (int k = 0; !err && k < links->n; k++) {
		const struct stacked *link = &links->link[k];

		if (link->ifindex == lower && link->master)
			err = append(list, n, max, link->master);
		if (err || link->lower != lower || link->ifindex == lower)
			continue;
		if (link->vlan && strips_vlan(lower))
			*ret_skipped = link->ifindex;
		else
			err = append(list, n, max, link->ifindex);
	}
	return err;
}

int bmc_iface_stack(const __u32 *base, int n_base, __u32 *ret_list, int max, __u32 *ret_skipped)
{
	struct links links;
	int err, n = 0;

	*ret_skipped = 0;
	err = read_links(&links);
	for (int i = 0; !err && i < n_base; i++)
		err = append(ret_list, &n, max, base[i]);
	/* the list grows while it is walked: what is stacked on what was found */
	for (int i = 0; !err && i < n; i++)
		err = append_upper(&links, ret_list[i], ret_list, &n, max, ret_skipped);
	free(links.link);
	return err ? err : n;
}

int bmc_iface_all(__u32 **ret_list)
{
	struct links links;
	int err = read_links(&links);

	*ret_list = err ? NULL : malloc((size_t)links.n * sizeof(**ret_list));
	if (!err && !*ret_list)
		err = -ENOMEM;
	for (int i = 0; !err && i < links.n; i++)
		(*ret_list)[i] = links.link[i].ifindex;
	free(links.link);
	return err ? err : links.n;
}

static int has_driver(__u32 ifindex, const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };

	return !ask(ifindex, SIOCETHTOOL, &request) && !strcmp(info.driver, name);
}

int bmc_iface_is_veth(__u32 ifindex)
{
	return has_driver(ifindex, "veth");
}

int bmc_iface_is_veths_bond(__u32 ifindex)
{
	struct links links;
	int found = 0;

	if (!has_driver(ifindex, "bonding"))
		return 0;
	if (!read_links(&links)) {
		for (int i = 0; !found && i < links.n; i++)
			found = links.link[i].master == ifindex &&
				bmc_iface_is_veth(links.link[i].ifindex);
	}
	free(links.link);
	return found;
}

int bmc_iface_is_vrf(__u32 ifindex)
{
	return has_driver(ifindex, "vrf");
}

/* What the interface is a port, slave or member of; 0: nothing. */
static __u32 master_of(const struct links *links, __u32 ifindex)
{
	for (int i = 0; i < links->n; i++) {
		if (links->link[i].ifindex == ifindex)
			return links->link[i].master;
	}
	return 0;
}

__u32 bmc_iface_vrf(__u32 ifindex)
{
	struct links links;

	if (read_links(&links))
		ifindex = 0;
	/* no more steps than there are interfaces */
	for (int i = 0; i < links.n && ifindex && !bmc_iface_is_vrf(ifindex); i++)
		ifindex = master_of(&links, ifindex);
	free(links.link);
	return ifindex;
}

int bmc_iface_has_ethernet(__u32 ifindex)
{
	struct ifreq request = { 0 };
	int type;

	if (ask(ifindex, SIOCGIFHWADDR, &request))
		return 1; /* for all that is known */
	type = request.ifr_hwaddr.sa_family;
	return type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK;
}

int bmc_iface_is_loopback(__u32 ifindex)
{
	struct ifreq request = { 0 };

	return !ask(ifindex, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_LOOPBACK);
}

int bmc_iface_is_down(__u32 ifindex)
{
	struct ifreq request = { 0 };

	return !ask(ifindex, SIOCGIFFLAGS, &request) && !(request.ifr_flags & IFF_UP);
}

const char *bmc_iface_doubt(__u32 ifindex, char *buf)
{
	struct ifreq request = { 0 };

	*buf = 0;
	if (!ask(ifindex, SIOCGIFMTU, &request) && request.ifr_mtu > MTU_USUAL)
		snprintf(buf, BMC_IFACE_DOUBT, ", perhaps for its MTU of %d", request.ifr_mtu);
	return buf;
}

int bmc_iface_xdp(__u32 ifindex, __u32 *ret_id, int *ret_skb)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);
	int err = bpf_xdp_query((int)ifindex, 0, &opts);

	if (err)
		return err;
	*ret_id = opts.prog_id	   ? opts.prog_id :
		  opts.drv_prog_id ? opts.drv_prog_id :
		  opts.skb_prog_id ? opts.skb_prog_id :
				     opts.hw_prog_id;
	*ret_skb = opts.attach_mode == XDP_ATTACHED_SKB;
	return 0;
}

struct clsact {
	__u32 ifindex;
	int found;
};

static int look_for_clsact(const struct nlmsghdr *msg, void *arg)
{
	const struct tcmsg *tc = NLMSG_DATA(msg);
	struct clsact *want = arg;
	const struct rtattr *kind;

	if (msg->nlmsg_type != RTM_NEWQDISC || (__u32)tc->tcm_ifindex != want->ifindex)
		return 0;
	kind = bmc_netlink_attr(TCA_RTA(tc), TCA_PAYLOAD(msg), TCA_KIND);
	if (kind && !strcmp(RTA_DATA(kind), "clsact"))
		want->found = 1;
	return 0;
}

int bmc_iface_has_clsact(__u32 ifindex)
{
	struct tcmsg tc = { .tcm_family = AF_UNSPEC };
	struct clsact want = { .ifindex = ifindex };
	int err = bmc_netlink_dump(NETLINK_ROUTE, RTM_GETQDISC, &tc, sizeof(tc), look_for_clsact,
				   &want);

	return err ? err : want.found;
}

struct filters {
	struct bmc_filter *list;
	int n;
	int max;
	int egress;
	__u32 ifindex;
};

static int add_filter(const struct nlmsghdr *msg, void *arg)
{
	const struct tcmsg *tc = NLMSG_DATA(msg);
	const struct rtattr *options, *id = NULL;
	struct filters *all = arg;
	struct bmc_filter *f;

	if (msg->nlmsg_type != RTM_NEWTFILTER || !tc->tcm_handle)
		return 0;
	options = bmc_netlink_attr(TCA_RTA(tc), TCA_PAYLOAD(msg), TCA_OPTIONS);
	if (options)
		id = bmc_netlink_attr(RTA_DATA(options), RTA_PAYLOAD(options), TCA_BPF_ID);
	if (all->n < all->max) {
		f = &all->list[all->n];
		f->ifindex = all->ifindex;
		f->handle = tc->tcm_handle;
		f->priority = TC_H_MAJ(tc->tcm_info) >> 16;
		f->prog_id = id ? bmc_netlink_u32(id) : 0;
		f->egress = all->egress;
	}
	all->n++;
	return 0;
}

int bmc_iface_filters(__u32 ifindex, struct bmc_filter *ret_list, int max)
{
	struct filters all = { .list = ret_list, .max = max, .ifindex = ifindex };

	for (int egress = 1; egress >= 0; egress--) {
		struct tcmsg tc = { .tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex };
		int err;

		all.egress = egress;
		tc.tcm_parent = TC_H_MAKE(TC_H_CLSACT, egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
		err = bmc_netlink_dump(NETLINK_ROUTE, RTM_GETTFILTER, &tc, sizeof(tc), add_filter,
				       &all);
		if (err)
			return err == -EINVAL || err == -ENOENT ? 0 :
								  err; /* no clsact: no filters */
	}
	return all.n;
}
