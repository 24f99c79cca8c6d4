/* SPDX-License-Identifier: LGPL-2.1-only */
/* bmcctl as a user runs it, and what it says. */
#ifndef BMC_TEST_BMCCTL_H
#define BMC_TEST_BMCCTL_H

#include "child.h"

/* Runs bmcctl with the words of a printf-like line. The result stays until the next call. -> exit
 * code */
int bmcctl(const struct ns *ns, const char *format, ...) __attribute__((format(printf, 2, 3)));
extern struct child_result bmcctl_result;

/* The same with BMC_FAULT set. */
int bmcctl_fault(const struct ns *ns, const char *fault, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A child that runs it until BMC_FAULT's place, where it stands still; its output goes nowhere. -> pid */
pid_t bmcctl_paused(const struct ns *ns, const char *where, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* It goes on, to its end: the exit code. */
int bmcctl_go_on(pid_t pid);

/* A counter of `bmcctl stats --json`; the test fails if there is none of that name. */
long long bmcctl_stat(const struct ns *ns, const char *instance, const char *counter);

#endif
