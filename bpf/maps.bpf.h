/* SPDX-License-Identifier: LGPL-2.1-only */
/* The maps, but for the buckets (cache.bpf.h). Sizes that depend on --memory and --connections are set by `start`. */
#ifndef BMC_MAPS_BPF_H
#define BMC_MAPS_BPF_H

#include "bmc_conn.h"
#include "compat.bpf.h"

/* Shared with user space, which maps it: map bmc.bss. */
struct bmc_shared bmc_shared;

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct bmc_mark);
} bmc_marks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct bmc_conn);
} bmc_conns SEC(".maps");

/* Mapped by `start`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct bmc_old);
	__uint(max_entries, 1);
} bmc_olds SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_writer);
	__uint(max_entries, 1);
} bmc_writers SEC(".maps");

/* Indices of writers that were given back, the oldest first; those never taken are counted by bmc_shared.n_fresh. */
struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__type(value, __u32);
	__uint(max_entries, 1);
} bmc_free_writers SEC(".maps");

/* For user space alone: what `start` did. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, struct bmc_instance);
	__uint(max_entries, 1);
} bmc_instance SEC(".maps");

#endif
