/* SPDX-License-Identifier: LGPL-2.1-only */
/* A connection's `busy`: who parses its requests. Two CPUs may have segments of it at once; CLOSE may come at any time. */
#ifndef BMC_BUSY_BPF_H
#define BMC_BUSY_BPF_H

#include "ahead.bpf.h"

#define BMC_SPINS                                                                                  \
	(1U << 14) /* looks for a connection that another CPU has: some ten microseconds */

static __always_inline int bmc_conn_try(__u32 *busy)
{
	return BMC_READ_ONCE(*busy) || __sync_lock_test_and_set(busy, 1) ? -1 : 0;
}

struct bmc_spin {
	__u32 *busy;
	int taken;
};

static long bmc_spin_next(__u32 i, struct bmc_spin *spin)
{
	spin->taken = !bmc_conn_try(spin->busy);
	return bmc_loop_stop(spin->taken);
}

__noinline int bmc_conn_take(struct bmc_conn *conn)
{
	struct bmc_spin spin = {};

	if (!conn)
		return -1;
	spin.busy = &conn->busy;
	bpf_loop(BMC_SPINS, bmc_spin_next, &spin, 0);
	return spin.taken ? 0 : -1;
}

/* CLOSE may have come while `busy` was taken: what was kept is then left to who had it. */
static __always_inline void bmc_conn_give(struct bmc_conn *conn)
{
	if (!conn->place) {
		bmc_release(&conn->busy);
		return;
	}
	(void)__sync_lock_test_and_set(&conn->busy, 0);
	if (BMC_READ_ONCE(conn->writer) == BMC_WRITER_CLOSED && !bmc_conn_try(&conn->busy)) {
		bmc_kept_drop(conn);
		bmc_release(&conn->busy);
	}
}

/* CLOSE, after the writer word says so: nothing is kept from now on. */
static __always_inline void bmc_stream_closed(struct bmc_conn *conn)
{
	if (bmc_conn_try(&conn->busy))
		return;
	bmc_kept_drop(conn);
	bmc_release(&conn->busy);
}

#endif
