/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Commands over UDP whose block was not all in their datagram. memcached takes the rest from the next ones that this thread
 * of it gets, whatever is in them: such a store of before `start` may be carried out at any time.
 */
#ifndef BMC_CUT_H
#define BMC_CUT_H

#include "adopt.h"

/*
 * The server's sockets are marked, and what they had is carried out. If memcached waits for the rest of such a command, of
 * which nobody knows the key: fills are held until it restarts. 0, or -errno: it does not say.
 */
int bmc_cut_look(struct bmc_adopt *a, int server);

#endif
