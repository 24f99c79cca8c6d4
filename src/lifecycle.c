// SPDX-License-Identifier: LGPL-2.1-only
#include "lifecycle.h"

#include "adopt.h"
#include "bmc.skel.h"
#include "hooks.h"
#include "iface.h"
#include "pins.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

struct start {
	struct bmc_plan *plan;
	struct bmc_report *report;
	struct bmc_bpf *skel;
	struct bmc_instance note;
};

void bmc_fault_point(const char *name)
{
	const char *fault = getenv("BMC_FAULT");
	static long reached;

	if (!fault)
		return;
	reached++;
	if (!strcmp(fault, "count"))
		fprintf(stderr, "fault point %ld: %s\n", reached, name);
	else if (strtol(fault, NULL, 10) == reached)
		raise(SIGKILL);
}

static int __attribute__((format(printf, 3, 4)))
because(struct start *s, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->report->why, sizeof(s->report->why), fmt, args);
	va_end(args);
	return err;
}

/* ---- memory ---- */

__u64 bmc_map_memory(int map_fd)
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

static __u64 round_up(__u64 n, __u64 to)
{
	return (n + to - 1) / to * to;
}

/* What a map will take, near enough: the buckets get what the others leave. */
static __u64 map_estimate(const struct bpf_map *map)
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
	default:
		return entries * value;
	}
}

static int size_maps(struct start *s)
{
	const struct bpf_map *map;
	__u64 others = 0, bucket = round_up(bpf_map__value_size(s->skel->maps.bmc_buckets), 8),
	      buckets;
	struct bmc_config *config = &s->plan->config;

	bpf_map__set_max_entries(s->skel->maps.bmc_writers, config->n_writers);
	bpf_map__set_max_entries(s->skel->maps.bmc_free_writers, config->n_writers);
	bpf_object__for_each_map(map, s->skel->obj) {
		if (map != s->skel->maps.bmc_buckets)
			others += map_estimate(map);
	}
	if (others + bucket > s->plan->memory)
		return because(s, -ENOSPC,
			       "--connections asks for %llu MiB, which is more than --memory: give "
			       "more memory",
			       (unsigned long long)others >> 20);
	buckets = (s->plan->memory - others) / bucket;
	if (buckets > 0x7fffffff)
		return because(s, -E2BIG, "--memory is more than a map can have (%llu GiB)",
			       (unsigned long long)(bucket << 31) >> 30);
	config->n_buckets = (__u32)buckets;
	bpf_map__set_max_entries(s->skel->maps.bmc_buckets, config->n_buckets);
	return 0;
}

/* ---- settings ---- */
static int configure(struct start *s)
{
	struct bmc_config *config = &s->plan->config;
	struct bmc_shared *shared = &s->skel->bss->bmc_shared;
	__u32 base[BMC_IFACES_MAX];
	int n, err;

	err = bmc_netns_cookie(&config->netns_cookie);
	if (err)
		return because(s, err, "cannot tell this network namespace: %s", strerror(-err));
	for (int i = 0; i < s->plan->n_ifaces; i++)
		base[i] = s->plan->iface[i].ifindex;
	n = bmc_iface_stack(base, s->plan->n_ifaces, config->egress, BMC_EGRESS_MAX);
	if (n < 0)
		return because(s, n,
			       "cannot list what is stacked on the interfaces (%d at the most): %s",
			       BMC_EGRESS_MAX, strerror(-n));
	config->n_egress = (__u32)n;
	config->wall_offset_ns =
		(__s64)(bmc_clock_ns(CLOCK_REALTIME) - bmc_clock_ns(CLOCK_MONOTONIC));
	if (getrandom(shared->seed, sizeof(shared->seed), 0) != sizeof(shared->seed) ||
	    getrandom(&config->tag, 1, 0) != 1)
		return because(s, -EIO, "cannot get random numbers from the kernel");
	config->tag |= 1; /* never 0: that is no mark */
	for (int i = 0; i < BMC_PORTS_MAX; i++) {
		shared->server[i].epoch = 1;
		shared->server[i].off = BMC_OFF_STARTING;
	}
	memcpy((void *)&s->skel->rodata->bmc_config, config, sizeof(*config));
	return 0;
}

static int load(struct start *s)
{
	int err;

	s->skel = bmc_bpf__open();
	if (!s->skel)
		return because(s, -errno, "cannot open the programs inside bmcctl: %s",
			       strerror(errno));
	err = size_maps(s);
	if (!err)
		err = configure(s);
	bmc_fault_point("configured");
	if (err)
		return err;
	err = bmc_bpf__load(s->skel);
	if (err)
		return because(s, err,
			       "the kernel did not take the programs: %s; run with --verbose to "
			       "see what it said",
			       strerror(-err));
	bmc_fault_point("loaded");
	return 0;
}

/* ---- pins and notes ---- */

/* bpffs takes no dots: the two maps of libbpf's have names of our own. */
static const char *pin_name(const struct start *s, const struct bpf_map *map)
{
	if (map == s->skel->maps.bss)
		return "bmc_shared";
	if (map == s->skel->maps.rodata)
		return "bmc_config";
	return bpf_map__name(map);
}

static int pin_maps(struct start *s)
{
	char path[BMC_PINS_PATH];
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, s->skel->obj) {
		err = bpf_map__pin(map,
				   bmc_pins_path(s->plan->name, "maps", pin_name(s, map), path));
		if (err)
			return because(s, err, "cannot pin a map as %s: %s", path, strerror(-err));
		s->report->memory += bmc_map_memory(bpf_map__fd(map));
		bmc_fault_point("map pinned");
	}
	return 0;
}

static int write_note(struct start *s)
{
	__u32 zero = 0;
	int err;

	memcpy(s->note.iface, s->plan->iface, sizeof(s->note.iface));
	err = bpf_map_update_elem(bpf_map__fd(s->skel->maps.bmc_instance), &zero, &s->note,
				  BPF_ANY);
	return err ? because(s, -errno, "cannot note the instance: %s", strerror(errno)) : 0;
}

static int pin(struct start *s)
{
	int err;

	err = bmc_pins_mount(&s->report->mounted);
	if (err)
		return because(s, err, "cannot mount bpffs at %s: %s", BMC_BPFFS, strerror(-err));
	bmc_fault_point("bpffs mounted");
	err = bmc_pins_make(s->plan->name);
	if (err)
		return because(s, err, "cannot make a folder under %s: %s", BMC_PINS_ROOT,
			       strerror(-err));
	bmc_fault_point("folders made");
	s->note.abi = BMC_ABI_VERSION;
	s->note.started = bmc_clock_ns(CLOCK_REALTIME) / 1000000000ULL;
	s->note.started_mono = bmc_clock_ns(CLOCK_MONOTONIC);
	s->note.config = s->plan->config;
	err = write_note(s);
	return err ? err : pin_maps(s);
}

/* ---- attach: the watch first ---- */
static int attach_watch(struct start *s)
{
	struct bpf_program *prog;
	int err;

	bpf_object__for_each_program(prog, s->skel->obj) {
		if (prog == s->skel->progs.bmc_xdp || prog == s->skel->progs.bmc_tc_egress)
			continue;
		err = bmc_hooks_attach_cgroup(s->plan->name, prog, s->plan->cgroup_fd);
		if (err)
			return because(s, err, "cannot attach '%s' to the cgroup: %s",
				       bpf_program__name(prog), strerror(-err));
		bmc_fault_point(bpf_program__name(prog));
	}
	return 0;
}

static int attach_tc(struct start *s, struct bmc_iface *iface)
{
	int fd = bpf_program__fd(s->skel->progs.bmc_tc_egress);
	int err = bmc_hooks_plan_tc(fd, iface);

	if (!err)
		err = write_note(
			s); /* before it is done: `stop` must know of it even if we die in between */
	bmc_fault_point("TC noted");
	if (!err)
		err = bmc_hooks_make_clsact(iface);
	if (err)
		return because(s, err, "cannot make a clsact qdisc on '%s': %s", iface->name,
			       strerror(-err));
	bmc_fault_point("clsact made");
	err = bmc_hooks_attach_tc(fd, iface);
	if (err)
		return because(s, err, "cannot attach a TC egress filter to '%s': %s", iface->name,
			       strerror(-err));
	bmc_fault_point("TC attached");
	return 0;
}

static int attach_xdp(struct start *s, struct bmc_iface *iface)
{
	const char *mode = iface->mode == BMC_MODE_NATIVE ? "native" :
			   iface->mode == BMC_MODE_SKB	  ? "skb" :
							    "any";
	int err =
		bmc_hooks_attach_xdp(s->plan->name, bpf_program__fd(s->skel->progs.bmc_xdp), iface);

	if (err == -EBUSY)
		return because(s, err,
			       "'%s' has an XDP program of somebody else's: take it off first",
			       iface->name);
	if (err)
		return because(s, err, "cannot attach XDP to '%s' in %s mode: %s%s", iface->name,
			       mode, strerror(-err),
			       iface->mode == BMC_MODE_NATIVE ? "; try --mode skb" : "");
	bmc_fault_point("XDP attached");
	return write_note(s);
}

static int attach_ifaces(struct start *s)
{
	int err = 0;

	for (int i = 0; !err && i < s->plan->n_ifaces; i++)
		err = attach_tc(s, &s->plan->iface[i]);
	for (int i = 0; !err && i < s->plan->n_ifaces; i++)
		err = attach_xdp(s, &s->plan->iface[i]);
	return err;
}

static int adopt(struct start *s)
{
	struct bmc_adopt a = {
		.marks_fd = bpf_map__fd(s->skel->maps.bmc_marks),
		.conns_fd = bpf_map__fd(s->skel->maps.bmc_conns),
		.config = &s->plan->config,
		.shared = &s->skel->bss->bmc_shared,
	};
	int err = bmc_adopt_run(&a);

	s->report->sockets = a.sockets;
	s->report->old = a.old;
	if (err == -ETIMEDOUT)
		return because(s, err,
			       "memcached has connections that it does not accept (is it at its "
			       "maxconns, or stopped?): "
			       "they could not be watched");
	if (err == -EPERM)
		return because(
			s, err,
			"cannot get copies of memcached's sockets: it needs CAP_SYS_PTRACE, and "
			"kernel.yama.ptrace_scope below 3");
	if (err)
		return because(s, err, "cannot mark memcached's sockets: %s", strerror(-err));
	bmc_fault_point("sockets adopted");
	return 0;
}

static void say_nothing(const char *fmt, ...)
{
	(void)fmt;
}

int bmc_lifecycle_start(struct bmc_plan *plan, struct bmc_report *report)
{
	struct start *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->plan = plan;
	s->report = report;
	err = load(s);
	if (!err)
		err = pin(s);
	if (!err)
		err = attach_watch(s);
	if (!err)
		err = attach_ifaces(s);
	if (!err)
		err = adopt(s);
	if (!err) {
		s->note.complete = 1;
		err = write_note(s);
		bmc_fault_point("complete");
	}
	bmc_bpf__destroy(s->skel);
	free(s);
	if (err) {
		char why[BMC_WHY_MAX];

		bmc_lifecycle_stop(plan->name, say_nothing, why);
	}
	return err;
}
