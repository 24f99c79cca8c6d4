/* SPDX-License-Identifier: LGPL-2.1-only */
/* The life of an instance: load, attach, pin; and all of it back. */
#ifndef BMC_LIFECYCLE_H
#define BMC_LIFECYCLE_H

#include "adopt.h"
#include "bmc_abi.h"
#include "learn.h"

#define BMC_WHY_MAX 768
#define BMC_WRITERS_PER_CONNECTION 4

/* What to start; everything checked by the caller. */
struct bmc_plan {
	const char *name;
	int cgroup_fd;
	__u64 memory; /* bytes of all maps together */
	__u32 buckets; /* at the most; 0: as many as there is memory for. Set by tests only */
	struct bmc_config config; /* without n_buckets, tag, times, netns: lifecycle knows them */
	int clsact; /* TC egress by a filter, though the kernel may have links for it */
	struct bmc_iface iface[BMC_IFACES_MAX]; /* ifindex, name, mode wanted; then what was got */
	int n_ifaces;
	__u32 n_olds; /* connections older than the start, at the most */
	int udp_each
		[BMC_PORTS_MAX]; /* UDP sockets that share an address: more than one are memcached-sr's */
	__u32 threads[BMC_PORTS_MAX]; /* of each memcached that wait for events; 0: not known */
	pid_t asked[BMC_PORTS_MAX]; /* the memcached that was asked what it is; 0: none */
	int strict; /* old connections are not followed */
	int reset; /* nor left */
	int force; /* what cannot be watched is left unwatched */
	int learn; /* memcached is asked when its items expire */
	bmc_progress_fn progress; /* may be NULL */
};

struct bmc_report {
	int not_taken; /* the kernel refused the maps or programs: libbpf has said more */
	int mounted; /* bpffs was not */
	int not_native
		[BMC_IFACES_MAX]; /* -errno: what an interface in skb mode said of native mode */
	struct bmc_adopt adopted; /* memcached's sockets and connections */
	__u32 absent; /* ports at which no memcached is yet, a bit each */
	struct bmc_learning learning; /* what it said, if it was asked */
	__u64 memory; /* bytes that the maps take */
	__u32 untagged; /* a VLAN whose tags XDP does not see: its items are not cached; 0: none */
	char why[BMC_WHY_MAX]; /* of a failure: what was tried, on what, why it failed, what to do */
};

/* Starts an instance; undoes what it did when a step fails. 0 or -errno with report->why. */
int bmc_lifecycle_start(struct bmc_plan *plan, struct bmc_report *report);

/* Says one line of what was done. */
typedef void (*bmc_say_fn)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Removes what there is of an instance, and only that. Goes on when a step fails. Returns how many things were
 * removed, or -errno of the first failure, with `why` (BMC_WHY_MAX).
 */
int bmc_lifecycle_stop(const char *name, bmc_say_fn say, char *why);

#endif
