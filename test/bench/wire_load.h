/* SPDX-License-Identifier: LGPL-2.1-only */
/* The client of user space on a peer over the wire, and what the peer takes for it. */
#ifndef BENCH_WIRE_LOAD_H
#define BENCH_WIRE_LOAD_H

#include "client/client.h"
#include "reads.h"
#include "usage.h"

/* Towards memcached at the server's end, from the client's namespace. */
void bench_wire_address(const struct bench_place *p, struct bench_peer_address *ret);

/* What the server took for a load. */
struct bench_wire_took {
	struct bench_usage usage;
	double gets; /* keys that memcached was asked for */
	double empty_reads; /* NAN: nobody looked */
};

/*
 * `job` says what is asked, `seconds` for how long, and as long before, without being measured. It is a failure if a reply is
 * wrong, or none is right. pid: memcached's; 0: none. reads: of memcached; NULL: they are not looked at. 0 or -1 (said)
 */
int bench_wire_load(const struct bench_client_job *job, double seconds, pid_t pid,
		    const struct bench_reads *reads, struct bench_client_result *ret,
		    struct bench_wire_took *ret_took);

#endif
