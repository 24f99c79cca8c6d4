/* SPDX-License-Identifier: LGPL-2.1-only */
/* Processes: which sockets one has, copies of these, and what it is called. */
#ifndef BMC_PROCESS_H
#define BMC_PROCESS_H

#include <linux/types.h>
#include <sys/types.h>

/* A process that has sockets, and the number of one there. */
struct bmc_owner {
	pid_t pid;
	int fd;
	__u64 inode;
};

struct bmc_owner_list {
	struct bmc_owner *list;
	size_t n;
};

/* All sockets of a process, by inode. Free with free(ret->list). 0 or -errno. */
int bmc_sockets_of_process(pid_t pid, struct bmc_owner_list *ret);

/* The process that has the socket with this inode, and its number there. 0, -ESRCH: none that can be seen. */
int bmc_socket_owner(__u64 inode, struct bmc_owner *ret);

/* The socket's number in its process's list, or -1. */
int bmc_owner_fd(const struct bmc_owner_list *list, __u64 inode);

/* A copy of a process's socket. Close it soon: while it lives, the owner's close() does nothing. The fd or -errno. */
int bmc_socket_copy(pid_t pid, int fd);

/* A process's name (comm). Returns buf. */
const char *bmc_process_name(pid_t pid, char *buf, size_t size);

/* How it was called, as far as there is room. Returns buf. */
const char *bmc_process_command(pid_t pid, char *buf, size_t size);

#endif
