/* SPDX-License-Identifier: LGPL-2.1-only */
/* What a memcached request is to us, whatever protocol it came in. */
#ifndef BMC_MC_PROTO_H
#define BMC_MC_PROTO_H

#include "bmc_conn.h"
#include "mc_hash.h"

/* doc/protocol.txt, "UDP protocol"; network order. */
struct mc_udp_frame {
	__u16 id;
	__u16 seq;
	__u16 total;
	__u16 reserved;
};

enum mc_op {
	MC_OP_NONE, /* the line is not complete */
	MC_OP_GET, /* get, bget: reads */
	MC_OP_OTHER, /* answers, changes no item */
	MC_OP_MN, /* the same, and the answer is MN */
	MC_OP_QUIT, /* no answer, changes no item */
	MC_OP_STORE, /* one key, then a data block */
	MC_OP_CHANGE, /* one key */
	MC_OP_TOUCH_GET, /* gat, gats: the keys of the rest of the line */
	MC_OP_FLUSH, /* every key */
	MC_OP_LOST, /* it cannot be said what memcached reads here; `lost` says why */
};

/* Meta commands, by what a silent one never answers. */
enum mc_meta {
	MC_META_NONE,
	MC_META_ANY,
	MC_META_STORES, /* ms, md: HD, VA, EN, early OK */
	MC_META_DUMP, /* no meta command, and not silent: before its answer there may come an OK */
};

#define MC_TOKENS_MAX 8
#define MC_DECODED_MAX 256 /* a key's bytes; a power of two */

/* The tokens of the rest of a line: places in the window. */
struct mc_tokens {
	__u32 n;
	__u32 used; /* position behind the newline */
	__u32 pos[MC_TOKENS_MAX];
	__u32 len[MC_TOKENS_MAX];
};

/* A line as memcached cuts it (mc_line.h); the parser's own, but gat's keys are read up to `end`. */
struct mc_line {
	__u32 end; /* behind its text: where its \r\n, \n or first NUL is */
	__u32 next; /* behind its newline */
	__u32 odd; /* it has a NUL, or begins with spaces */
	__u32 n; /* tokens behind the verb; the first MC_TOKENS_MAX are in `rest` */
	__u32 last; /* place and length of the last one */
	__u32 last_len;
	__u32 time; /* place and length of the meta flag T; length 0: none */
	__u32 time_len;
	__u32 verb; /* enum mc_verb */
	__u32 newlines; /* in a base64 key's bytes, or there may be */
	__u64 flags; /* meta: first bytes of the tokens behind the key, a bit each (MC_FLAG) */
	__u64 more_flags; /* the same, behind the token after the key */
};

struct mc_request {
	__u32 version; /* the caller's: BMC_VERSION_OF the memcached that reads it; 0: not known */
	__u8 op; /* enum mc_op */
	__u8 silent; /* answers nothing when all goes well */
	__u8 lost; /* enum bmc_lost */
	__u8 plain; /* STORE: a set, which replaces whatever was there */
	__u8 any; /* STORE, CHANGE: it cannot be said which key: it may be any */
	__u8 meta; /* enum mc_meta: what a silent one may answer is more than errors */
	__u8 kept; /* the item's expiry stays as it was, whatever becomes of the write */
	__u8 touch; /* CHANGE, TOUCH_GET: changes the expiry alone, to exptime, of an item that is there */
	__u32 used; /* bytes of the line, its newline included; TOUCH_GET: up to the keys */
	__u64 block; /* bytes of the data block that follows, its \r\n included */
	__u64 delay; /* FLUSH: seconds as given; MC_DELAY_ODD: not certain */
	__s64 exptime; /* seconds as given; 0: none; -1, or any negative: over, or not certain (protocol.txt) */
	struct mc_key key; /* STORE, CHANGE; len 0: a key that is never cached */
	struct mc_tokens rest; /* tokens of the line; the parser's own */
	struct mc_line line;
	__u8 decoded[MC_DECODED_MAX]
		__attribute__((aligned(8))); /* a base64 key's bytes; the parser's own */
};

#define MC_DELAY_ODD (~0ULL)

/* A request as before any of it was read. */
BMC_INLINE void mc_request_clear(struct mc_request *out)
{
	out->op = MC_OP_NONE;
	out->silent = 0;
	out->any = 0;
	out->meta = 0;
	out->plain = 0;
	out->kept = 0;
	out->touch = 0;
	out->block = 0;
	out->delay = 0;
	out->exptime = 0;
	out->key.len = 0;
}

#endif
