/* SPDX-License-Identifier: BSD-3-Clause */
/* What the launcher and the preload library agree on: exit codes and the environment. */
#ifndef MEMCACHED_SR_H
#define MEMCACHED_SR_H

enum sr_exit {
	SR_EXIT_OK = 0,
	SR_EXIT_FAILED = 1, /* --check: not as it should be, or it cannot be told */
	SR_EXIT_USAGE = 64, /* sysexits.h: EX_USAGE */
	SR_EXIT_NOT_LOADED = 70, /* the library does not load into this memcached */
	SR_EXIT_NOT_SHARED = 71, /* some worker does not have a UDP socket of its own */
	SR_EXIT_NO_MEMCACHED = 127, /* as a shell has it */
};

#define SR_ENV_ON "MEMCACHED_SR" /* set: the library acts; else it is inert */
#define SR_ENV_STEER "MEMCACHED_SR_STEER" /* "cpu": by receiving CPU, workers pinned */
#define SR_ENV_WARN "MEMCACHED_SR_WARN" /* "1": go on where SR_EXIT_NOT_SHARED would be due */
#define SR_ENV_PROOF "MEMCACHED_SR_PROOF" /* an fd: the library writes SR_PROOF to it and exits */
#define SR_ENV_MEMCACHED "MEMCACHED_SR_MEMCACHED" /* path of memcached; else the PATH is searched */

#define SR_PROOF "memcached-sr is loaded"
#define SR_LIBRARY "libmemcached-sr.so"

#endif
