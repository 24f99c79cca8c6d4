/* SPDX-License-Identifier: LGPL-2.1-only */
/* Other users' UDP sockets at a server's port that are older than `start`. */
#ifndef BMC_OTHER_H
#define BMC_OTHER_H

#include "adopt.h"

/*
 * Counts the socket, and marks it, so that its end is noticed; one that is counted already is left alone. One that cannot
 * be marked stays counted.
 */
void bmc_other_mark(struct bmc_adopt *a, const struct bmc_socket *s, int server);

#endif
