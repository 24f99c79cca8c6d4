/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks, soon after memcached's start, whether each worker has its own socket, and ends memcached if not. */
#ifndef MEMCACHED_SR_WATCH_H
#define MEMCACHED_SR_WATCH_H

/*
 * Called at each address that is bound; a thread starts with the first and ends when everything is as it should be:
 * each address with `sockets` of them. `pin`: the threads are then pinned to the CPUs of their sockets.
 * If it never is: a line to stderr and syslog, and SR_EXIT_NOT_SHARED.
 */
void sr_watch_start(int sockets, int pin);

#endif
