// SPDX-License-Identifier: LGPL-2.1-only
#include "lifecycle.h"

#include "adopt.h"
#include "bmc.skel.h"
#include "fault.h"
#include "hooks.h"
#include "iface.h"
#include "memory.h"
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

#define LIVES_SHARE 32 /* of the memory, for what is known of expiry */

struct start {
	struct bmc_plan *plan;
	struct bmc_report *report;
	struct bmc_bpf *skel;
	struct bmc_instance note;
};

static int __attribute__((format(printf, 3, 4)))
because(struct start *s, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->report->why, sizeof(s->report->why), fmt, args);
	va_end(args);
	return err;
}

/* ---- memory: the buckets get what the other maps leave ---- */
static int size_maps(struct start *s)
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
		return because(s, err,
			       "%u connections take %llu MiB, which is more than --memory: give "
			       "more, or say fewer "
			       "with --connections",
			       config->n_writers / BMC_WRITERS_PER_CONNECTION,
			       (unsigned long long)bmc_memory_of_others(s->skel->obj, buckets) >>
				       20);
	if (err)
		return because(s, err, "--memory is more than one map can have: give less");
	if (s->plan->buckets && config->n_buckets > s->plan->buckets)
		config->n_buckets = s->plan->buckets;
	bpf_map__set_max_entries(buckets, config->n_buckets);
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
	n = bmc_iface_stack(base, s->plan->n_ifaces, config->egress, BMC_EGRESS_MAX,
			    &s->report->untagged);
	if (n < 0)
		return because(s, n,
			       "cannot list what is stacked on the interfaces (%d at the most): %s",
			       BMC_EGRESS_MAX, strerror(-n));
	config->n_egress = (__u32)n;
	if (getrandom(shared->seed, sizeof(shared->seed), 0) != sizeof(shared->seed) ||
	    getrandom(&config->tag, 1, 0) != 1)
		return because(s, -EIO, "cannot get random numbers from the kernel");
	config->force = (__u8)s->plan->force;
	config->tag |= 1; /* never 0: that is no mark */
	for (int i = 0; i < BMC_PORTS_MAX; i++) {
		shared->server[i].epoch = BMC_EPOCH_FIRST;
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
	bpf_program__set_autoload(s->skel->progs.bmc_learn, s->plan->learn);
	err = size_maps(s);
	if (!err)
		err = configure(s);
	bmc_fault_point("configured");
	if (err)
		return err;
	err = bmc_bpf__load(s->skel);
	s->report->not_taken = err != 0;
	if (err)
		return because(s, err, "the kernel did not take the maps and programs: %s",
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
		s->report->memory += bmc_memory_of_map(bpf_map__fd(map));
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
		if (prog == s->skel->progs.bmc_xdp || prog == s->skel->progs.bmc_tc_egress ||
		    prog == s->skel->progs.bmc_learn)
			continue;
		err = bmc_hooks_attach_cgroup(s->plan->name, prog, s->plan->cgroup_fd);
		if (err)
			return because(s, err, "cannot attach '%s' to the cgroup: %s",
				       bpf_program__name(prog), strerror(-err));
		bmc_fault_point(bpf_program__name(prog));
	}
	return 0;
}

/* Noted before it is done: `stop` must know of it even if we die in between. */
static int make_clsact(struct start *s, struct bmc_iface *iface, int prog_fd)
{
	int err = -EEXIST;

	for (int i = 0; err == -EEXIST && i < 3; i++) {
		err = bmc_hooks_plan_tc(prog_fd, iface);
		if (!err)
			err = write_note(s);
		bmc_fault_point("TC noted");
		if (!err)
			err = bmc_hooks_make_clsact(iface);
	}
	if (err == -EEXIST) /* it comes and goes: not ours */
		iface->made_clsact = 0;
	return err;
}

static int attach_tc(struct start *s, struct bmc_iface *iface)
{
	int fd = bpf_program__fd(s->skel->progs.bmc_tc_egress), err;

	err = make_clsact(s, iface, fd);
	if (err) {
		write_note(s);
		return because(s, err, "cannot make a clsact qdisc on '%s': %s", iface->name,
			       strerror(-err));
	}
	bmc_fault_point("clsact made");
	err = bmc_hooks_attach_tc(fd, iface);
	if (err)
		return because(s, err, "cannot attach a TC egress filter to '%s': %s", iface->name,
			       strerror(-err));
	bmc_fault_point("TC attached");
	return 0;
}

static int attach_xdp(struct start *s, int i)
{
	struct bmc_iface *iface = &s->plan->iface[i];
	char doubt[BMC_IFACE_DOUBT];
	int err = bmc_hooks_attach_xdp(s->plan->name, bpf_program__fd(s->skel->progs.bmc_xdp),
				       iface, &s->report->not_native[i]);

	if (err == -EBUSY)
		return because(s, err,
			       "'%s' has an XDP program of somebody else's: take it off first",
			       iface->name);
	if (err && iface->mode == BMC_MODE_NATIVE)
		return because(s, err,
			       "cannot attach XDP to '%s' in native mode: %s%s; try --mode skb",
			       iface->name, strerror(-err), bmc_iface_doubt(iface->ifindex, doubt));
	if (err)
		return because(s, err, "cannot attach XDP to '%s' in %s mode: %s", iface->name,
			       iface->mode == BMC_MODE_SKB ? "skb" : "any", strerror(-err));
	bmc_fault_point("XDP attached");
	return write_note(s);
}

static int attach_ifaces(struct start *s)
{
	int err = 0;

	for (int i = 0; !err && i < s->plan->n_ifaces; i++)
		err = attach_tc(s, &s->plan->iface[i]);
	for (int i = 0; !err && i < s->plan->n_ifaces; i++)
		err = attach_xdp(s, i);
	return err;
}

static const char *why_not_adopted(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "it has connections that it does not accept: is it stopped, or at its "
		       "maxconns?";
	case -EPERM:
		return "copies of its sockets are refused: it takes CAP_SYS_PTRACE, and "
		       "kernel.yama.ptrace_scope "
		       "below 3";
	case -EACCES:
		return "nobody who can be seen has one of its sockets: run bmcctl where "
		       "memcached's process can be seen "
		       "(the same PID namespace, CAP_SYS_PTRACE); SMC sockets cannot be watched";
	case -EEXIST:
		return "two processes have sockets of one port: give each memcached its own";
	case -EPROTONOSUPPORT:
		return "it has sockets that are neither TCP nor UDP: run it without MPTCP";
	case -ENOSPC:
		return "too many connections came in the meantime: start again";
	case -EBUSY:
		return "it is so busy that nothing tells whether what it got before is carried "
		       "out: start again when it is less so";
	default:
		return strerror(-err);
	}
}

static int adopt(struct start *s)
{
	struct bmc_adopt *a = &s->report->adopted;
	int err;

	*a = (struct bmc_adopt){
		.marks_fd = bpf_map__fd(s->skel->maps.bmc_marks),
		.conns_fd = bpf_map__fd(s->skel->maps.bmc_conns),
		.stamps_fd = bpf_map__fd(s->skel->maps.bmc_stamps),
		.olds_fd = bpf_map__fd(s->skel->maps.bmc_olds),
		.n_olds = s->plan->n_olds,
		.config = &s->plan->config,
		.shared = &s->skel->bss->bmc_shared,
		.strict = s->plan->strict,
		.reset = s->plan->reset,
		.force = s->plan->force,
		.progress = s->plan->progress,
	};
	memcpy(a->threads, s->plan->threads, sizeof(a->threads));
	memcpy(a->asked, s->plan->asked, sizeof(a->asked));
	err = bmc_adopt_run(a);
	if (err)
		return because(s, err, "cannot watch memcached's sockets: %s",
			       why_not_adopted(err));
	bmc_fault_point("sockets adopted");
	return 0;
}

/* Nothing depends on it: what is not learnt is served for --max-age. */
static int learn(struct start *s)
{
	struct bmc_learning *l = &s->report->learning;

	if (!s->plan->learn)
		return 0;
	*l = (struct bmc_learning){
		.prog_fd = bpf_program__fd(s->skel->progs.bmc_learn),
		.config = &s->plan->config,
		.shared = &s->skel->bss->bmc_shared,
		.progress = s->plan->progress,
	};
	bmc_learn_run(l);
	bmc_fault_point("times learnt");
	return 0;
}

/* ---- all of it ---- */
static int complete(struct start *s)
{
	int err;

	s->note.complete = 1;
	s->note.forced = (__u32)s->plan->force;
	err = write_note(s);
	bmc_fault_point("complete");
	return err;
}

static void say_nothing(const char *fmt, ...)
{
	(void)fmt;
}

/* What failed is said already; what could not be undone is added. */
static void undo(struct start *s)
{
	char why[BMC_WHY_MAX] = "";
	size_t len = strlen(s->report->why);

	if (!bmc_pins_exist(s->plan->name))
		return;
	if (bmc_lifecycle_stop(s->plan->name, say_nothing, why) < 0)
		snprintf(s->report->why + len, sizeof(s->report->why) - len,
			 "; and then: %s: run 'bmcctl stop --name %s'", why, s->plan->name);
}

/* ^C and the like, which wait until the step is done. */
static int interrupted(struct start *s)
{
	if (bmc_interrupted())
		return because(s, -EINTR, "interrupted: nothing is left attached");
	return 0;
}

static int run(struct start *s)
{
	static int (*const steps[])(struct start *) = {
		load, pin, attach_watch, attach_ifaces, adopt, complete, learn,
	};
	int err = 0;

	for (size_t i = 0; !err && i < BMC_ARRAY_SIZE(steps); i++) {
		err = steps[i](s);
		if (!err)
			err = interrupted(s);
	}
	return err;
}

int bmc_lifecycle_start(struct bmc_plan *plan, struct bmc_report *report)
{
	struct start *s = calloc(1, sizeof(*s));
	sigset_t signals, before;
	int err, taken;

	if (!s)
		return -ENOMEM;
	s->plan = plan;
	s->report = report;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &before);
	err = run(s);
	if (err)
		undo(s);
	bmc_bpf__destroy(s->skel);
	if (err == -EINTR)
		sigwait(&signals, &taken); /* it is answered: the message comes, and exit code 1 */
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(s);
	return err;
}
