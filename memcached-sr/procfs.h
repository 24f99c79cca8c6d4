/* SPDX-License-Identifier: BSD-3-Clause */
/* The UDP sockets of a process, and by which of its epolls they are served (proc(5)). */
#ifndef MEMCACHED_SR_PROCFS_H
#define MEMCACHED_SR_PROCFS_H

#include <stddef.h>

struct sr_udp {
	unsigned long inode;
	char address[48]; /* as text, IPv6 in brackets */
	int epolls; /* how many epoll instances have it: memcached's workers have one each */
	int epoll; /* the fd of one of them */
};

struct sr_udp_list {
	struct sr_udp *list; /* by address */
	size_t n;
};

/* Free with free(ret->list). 0; -1 with errno. */
int sr_udp_of_process(int pid, int port, struct sr_udp_list *ret);

#endif
