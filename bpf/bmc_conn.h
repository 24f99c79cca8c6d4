/* SPDX-License-Identifier: LGPL-2.1-only */
/* A followed TCP connection, as the programs keep it and user space reads it: of the contract of bmc_abi.h. */
#ifndef BMC_CONN_H
#define BMC_CONN_H

#include "bmc_abi.h"

/* A connection that writes. */
#define BMC_PASTS 8

struct bmc_writer {
	__u64 answers; /* [word] gen in the high 32 bits, rep in the low 32 */
	__u64 t_rep; /* [word] only grows; when the last counted answer was seen, or a gen was closed */
	__u32 past
		[BMC_PASTS]; /* the reps that its last gens ended with, that of gen g at g % BMC_PASTS */
	__u64 pad[2]; /* a line of its own */
};

/* Why a connection is not followed; bmc_conn.lost. */
enum bmc_lost {
	BMC_IN_STEP = 0,
	BMC_LOST_OLD, /* older than `start`, and never quiet */
	BMC_LOST_OLD_START, /* older than `start`, and its first bytes were not a command's beginning */
	BMC_LOST_HANDSHAKE_DATA, /* data in the handshake that were not noted: ahead, urgent, too many */
	BMC_LOST_BINARY, /* binary protocol */
	BMC_LOST_META, /* a meta command whose reading is not certain */
	BMC_LOST_REJECTED, /* a line whose reading is not certain */
	BMC_LOST_LONG_LINE, /* a command line longer than BMC_LINE_MAX */
	BMC_LOST_WATCH, /* `watch`: answers without commands */
	BMC_LOST_UNPARSED, /* TCP took bytes that were not parsed */
	BMC_LOST_URGENT, /* urgent data or an unusual header */
	BMC_LOST_REFUSED, /* bytes that were parsed were not accepted by TCP */
	BMC_LOST_ANSWERS, /* more answers than commands, or answers that cannot be read */
	BMC_LOST_GAP, /* answers left out of order */
	BMC_LOST_BUSY, /* its state was in use on two CPUs for too long */
	BMC_LOST_PORT, /* steered to memcached's listener from another port (sk_lookup, TPROXY) */
	BMC_LOST_TLS, /* TLS */
	BMC_LOST_MPTCP, /* a subflow of MPTCP: memcached's bytes may come by several */
	BMC_LOST_MEMORY, /* no memory for its state: there is none, its mark says it (BMC_MARK_LOST) */
	BMC_LOST_KINDS
};

/* bmc_conn.in_taught */
#define BMC_TAUGHT_SILENT 1U

/* bmc_conn.writer [word]: NONE, CLOSED, or gen in the high 32 bits and index + 2 in the low 32. */
#define BMC_WRITER_NONE 0ULL
#define BMC_WRITER_CLOSED 1ULL
/*
 * bmc_conn.hold [word]: FREE, CLOSED, or held: ORD and an ordinal, or NEVER (never over), is counted in the server's holds;
 * CROWD and an ordinal, alone or beside one of them, in its crowd. Of both, the ordinal is the later one, and ORD's comes
 * so many before it as the bits from BMC_HOLD_BEFORE_SHIFT on say.
 */
#define BMC_HOLD_FREE 0ULL
#define BMC_HOLD_CLOSED 1ULL
#define BMC_HOLD_ORD (1ULL << 32)
#define BMC_HOLD_CROWD (1ULL << 33)
#define BMC_HOLD_NEVER (1ULL << 34)
#define BMC_HOLD_BEFORE_SHIFT 35

#define BMC_KEPT 8 /* ranges of sequence numbers a connection can keep */

/* bmc_conn.protocol */
enum bmc_protocol { BMC_PROTOCOL_TEXT, BMC_PROTOCOL_BINARY };

/* bmc_conn.mn [word]: `mn` commands seen in the high 32 bits, the ordinal of the last one in the low 32. */
#define BMC_MN_COUNT_SHIFT 32

#define BMC_GETS_TWO 2 /* bmc_conn.gets: there were two */

/*
 * A followed TCP connection: sk_storage of memcached's socket, made by BORN or, for old ones, by `start`. The two sides
 * run on different CPUs, and a line that one writes and the other reads costs each of them a few hundred instructions.
 * The kernel puts 8 bytes of its own into the first line (bpf_local_storage_data).
 */
struct bmc_conn {
	/* both sides read it, nobody writes it often */
	__u64 writer; /* [word] */
	__u64 hold; /* [word] */
	__u64 mn; /* [word] see above; written at ingress */
	__u32 lost; /* enum bmc_lost; set once */
	__u32 old; /* older than `start`: its place in bmc_olds + 1, until the programs have it; else 0 */
	__u32 doubt_meta; /* as `doubt`, for the lines of a silent mg or ma: NS NF EX HD VA EN */
	__u16 life; /* its mark's */
	__u8 server;
	__u8 ready; /* set last */
	__u8 protocol; /* enum bmc_protocol; set with the first byte */
	__u8 fresh; /* no byte of it has been parsed */
	__u8 pad1[2];
	__u32 early; /* [word] data of its handshake are not parsed yet: early.bpf.h; a hold of its own */
	__u32 doubt_store; /* the same, of a silent ms or md: NS NF EX */
	__u32 flush; /* seconds: the longest delay of a flush_all since its hold began; written at ingress */
	/* ingress, of every segment; under `busy` */
	__u32 busy; /* [word] */
	__u32 in_next; /* sequence number of the next byte to parse */
	__u64 in_block; /* bytes of a data block, its \r\n included, still to come */
	__u64 in_whole; /* the same block's whole length */
	__u64 in_hash; /* hash of the key that the block is for; 0: no block, or its end was not seen */
	__u32 in_taught; /* what the block's store teaches: end of the item's life in units << 1, silent; 0: nothing */
	__u16 in_len; /* bytes in in_line */
	__u8 in_cr; /* the block's last byte but one was a \r; known when one is left */
	__u8 in_skip; /* in the middle of a long line: up to its end */
	__u8 kept_bytes; /* see `kept` */
	__u8 fin_kept; /* there is a FIN that came ahead */
	__u8 n_kept; /* not 0: there may be something kept */
	__u8 probed; /* there is a byte that was parsed while the window was closed */
	__u8 probe_byte; /* the byte */
	__u8 gets; /* a bit for each get since the last segment that was looked at as one get's line and was not */
	__u8 pad3[2];
	__u32 place; /* index + 1; 0: none. Taken and given back under `busy` */
	__u32 fin; /* sequence number of a FIN that came ahead */
	__u32 in_stamp; /* newest timestamp of its segments (TSval, RFC 7323); 0: none */
	__u32 pad8;
	/* written at ingress by every command, read at egress */
	__u32 cmd; /* answering commands seen */
	__u32 doubt; /* up to this many answers an error line may belong to a silent command */
	__u32 wrote; /* ordinal of the last write, or a later one that was answered */
	__u32 since; /* rep when it took its writer */
	/* ingress, seldom; under `busy` */
	__u64 redo_at; /* time of `redo`; 0: none */
	__u32 redo; /* rcv_nxt when a retransmission of parsed bytes was dropped */
	__u32 probe; /* sequence number of the byte that was parsed while the window was closed */
	__u64 pad4[4];
	/*
	 * Sequence numbers that came ahead of their turn, or were parsed but may not be accepted by TCP; empty:
	 * from == to. Of those with a bit in kept_bytes the bytes are in `place`, the others lie inside a data block.
	 */
	struct {
		__u32 from;
		__u32 to;
	} kept[BMC_KEPT];
	/* egress; under `out_busy` */
	__u32 out_busy; /* [word] */
	__u32 out_next; /* sequence number of the next answer byte */
	__u32 rep; /* answers counted */
	__u32 out_rep; /* the same, within a segment */
	__u64 out_block; /* bytes of a VALUE's or VA's block still to come */
	__u16 out_len; /* bytes of an incomplete line kept in out_line */
	__u16 out_pos; /* within a segment: next byte, filled bytes of out_line */
	__u16 out_end;
	__u8 out_long; /* enum mc_answer_kind of a line of which only the end is looked for; 0: none */
	__u8 out_early; /* within a segment: `early` when it began */
	__u32 out_off; /* within a segment: next byte to load, end of its data */
	__u32 out_tail;
	__u32 mn_rep; /* MN lines counted */
	__u32 pad6;
	__u64 pad7[2];
	__u8 out_line[BMC_ANSWER_WINDOW +
		      16]; /* answers: an incomplete line, then what is looked at */
	__u8 in_line[BMC_LINE_MAX + 16]; /* a command line that is not complete yet */
};

/*
 * A connection that is older than `start`, which looks whether it is quiet: nothing of it is inside memcached or TCP.
 * Made CANDIDATE; from then on changed by exchange only.
 */
enum bmc_old_state {
	BMC_OLD_CANDIDATE, /* not known to be quiet; no data were seen since the last look at it */
	BMC_OLD_TOUCHED, /* the same, but there were data: programs only */
	BMC_OLD_QUIET, /* `start` only; in step from its next data on */
	BMC_OLD_TAKEN, /* there were data: what it is now, its conn says; programs only */
	BMC_OLD_LOST, /* `start` only; holds fills until it is closed */
	BMC_OLD_CLOSED, /* sock_release only */
};

struct bmc_old {
	__u64 word; /* [word] enum bmc_old_state */
	__u64 received; /* bytes that TCP had received when it became quiet; set before that */
	__u32 thread; /* of memcached's, that last sent an answer on it; 0: not known */
	__u32 pad;
};

_Static_assert(sizeof(struct bmc_writer) == 64, "a cache line");
_Static_assert(sizeof(struct bmc_old) == 24, "");
_Static_assert(__builtin_offsetof(struct bmc_conn, busy) == 64 - 8, "ingress begins with a line");
_Static_assert(__builtin_offsetof(struct bmc_conn, cmd) == 128 - 8, "a line");
_Static_assert(__builtin_offsetof(struct bmc_conn, out_busy) == 256 - 8, "egress does too");
_Static_assert(sizeof(struct bmc_conn) == 312 + BMC_LINE_MAX + 16 + BMC_ANSWER_WINDOW + 16,
	       "five lines and two buffers");

#endif
