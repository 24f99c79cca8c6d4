/* SPDX-License-Identifier: LGPL-2.1-only */
/* What an instance is and does now: one model, from which text and JSON are printed. Reads only. */
#ifndef BMC_STATUS_H
#define BMC_STATUS_H

#include "bmc_abi.h"
#include "connections.h"
#include "options.h"
#include "stats.h"

#define BMC_SOCKETS_SHOWN 16
#define BMC_KEEPERS_SHOWN 8
#define BMC_REASON_MAX 320

/* A connection that keeps something out of the cache. */
struct bmc_keeper {
	char peer[64]; /* address and port */
	enum bmc_keeps keeps;
	const char *why; /* in words */
};

struct bmc_server_status {
	__u16 port; /* host order */
	__u32 uid;
	int pid; /* 0: not running, or unseen */
	int unseen; /* it has sockets, but its process cannot be seen here */
	char process[32];
	int has_udp;
	int reachable; /* UDP at an address that is not loopback */
	int udp_each; /* UDP sockets that share an address: more than one are memcached-sr's */
	int n_addresses;
	char address[BMC_SOCKETS_SHOWN][64]; /* "tcp 0.0.0.0" */
	int other_pid; /* another process of its user that has sockets of its port; 0: none */
	char other_process[32];
	__u32 foreign; /* sockets of other users at its port */
	int in_step;
	int lost;
	int held; /* of those in step: hold fills until a command is answered */
	int silent; /* of those in step: keep the keys of silent commands out */
	int n_keepers;
	struct bmc_keeper keeper[BMC_KEEPERS_SHOWN]; /* some of the last three */
	__u32 sockets; /* marked */
	__u32 holds;
	__u32 life;
	__u64 off; /* enum bmc_off */
	int udp_held; /* an unknown write over UDP */
	int udp_out; /* commands over UDP that are not answered; BMC_GEN_OUT_MAX: and never will be */
	int unread; /* of closed or lost connections not all was read */
	__u64 no_fill_for; /* seconds until a flush_all with a delay has happened */
	char why_not
		[BMC_REASON_MAX]; /* why its items are not cached; empty when there is no reason */
};

struct bmc_iface_status {
	char name[16]; /* that it has now */
	int loopback;
	int down;
	int gone; /* there is no such interface any more, in this network namespace */
	int renumbered; /* it was in another one: its number is not that of `start` */
	int moved; /* it is in another one, and XDP with it */
	const char *mode;
	__u32 xdp_id; /* 0: not attached any more */
	__u32 tc_id; /* the same */
	__u32 in_front; /* priority of an egress filter that comes before ours; 0: there is none */
	__u32 in_front_of_all; /* id of a program of tcx that does; 0: there is none */
	char problem
		[BMC_REASON_MAX]; /* why nothing is cached over it; empty when there is no reason */
};

struct bmc_status {
	const char *name;
	char option[BMC_NAME_OPTION]; /* what a command takes to mean it */
	int complete;
	int busy; /* not complete, and another bmcctl is at work */
	int forced; /* started with --force: items may be wrong */
	const char *
		unwatched; /* a program of the watch that was taken off the cgroup, or NULL: items may be wrong */
	int elsewhere; /* in another network namespace: interfaces and servers cannot be seen from here */
	int gone; /* all its interfaces are, of one that is elsewhere */
	__u64 uptime; /* seconds */
	__u64 memory; /* bytes of all maps */
	__u64 max_age_ns;
	int n_ifaces;
	struct bmc_iface_status iface[BMC_IFACES_MAX];
	int n_servers;
	struct bmc_server_status server[BMC_PORTS_MAX];
	struct bmc_totals totals;
	char why_not
		[BMC_REASON_MAX]; /* why nothing at all is cached; empty when there is no reason */
};

/* 0 or -errno. */
int bmc_status_read(const char *name, struct bmc_status *ret);

/* Fills what it can of one server; port and uid are set. */
void bmc_status_read_server(const char *instance, int server, const struct bmc_server *words,
			    struct bmc_server_status *ret);

/* Fills why_not and problem: of each interface, of each server, of all together. */
void bmc_status_find_reasons(struct bmc_status *s);

#endif
