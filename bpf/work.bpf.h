/* SPDX-License-Identifier: LGPL-2.1-only */
/* Work areas: per CPU, one for each hook that runs with softirqs off, each taken and given back. */
#ifndef BMC_WORK_BPF_H
#define BMC_WORK_BPF_H

#include "bmc_bucket.h"
#include "compat.bpf.h"
#include "mc_text.h"
#include "segment.bpf.h"
#include "stats.bpf.h"

enum bmc_work_user { BMC_WORK_XDP, BMC_WORK_FILL, BMC_WORK_INGRESS, BMC_WORK_USERS };

#define BMC_BATCH 16 /* writes of a segment that are seen together */

#define BMC_HEAD_MAX 104 /* Ethernet, two tags, the longest IPv4 header, UDP, frame: 98 */

#define BMC_NOWHERE ~0U /* no entry's */
#define BMC_TEXT_REACH 2048 /* a text begins before it: BMC_TEXT_MAX, as a bound that is a mask */
#define BMC_TEXT_ROOM (BMC_TEXT_REACH + BMC_TEXT_REACH)

/* What TCP knows of a connection when a segment comes. */
struct bmc_tcp {
	__u32 rcv_nxt;
	__u32 rcv_wnd;
	__u32 window; /* bytes from rcv_nxt on that it takes now */
	__u32 write_seq;
	__u32 ack_min; /* an older acknowledgment is refused (RFC 5961, section 5) */
	__u32 backlog;
	__u32 queued; /* bytes of memory that wait for memcached, the backlog included */
	__u32 room; /* ... of what there may be */
	__u32 accepted; /* memcached has it */
	__u32 unread; /* bytes in order that memcached has not taken yet */
};

/* Bytes of a segment on their way to, or beside, those in a place. */
struct bmc_move {
	__u32 place; /* index + 1 */
	__u32 seq; /* of the next byte */
	__u32 off; /* the same one's, in the segment */
	__u32 left;
};

/* A range of sequence numbers that is looked for or put in. */
struct bmc_range_work {
	__u32 from;
	__u32 to;
	__u32 at; /* its index */
};

/* A write that was parsed and is not seen yet. */
struct bmc_write {
	__u64 hash;
	__u32 ord;
	__u32 until; /* of its item's life, units */
	__u32 tells; /* enum bmc_tells, of `until` */
	__u32 pad;
};

struct bmc_work {
	__u32 in_use;
	__u32 server;
	__u32 pos; /* next byte to parse */
	__u32 end; /* bytes in the window */
	__u32 off; /* offset in the packet of the next byte to load */
	__u32 tail; /* offset behind the last byte of the packet's payload */
	__u32 place; /* where the bytes come from that are parsed: index + 1 of a place; 0: from the packet */
	__u32 from; /* a place: sequence number of the byte at offset 0 */
	__u32 source_end; /* sequence number behind the last byte (and FIN) of what is parsed */
	__u32 more; /* there may be more behind it, that came ahead of its turn */
	__u32 late; /* of a handshake: for how long TCP may have had it, in units of lives */
	__u32 pad0;
	struct bmc_segment seg;
	struct bmc_tcp tcp;
	struct bmc_move move;
	struct bmc_range_work range;
	__u32 n_commands;
	__u32 n_writes;
	__u32 n_invalidated;
	__u32 n_batch;
	__u32 pad2;
	__u32 keys_pos; /* gat: where its next key is looked for; 0: no gat */
	/* a datagram */
	__u32 life; /* its socket's */
	__u32 n_out; /* commands of it that are out */
	__u64 udp; /* the UDP writer's word of the last of them; before, any */
	/* a get */
	__u32 n_got;
	__u32 text_len; /* of the whole answer, its END\r\n included */
	__u32 here; /* where and server of an entry of this address, as bmc_entry_whose; BMC_NOWHERE */
	__u64 csum;
	__u64 ip_sum; /* of addresses and protocol */
	__u64 now;
	__u64 epoch;
	__u32 miss; /* enum bmc_stat, why the last key that was looked for is missing; 0: it is not there */
	__u32 pad;
	__u64 addr[2]; /* the local address, as in struct bmc_where */
	struct mc_sip sip;
	__u8 text[BMC_TEXT_ROOM];
	__u8 head[BMC_HEAD_MAX]; /* of a packet that grew to the front: what it began with */
	struct bmc_write batch[BMC_BATCH];
	struct mc_request req;
	struct mc_key key;
	/* a fill: the bucket's writes in flight as they were looked at */
	__u64 seen_who[BMC_FLIGHTS];
	__u64 seen_what[BMC_FLIGHTS];
	__u64 ended[BMC_FLIGHTS];
	/* and its place in the bucket: room.bpf.h */
	__u64 tagged; /* slots that have the key's tag */
	__u64 gone; /* slots that make room */
	__u32 seq; /* the bucket's, when that was decided */
	__u32 units; /* the entry's size */
	__u32 slot;
	__u32 is_reused; /* the slot has units of its own */
	__u32 is_same; /* and the text */
	__u32 is_queue; /* the oldest go: admit.bpf.h */
	__u32 is_written; /* the bytes are in their place */
	__u32 pad3;
	__u64 until; /* the entry's */
	struct bmc_window win;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_work);
	__uint(max_entries, BMC_WORK_USERS);
} bmc_work SEC(".maps");

/* NULL: in use, by a program that this one interrupts (PREEMPT_RT). */
static __always_inline struct bmc_work *bmc_work_enter(enum bmc_work_user user)
{
	__u32 index = user;
	struct bmc_work *w = bpf_map_lookup_elem(&bmc_work, &index);

	if (!w || BMC_READ_ONCE(w->in_use))
		return NULL;
	BMC_WRITE_ONCE(w->in_use, 1);
	return w;
}

static __always_inline void bmc_work_leave(struct bmc_work *w)
{
	BMC_WRITE_ONCE(w->in_use, 0);
}

/* The one's complement sum of the window's first `len` bytes, folded to 16 bits, native order. */
__noinline __u32 bmc_work_sum(struct bmc_work *w, __u32 len)
{
	__u64 sum = 0, at = 0, word;
	const __u32 *half;

	if (!w)
		return 0;
#pragma clang loop unroll(disable)
	for (; at < BMC_WINDOW; at += 32) {
		if (at + 32 > len)
			break;
		half = (const __u32 *)&w->win.bytes[at];
		sum += (__u64)half[0] + half[1] + half[2] + half[3];
		sum += (__u64)half[4] + half[5] + half[6] + half[7];
	}
	len -= (__u32)at;
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < 4; i++) {
		word = bmc_load64(&w->win.bytes[at]);
		if (len < 8)
			break;
		sum += (__u64)(__u32)word + (word >> 32);
		at += 8;
		len -= 8;
	}
	word = bmc_keep_bytes(word, len);
	sum += (__u64)(__u32)word + (word >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

#endif
