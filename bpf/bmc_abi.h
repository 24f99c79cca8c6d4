/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The contract between the BPF programs and user space: settings, values of the maps, counters, limits.
 * Both sides include this file, bmc_conn.h, bmc_bucket.h and bmc_stamp.h, and nothing else of each other. Host byte order
 * unless a comment says network.
 * Times are nanoseconds of CLOCK_MONOTONIC (bpf_ktime_get_ns) unless a comment says otherwise.
 * The words that the rules of COHERENCE.md change by exchange are marked [word]: from user space change them
 * by __atomic builtins on the mapped memory only.
 */
#ifndef BMC_ABI_H
#define BMC_ABI_H

#ifdef __bpf__
#include "compat.bpf.h"
#else
#include <linux/types.h>
#endif

/* Raised whenever the layout of a pinned map changes; `stop` works across versions, nothing else does. */
#define BMC_ABI_VERSION 12

/* ---- limits ---- */
#define BMC_PORTS_MAX 8
#define BMC_IFACES_MAX 16
#define BMC_EGRESS_MAX 32 /* attached interfaces and those stacked on them */
#define BMC_KEYS_MAX 64 /* keys of one get that are looked up */
#define BMC_KEY_MAX 250 /* protocol.txt, "Keys" */
#define BMC_TEXT_MAX                                                                               \
	1392 /* text of one datagram of memcached: 1400 less the 8 bytes of its frame */
#define BMC_WHERE_MAX 256 /* local addresses that items were served from */
#define BMC_WINDOW 4096 /* bytes that a parser sees at once; a power of two */
#define BMC_PLACES 64 /* connections that can keep bytes; bits of bmc_shared.places */
#define BMC_PLACE 65536 /* bytes one of them can keep; a power of two */
#define BMC_LINE_MAX 512 /* a command line that is still incomplete at the end of a segment */
#define BMC_ANSWER_WINDOW 1024 /* bytes of answers looked at at once; a power of two */
#define BMC_ANSWER_KEEP                                                                            \
	512 /* of an answer line that is still incomplete; above the longest VALUE line */
#define BMC_STAMP_MAX_AGE_NS 30000000000ULL
#define BMC_CLOCK_SKEW_NS 10000ULL /* "later" means later by more than this */

/* ---- memcached's times (doc/protocol.txt, "Expiration times") ---- */
#define BMC_SECOND_NS 1000000000ULL
#define BMC_SECONDS_LATE 2 /* memcached counts whole seconds, and moves on once a second */
#define BMC_RELATIVE_MAX (60 * 60 * 24 * 30) /* seconds; what is more is a time of the wall clock */

/* ---- one server, that is one --port ---- */
#define BMC_EPOCH_FIRST 1 /* what an instance begins with */

/* bmc_server.word [word]: life in the high 16 bits, marked sockets in the next 16, holds in the low 32. */
#define BMC_WORD_LIFE_SHIFT 48
#define BMC_WORD_SOCKETS_SHIFT 32
#define BMC_WORD_HOLDS_MASK 0xffffffffULL

/*
 * Why a server's items are neither filled nor served; bits of bmc_server.off. Set once, but for STARTING and SHARED; those
 * of BMC_OFF_KIND are of one life.
 */
enum bmc_off {
	BMC_OFF_STARTING = 1, /* `start` is not through with the sockets and connections it found */
	BMC_OFF_NO_MEMORY = 2, /* a socket could not be marked */
	BMC_OFF_UNSEEN =
		4, /* a connection of a marked listener without state: it cannot be followed */
	BMC_OFF_BUSY = 8, /* an exchange did not succeed in its number of tries */
	BMC_OFF_SHARED = 16, /* a second process of its user has sockets at its port */
	BMC_OFF_PORTS =
		32, /* its process has a socket at another port too, or UDP only at this one: its items are changed unseen */
	BMC_OFF_PROXY = 64, /* it is a proxy: what others write behind it is not seen */
	BMC_OFF_TEXT_ONLY = 128, /* to it all is text, also what looks like the binary protocol */
	BMC_OFF_UNTOLD = 256, /* what it is could not be told */
	BMC_OFF_MOVED =
		512, /* an interface was moved to another network namespace, and got requests there */
};
#define BMC_OFF_KIND (BMC_OFF_PROXY | BMC_OFF_TEXT_ONLY | BMC_OFF_UNTOLD)

/* Those that share a generation; indices into bmc_server.gen. */
#define BMC_GEN_UDP 0U /* commands over UDP */
#define BMC_GEN_CROWD 1U /* connections with silent writes that found no place of their own */
#define BMC_GENS 2

struct bmc_server {
	/* read by every hit */
	__u64 epoch; /* [word] entries of another epoch are void */
	__u64 off; /* [word] enum bmc_off; set first, then epoch++ */
	__u64 others_wire; /* [word] of `others`, those that are not bound to a loopback address: hits look up who is asked */
	/* seldom written */
	__u64 strangers; /* [word] sockets at its port of other processes of its user; SHARED while there are any */
	__u64 udp_flush; /* [word] only grows, in a life; seconds: the longest delay of a flush_all over UDP */
	__u64 missed; /* [word] datagrams that a socket without a mark had: not read, while BMC_MISSED_COUNTS */
	__u64 pad0[2];
	/* read by fills, written by holds */
	__u64 word; /* [word] see above */
	__u64 t_quiet; /* [word] only grows; no fill whose request is older */
	__u64 no_fill_until; /* [word] only grows; BMC_FLUSH_AHEAD */
	__u64 gen[BMC_GENS]; /* [word] those that write without a place of their own; see below */
	__u64 owner; /* [word] life in the high 32 bits, in the low 32 the process (tgid) of its sockets; 0: not known */
	__u64 unread; /* [word] connections of this life of which not all was read: they may have sent flush_all with a delay */
	__u64 others; /* [word] UDP sockets of other users at its port: fills look up whose the address is */
};
#define BMC_OWNER_LIFE_SHIFT 32
#define BMC_MISSED_COUNTS (1ULL << 63) /* `start` sees to such datagrams; else they are read */
#define BMC_FLUSH_AHEAD 1ULL /* of no_fill_until: no reply to a request of later was seen */

/*
 * bmc_server.gen: gen in the high 32 bits, life in the next 16, whether its hold is taken (UDP only), then those that are
 * out. At BMC_GEN_OUT_MAX they are not counted any more: some are out for good, as long as this memcached lives.
 */
#define BMC_GEN_SHIFT 32
#define BMC_GEN_LIFE_SHIFT 16
#define BMC_GEN_HELD 0x8000ULL
#define BMC_GEN_OUT_MAX 0x7fffULL

/* A local address that items were filled from; in a VLAN, hashed: vlan.bpf.h. Written once, before any entry names it. */
struct bmc_where {
	__u8 addr[16]; /* network order; IPv4 as ::ffff:a.b.c.d; in a VLAN 8 bytes of hash first */
};

/* The one value of the global data that programs and user space share (map bmc.bss, mapped). */
struct bmc_shared {
	struct bmc_server server[BMC_PORTS_MAX]; /* in the order of bmc_config.port */
	__u64 seed[2]; /* key of the hash; random, set before anything is attached */
	__u64 n_fresh; /* [word] writers that were ever taken from the fresh end of the array */
	__u64 n_where; /* [word] */
	__u64 places; /* [word] a bit for each place that is taken */
	__u64 bypass; /* [word] not 0: fills do not pay, and which replies do (bypass.bpf.h) */
	__u64 bypass_hits; /* [word] hits and fills of all CPUs when that was looked at */
	__u64 bypass_fills; /* [word] */
	struct bmc_where where[BMC_WHERE_MAX];
	__s64 duel; /* [word] who has fewer misses: admit.bpf.h; in a line that no hit reads */
};

/* ---- sockets ---- */

/* sk_storage, inherited by accepted children. */
struct bmc_mark {
	__u64 cookie; /* of the socket that was bound: its own mark if it is this socket's */
	__u16 life;
	__u8 server; /* index */
	__u8 ready; /* enum bmc_ready; set last */
	__u32 taken; /* [word] UDP, while the server is STARTING: datagrams that were taken from it; or BMC_MARK_* */
};
/* No socket of the server's: never ready. */
#define BMC_MARK_STRANGER 0xffffffffU /* of another process of its user */
#define BMC_MARK_OTHER 0xfffffffeU /* of another user */
#define BMC_MARK_OTHER_LOOPBACK 0xfffffffdU /* the same, bound to a loopback address */
/* Of a connection, and ready: there was no memory for its conn. It is LOST. */
#define BMC_MARK_LOST 0xfffffffcU

enum bmc_ready {
	BMC_READY_NOT,
	BMC_READY_TCP, /* a listener, or inherited from one */
	BMC_READY_UDP, /* no socket inherits it */
};

/* The last recvmsg of a thread of memcached's: stamp.bpf.h. */
struct bmc_stamp {
	__u64 who;
	__u64 time; /* with its server: bmc_stamp.h */
};
#define BMC_STAMPS 4096 /* places; a power of two */

/* ---- `start --learn`: what memcached says of an item (program bmc_learn, run once for each) ---- */
#define BMC_LEARN_NEVER (-1LL) /* as memcached's lru_crawler metadump has it */

struct bmc_learn {
	__s64 expires; /* seconds of the server's wall clock; BMC_LEARN_NEVER */
	__u32 server;
	__u32 len; /* of the key; not 0 */
	__u8 key[(BMC_KEY_MAX + 8) & ~7];
};

/* What became of it: the program's return value. */
enum bmc_learnt {
	BMC_LEARN_DONE = 16, /* noted; no value that a program returns which could not look */
	BMC_LEARN_BETTER, /* a write of it was seen: that one knows */
	BMC_LEARN_NO_ROOM, /* its place is full: something may have been known of it, and had to go */
	BMC_LEARN_VOID, /* nothing that was read is worth anything now: give up */
	BMC_LEARN_ODD, /* a time that memcached's clock cannot tell, or no key */
};

/* ---- settings: .rodata, set between open and load ---- */
enum bmc_test {
	BMC_TEST_STAMP = 1, /* a fill needs no live socket: its stamp is now */
	BMC_TEST_LOSE_RACE = 2, /* the second look at seq fails */
	BMC_TEST_SLOW_FILL =
		4, /* a fill takes its time before it publishes: races with writes are likely */
	BMC_TEST_SLOW_PUBLISH =
		8, /* between its look at the flights and its entry's being valid a fill takes microseconds */
	BMC_TEST_BYPASS =
		16, /* with STAMP: a fill may be bypassed, as a reply of a live socket's may */
};

/* memcached's version in one number that compares as it does; 0: not known. */
#define BMC_VERSION_OF(major, minor, patch) ((__u32)(major) << 16 | (minor) << 8 | (patch))

#define BMC_OFFSET_UNKNOWN (-0x7fffffffffffffffLL - 1)

struct bmc_config {
	__u64 netns_cookie; /* where memcached and the interfaces are */
	__u64 max_age_ns; /* how long an item of unknown expiry is served */
	__s64 offset
		[BMC_PORTS_MAX]; /* memcached's wall clock - CLOCK_MONOTONIC, seconds, 0 to 2 too small */
	__u32 n_ports;
	__u32 n_egress;
	__u32 n_buckets;
	__u32 n_writers;
	__u32 n_lives;
	__u32 pad0;
	__u32 uid[BMC_PORTS_MAX]; /* the server's user */
	__u32 egress
		[BMC_EGRESS_MAX]; /* ifindex of each attached interface, and of those stacked on one */
	__u32 version
		[BMC_PORTS_MAX]; /* BMC_VERSION_OF the memcached that was there at start; 0: none was */
	__u16 port[BMC_PORTS_MAX]; /* network order */
	__u8 tag; /* high byte of the skb marks of stamped replies; not 0 */
	__u8 force; /* what cannot be watched is served all the same */
	__u8 pad[2];
	__u32 test; /* enum bmc_test; set by tests only */
	__u64 mutants; /* a bit for each enum bmc_mutant; set by tests only */
};

/* ---- counters: one list for the programs, the printers and the manual ---- */
#define BMC_STATS(X)                                                                               \
	X(REQUESTS, "requests", "UDP datagrams to a served port")                                  \
	X(GETS, "gets", "get requests that bmc understands")                                       \
	X(KEYS, "keys", "keys looked up: of each get only up to its first missing key")            \
	X(HITS, "hits", "get requests answered in the kernel")                                     \
	X(HIT_KEYS, "hit_keys", "keys answered in the kernel")                                     \
	X(HIT_BYTES, "hit_bytes", "bytes of reply text sent by the kernel")                        \
	X(MISSES, "misses", "get requests with a key that is not cached")                          \
	X(MISS_EPOCH, "miss_epoch", "misses on an item that was discarded with all others")        \
	X(MISS_EXPIRED, "miss_expired", "misses on an item whose time is over")                    \
	X(MISS_ADDRESS, "miss_address",                                                            \
	  "misses on an item cached for another address, VLAN or port")                            \
	X(MISS_BUSY, "miss_busy", "misses while a fill was changing the key's bucket")             \
	X(PASS_FORM, "pass_form",                                                                  \
	  "datagrams that are not exactly one plain get, left to memcached")                       \
	X(PASS_CHECKSUM, "pass_checksum", "requests with a wrong checksum, not answered by bmc")   \
	X(PASS_LARGE, "pass_large", "gets whose reply does not fit one datagram or the packet")    \
	X(PASS_RACE, "pass_race", "gets that raced with a fill, restored and left to memcached")   \
	X(PASS_BUSY, "pass_busy",                                                                  \
	  "packets left to memcached because the CPU's work area was in use")                      \
	X(PASS_OTHERS, "pass_others",                                                              \
	  "requests that another user's socket may be meant to receive")                           \
	X(FILLS, "fills", "items cached from memcached's replies")                                 \
	X(EVICTIONS, "evictions", "valid items evicted to make room for another")                  \
	X(REFUSED_FLIGHT, "refused_flight", "fills refused: a write is in flight")                 \
	X(REFUSED_STAMP, "refused_stamp",                                                          \
	  "fills refused: a write or flush_all may be later than the request")                     \
	X(REFUSED_HELD, "refused_held", "fills refused: all fills of the server are on hold")      \
	X(REFUSED_OFF, "refused_off", "fills refused: the server is switched off")                 \
	X(REFUSED_FORM, "refused_form", "replies not cached: they are not exactly one plain item") \
	X(REFUSED_BUSY, "refused_busy",                                                            \
	  "fills refused: another fill was changing the key's bucket")                             \
	X(REFUSED_COLD, "refused_cold",                                                            \
	  "fills refused: requested too rarely to evict other items")                              \
	X(REFUSED_ADDRESS, "refused_address",                                                      \
	  "fills refused: the address may belong to another user's socket")                        \
	X(REFUSED_PLACE, "refused_place",                                                          \
	  "fills refused: the item is too large, or has too many addresses")                       \
	X(STAMPS, "stamps", "replies stamped with the time of their request")                      \
	X(NO_STAMP, "no_stamp", "replies not stamped: no request recent enough is known")          \
	X(STAMP_MARKED, "stamp_marked",                                                            \
	  "replies not stamped: they carry someone else's packet mark")                            \
	X(STAMP_ELSEWHERE, "stamp_elsewhere",                                                      \
	  "replies not stamped: they leave by an unattached interface")                            \
	X(STAMP_NOTHING, "stamp_nothing", "replies not stamped: they carry no item")               \
	X(STAMP_BYPASSED, "stamp_bypassed",                                                        \
	  "replies not stamped: hardly any hits, only 1 key of 8 fills")                           \
	X(WRITES, "writes", "writes whose key is known")                                           \
	X(INVALIDATED, "invalidated", "items removed by writes")                                   \
	X(UNKNOWNS, "unknown_writes", "writes whose keys are not known: all items are discarded")  \
	X(OVERFLOWS, "overflow_holds",                                                             \
	  "writes with no place to track them: fills held until answered")                         \
	X(CROWDED, "crowded", "silent writes with no place: only fills of their bucket held")      \
	X(COMMANDS, "commands", "commands seen on TCP connections")                                \
	X(ANSWERS, "answers", "answers seen on TCP connections")                                   \
	X(CONNECTIONS, "connections", "TCP connections opened")                                    \
	X(OLD, "old", "TCP connections older than start that are followed by now")                 \
	X(LOST, "lost", "TCP connections that could not be followed")                              \
	X(KEPT_AHEAD, "kept_ahead", "out-of-order segments, kept until their turn")                \
	X(DROP_AHEAD, "drop_ahead", "out-of-order segments dropped for lack of room")              \
	X(DROP_FORGED, "drop_forged", "segments dropped: TCP would reject them")                   \
	X(DROP_REDO, "drop_redo", "retransmissions dropped: the first copy is not accepted yet")   \
	X(DROP_BUSY, "drop_busy", "segments dropped: the connection's state was in use")           \
	X(DROP_EARLY, "drop_early", "data segments dropped: the connection was not known yet")     \
	X(UDP_WRITES, "udp_writes", "UDP datagrams that write, or may write")                      \
	X(UDP_ANSWERS, "udp_answers", "answers over UDP to commands other than gets, no errors")   \
	X(LEARNT, "learnt", "items whose expiry start --learn read from memcached")

enum bmc_stat {
#define BMC_STAT_ENUM(id, name, text) BMC_STAT_##id,
	BMC_STATS(BMC_STAT_ENUM)
#undef BMC_STAT_ENUM
		BMC_STAT_COUNT
};

struct bmc_stats {
	/* a line of bmc_xdp's own */
	__u64 tick; /* the clock as it was last read, and when (jiffies) */
	__u64 now;
	__u64 home; /* the tick in which it was last looked where the interface is */
	struct {
		__u64 hits;
		__u64 hit_bytes;
		__u64 misses;
	} plain; /* gets of one key, each of which counts as several in `count`: bmc_stats_read adds them */
	struct {
		__u64 tick; /* when it was asked for (jiffies) */
		__u32 ifindex;
		__u32 frame_max; /* bytes, Ethernet's header included */
	} mtu;
	__u64 count[BMC_STAT_COUNT];
	__u64 bypass_fills; /* that found no free room: bypass.bpf.h */
};

/* ---- what user space notes for itself (map bmc_instance, one value) ---- */
enum bmc_mode { BMC_MODE_AUTO, BMC_MODE_NATIVE, BMC_MODE_SKB };

struct bmc_iface {
	__u32 ifindex; /* 0: unused */
	__u32 mode; /* enum bmc_mode; what was got */
	__u32 tc_handle; /* 0: no filter of ours; with a program: a link (tcx) */
	__u32 tc_priority;
	__u32 made_clsact; /* the qdisc is ours to remove */
	__u32 tc_prog_id;
	char name[16];
};

struct bmc_instance {
	__u32 abi; /* BMC_ABI_VERSION */
	__u32 complete; /* `start` went through */
	__u32 forced; /* with --force: items may be wrong */
	__u32 pad;
	__u64 started; /* CLOCK_REALTIME, seconds */
	__u64 started_mono; /* CLOCK_MONOTONIC, nanoseconds */
	struct bmc_iface iface[BMC_IFACES_MAX];
	struct bmc_config config;
};

_Static_assert(sizeof(struct bmc_server) == 128, "two cache lines");
_Static_assert(sizeof(struct bmc_mark) == 16, "");
_Static_assert(sizeof(struct bmc_learn) == 16 + 256, "");
_Static_assert((BMC_WINDOW & (BMC_WINDOW - 1)) == 0, "a mask");
_Static_assert((BMC_ANSWER_WINDOW & (BMC_ANSWER_WINDOW - 1)) == 0, "a mask");

#endif
