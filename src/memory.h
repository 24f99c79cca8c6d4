/* SPDX-License-Identifier: LGPL-2.1-only */
/* What maps take, before and after they are made. */
#ifndef BMC_MEMORY_H
#define BMC_MEMORY_H

#include <linux/types.h>

struct bpf_map;
struct bpf_object;

/* The memory of a map, from the kernel's own account (fdinfo); 0 if it does not say. */
__u64 bmc_memory_of_map(int map_fd);

/* The same for all maps of an instance. */
__u64 bmc_memory_of_instance(const char *instance);

/* What all maps of an object but one will take, near enough: bytes. */
__u64 bmc_memory_of_others(const struct bpf_object *obj, const struct bpf_map *but);

/*
 * How many entries the array `map` gets when all maps of its object together take `memory` bytes. 0; -ENOSPC: the others
 * leave no room; -E2BIG: more than an array can have.
 */
int bmc_memory_divide(const struct bpf_object *obj, const struct bpf_map *map, __u64 memory,
		      __u32 *ret_entries);

#endif
