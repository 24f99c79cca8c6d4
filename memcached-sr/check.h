/* SPDX-License-Identifier: BSD-3-Clause */
/* memcached-sr --check: does each worker of a running memcached have a UDP socket of its own? */
#ifndef MEMCACHED_SR_CHECK_H
#define MEMCACHED_SR_CHECK_H

/* `where` is HOST, HOST:PORT or [ADDRESS]:PORT; NULL: 127.0.0.1:11211. Says what it finds; enum sr_exit. */
int sr_check(const char *where);

#endif
