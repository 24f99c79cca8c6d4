/* SPDX-License-Identifier: LGPL-2.1-only */
/* Closes connections of another process's from outside. */
#ifndef BMC_RESET_H
#define BMC_RESET_H

/*
 * Closes a TCP connection of which `fd` is a copy: both sides find it reset, and its owner closes it. A kernel that
 * cannot (CONFIG_INET_DIAG_DESTROY) shuts it down instead: its owner reads its end. 0; 1: shut down; -errno.
 */
int bmc_reset_socket(int fd);

#endif
