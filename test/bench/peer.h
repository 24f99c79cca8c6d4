/* SPDX-License-Identifier: LGPL-2.1-only */
/* Who answers: memcached, or memcached-sr, with or without bmc before it, or an echo. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "client/items.h"
#include "server.h"

struct bench_options;
struct bench_place;

struct bench_peer_kind {
	int has_sr; /* memcached-sr in place of memcached */
	const char *bmc; /* bmc before it, with these options; NULL: without */
	int is_cold; /* the items are older than bmc, which serves none of them for longer than its --max-age */
	int is_anywhere; /* memcached runs on all CPUs */
	int is_echo; /* no memcached, but this program at the wire */
};

struct bench_peer {
	const struct bench_place *place;
	struct bench_server server;
	int has_bmc, has_gro;
	int xdp; /* attached at the server's end */
};

/* Up and running, with the items stored as version 1. `options`: memcached's. `echo`: fd of that program. To be stopped also after
 * a failure. 0 or -1 (said) */
int bench_peer_start(struct bench_peer *peer, const struct bench_place *p,
		     const struct bench_peer_kind *kind, const struct bench_options *programs,
		     const char *options, struct bench_items *items, int echo);
int bench_peer_stop(struct bench_peer *peer);

#endif
