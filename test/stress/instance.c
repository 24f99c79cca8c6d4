// SPDX-License-Identifier: LGPL-2.1-only
#include "instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "check.h"
#include "lifecycle.h"
#include "options.h"
#include "world.h"

#define MEMORY (16ULL << 20)

/* As cmd_start.c. -> 0, or what to say is in report->why */
static int instance_run(const struct bmc_options *options, uint32_t writers, struct bmc_plan *plan,
			struct bmc_report *report)
{
	char cgroup[256];
	int err;

	if (bmc_check_ifaces(options, plan) || bmc_check_servers(options, plan))
		return -EINVAL;
	if (bmc_cgroup_root(cgroup, sizeof(cgroup)))
		return -ENOENT;
	plan->cgroup_fd = bmc_cgroup_open(cgroup);
	if (plan->cgroup_fd < 0)
		return plan->cgroup_fd;
	if (writers)
		plan->config.n_writers = writers;
	err = bmc_lifecycle_start(plan, report);
	close(plan->cgroup_fd);
	return err;
}

void instance_start(struct world *w, const struct instance_settings *settings)
{
	static struct bmc_plan plan;
	static struct bmc_report report;
	struct bmc_options options;
	int err;

	memset(&plan, 0, sizeof(plan));
	memset(&report, 0, sizeof(report));
	bmc_options_default(&options);
	snprintf(options.iface[0], sizeof(options.iface[0]), "%s", WORLD_IF);
	options.n_ifaces = 1;
	options.port[0] = WORLD_PORT;
	options.n_ports = 1;
	options.mode = BMC_MODE_NATIVE;
	plan.name = w->instance;
	plan.memory = MEMORY;
	plan.buckets = settings->buckets;
	plan.learn = settings->learning != NULL;
	plan.progress = settings->learning;
	plan.config.max_age_ns = settings->max_age_ns;
	plan.config.test = settings->test;
	plan.config.mutants = settings->mutants;
	assert_int_equal(ns_enter(&w->server), 0);
	err = instance_run(&options, settings->writers, &plan, &report);
	assert_int_equal(ns_leave(), 0);
	if (err)
		fail_msg("bmc cannot be started: %s", *report.why ? report.why : strerror(-err));
}
