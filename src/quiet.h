/* SPDX-License-Identifier: LGPL-2.1-only */
/* Finds out which of the connections that are older than `start` are quiet; the others are lost. */
#ifndef BMC_QUIET_H
#define BMC_QUIET_H

#include "adopt.h"
#include "old.h"
#include "threads.h"

/*
 * The candidates of `olds`: each one is quiet, taken up, lost or closed when it ends. threads[i] are those of server
 * i, n == 0: not known, its connections are lost. 0 or -errno.
 */
int bmc_quiet_run(struct bmc_adopt *a, struct bmc_olds *olds, struct bmc_threads *threads);

#endif
