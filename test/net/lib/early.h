/* SPDX-License-Identifier: LGPL-2.1-only */
/* Data in a handshake's last segment. */
#ifndef BMC_TEST_EARLY_H
#define BMC_TEST_EARLY_H

#include "tcp.h"

/* A connection to WORLD_PORT whose first segment is the handshake's last: the ACK waits for data. */
void early_open(struct tcp *t, const struct ns *ns, const char *address);

#endif
