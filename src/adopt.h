/* SPDX-License-Identifier: LGPL-2.1-only */
/* The sockets that memcached had before `start`: marked, and their connections given a state. Creates only. */
#ifndef BMC_ADOPT_H
#define BMC_ADOPT_H

#include "bmc_abi.h"
#include "progress.h"
#include "process.h"
#include "sockets.h"

struct bmc_olds;

#define BMC_NAMED_MAX 8

struct bmc_adopt {
	int marks_fd; /* maps */
	int conns_fd;
	int stamps_fd;
	int olds_fd;
	__u32 n_olds; /* places in bmc_olds */
	const struct bmc_config *config;
	struct bmc_shared *shared;
	__u32 threads[BMC_PORTS_MAX]; /* that wait for events in each memcached; 0: not known */
	pid_t asked[BMC_PORTS_MAX]; /* the process that has said so, and what it is; 0: none */
	int strict; /* old connections are lost at once */
	int reset; /* and closed */
	int force; /* what cannot be watched is passed over */
	bmc_progress_fn progress; /* may be NULL */
	struct bmc_olds *olds; /* bmc_adopt_run's own */
	/* what came of it */
	int old; /* connections found */
	int lost; /* of these, those that hold fills until they close */
	int closed; /* of these, those that were closed (reset) */
	char lost_peer[BMC_NAMED_MAX][64]; /* the first of the lost ones */
};

/*
 * The programs are attached. Marks the server's sockets, then gives each connection that is older than that its
 * state. Ends when each one is known to be quiet, lost or closed; then fills may begin. 0, or -errno: -EPERM: sockets
 * cannot be copied; -EACCES: a socket's process cannot be seen; -EEXIST: two processes share a port; -EPROTONOSUPPORT:
 * a socket that is neither TCP nor UDP (MPTCP); -ETIMEDOUT: a connection is not accepted (two seconds); -EBUSY: it
 * cannot be told that datagrams from before are carried out.
 */
int bmc_adopt_run(struct bmc_adopt *a);

/* 1: something new was done, 0: nothing was to be done, -errno. */
typedef int (*bmc_adopt_fn)(struct bmc_adopt *a, int fd, const struct bmc_owner *owner,
			    const struct bmc_socket *s, int server);

/* fn for each socket of the server's port that the process has, one copy at a time. The sum, or -errno. */
int bmc_adopt_each(struct bmc_adopt *a, const struct bmc_owner_list *owned, int server,
		   bmc_adopt_fn fn);

/* The process is gone, or the number is another file's by now, or not one of IP's: nothing to do. */
int bmc_adopt_is_gone(int err);

#endif
