/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the generator's programs and user space share: requests of one length, and the replies that must come. */
#ifndef BENCH_WIRE_ABI_H
#define BENCH_WIRE_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define BENCH_FRAMES 65536 /* a request's id is its place in the table */
#define BENCH_CPUS_MAX 256
#define BENCH_HEADERS 42 /* Ethernet, IPv4, UDP */
#define BENCH_KEY_LEN 16
#define BENCH_VALUE_LEN 32
#define BENCH_KEY_AT (BENCH_HEADERS + 8 + 4) /* memcached's frame, "get " */
#define BENCH_FRAME_LEN (BENCH_KEY_AT + BENCH_KEY_LEN + 2)
#define BENCH_SAMPLE 64 /* one reply of so many is looked at */

#define BENCH_REPLY_HEAD "VALUE "
#define BENCH_REPLY_MIDDLE " 0 32\r\n"
#define BENCH_REPLY_TAIL "\r\nEND\r\n"
#define BENCH_REPLY_MISS "END\r\n"

struct bench_reply {
	__u16 id; /* network order */
	__u16 seq, total, reserved;
	__u8 head[sizeof(BENCH_REPLY_HEAD) - 1];
	__u8 key[BENCH_KEY_LEN];
	__u8 middle[sizeof(BENCH_REPLY_MIDDLE) - 1];
	__u8 value[BENCH_VALUE_LEN];
	__u8 tail[sizeof(BENCH_REPLY_TAIL) - 1];
} __attribute__((packed));

struct bench_frame {
	__u8 bytes[80]; /* BENCH_FRAME_LEN, and room to a multiple of 16 */
	__u8 value[BENCH_VALUE_LEN]; /* that the reply must have */
};

enum bench_expect { BENCH_EXPECT_ANYTHING, BENCH_EXPECT_HIT, BENCH_EXPECT_MISS };

/* One for each CPU, in a cache line of its own. User space sets it before the frames run, and reads it at any time. */
struct bench_wire_counts {
	__u32 first, mask; /* this CPU's part of the table: first + (n & mask) */
	__u64 expect; /* enum bench_expect */
	__u64 sent;
	__u64 replies;
	__u64 checked;
	__u64 wrong;
	__u64 pad[2];
} __attribute__((aligned(64)));

/* Of one sender: at most so many requests without a reply. What stays without one for BENCH_LOST_NS is lost. */
struct bench_window {
	__u64 most; /* 0: any number */
	__u64 credit; /* requests that may be sent before replies are counted again */
	__u64 skip; /* runs that send nothing before that, so that who counts replies has its cache line */
	__u64 lost;
	__u64 seen; /* replies, when */
	__u64 heard; /* ... a new one was seen last, ns */
	__u64 cpus; /* that may count replies */
	__u64 pad;
} __attribute__((aligned(64)));

#define BENCH_LOST_NS 10000000
#define BENCH_SKIP 16

#endif
