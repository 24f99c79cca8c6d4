/* SPDX-License-Identifier: BSD-3-Clause */
/* memcached's command line, as far as it decides which UDP sockets there will be (memcached(1)). */
#ifndef MEMCACHED_SR_OPTIONS_H
#define MEMCACHED_SR_OPTIONS_H

#define SR_WORKERS_DEFAULT 4 /* memcached's own */

struct sr_options {
	int workers; /* -t */
	int udp; /* -U was given, and not 0 */
	int unix_socket; /* -s: memcached has no UDP then */
	int address_list; /* -l with several addresses: memcached gives each one worker */
	int informs; /* -h, -V, -i: it prints and exits */
};

/*
 * Reads an argv of memcached's, which is left as it is; memcached's own reading of it starts from the beginning.
 * What memcached would refuse is passed over: it will say so itself.
 */
void sr_options_read(int argc, char *const argv[], struct sr_options *ret);

/* The number of UDP sockets that each address of this memcached has. */
int sr_options_sockets(const struct sr_options *o);

#endif
