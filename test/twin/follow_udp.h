/* SPDX-License-Identifier: LGPL-2.1-only */
/* The code of bpf/udp_watch.bpf.h, fed from buffers. twin_seen notes what it reports. */
#ifndef BMC_TWIN_FOLLOW_UDP_H
#define BMC_TWIN_FOLLOW_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "seen.h"

/* The version of memcached that reads; before anything else. */
void follow_version(uint32_t version);
/* The hash of a key, as it is reported. */
uint64_t follow_hash(const void *key, size_t len);
void follow_begin(void);

/* What a datagram leaves open. */
struct follow_out {
	int ends; /* commands whose answer is looked for */
	int for_good; /* there is one whose answer cannot be told */
	int remembered; /* how many are looked for by its id */
};

/* A datagram: `frame` and text. */
struct follow_out follow_datagram(const void *bytes, size_t len);

/* Whether an answer, its frame in front of it, is taken for one that no get can have. */
int follow_is_no_gets(const unsigned char *bytes, size_t len);

#endif
