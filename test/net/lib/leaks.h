/* SPDX-License-Identifier: LGPL-2.1-only */
/* What an instance left in the kernel. */
#ifndef BMC_TEST_LEAKS_H
#define BMC_TEST_LEAKS_H

/*
 * Looks for BPF programs that watch the namespace with this cookie, and for the instance's folder
 * of pins. Waits some time, as the kernel frees late. The test fails if something is left.
 */
void leaks_check(unsigned long long netns_cookie, const char *instance);

/* The folder of its pins. */
void leaks_pins_path(const char *instance, char *ret, unsigned long size);

#endif
