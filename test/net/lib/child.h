/* SPDX-License-Identifier: LGPL-2.1-only */
/* Child processes, in a network namespace or not, which die with the test. */
#ifndef BMC_TEST_CHILD_H
#define BMC_TEST_CHILD_H

#include <stddef.h>
#include <sys/types.h>

struct ns;

struct child_result {
	int code; /* exit code; 128 + signal; -1: time-out, killed */
	char out[65536]; /* standard output, as far as there is room */
	char err[16384];
};

/* Starts argv in `ns` (NULL: here), with an own process group; its output goes to /dev/null. -> pid
 * or -errno */
pid_t child_start(const struct ns *ns, char *const argv[]);

/* Runs argv to its end, at most `seconds`. The test fails if it cannot be started. */
void child_run(const struct ns *ns, char *const argv[], int seconds, struct child_result *ret);

/* sh -c, printf-like; the test fails unless it succeeds. */
void child_sh(const struct ns *ns, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends a child and waits for it, at most a few seconds, then by SIGKILL; 0 pids are left alone. */
void child_stop(pid_t pid, int sig);

#endif
