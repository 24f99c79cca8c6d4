/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A memcached client that measures. Open loop: requests are due at a fixed rate, whatever the server does, and latency counts from
 * when a request was due, so that a server that stalls is charged for all that it kept waiting (no coordinated
 * omission). Closed loop: so many are in flight on each connection, the next is sent when one is answered.
 * Every reply is checked, key and value. One thread.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "channel.h"
#include "draw.h"
#include "histogram.h"
#include "items.h"

struct bench_client_job {
	struct bench_peer_address address;
	enum bench_transport gets, sets;
	int connections; /* of each transport */
	uint32_t depth; /* closed loop: requests in flight on each connection */
	double rate; /* open loop: requests a second; 0: closed loop */
	double timeout; /* seconds; then a request is lost, and counts as one that took so long */
	double set_ratio; /* share of sets; a key with a set in flight is read instead */
	uint32_t keys;
	double zipf; /* 0: uniform */
	enum bench_sizes sizes;
	uint32_t key_len, value_len; /* of BENCH_FIXED */
	int is_loaded; /* the items are there: they are not stored first, and any version of them is right */
	int is_echo; /* gets over UDP come back as they are */
};

struct bench_client_result {
	double seconds; /* in which requests were due */
	double cpu; /* seconds of the client's own */
	uint64_t sent;
	uint64_t outcomes[BENCH_OUTCOMES];
	uint64_t lost; /* not answered in time */
	uint64_t late; /* replies to requests that were lost, or that nobody asked for */
	struct bench_histogram gets, sets; /* ns */
};

struct bench_client;

/* Stores each item once, over a TCP connection of its own. 0 or -1 (said) */
int bench_client_load(const struct bench_peer_address *to, struct bench_items *items);

/* Connects and stores the items. To be closed also after a failure. 0 or -1 (said) */
int bench_client_open(struct bench_client **ret, const struct bench_client_job *job);
/* Asks for `seconds`, then waits for the last replies. May be called again. 0 or -1 (said); a wrong reply is no failure here. */
int bench_client_run(struct bench_client *c, double seconds, struct bench_client_result *ret);
void bench_client_close(struct bench_client *c);

/* Requests that were answered as they should be. */
uint64_t bench_client_answered(const struct bench_client_result *r);

#endif
