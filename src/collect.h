/* SPDX-License-Identifier: LGPL-2.1-only */
/* Finds the connections that are older than a server's marks, and makes each one a candidate. */
#ifndef BMC_COLLECT_H
#define BMC_COLLECT_H

#include "adopt.h"
#include "old.h"

/*
 * The marks of the server, the process `pid`, are there. Ends when each connection that may be older is in a->olds, or
 * known to be closed. 0; -ETIMEDOUT: one is not accepted (two seconds); -ENOSPC: more than a->olds has places; -errno.
 */
int bmc_collect_run(struct bmc_adopt *a, int server, pid_t pid);

#endif
