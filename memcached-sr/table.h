/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The UDP sockets of this memcached: addresses, the sockets of each, and which thread serves which. Written by the
 * hooks (memcached's main thread binds, its workers add to their epoll), read by the watcher; every call takes a lock.
 */
#ifndef MEMCACHED_SR_TABLE_H
#define MEMCACHED_SR_TABLE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define SR_ADDRESSES_MAX 64
#define SR_SOCKETS_MAX 1024 /* of one address: memcached's workers */

/* A new address, whose first socket is `fd`. 0; -1: there are too many. */
int sr_table_address(int fd, uint64_t cookie);

/* The address of which `fd`, whose cookie is `cookie`, is the first socket; -1: of none. */
int sr_table_find(int fd, uint64_t cookie);

/* Another socket of this address. Returns its index; -1: there are too many. */
int sr_table_add(int address, int fd);

/* The calling thread serves `fd`; a socket that is not in the table is passed over. */
void sr_table_served(int fd);

/* How many sockets and addresses there are, to see that nothing more comes. */
size_t sr_table_size(void);

/*
 * Whether each address has `want` sockets, each served by one thread, and no thread serves two. 0; -1 with `why`.
 */
int sr_table_check(int want, char *why, size_t size);

/* Calls fn for the thread of each socket, with the socket's index at its address. */
void sr_table_threads(void (*fn)(pthread_t thread, int index, void *arg), void *arg);

#endif
