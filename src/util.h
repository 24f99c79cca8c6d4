/* SPDX-License-Identifier: LGPL-2.1-only */
/* Small things that need no state: numbers as people write them, facts about the machine. */
#ifndef BMC_UTIL_H
#define BMC_UTIL_H

#include <stddef.h>
#include <linux/types.h>

#define BMC_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BMC_USER_MAX 33 /* the name of a user, and its end */

/* A decimal number from min to max and nothing else. 0; -EINVAL: not a number; -ERANGE: out of range. */
int bmc_parse_number(const char *text, __u64 min, __u64 max, __u64 *ret);

/* Bytes: a number with K, M or G (of 1,024). 0, -EINVAL, -ERANGE (0, or more than 64 bits). */
int bmc_parse_size(const char *text, __u64 *ret_bytes);

/* A time: a number (fractions too) with ms, s or m, seconds if there is none; 0 to an hour. 0, -EINVAL, -ERANGE. */
int bmc_parse_time(const char *text, __u64 *ret_ns);

/* Bytes as people read them: "256.0 MiB". Returns buf. */
const char *bmc_format_size(__u64 bytes, char *buf, size_t size);

/* Seconds as people read them: "1d 02:03:04". Returns buf. */
const char *bmc_format_uptime(__u64 seconds, char *buf, size_t size);

/* Nanoseconds as seconds: "1 s", "0.5 s". Returns buf. */
const char *bmc_format_time(__u64 ns, char *buf, size_t size);

/* The name of a user, or the number that has none. Returns buf. */
const char *bmc_format_user(__u32 uid, char *buf, size_t size);

/* Nanoseconds of a clock. */
__u64 bmc_clock_ns(int clock);

/* Whether CLOCK_MONOTONIC is the one that programs in the kernel have, not that of a time namespace. */
int bmc_clock_is_kernels(void);

/* Whether ^C and the like wait to be answered: SIGINT, SIGTERM or SIGHUP, which are blocked. */
int bmc_interrupted(void);

/* Bytes that the kernel can give without swapping (MemAvailable). 0 or -errno. */
int bmc_memory_available(__u64 *ret_bytes);

/* The running kernel's version as major << 8 | minor. */
unsigned int bmc_kernel_version(void);

/* Whether this thread has a capability (linux/capability.h) in its effective set. */
int bmc_has_capability(int cap);

/* Whether /proc is there, and shows the processes of this PID namespace under the numbers that they have in it. */
int bmc_proc_is_ours(void);

/* Whether this is a user namespace other than the first one: its capabilities are none of the kernel's. */
int bmc_has_own_users(void);

/* Whether this is the first PID namespace: process numbers are the kernel's. */
int bmc_sees_all_processes(void);

/* The cookie of this process's network namespace. 0 or -errno. */
int bmc_netns_cookie(__u64 *ret);

#endif
