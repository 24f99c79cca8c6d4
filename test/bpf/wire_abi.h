/* SPDX-License-Identifier: LGPL-2.1-only */
/* What wire.bpf.c and the tests have in common. */
#ifndef BMC_TEST_WIRE_ABI_H
#define BMC_TEST_WIRE_ABI_H

#ifdef __bpf__
#include "compat.bpf.h"
#else
#include <linux/types.h>
#endif

/* Set by the test at any time; so many of a million segments with data. */
struct wire_set {
	__u32 lose;
	__u32 hold; /* ... until `behind` more have passed */
	__u32 behind;
	__u32 twice;
	__u32 corrupt;
	/* so many of the next ones, whatever their share */
	__u32 lose_next;
	__u32 hold_next;
	__u32 twice_next;
	__u32 corrupt_next;
	__u32 pad;
};

struct wire_count {
	__u64 segments;
	__u64 lost;
	__u64 held;
	__u64 twice;
	__u64 corrupt;
};

#endif
