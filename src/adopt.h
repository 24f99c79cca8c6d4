/* SPDX-License-Identifier: LGPL-2.1-only */
/* The sockets that memcached had before `start`: marked, and their connections given a state. Creates only. */
#ifndef BMC_ADOPT_H
#define BMC_ADOPT_H

#include "bmc_abi.h"

struct bmc_adopt {
	int marks_fd; /* maps */
	int conns_fd;
	const struct bmc_config *config;
	struct bmc_shared *shared;
	/* what came of it */
	int sockets; /* listeners and UDP sockets marked */
	int old; /* connections that hold fills until they close */
	int unaccepted; /* the accept queue was never seen empty */
};

/*
 * The programs are attached. Marks, waits (at most two seconds) until the accept queues were empty once, gives each
 * old connection its state. Then fills may begin. 0 or -errno (-EPERM: sockets of memcached cannot be had).
 */
int bmc_adopt_run(struct bmc_adopt *a);

#endif
