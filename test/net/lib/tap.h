/* SPDX-License-Identifier: LGPL-2.1-only */
/* Two tap devices and what is between them, as a hypervisor has it: each reads what the kernel sent by the other one. */
#ifndef BMC_TEST_TAP_H
#define BMC_TEST_TAP_H

#include <sys/types.h>

struct ns;

/*
 * Taps `a_if` and `b_if`, without addresses. `is_virtio`: frames have a virtio-net header, and checksums are left to the other
 * end, as QEMU has it for its guests. The pid of the process between them, for child_stop(); the taps go with it.
 */
pid_t tap_join(const struct ns *a, const char *a_if, const struct ns *b, const char *b_if,
	       int is_virtio);

#endif
