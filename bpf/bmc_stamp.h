/* SPDX-License-Identifier: LGPL-2.1-only */
/* Stamps: where a thread's is, and its time as it is noted, with its server, and as it travels in skb->mark. Nanoseconds. */
#ifndef BMC_STAMP_H
#define BMC_STAMP_H

#include "bmc_abi.h"

#define BMC_STAMP_SHIFT 12 /* units of 4,096 ns, rounded down */
#define BMC_STAMP_MASK 0xffffffU
/* What is added to a clock that goes on with the tick, and stands still while the tick does. */
#define BMC_STAMP_CLOCK_LATE_NS (BMC_SECOND_NS / 2)
/* More than this is no age of a stamp: it is checked to be younger, by a clock that may be a tick behind. */
#define BMC_STAMP_AGE_UNITS ((BMC_STAMP_MAX_AGE_NS + BMC_SECOND_NS) >> BMC_STAMP_SHIFT)

#define BMC_STAMP_STRIDE 2531 /* odd; BMC_STAMPS divided by the golden ratio */

/*
 * A thread's place, by its number. Threads that are started one after the other, as a server's are, have places of their own
 * in lines of their own.
 */
static inline __attribute__((always_inline, unused)) __u32 bmc_stamp_place_of(__u32 thread)
{
	return thread * BMC_STAMP_STRIDE & (BMC_STAMPS - 1);
}

/* A time that tells its server: rounded down to its lowest bits. */
static inline __attribute__((always_inline, unused)) __u64 bmc_stamp_of_server(__u64 time,
									       __u32 server)
{
	return (time & ~(__u64)(BMC_PORTS_MAX - 1)) | (server & (BMC_PORTS_MAX - 1));
}

/*
 * The time that a mark carries, rounded down; 0: it carries none, for it would be older than any stamp, or of before the
 * clock began: of the future, by a clock that is behind.
 */
static inline __attribute__((always_inline, unused)) __u64 bmc_stamp_read(__u32 mark, __u64 now)
{
	__u64 units = now >> BMC_STAMP_SHIFT;
	__u32 age = ((__u32)units - mark) & BMC_STAMP_MASK;

	if (age > BMC_STAMP_AGE_UNITS || age > units)
		return 0;
	return (units - age) << BMC_STAMP_SHIFT;
}

#endif
