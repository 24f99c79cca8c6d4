/* SPDX-License-Identifier: LGPL-2.1-only */
/* Netlink dumps: one request, a call for each message of the answer. sysfs would show another namespace's devices. */
#ifndef BMC_NETLINK_H
#define BMC_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>

/* 0 to go on; anything else ends the dump and is its result. */
typedef int (*bmc_netlink_fn)(const struct nlmsghdr *msg, void *arg);

/*
 * Sends a dump request of `type` with `body` behind its header, over netlink `family`. What changes meanwhile makes it
 * begin again: fn may see a message twice. 0, fn's result or -errno.
 */
int bmc_netlink_dump(int family, int type, const void *body, size_t len, bmc_netlink_fn fn,
		     void *arg);

/* Sends one request that is answered by its result. 0 or -errno. */
int bmc_netlink_request(int family, int type, const void *body, size_t len);

/* The attribute `type` among those at `attr`, or NULL. */
const struct rtattr *bmc_netlink_attr(const struct rtattr *attr, size_t len, int type);

/* An attribute's first four bytes as a number. */
__u32 bmc_netlink_u32(const struct rtattr *attr);

#endif
