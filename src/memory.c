// SPDX-License-Identifier: LGPL-2.1-only
#include "memory.h"

#include "pins.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define ENTRIES_MAX 0x7fffffffU

__u64 bmc_memory_of_map(int map_fd)
{
	unsigned long long bytes = 0;
	char path[64], line[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", map_fd);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	}
	fclose(file);
	return bytes;
}

struct sum {
	const char *instance;
	__u64 bytes;
};

static int add_map(const char *what, void *arg)
{
	struct sum *sum = arg;
	int fd = bmc_pins_map(sum->instance, what, 0);

	if (fd >= 0) {
		sum->bytes += bmc_memory_of_map(fd);
		close(fd);
	}
	return 0;
}

__u64 bmc_memory_of_instance(const char *instance)
{
	struct sum sum = { .instance = instance };

	bmc_pins_each(instance, "maps", add_map, &sum);
	return sum.bytes;
}

static __u64 round_up(__u64 n, __u64 to)
{
	return (n + to - 1) / to * to;
}

static __u64 estimate(const struct bpf_map *map)
{
	__u64 value = round_up(bpf_map__value_size(map), 8),
	      key = round_up(bpf_map__key_size(map), 8);
	__u64 entries = bpf_map__max_entries(map);

	switch (bpf_map__type(map)) {
	case BPF_MAP_TYPE_SK_STORAGE:
		return 0;
	case BPF_MAP_TYPE_PERCPU_ARRAY:
		return entries * (value * (__u64)libbpf_num_possible_cpus() + 8);
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
		return entries * (64 + key + value);
	case BPF_MAP_TYPE_STACK:
		/* takes as much as its values; kernels before 6.4 account more: the mean */
		return entries * (bpf_map__value_size(map) + value) / 2;
	default:
		return entries * value;
	}
}

__u64 bmc_memory_of_others(const struct bpf_object *obj, const struct bpf_map *but)
{
	const struct bpf_map *map;
	__u64 bytes = 0;

	bpf_object__for_each_map(map, obj) {
		if (map != but)
			bytes += estimate(map);
	}
	return bytes;
}

int bmc_memory_divide(const struct bpf_object *obj, const struct bpf_map *map, __u64 memory,
		      __u32 *ret_entries)
{
	__u64 others = bmc_memory_of_others(obj, map),
	      value = round_up(bpf_map__value_size(map), 8);

	if (others + value > memory)
		return -ENOSPC;
	if ((memory - others) / value > ENTRIES_MAX)
		return -E2BIG;
	*ret_entries = (__u32)((memory - others) / value);
	return 0;
}
