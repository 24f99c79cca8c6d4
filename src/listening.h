/* SPDX-License-Identifier: LGPL-2.1-only */
/* Whose a port is, as its sockets tell. */
#ifndef BMC_LISTENING_H
#define BMC_LISTENING_H

#include "options.h"
#include "sockets.h"

struct bmc_listening {
	__u32 uid; /* of memcached */
	const struct bmc_socket *listener; /* of its, one that can be asked; NULL: none */
	int udp;
	int reachable; /* UDP at an address that is not loopback */
	__u32 connections; /* of its, that are there */
};

/* Memcached's user: as given, or the one that listens. 0; 1: nobody does; -1: several do. */
int bmc_listening_user(const struct bmc_options *options, const struct bmc_socket_list *sockets,
		       __u32 *ret);

/* One that listens there, whoever; 0: nobody does. */
int bmc_listening_anyone(const struct bmc_socket_list *sockets, __u32 *ret_uid);

/* Somebody has UDP there. */
int bmc_listening_udp(const struct bmc_socket_list *sockets);

/* What that user has there. *ret points into the list. */
void bmc_listening_look(const struct bmc_socket_list *sockets, __u32 uid,
			struct bmc_listening *ret);

#endif
