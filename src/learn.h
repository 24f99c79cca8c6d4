/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * `start --learn`: each memcached is asked when the items that it has expire, so that they can be served until then,
 * and not only for --max-age. What is not learnt costs hits, nothing else: no failure of it is one of `start`.
 */
#ifndef BMC_LEARN_H
#define BMC_LEARN_H

#include "bmc_abi.h"
#include "progress.h"

#define BMC_LEARN_PROGRESS                                                                         \
	"times of items learnt" /* what progress is of: when more of a dump is there */

/* How it ended at one port. */
enum bmc_learn_end {
	BMC_LEARN_ALL, /* memcached has said all */
	BMC_LEARN_NOBODY, /* there is no memcached */
	BMC_LEARN_HELD, /* connections cannot be followed: what they write is not seen */
	BMC_LEARN_FLUSHED, /* a flush_all, another write of any key, or the end of memcached */
	BMC_LEARN_CLOCK, /* its clock is another one than it was: it is another memcached */
	BMC_LEARN_CRAWLER, /* it does not dump: switched off, or too old */
	BMC_LEARN_BUSY, /* its crawler was busy all the time */
	BMC_LEARN_GROWS, /* its hash table was about to grow all the time */
	BMC_LEARN_SILENT, /* it does not go on */
	BMC_LEARN_CLOSED, /* it closed the connection, or did not take it */
	BMC_LEARN_TIME, /* it took too long */
	BMC_LEARN_MUCH, /* too many items, or too many bytes */
	BMC_LEARN_UNREADABLE, /* what came was no line of a dump */
	BMC_LEARN_FULL, /* nothing finds a place any more */
	BMC_LEARN_STOPPED, /* ^C */
	BMC_LEARN_FAILED, /* on this side: no memory, the kernel does not run the program */
};

struct bmc_learnt_port {
	enum bmc_learn_end end;
	__u64 items; /* that memcached named */
	__u64 learnt; /* of these */
	__u64 better; /* of these, those that were written in the meantime */
	__u64 no_room; /* of these, those whose place is full */
	__u64 bytes;
	__u64 ns; /* that it took */
};

struct bmc_learning {
	int prog_fd; /* bmc_learn */
	const struct bmc_config *config;
	const struct bmc_shared *shared;
	bmc_progress_fn progress; /* may be NULL */
	/* what came of it */
	struct bmc_learnt_port port[BMC_PORTS_MAX];
};

/*
 * The programs are attached, the servers' sockets and connections adopted: all writes are seen. SIGINT, SIGTERM and
 * SIGHUP are blocked, and end it when they are pending. Bounded in time, items and bytes.
 */
void bmc_learn_run(struct bmc_learning *l);

/* What ended it, for people. */
const char *bmc_learn_text(enum bmc_learn_end end);

#endif
