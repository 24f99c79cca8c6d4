/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The straight ways: a segment that is one get's line, a set whose block is in the window. All else is for requests.bpf.h,
 * which reads these as well, and in the same way.
 */
#ifndef BMC_STRAIGHT_BPF_H
#define BMC_STRAIGHT_BPF_H

#include "commands.bpf.h"
#include "window.bpf.h"

/* A set whose block is in the window: what it writes and what it teaches is known at once. Whether it is such a one. */
static __always_inline int bmc_conn_set(struct bmc_work *w, struct bmc_conn *conn)
{
	__u64 block = w->req.block, last;
	enum bmc_tells tells;
	__u32 ord, until;
	int whole;

	if (!bmc_store_teaches(w) || w->req.op != MC_OP_STORE || w->req.meta || w->req.silent ||
	    conn->protocol != BMC_PROTOCOL_TEXT || w->place == BMC_FROM_EARLY ||
	    block > w->end - w->pos)
		return 0;
	last = bmc_window64(&w->win, w->pos + block - 2) & 0xffff;
	whole = last == MC_WORD2("\r\n") || bmc_mutant(BMC_MUT_TAUGHT_BY_ALL);
	until = w->req.exptime ? bmc_life_time(w->req.exptime, conn->server, conn->life) :
				 BMC_LIFE_NEVER;
	tells = until && whole ? BMC_TELLS_LIFE : BMC_TELLS_EARLIER;
	ord = conn->cmd + 1;
	w->n_writes++;
	w->n_commands++;
	w->pos += (__u32)block;
	conn->in_hash = 0;
	conn->in_taught = 0;
	if (bmc_batch_add(w, w->req.key.hash, ord, until, tells))
		bmc_conn_lost(conn, BMC_LOST_UNPARSED);
	BMC_WRITE_ONCE(conn->cmd, ord);
	return 1;
}

/* The straight way: nothing waits, and the segment is one get's line. Whether it was; else, its bytes may be loaded. */
static __always_inline int bmc_conn_get(struct __sk_buff *skb, struct bmc_work *w,
					struct bmc_conn *conn)
{
	if (w->end || conn->in_block || conn->in_skip || conn->fresh ||
	    conn->protocol != BMC_PROTOCOL_TEXT || w->place || bmc_load_next(skb, w, 0))
		return 0;
	if ((__u32)bmc_window64(&w->win, 0) != MC_WORD4("get ") || w->off != w->tail ||
	    mc_newline(&w->win, 0, w->end) + 1 != w->end)
		return 0;
	w->pos = w->end;
	w->n_commands = 1;
	BMC_WRITE_ONCE(conn->cmd, conn->cmd + 1);
	return 1;
}

#endif
