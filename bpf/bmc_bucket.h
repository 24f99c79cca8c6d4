/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The layout of a bucket, the value of the map bmc_buckets: for the programs, and for user space, which only looks.
 *
 * A bucket is one map value: a line that every look-up reads, the writes in flight, the slots, then the entries, packed one
 * behind the other in units of 8 bytes. The bucket and a group of 16 of its slots are chosen by the key alone, so that a
 * write finds every entry of its key, whatever address it was filled from. A look-up reads the line, the group's
 * line (tags and places), then the entry; a fill that renews an entry needs the writes in flight besides. What is needed
 * to make room is behind the entries, in another page most of the time.
 */
#ifndef BMC_BUCKET_H
#define BMC_BUCKET_H

#include "bmc_abi.h"

#ifndef __bpf__
#include <linux/bpf.h>
#endif

#define BMC_GROUPS 4
#define BMC_GROUP_SLOTS 16
#define BMC_SLOTS (BMC_GROUPS * BMC_GROUP_SLOTS)
#define BMC_UNIT 8
#define BMC_DATA (87 * 64) /* with all the rest 98 lines */
#define BMC_SLACK 128
#define BMC_PAST 4 /* periods of which it is known whether an entry was hit */
#define BMC_GHOSTS 16 /* keys that are not here, but were asked for */
#define BMC_FLIGHTS                                                                                \
	4 /* writes in flight that a bucket knows; the last one for those that share a generation */
#define BMC_TEXT_KEY 6 /* where the key is in a text: behind "VALUE " */

/* A write in flight: two words, `what` changed as flight.bpf.h has it. */
struct bmc_flight {
	__u64 who; /* gen in the high 32 bits, writer in the low */
	__u64 what; /* ord, life << 32, server << 48, state << 56 */
};
#define BMC_FLIGHT_ORD 1ULL /* states; 0: free */
#define BMC_FLIGHT_NEVER 2ULL /* until the server is gone */
#define BMC_FLIGHT_GEN 3ULL /* until its generation ends */
#define BMC_FLIGHT_TAKEN (4ULL << 56) /* `what`: of a place that somebody is writing to */
/* `writer` of those that share a generation: the complement of its BMC_GEN_* */
#define BMC_WRITER_UDP (~BMC_GEN_UDP)
#define BMC_WRITER_CROWD (~BMC_GEN_CROWD)

#define BMC_TAG_WORDS (BMC_GROUP_SLOTS / 4)

/* The place of a slot's tag in its group: a word has every fourth slot's, so that all words' marks fit one. */
#define BMC_TAG_OF_SLOT(slot) ((slot) % 4 * BMC_TAG_WORDS + (slot) / 4)

struct bmc_slots {
	__u16 tag[BMC_GROUP_SLOTS]; /* BMC_TAG_OF_SLOT */
	__u16 at[BMC_GROUP_SLOTS]; /* of its entry in `data`, in units */
};

struct bmc_bucket {
	/* the line of every look-up, every write and every fill */
	struct bpf_spin_lock lock;
	__u32 seq; /* odd: a fill has the bucket, its bytes and places change */
	__u64 valid; /* a bit for each slot; changed by exchanges only */
	__u64 recent; /* hit since the last period ended; what two do at once may be lost */
	__u64 t_change; /* under the lock; only grows */
	__u16 used; /* of the fill that has the bucket: units of `data` up to the end of the last entry, holes counted */
	__u8 n_order; /* the same */
	/* of any fill: what two do at once may be lost */
	__u8 fills; /* since the last period ended */
	__u8 ghost_next;
	__u8 pad[11];
	__u8 ghost_seen[BMC_GHOSTS]; /* how often it was asked for */
	struct bmc_flight flight[BMC_FLIGHTS]; /* flight.bpf.h */
	struct bmc_slots group[BMC_GROUPS];
	__u8 data[BMC_DATA];
	/* of the fill that has the bucket; others may look at it, and be wrong */
	__u8 size[BMC_SLOTS]; /* units that a slot has in `data`; 0: none */
	__u8 order[BMC_SLOTS]; /* the slots that have units, by place */
	/* of any fill */
	__u64 past[BMC_PAST]; /* hit in the period before `recent`, and so on, newest first */
	__u16 ghost_tag[BMC_GHOSTS]; /* keys that are not here, but were asked for; 0: none */
	__u8 slack[BMC_SLACK]; /* see BMC_REACH_KEY */
};

struct bmc_entry {
	__u64 epoch;
	__u64 until; /* of bmc_stats_clock, which is up to BMC_CLOCK_LATE_NS behind */
	__u16 text_len; /* without the END\r\n that follows it */
	__u16 csum; /* one's complement sum of the text, native order */
	__u8 key_len;
	__u8 where; /* index into bmc_shared.where */
	__u8 server;
	__u8 pad;
	__u8 text[]; /* VALUE key flags bytes\r\ndata\r\nEND\r\n */
};

_Static_assert(__builtin_offsetof(struct bmc_bucket, flight) == 64, "one line");
_Static_assert(__builtin_offsetof(struct bmc_bucket, group) == 128, "a write changes three lines");
_Static_assert(__builtin_offsetof(struct bmc_bucket, data) == 384, "entries begin with a line");
_Static_assert(sizeof(struct bmc_slots) == 64, "a line");
_Static_assert(sizeof(struct bmc_bucket) == 98 * 64, "buckets begin with a line");
_Static_assert(sizeof(struct bmc_entry) == 24, "");

#endif
