/* SPDX-License-Identifier: LGPL-2.1-only */
#ifndef BMC_FAULT_H
#define BMC_FAULT_H

/*
 * A step of `start` or `stop` is done. BMC_FAULT=N in the environment kills this process at the N-th one, for tests;
 * BMC_FAULT=count prints their numbers; BMC_FAULT=NAME stops it (SIGSTOP) at each of that name.
 */
void bmc_fault_point(const char *name);

/* Whether BMC_FAULT is this name: something that fails on other kernels is to fail here. */
int bmc_fault_asked(const char *name);

/* Where BMC_FAULT is this name: this process stops (SIGSTOP) until it is told to go on, once. */
void bmc_fault_pause(const char *name);

#endif
