/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Requests of the binary protocol (memcached's protocol_binary.txt), read as memcached 1.5 and 1.6 read them:
 *
 *   request := header extras key value
 *   header  := 0x80 opcode keylen(2) extlen(1) datatype(1) vbucket(2) bodylen(4) opaque(4) cas(8)    big-endian
 *
 * Each opcode has one form: how many extras, a key or none, a value or none. What has another form makes memcached
 * close the connection, or (where it does not look) read on in the middle of the request: LOST. An opcode that
 * memcached does not know is answered and changes nothing, but 1.5 and 1.6 disagree about how much of it is swallowed.
 */
#ifndef BMC_MC_BINARY_H
#define BMC_MC_BINARY_H

#include "mc_proto.h"

#define MC_BINARY_MAGIC 0x80 /* the first byte of a request */
#define MC_BINARY_HEADER 24
#define MC_BINARY_EXTRAS_MAX 20 /* of a request that is not LOST */

/* Opcodes of requests (protocol_binary.txt, "Command opcodes"; 0x20 to 0x22 in "SASL"). */
enum mc_opcode {
	MC_BINARY_GET = 0x00,
	MC_BINARY_SET = 0x01,
	MC_BINARY_ADD = 0x02,
	MC_BINARY_REPLACE = 0x03,
	MC_BINARY_DELETE = 0x04,
	MC_BINARY_INCR = 0x05,
	MC_BINARY_DECR = 0x06,
	MC_BINARY_QUIT = 0x07,
	MC_BINARY_FLUSH = 0x08,
	MC_BINARY_GETQ = 0x09,
	MC_BINARY_NOOP = 0x0a,
	MC_BINARY_VERSION = 0x0b,
	MC_BINARY_GETK = 0x0c,
	MC_BINARY_GETKQ = 0x0d,
	MC_BINARY_APPEND = 0x0e,
	MC_BINARY_PREPEND = 0x0f,
	MC_BINARY_STAT = 0x10,
	MC_BINARY_SETQ = 0x11,
	MC_BINARY_ADDQ = 0x12,
	MC_BINARY_REPLACEQ = 0x13,
	MC_BINARY_DELETEQ = 0x14,
	MC_BINARY_INCRQ = 0x15,
	MC_BINARY_DECRQ = 0x16,
	MC_BINARY_QUITQ = 0x17,
	MC_BINARY_FLUSHQ = 0x18,
	MC_BINARY_APPENDQ = 0x19,
	MC_BINARY_PREPENDQ = 0x1a,
	MC_BINARY_TOUCH = 0x1c,
	MC_BINARY_GAT = 0x1d,
	MC_BINARY_GATQ = 0x1e,
	MC_BINARY_SASL_LIST = 0x20,
	MC_BINARY_SASL_AUTH = 0x21,
	MC_BINARY_SASL_STEP = 0x22,
	MC_BINARY_GATK = 0x23,
	MC_BINARY_GATKQ = 0x24,
};

/* Quiet opcodes, a bit each: nothing is answered when all goes well (reads: on a miss). All are below 64. */
#define MC_BINARY_QUIET                                                                            \
	(1ULL << MC_BINARY_GETQ | 1ULL << MC_BINARY_GETKQ | 0x3ffULL << MC_BINARY_SETQ |           \
	 1ULL << MC_BINARY_GATQ | 1ULL << MC_BINARY_GATKQ)

/* Whether answers to a request of this opcode come only for failures (for reads: hits). Takes any opcode. */
BMC_INLINE int mc_binary_is_quiet(__u32 opcode)
{
	return opcode < 64 && (MC_BINARY_QUIET >> (opcode & 63) & 1);
}

/* The fields of a header, host order. */
struct mc_binary {
	__u32 opcode;
	__u32 key; /* length */
	__u32 extras;
	__u32 value;
	__u32 has_cas;
};

/* What the form of an opcode leaves open. */
enum mc_binary_part { MC_BINARY_WITHOUT, MC_BINARY_MAY, MC_BINARY_MUST };

BMC_INLINE int mc_binary_form(const struct mc_binary *b, __u32 extras, enum mc_binary_part key,
			      enum mc_binary_part value)
{
	return b->extras == extras && (key == MC_BINARY_MAY || !b->key == !key) &&
	       (value == MC_BINARY_MAY || !b->value);
}

/* What a request of these fields is; MC_OP_LOST if its form is wrong. */
BMC_INLINE enum mc_op mc_binary_op(const struct mc_binary *b)
{
	switch (b->opcode) {
	case MC_BINARY_SET:
	case MC_BINARY_ADD:
	case MC_BINARY_REPLACE:
	case MC_BINARY_SETQ:
	case MC_BINARY_ADDQ:
	case MC_BINARY_REPLACEQ:
		return mc_binary_form(b, 8, MC_BINARY_MUST, MC_BINARY_MAY) ? MC_OP_STORE :
									     MC_OP_LOST;
	case MC_BINARY_APPEND:
	case MC_BINARY_PREPEND:
	case MC_BINARY_APPENDQ:
	case MC_BINARY_PREPENDQ:
		return mc_binary_form(b, 0, MC_BINARY_MUST, MC_BINARY_MAY) ? MC_OP_STORE :
									     MC_OP_LOST;
	case MC_BINARY_DELETE:
	case MC_BINARY_DELETEQ:
		return mc_binary_form(b, 0, MC_BINARY_MUST, MC_BINARY_WITHOUT) ? MC_OP_CHANGE :
										 MC_OP_LOST;
	case MC_BINARY_INCR:
	case MC_BINARY_DECR:
	case MC_BINARY_INCRQ:
	case MC_BINARY_DECRQ:
		return mc_binary_form(b, 20, MC_BINARY_MUST, MC_BINARY_WITHOUT) ? MC_OP_CHANGE :
										  MC_OP_LOST;
	case MC_BINARY_TOUCH:
	case MC_BINARY_GAT:
	case MC_BINARY_GATQ:
	case MC_BINARY_GATK:
	case MC_BINARY_GATKQ:
		return mc_binary_form(b, 4, MC_BINARY_MUST, MC_BINARY_WITHOUT) ? MC_OP_CHANGE :
										 MC_OP_LOST;
	case MC_BINARY_FLUSH:
	case MC_BINARY_FLUSHQ:
		return mc_binary_form(b, b->extras ? 4 : 0, MC_BINARY_WITHOUT, MC_BINARY_WITHOUT) ?
			       MC_OP_FLUSH :
			       MC_OP_LOST;
	case MC_BINARY_GET:
	case MC_BINARY_GETQ:
	case MC_BINARY_GETK:
	case MC_BINARY_GETKQ:
		return mc_binary_form(b, 0, MC_BINARY_MUST, MC_BINARY_WITHOUT) ? MC_OP_GET :
										 MC_OP_LOST;
	case MC_BINARY_STAT:
		return mc_binary_form(b, 0, MC_BINARY_MAY, MC_BINARY_WITHOUT) ? MC_OP_OTHER :
										MC_OP_LOST;
	case MC_BINARY_SASL_AUTH:
	case MC_BINARY_SASL_STEP:
		return mc_binary_form(b, 0, MC_BINARY_MUST, MC_BINARY_MAY) ? MC_OP_OTHER :
									     MC_OP_LOST;
	case MC_BINARY_NOOP:
	case MC_BINARY_VERSION:
	case MC_BINARY_QUIT:
	case MC_BINARY_QUITQ:
	case MC_BINARY_SASL_LIST:
		if (!mc_binary_form(b, 0, MC_BINARY_WITHOUT, MC_BINARY_WITHOUT))
			return MC_OP_LOST;
		return b->opcode == MC_BINARY_QUITQ ? MC_OP_QUIT : MC_OP_OTHER;
	default: /* not known: what it has of extras and key is swallowed once or twice */
		return mc_binary_form(b, 0, MC_BINARY_WITHOUT, MC_BINARY_MAY) ? MC_OP_OTHER :
										MC_OP_LOST;
	}
}

/* `n` bytes at `pos`, big-endian. */
BMC_INLINE __u32 mc_binary_be16(const struct bmc_window *win, __u64 pos)
{
	return __builtin_bswap16((__u16)bmc_window64(win, pos));
}

BMC_INLINE __u32 mc_binary_be32(const struct bmc_window *win, __u64 pos)
{
	return __builtin_bswap32((__u32)bmc_window64(win, pos));
}

/* The header at `pos`. 0; -1: no request's, or its lengths cannot be. */
BMC_INLINE int mc_binary_header(const struct bmc_window *win, __u64 pos, struct mc_binary *b)
{
	__u32 body = mc_binary_be32(win, pos + 8);

	b->opcode = bmc_window8(win, pos + 1);
	b->key = mc_binary_be16(win, pos + 2);
	b->extras = bmc_window8(win, pos + 4);
	b->has_cas = bmc_window64(win, pos + 16) != 0;
	b->value = body - b->key - b->extras;
	if (bmc_window8(win, pos) != MC_BINARY_MAGIC || b->key + b->extras > body)
		return -1;
	/* memcached takes a body's length for a signed number of 32 bits */
	return b->key > BMC_KEY_MAX || body > 0x7fffff00U ? -1 : 0;
}

/*
 * The request at `pos` of a window that is filled up to `end`: as mc_text_request, with these fields of `out`.
 *   op      MC_OP_NONE: header, extras and key (at most 24 + 20 + 250 bytes) are not there yet. MC_OP_STORE,
 *           MC_OP_CHANGE (a touch and a GAT too): `key` is written. MC_OP_GET: it is read. MC_OP_FLUSH: `delay`.
 *           MC_OP_OTHER: answers, no item changes (stat: several packets, the last one without a key).
 *           MC_OP_QUIT: a quiet quit, which is never answered. MC_OP_LOST: `lost`.
 *   used    bytes of header, extras and key; the value, `block` bytes, comes on top (no \r\n of its own)
 *   silent  a quiet opcode; whether an answer is one to a quiet opcode its header tells (mc_binary_is_quiet)
 *   plain   Set or SetQ without cas        kept     Append, Prepend, Delete        touch  Touch, GAT
 *   exptime of a MC_OP_STORE that has extras, and of a touch (32 bits, unsigned), else 0
 * Returns 0; -1 with MC_OP_NONE.
 */
BMC_STEP int mc_binary_request(const struct bmc_window *win, __u32 pos, __u32 end,
			       const struct mc_seed *seed, struct mc_request *out)
{
	struct mc_binary b = {};
	__u64 extras = (__u64)pos + MC_BINARY_HEADER;
	enum mc_op op;

	if (!win || !seed || !out)
		return -1;
	out->op = MC_OP_NONE;
	out->silent = 0;
	out->any = 0;
	out->meta = 0;
	out->plain = 0;
	out->block = 0;
	out->delay = 0;
	out->exptime = 0;
	out->key.len = 0;
	if (extras > end)
		return -1;
	op = mc_binary_header(win, pos, &b) ? MC_OP_LOST : mc_binary_op(&b);
	if (op == MC_OP_LOST) {
		out->lost = BMC_LOST_BINARY;
		out->op = MC_OP_LOST;
		return 0;
	}
	if (extras + b.extras + b.key > end)
		return -1;
	if (b.key)
		mc_key_hash(win, (__u32)extras + b.extras, b.key, seed, &out->key);
	out->touch = op == MC_OP_CHANGE && b.extras == 4;
	out->kept = op == MC_OP_STORE ? !b.extras : op == MC_OP_CHANGE && !b.extras;
	if (op == MC_OP_STORE && b.extras)
		out->exptime = mc_binary_be32(win, extras + 4);
	if (out->touch)
		out->exptime = mc_binary_be32(win, extras);
	if (op == MC_OP_CHANGE && b.extras == MC_BINARY_EXTRAS_MAX &&
	    mc_binary_be32(win, extras + 16) != 0xffffffffU) /* makes an item */
		out->exptime = mc_binary_be32(win, extras + 16);
	if (op == MC_OP_FLUSH && b.extras)
		out->delay = mc_binary_be32(win, extras);
	out->plain = (b.opcode == MC_BINARY_SET || b.opcode == MC_BINARY_SETQ) && !b.has_cas;
	out->silent = (__u8)mc_binary_is_quiet(b.opcode);
	out->used = MC_BINARY_HEADER + b.extras + b.key;
	out->block = b.value;
	out->op = (__u8)op;
	return 0;
}

#endif
