/* SPDX-License-Identifier: LGPL-2.1-only */
#ifndef BMC_CGROUP_H
#define BMC_CGROUP_H

#include <stddef.h>
#include <sys/types.h>

/* Where cgroup2 is mounted (mountinfo). 0; -ENOENT: nowhere. */
int bmc_cgroup_root(char *ret_path, size_t size);

/* An fd of a cgroup2 directory. The fd; -EINVAL: the directory is not of cgroup2; -errno. */
int bmc_cgroup_open(const char *path);

/*
 * Whether a process is in this cgroup2 directory (NULL: the root) or below. 1; 0: it is not; -errno: it cannot be told.
 */
int bmc_cgroup_has(const char *dir, pid_t pid);

#endif
