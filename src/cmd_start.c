// SPDX-License-Identifier: LGPL-2.1-only
#include "cgroup.h"
#include "check.h"
#include "cmd.h"
#include "iface.h"
#include "lifecycle.h"
#include "log.h"
#include "pins.h"
#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int open_cgroup(const struct bmc_options *options, char *path, size_t size, int *ret_fd)
{
	int err;

	if (options->cgroup)
		snprintf(path, size, "%s", options->cgroup);
	else if (bmc_cgroup_root(path, size))
		return bmc_fail("cgroup2 is mounted nowhere: mount it ('mount -t cgroup2 none "
				"/sys/fs/cgroup/unified'), or "
				"name a directory of it with --cgroup");
	err = bmc_cgroup_open(path);
	if (err == -EINVAL)
		return bmc_fail("'%s' is not a directory of cgroup2", path);
	if (err < 0)
		return bmc_fail("cannot open the cgroup '%s': %s", path, strerror(-err));
	*ret_fd = err;
	return 0;
}

static void print_workers(const struct bmc_plan *plan)
{
	for (__u32 i = 0; i < plan->config.n_ports; i++) {
		if (plan->udp_each[i] > 1)
			printf("%s: port %u is served by memcached-sr: %d UDP sockets an address\n",
			       plan->name, ntohs(plan->config.port[i]), plan->udp_each[i]);
	}
}

static void print_connections(const struct bmc_plan *plan, const struct bmc_adopt *a)
{
	char option[BMC_NAME_OPTION];

	if (a->old)
		printf("%s: %d connection%s older than this start: %d followed, %d closed, %d not "
		       "to be "
		       "followed\n",
		       plan->name, a->old, a->old == 1 ? "" : "s", a->old - a->closed - a->lost,
		       a->closed, a->lost);
	if (!a->lost)
		return;
	printf("%s: nothing is cached until %d connection%s closed ('bmcctl reset%s' closes "
	       "them):",
	       plan->name, a->lost, a->lost == 1 ? " is" : "s are",
	       bmc_name_option(plan->name, option));
	for (int i = 0; i < a->lost && i < BMC_NAMED_MAX; i++)
		printf("%s %s", i ? "," : "", a->lost_peer[i]);
	printf("%s\n", a->lost > BMC_NAMED_MAX ? ", ..." : "");
}

/* How many times were learnt at each port, and why no more. */
static void print_learnt(const struct bmc_plan *plan, const struct bmc_learning *l)
{
	for (int i = 0; plan->learn && i < (int)plan->config.n_ports; i++) {
		const struct bmc_learnt_port *port = &l->port[i];

		if (port->end == BMC_LEARN_NOBODY) {
			printf("%s: port %u: nothing to learn: no memcached is there yet\n",
			       plan->name, ntohs(plan->config.port[i]));
			continue;
		}
		printf("%s: port %u: learnt when %llu of %llu items expire, in %.1f s\n",
		       plan->name, ntohs(plan->config.port[i]), (unsigned long long)port->learnt,
		       (unsigned long long)port->items, (double)port->ns * 1e-9);
		if (port->no_room && port->end != BMC_LEARN_FULL)
			bmc_note("port %u: there was no room for the times of %llu items: these "
				 "are served for --max-age; more --memory has more room",
				 ntohs(plan->config.port[i]), (unsigned long long)port->no_room);
		if (port->end != BMC_LEARN_ALL)
			bmc_note("port %u: not all times could be learnt: %s; the other items are "
				 "served for --max-age",
				 ntohs(plan->config.port[i]), bmc_learn_text(port->end));
	}
}

/* What is not as one would wish, and why. */
static void note_iface(const struct bmc_iface *iface, int not_native, enum bmc_mode wanted)
{
	int bond = bmc_iface_is_veths_bond(iface->ifindex),
	    veth = bond || bmc_iface_is_veth(iface->ifindex);
	const char *what = bond ? "a bond of veths" : "a veth";
	char doubt[BMC_IFACE_DOUBT];

	if (bmc_iface_is_down(iface->ifindex))
		bmc_note("%s is down: nothing arrives by it until 'ip link set dev %s up'",
			 iface->name, iface->name);
	if (veth && iface->mode == BMC_MODE_NATIVE)
		bmc_note("%s is %s: answers reach its peer only if that has an XDP program "
			 "too; --mode skb does without",
			 iface->name, what);
	else if (veth && wanted == BMC_MODE_AUTO)
		bmc_note("%s is %s: skb mode, since native mode needs an XDP program at its "
			 "peer as well; if it has one: --mode native, which is faster",
			 iface->name, what);
	else if (bmc_iface_is_loopback(iface->ifindex))
		bmc_note("%s is loopback: requests from 127.0.0.0/8, or from the address that they "
			 "go to, are left to memcached",
			 iface->name);
	else if (not_native)
		bmc_note("%s: skb mode, which is slower, since native mode was refused: %s%s",
			 iface->name, strerror(-not_native),
			 bmc_iface_doubt(iface->ifindex, doubt));
}

static void note_ifaces(const struct bmc_plan *plan, const struct bmc_report *report,
			enum bmc_mode wanted)
{
	for (int i = 0; i < plan->n_ifaces; i++)
		note_iface(&plan->iface[i], report->not_native[i], wanted);
}

static void print_started(const struct bmc_plan *plan, const struct bmc_report *report,
			  const char *cgroup, enum bmc_mode wanted)
{
	char size[32], vlan[IF_NAMESIZE];

	if (report->mounted)
		printf("mounted bpffs at %s\n", BMC_BPFFS);
	printf("%s: watching the cgroup %s\n", plan->name, cgroup);
	for (int i = 0; i < plan->n_ifaces; i++) {
		const struct bmc_iface *iface = &plan->iface[i];

		printf("%s: %s: XDP in %s mode, ", plan->name, iface->name,
		       iface->mode == BMC_MODE_NATIVE ? "native" : "skb");
		if (iface->tc_handle)
			printf("TC egress at priority %u%s\n", iface->tc_priority,
			       iface->made_clsact ? " (clsact made)" : "");
		else
			printf("TC egress before all filters (tcx)\n");
	}
	printf("%s: %s: %u buckets for items, %u connections expected\n", plan->name,
	       bmc_format_size(report->memory, size, sizeof(size)), plan->config.n_buckets,
	       plan->config.n_writers / BMC_WRITERS_PER_CONNECTION);
	print_workers(plan);
	note_ifaces(plan, report, wanted);
	if (report->untagged && if_indextoname(report->untagged, vlan))
		bmc_note("items served over %s are not cached: the device below it strips the VLAN "
			 "tags before XDP sees them; run 'ethtool -K DEVICE rxvlan off', then stop "
			 "and start bmc",
			 vlan);
	if (plan->force)
		bmc_note(
			"UNSAFE, because of --force: start does not insist that all of memcached's "
			"traffic is watched, and items may be served that memcached no longer has");
	print_connections(plan, &report->adopted);
	print_learnt(plan, &report->learning);
	for (__u32 i = 0; i < plan->config.n_ports; i++) {
		if (report->absent >> i & 1)
			printf("%s: port %u: no memcached yet: it is noticed when it binds its "
			       "port\n",
			       plan->name, ntohs(plan->config.port[i]));
	}
	printf("%s: started\n", plan->name);
}

int bmc_cmd_start(const struct bmc_options *options)
{
	static struct bmc_plan plan;
	static struct bmc_report report;
	char cgroup[PATH_MAX];
	int code, err;

	if (!options->n_ifaces)
		return bmc_usage("start: at least one --iface is needed");
	code = bmc_cmd_check_rights();
	if (!code)
		code = bmc_cmd_lock();
	if (code)
		return code;
	plan.name = options->name;
	plan.memory = options->memory;
	plan.config.max_age_ns = options->max_age_ns;
	plan.strict = options->strict || options->reset;
	plan.reset = options->reset;
	plan.force = options->force;
	plan.learn = options->learn;
	plan.clsact = options->clsact;
	plan.progress = bmc_progress_show;
	code = bmc_check_machine(options);
	if (!code)
		code = bmc_check_instances(options, &plan);
	if (!code)
		code = bmc_check_ifaces(options, &plan);
	if (!code)
		code = open_cgroup(options, cgroup, sizeof(cgroup), &plan.cgroup_fd);
	if (!code)
		code = bmc_check_servers(options, &plan);
	if (code)
		return code;
	err = bmc_lifecycle_start(&plan, &report);
	bmc_progress_end();
	close(plan.cgroup_fd);
	if (err && report.not_taken && *bmc_log_libbpf_end())
		bmc_note("libbpf's last words ('start --verbose' shows all):\n%s",
			 bmc_log_libbpf_end());
	if (err)
		return bmc_fail("%s", *report.why ? report.why : strerror(-err));
	print_started(&plan, &report, cgroup, options->mode);
	return BMC_DONE_OK;
}
