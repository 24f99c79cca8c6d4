/* SPDX-License-Identifier: LGPL-2.1-only */
/* What client.c (connections, beginning and end) and client_loop.c (a run) share. */
#ifndef BENCH_CLIENT_STATE_H
#define BENCH_CLIENT_STATE_H

#include "client.h"

#define BENCH_SECOND_NS 1000000000ULL

struct bench_group { /* the connections of one transport */
	struct bench_channel *channels;
	int turn; /* whose the next request is */
};

struct bench_client {
	struct bench_client_job job;
	struct bench_items *items;
	struct bench_zipf zipf;
	struct bench_random random;
	struct bench_group
		groups[2]; /* by enum bench_transport; of one that is not used: no channels */
	int epoll;
	size_t room; /* see bench_text_room() */
	/* the run */
	struct bench_client_result *result;
	uint64_t from, until; /* ns */
	uint64_t n_due; /* requests that were drawn */
	struct bench_request waiting; /* the one that is drawn and has no place yet, if is_open */
	int is_loading; /* each item is stored once, in turn */
	uint32_t loading; /* the next one */
	int has_said; /* a wrong reply was shown */
};

typedef int (*bench_channel_fn)(struct bench_client *c, struct bench_channel *channel);

/* Calls fn for every connection until one call gives less than 0. -> the sum of what they gave, or -1 */
int bench_client_each(struct bench_client *c, bench_channel_fn fn);
/* Replies of this connection are waited for from now on. 0 or -1 (said) */
int bench_client_watch(struct bench_client *c, struct bench_channel *channel);
/* From c->from to c->until, and until all is answered or lost. 0 or -1 (said) */
int bench_client_loop(struct bench_client *c);

#endif
