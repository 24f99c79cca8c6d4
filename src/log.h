/* SPDX-License-Identifier: LGPL-2.1-only */
/* What bmcctl says: results on stdout, talk on stderr. Only the commands use it; what is below them returns errors. */
#ifndef BMC_LOG_H
#define BMC_LOG_H

/* Exit codes. */
enum bmc_exit { BMC_DONE_OK = 0, BMC_FAILED = 1, BMC_USAGE = 2 };

/* "bmcctl: ..." on stderr. Returns BMC_FAILED, so that a command can end with it. */
int bmc_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The command whose --help a wrong option hints at; NULL: bmcctl's own. */
void bmc_log_command(const char *name);

/* The same as bmc_fail, BMC_USAGE, with a hint at --help. */
int bmc_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line of talk on stderr. */
void bmc_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Writes what stdout holds. 0, or the errno of the first time that it could not. */
int bmc_log_flush(void);

/* libbpf's own messages: shown as they come (verbose), or only their end is kept. */
void bmc_log_libbpf(int verbose);

/* The end of what libbpf warned of, the verifier's log included; empty when it was shown already. */
const char *bmc_log_libbpf_end(void);

#endif
