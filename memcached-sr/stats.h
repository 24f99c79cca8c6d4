/* SPDX-License-Identifier: BSD-3-Clause */
/* What a running memcached says of itself over TCP (doc/protocol.txt, "Statistics"). */
#ifndef MEMCACHED_SR_STATS_H
#define MEMCACHED_SR_STATS_H

struct sr_stats {
	int pid;
	int workers;
	int udp_port; /* 0: UDP is off */
	int address_list; /* several addresses were given: each has one worker */
	char version[32];
};

/* Asks `host` (name or address) at `port`; two seconds of patience for each answer. 0; -1 and why, in words. */
int sr_stats_ask(const char *host, const char *port, struct sr_stats *ret, const char **ret_why);

#endif
