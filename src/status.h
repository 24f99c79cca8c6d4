/* SPDX-License-Identifier: LGPL-2.1-only */
/* What an instance is and does now: one model, from which text and JSON are printed. Reads only. */
#ifndef BMC_STATUS_H
#define BMC_STATUS_H

#include "bmc_abi.h"
#include "stats.h"

#define BMC_SOCKETS_SHOWN 16
#define BMC_LOST_SHOWN 8

struct bmc_lost_connection {
	char peer[64]; /* address and port */
	enum bmc_lost why;
};

struct bmc_server_status {
	__u16 port; /* host order */
	__u32 uid;
	int pid; /* 0: not running */
	char process[32];
	int has_udp;
	int n_addresses;
	char address[BMC_SOCKETS_SHOWN][64]; /* "tcp 0.0.0.0" */
	int in_step;
	int lost;
	struct bmc_lost_connection lost_list[BMC_LOST_SHOWN];
	__u32 sockets; /* marked */
	__u32 holds;
	__u32 life;
	__u64 off; /* enum bmc_off */
	int udp_held; /* an unknown write over UDP */
	__u64 no_fill_for; /* seconds until a flush_all with a delay has happened */
};

struct bmc_iface_status {
	char name[16];
	const char *mode;
	__u32 xdp_id; /* 0: not attached any more */
	__u32 tc_id; /* the same */
};

struct bmc_status {
	const char *name;
	int complete;
	int elsewhere; /* in another network namespace: interfaces and servers cannot be seen from here */
	__u64 uptime; /* seconds */
	__u64 memory; /* bytes of all maps */
	int n_ifaces;
	struct bmc_iface_status iface[BMC_IFACES_MAX];
	int n_servers;
	struct bmc_server_status server[BMC_PORTS_MAX];
	struct bmc_totals totals;
	char why_not[256]; /* why nothing is cached; empty when there is no reason */
};

/* 0 or -errno. */
int bmc_status_read(const char *name, struct bmc_status *ret);

/* Why a connection is not followed, in words. */
const char *bmc_lost_text(enum bmc_lost why);

#endif
