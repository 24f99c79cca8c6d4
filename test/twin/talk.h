/* SPDX-License-Identifier: LGPL-2.1-only */
/* Bytes to a socket, and what comes from it. */
#ifndef BMC_TWIN_TALK_H
#define BMC_TWIN_TALK_H

#include <stddef.h>

/* Seconds of the monotonic clock. */
double now(void);

/* Writes all of it and reads until `until` says so, or the end. 0; -1: neither within seconds. */
int talk(int fd, const unsigned char *bytes, size_t len, unsigned char *in, size_t size,
	 size_t *ret_len, int (*until)(const unsigned char *, size_t));
/* Writes all of it, and reads what is there meanwhile. 0; -1: not taken within seconds. */
int talk_some(int fd, const unsigned char *bytes, size_t len, unsigned char *in, size_t size,
	      size_t *ret_len);
/* Reads what is there. */
size_t talk_rest(int fd, unsigned char *in, size_t size);

#endif
