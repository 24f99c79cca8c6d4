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
};

/*
 * The programs are attached. Marks the server's sockets, then gives each connection that is older than that its
 * state. Ends when each one is known to have it, or to be closed; then fills may begin. 0, or -errno: -EPERM: sockets cannot
 * be copied; -EACCES: a socket's process cannot be seen; -EEXIST: two processes share a port; -EPROTONOSUPPORT: a
 * socket that is neither TCP nor UDP (MPTCP); -ETIMEDOUT: a connection is not accepted (two seconds).
 */
int bmc_adopt_run(struct bmc_adopt *a);

#endif
