/* SPDX-License-Identifier: LGPL-2.1-only */
/* Can the memcached behind a port be watched? */
#ifndef BMC_CHECK_WATCH_H
#define BMC_CHECK_WATCH_H

#include "lifecycle.h"
#include "listening.h"
#include "memcached.h"
#include "options.h"

/* One look at a port. */
struct bmc_look {
	const struct bmc_options *options;
	const struct bmc_plan *plan;
	const struct bmc_socket_list *sockets;
	struct bmc_listening at;
	__u16 port;
	int patient; /* not the last look: who is just going or coming is looked at again */
	pid_t pid; /* of memcached, once it is watchable */
	__u64 asked; /* CLOCK_MONOTONIC, ns, when it was asked; the same */
};

#define BMC_LOOK_AGAIN (-1) /* beside the exit codes */

/* 0 and what memcached says, BMC_LOOK_AGAIN, or the exit code with everything said. */
int bmc_check_watchable(struct bmc_look *look, struct bmc_memcached *ret);

#endif
