/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets that share an address by SO_REUSEPORT (socket(7)). 0 or an fd; -1 with errno. */
#ifndef MEMCACHED_SR_SIBLING_H
#define MEMCACHED_SR_SIBLING_H

#include <stdint.h>
#include <sys/socket.h>

/* Whether fd is a datagram socket of IPv4 or IPv6. */
int sr_is_udp(int fd);

/* What names a socket for as long as the machine runs (SO_COOKIE); 0: none. */
uint64_t sr_cookie(int fd);

typedef int (*sr_bind_fn)(int fd, const struct sockaddr *addr, socklen_t len);

/*
 * Binds the first socket of an address: exclusively, so that a port that somebody has is a failure whatever they
 * allow, and only then open to siblings of the same user.
 */
int sr_bind_first(int fd, const struct sockaddr *addr, socklen_t len, sr_bind_fn real_bind);

/* A new socket with the address, flags and options of `fd`. */
int sr_sibling(int fd, sr_bind_fn real_bind);

/*
 * Datagrams go to the socket whose index (in the order of binding) is that of the receiving CPU among those that this
 * process may use, modulo `n`; from other CPUs as without. Takes effect from the second socket on.
 */
int sr_steer_by_cpu(int fd, int n);

/* The CPU of the socket with this index; -1: none. */
int sr_cpu_of(int index);

#endif
