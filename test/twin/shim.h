/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * bpf/requests.bpf.h and bpf/answers.bpf.h on the host: what they need of the kernel and of the layers below them, so
 * that the very code that follows a connection can be fed from a buffer. The rules are stubs that note which keys were
 * written, and how much was answered.
 */
#ifndef BMC_TWIN_SHIM_H
#define BMC_TWIN_SHIM_H

#include <string.h>
#include <time.h>

#include "mc_text.h"
#include "seen.h"

/* These layers are not there: their include guards are. */
#define BMC_COMPAT_BPF_H
#define BMC_COHERENCE_BPF_H
#define BMC_AHEAD_BPF_H
#define BMC_PLACE_BPF_H
#define BMC_EARLY_BPF_H
#define BMC_EXPIRY_BPF_H
#define BMC_SEGMENT_BPF_H

#ifndef __always_inline
#define __always_inline inline
#endif
#define __noinline static
#define BMC_READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define BMC_WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))
#define bmc_loop_stop(stop) ((stop) != 0)

/* A segment. */
struct __sk_buff {
	const unsigned char *bytes;
	__u32 len;
	__u64 tstamp;
	__u64 data; /* the same bytes; of datagrams only, as is */
	__u64 data_end;
	__u32 protocol;
};

struct bmc_segment {
	__u32 seq;
	__u32 len;
	__u32 off;
	__u32 flags;
};

#define BMC_TCP_FIN 1

#define BMC_BATCH 16

struct bmc_write {
	__u64 hash;
	__u32 ord;
	__u32 until;
	__u32 tells;
};

struct bmc_work {
	__u32 server;
	__u32 pos;
	__u32 end;
	__u32 off;
	__u32 tail;
	__u32 n_commands;
	__u32 n_writes;
	__u32 n_invalidated;
	__u32 n_batch;
	struct bmc_write batch[BMC_BATCH];
	__u32 keys_pos;
	__u32 place; /* of bytes that came ahead: there are none */
	__u32 more;
	__u32 late;
	__u32 source_end;
	__u32 life; /* of datagrams, as are */
	__u32 n_out;
	__u64 udp;
	struct mc_request req;
	struct bmc_window win;
};

static struct {
	__u64 seed[2];
} bmc_shared = { { 11, 22 } };

static struct {
	__u32 version[BMC_PORTS_MAX];
} bmc_config;

enum { BMC_SEEN_ITEM = 1, BMC_SEEN_HELD = 2, BMC_SEEN_CROWDED = 4 };

static inline int bmc_len_within(__u64 *len, __u64 max)
{
	return *len && *len <= max;
}

static inline long bpf_skb_load_bytes(const struct __sk_buff *skb, __u32 off, void *to, __u64 n)
{
	if (off > skb->len || n > skb->len - off)
		return -1;
	memcpy(to, skb->bytes + off, n);
	return 0;
}

#define bpf_loop(n, step, ctx, flags) twin_loop(n, (long (*)(__u32, void *))(step), ctx)
static inline long twin_loop(__u32 n, long (*step)(__u32, void *), void *ctx)
{
	__u32 i = 0;

	while (i < n && !step(i, ctx))
		i++;
	return i < n ? i + 1 : i;
}

static inline void bmc_rmb(void)
{
}

static inline __u64 bpf_ktime_get_ns(void)
{
	return 1;
}

#define bmc_stats_count(id) ((void)(id))
#define bmc_stats_add(id, n) ((void)(id), (void)(n))
#define bmc_stats_get() NULL
#define bmc_stats_plus(stats, id, n) ((void)(stats), (void)(id), (void)(n))

#define bmc_mutant(guard) 0

static inline __u64 bmc_place_load(struct bmc_work *w, __u64 to, __u64 max)
{
	(void)w;
	(void)to;
	(void)max;
	return 0;
}

#define BMC_FROM_EARLY (~0U) /* no handshake has data */
#define BMC_LIFE_NEVER 0x7fffffffU
static inline __u64 bmc_early_load(struct __sk_buff *skb, struct bmc_work *w, __u64 to, __u64 max)
{
	(void)skb;
	return bmc_place_load(w, to, max);
}

static inline int bmc_kept_next(struct bmc_work *w, struct bmc_conn *conn)
{
	(void)w;
	(void)conn;
	return 0;
}

static inline __u32 bmc_version_of(__u32 server, __u16 life)
{
	return life ? 0 : bmc_config.version[server & (BMC_PORTS_MAX - 1)];
}

static inline int bmc_unknown(struct bmc_conn *conn, __u64 want)
{
	(void)conn;
	(void)want;
	twin_seen.all = 1;
	return 0;
}

static inline int bmc_no_fill_until(__u32 server, __u64 until)
{
	(void)server;
	twin_seen.later = 1;
	if (twin_seen.delay < (__s64)until)
		twin_seen.delay = (__s64)until;
	return 0;
}

static inline int bmc_conn_lost(struct bmc_conn *conn, __u32 why)
{
	if (!conn->lost)
		conn->lost = why;
	twin_seen.lost = 1;
	return 0;
}

/* The index of a key; TWIN_KEYS: it is none of them. */
static inline int twin_key(__u64 hash)
{
	int i = 0;

	while (i < TWIN_KEYS && twin_hash[i] != hash)
		i++;
	return i;
}

static inline int bmc_write_seen(struct bmc_conn *conn, __u64 hash, __u32 ord)
{
	int i = twin_key(hash);

	(void)conn;
	(void)ord;
	if (i < TWIN_KEYS)
		twin_seen.keys |= 1ULL << i;
	return 0;
}

/* Expiry: what a lone connection teaches, if all of it is carried out. */
enum { BMC_NOTE_EARLIER, BMC_NOTE_DOUBT };

struct twin_server {
	__u64 epoch;
	__u64 udp_flush;
};

static inline struct twin_server *bmc_server_get(__u32 server)
{
	static struct twin_server one;

	(void)server;
	return &one;
}

static inline __u32 bmc_life_time(__s64 exptime, __u32 server, __u32 life)
{
	(void)server;
	(void)life;
	if (!exptime)
		return BMC_LIFE_NEVER;
	if (exptime > BMC_RELATIVE_MAX)
		exptime -= time(NULL);
	return exptime > 0 ? (__u32)exptime : 0;
}

static inline __u64 bmc_flush_time(__u64 delay, __u32 server, __u16 life)
{
	__s64 left = (__s64)delay - time(NULL);

	(void)server;
	(void)life;
	if (delay == MC_DELAY_ODD)
		return TWIN_DELAY_ANY;
	if (delay <= BMC_RELATIVE_MAX)
		return delay + BMC_SECONDS_LATE;
	return left > 0 ? (__u64)left + 2 * BMC_SECONDS_LATE : 0;
}

static inline int bmc_life_note(__u64 hash, __u32 server, __u64 epoch, __u32 until, __u32 how)
{
	int i = twin_key(hash);

	(void)server;
	(void)epoch;
	if (i == TWIN_KEYS)
		return 0;
	if (twin_seen.life[i].until > until)
		twin_seen.life[i].until = until;
	if (how == BMC_NOTE_DOUBT)
		twin_seen.life[i].known = 0;
	return 0;
}

/* All is noted. */
static inline int bmc_life_is_open(__u64 hash, __u32 server, __u64 epoch, __u32 until)
{
	(void)hash;
	(void)server;
	(void)epoch;
	(void)until;
	return 0;
}

static inline int bmc_life_teach(struct bmc_conn *conn, __u64 hash, __u32 until, __u32 ord)
{
	int i = twin_key(hash);

	(void)conn;
	if (i < TWIN_KEYS)
		twin_seen.life[i] = (struct twin_life){ 1, until, ord };
	return 0;
}

static inline void bmc_write_touch(__u64 hash)
{
	(void)hash;
}

static inline void bmc_life_touch(__u64 hash)
{
	(void)hash;
}

/* Answers: a segment of them is bytes from the first on. */
static inline __s32 bmc_after(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

static inline int bmc_segment_read_at(const struct __sk_buff *skb, __u32 at,
				      struct bmc_segment *ret)
{
	(void)skb;
	(void)at;
	(void)ret;
	return -1;
}

static inline __u32 bmc_segment_near(const struct __sk_buff *skb)
{
	(void)skb;
	return 0;
}

static inline int bmc_segment_counts(const struct bmc_segment *seg)
{
	(void)seg;
	return 0;
}

static inline void bmc_release(__u32 *word)
{
	*word = 0;
}

#define bmc_ordered(operation) ((void)(operation))

static inline int bmc_answers_matter(__u32 rep, __u32 wrote)
{
	(void)rep;
	(void)wrote;
	return 0;
}

static inline void bmc_writer_answered(struct bmc_conn *conn, __u32 rep, __u64 now)
{
	(void)conn;
	(void)rep;
	(void)now;
}

static inline void bmc_unhold(struct bmc_conn *conn, __u32 rep)
{
	(void)conn;
	(void)rep;
}

#include "requests.bpf.h"
#include "answers.bpf.h"

#endif
