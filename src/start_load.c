// SPDX-License-Identifier: LGPL-2.1-only
/* A start's first step: how large the maps are, what the settings say, and the programs in the kernel. */
#include "fault.h"
#include "iface.h"
#include "memory.h"
#include "start.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define NO_MEMORY                                                                                  \
	"the kernel has no memory for the maps: give less --memory, or raise the limit of the "    \
	"cgroup that bmcctl runs in (memory.max; systemd: MemoryMax=)"
#define LIVES_SHARE 32 /* of the memory, for what is known of expiry */

/* ---- memory: the buckets get what the other maps leave ---- */
static int size_maps(struct bmc_start *s)
{
	struct bmc_config *config = &s->plan->config;
	struct bpf_map *buckets = s->skel->maps.bmc_buckets;
	int err;

	bpf_map__set_max_entries(s->skel->maps.bmc_writers, config->n_writers);
	bpf_map__set_max_entries(s->skel->maps.bmc_free_writers, config->n_writers);
	bpf_map__set_max_entries(s->skel->maps.bmc_olds, s->plan->n_olds);
	config->n_lives = (__u32)(s->plan->memory / LIVES_SHARE /
				  bpf_map__value_size(s->skel->maps.bmc_lives));
	bpf_map__set_max_entries(s->skel->maps.bmc_lives, config->n_lives);
	err = bmc_memory_divide(s->skel->obj, buckets, s->plan->memory, &config->n_buckets);
	if (err == -ENOSPC)
		return bmc_start_because(
			s, err,
			"%u connections take %llu MiB, which is more than --memory: give "
			"more, or say fewer "
			"with --connections",
			config->n_writers / BMC_WRITERS_PER_CONNECTION,
			(unsigned long long)bmc_memory_of_others(s->skel->obj, buckets) >> 20);
	if (err)
		return bmc_start_because(s, err,
					 "--memory is more than one map can have: give less");
	if (s->plan->buckets && config->n_buckets > s->plan->buckets)
		config->n_buckets = s->plan->buckets;
	bpf_map__set_max_entries(buckets, config->n_buckets);
	return 0;
}

/* ---- settings ---- */
static int configure(struct bmc_start *s)
{
	struct bmc_config *config = &s->plan->config;
	struct bmc_shared *shared = &s->skel->bss->bmc_shared;
	__u32 base[BMC_IFACES_MAX];
	int n, err;

	err = bmc_netns_cookie(&config->netns_cookie);
	if (err)
		return bmc_start_because(s, err, "cannot tell this network namespace: %s",
					 strerror(-err));
	for (int i = 0; i < s->plan->n_ifaces; i++)
		base[i] = s->plan->iface[i].ifindex;
	n = bmc_iface_stack(base, s->plan->n_ifaces, config->egress, BMC_EGRESS_MAX,
			    &s->report->untagged);
	if (n < 0)
		return bmc_start_because(
			s, n, "cannot list what is stacked on the interfaces (%d at the most): %s",
			BMC_EGRESS_MAX, strerror(-n));
	config->n_egress = (__u32)n;
	if (getrandom(shared->seed, sizeof(shared->seed), 0) != sizeof(shared->seed) ||
	    getrandom(&config->tag, 1, 0) != 1)
		return bmc_start_because(s, -EIO, "cannot get random numbers from the kernel");
	config->force = (__u8)s->plan->force;
	config->tag |= 1; /* never 0: that is no mark */
	for (int i = 0; i < BMC_PORTS_MAX; i++) {
		shared->server[i].epoch = BMC_EPOCH_FIRST;
		shared->server[i].off = BMC_OFF_STARTING;
		shared->server[i].missed = BMC_MISSED_COUNTS;
	}
	memcpy((void *)&s->skel->rodata->bmc_config, config, sizeof(*config));
	return 0;
}

int bmc_start_load(struct bmc_start *s)
{
	int err;

	s->skel = bmc_bpf__open();
	if (!s->skel)
		return bmc_start_because(s, -errno, "cannot open the programs inside bmcctl: %s",
					 strerror(errno));
	bpf_program__set_autoload(s->skel->progs.bmc_learn, s->plan->learn);
	err = size_maps(s);
	if (!err)
		err = configure(s);
	bmc_fault_point("configured");
	if (err)
		return err;
	if (bmc_fault_asked("no mmap"))
		bpf_map__set_map_flags(s->skel->maps.bss, 0);
	err = bmc_bpf__load(s->skel);
	s->report->not_taken = err != 0;
	if (err == -ENOMEM)
		return bmc_start_because(s, err, NO_MEMORY);
	if (err)
		return bmc_start_because(s, err,
					 "the kernel did not take the maps and programs: %s",
					 strerror(-err));
	/* libbpf takes a map without mmap(2) where it had no memory to ask whether the kernel has it */
	if (!s->skel->bss)
		return bmc_start_because(s, -ENOMEM, NO_MEMORY);
	bmc_fault_point("loaded");
	return 0;
}
