// SPDX-License-Identifier: LGPL-2.1-only
#include "lifecycle.h"

#include "adopt.h"
#include "fault.h"
#include "memory.h"
#include "pins.h"
#include "shared.h"
#include "start.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int bmc_start_because(struct bmc_start *s, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(s->report->why, sizeof(s->report->why), fmt, args);
	va_end(args);
	return err;
}

/* ---- pins and notes ---- */

/* bpffs takes no dots: the two maps of libbpf's have names of our own. */
static const char *pin_name(const struct bmc_start *s, const struct bpf_map *map)
{
	if (map == s->skel->maps.bss)
		return "bmc_shared";
	if (map == s->skel->maps.rodata)
		return "bmc_config";
	return bpf_map__name(map);
}

static int pin_maps(struct bmc_start *s)
{
	char path[BMC_PINS_PATH];
	struct bpf_map *map;
	int err;

	bpf_object__for_each_map(map, s->skel->obj) {
		err = bpf_map__pin(map,
				   bmc_pins_path(s->plan->name, "maps", pin_name(s, map), path));
		if (err)
			return bmc_start_because(s, err, "cannot pin a map as %s: %s", path,
						 strerror(-err));
		s->report->memory += bmc_memory_of_map(bpf_map__fd(map));
		bmc_fault_point("map pinned");
	}
	return 0;
}

int bmc_start_note(struct bmc_start *s)
{
	__u32 zero = 0;
	int err;

	memcpy(s->note.iface, s->plan->iface, sizeof(s->note.iface));
	err = bpf_map_update_elem(bpf_map__fd(s->skel->maps.bmc_instance), &zero, &s->note,
				  BPF_ANY);
	return err ? bmc_start_because(s, -errno, "cannot note the instance: %s", strerror(errno)) :
		     0;
}

static int pin(struct bmc_start *s)
{
	int err;

	err = bmc_pins_mount(&s->report->mounted);
	if (err)
		return bmc_start_because(s, err, "cannot mount bpffs at %s: %s", BMC_BPFFS,
					 strerror(-err));
	bmc_fault_point("bpffs mounted");
	err = bmc_pins_make(s->plan->name);
	if (err)
		return bmc_start_because(s, err, "cannot make a folder under %s: %s", BMC_PINS_ROOT,
					 strerror(-err));
	bmc_fault_point("folders made");
	s->note.abi = BMC_ABI_VERSION;
	s->note.started = bmc_clock_ns(CLOCK_REALTIME) / 1000000000ULL;
	s->note.started_mono = bmc_clock_ns(CLOCK_MONOTONIC);
	s->note.config = s->plan->config;
	err = bmc_start_note(s);
	return err ? err : pin_maps(s);
}

/* ---- memcached's sockets, and when its items expire ---- */

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

static int adopt(struct bmc_start *s)
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
		return bmc_start_because(s, err, "cannot watch memcached's sockets: %s",
					 why_not_adopted(err));
	for (__u32 i = 0; i < s->plan->config.n_ports; i++)
		s->report->absent |= (__u32)!bmc_shared_sockets(&a->shared->server[i]) << i;
	bmc_fault_point("sockets adopted");
	return 0;
}

/* Nothing depends on it: what is not learnt is served for --max-age. */
static int learn(struct bmc_start *s)
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
static int complete(struct bmc_start *s)
{
	int err;

	s->note.complete = 1;
	s->note.forced = (__u32)s->plan->force;
	err = bmc_start_note(s);
	bmc_fault_point("complete");
	return err;
}

static void say_nothing(const char *fmt, ...)
{
	(void)fmt;
}

/* What failed is said already; what could not be undone is added. */
static void undo(struct bmc_start *s)
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
static int interrupted(struct bmc_start *s)
{
	if (bmc_interrupted())
		return bmc_start_because(s, -EINTR, "interrupted: nothing is left attached");
	return 0;
}

static int run(struct bmc_start *s)
{
	static int (*const steps[])(struct bmc_start *) = {
		bmc_start_load, pin,   bmc_start_attach_watch, bmc_start_attach_ifaces, adopt,
		complete,	learn,
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
	struct bmc_start *s = calloc(1, sizeof(*s));
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
