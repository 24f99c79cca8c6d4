/* SPDX-License-Identifier: LGPL-2.1-only */
/* Commands of before `start` that memcached is not through with, as its `stats conns` tells. */
#ifndef BMC_CUT_H
#define BMC_CUT_H

#include "adopt.h"

/* Sockets, by memcached's own numbers of them. */
struct bmc_cut {
	__u8 *is; /* of each number */
	size_t room;
};

int bmc_cut_has(const struct bmc_cut *cut, int fd);
void bmc_cut_free(struct bmc_cut *cut);

/* Connections of which memcached does not wait for a command. Free it, whatever comes of it. 0, or -errno: it does not say. */
int bmc_cut_connections(const struct bmc_adopt *a, int server, struct bmc_cut *ret);

/*
 * The same over UDP, where memcached takes the rest from the next datagrams that this thread of it gets, whatever is in
 * them. The server's sockets are marked, and what they had is carried out: but such a store may be at any time, and nobody
 * knows its key. Then fills are held until memcached restarts. 0 or -errno
 */
int bmc_cut_look(struct bmc_adopt *a, int server);

#endif
