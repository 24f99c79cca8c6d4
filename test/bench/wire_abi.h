/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the generator's programs and user space share: requests of one length, and the replies that must come. */
#ifndef BENCH_WIRE_ABI_H
#define BENCH_WIRE_ABI_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define BENCH_FRAMES 65536 /* a request's id is its place in the table */
#define BENCH_HEADERS 42 /* Ethernet, IPv4, UDP */
#define BENCH_KEY_LEN 16
#define BENCH_KEY_AT (BENCH_HEADERS + 8 + 4) /* memcached's frame, "get " */
#define BENCH_FRAME_LEN (BENCH_KEY_AT + BENCH_KEY_LEN + 2)
#define BENCH_SAMPLE 64 /* one reply of so many is looked at */

#define BENCH_REPLY_HEAD "VALUE "
#define BENCH_REPLY_MIDDLE " 0 32\r\n"
#define BENCH_REPLY_TAIL "\r\nEND\r\n"

/* A value is its key, twice. */
struct bench_reply {
	__u16 id; /* network order */
	__u16 seq, total, reserved;
	__u8 head[sizeof(BENCH_REPLY_HEAD) - 1];
	__u8 key[BENCH_KEY_LEN];
	__u8 middle[sizeof(BENCH_REPLY_MIDDLE) - 1];
	__u8 value[2][BENCH_KEY_LEN];
	__u8 tail[sizeof(BENCH_REPLY_TAIL) - 1];
} __attribute__((packed));

struct bench_frame {
	__u8 bytes[80]; /* BENCH_FRAME_LEN, and room to a multiple of 16 */
};

struct bench_wire_counts {
	__u64 first; /* where in the table this CPU begins */
	__u64 check; /* whether replies are looked at */
	__u64 sent;
	__u64 replies;
	__u64 checked;
	__u64 wrong;
};

#endif
