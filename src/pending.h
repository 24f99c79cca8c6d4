/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A flush_all with a delay that no program read: of before `start`, or of a connection that was not followed. memcached
 * tells of it in its `stats settings` (`oldest`).
 */
#ifndef BMC_PENDING_H
#define BMC_PENDING_H

#include "bmc_abi.h"

/*
 * Asks the memcached at a port (host order), if one of the user's listens there: no fill until such a flush has
 * happened. If every connection that was not read is closed, nothing else can have come of them; if memcached does not
 * say, something may.
 */
void bmc_pending_look(__u16 port, __u32 uid, struct bmc_server *words);

#endif
