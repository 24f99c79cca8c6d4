// SPDX-License-Identifier: LGPL-2.1-only
/* Each program's verified instructions, taken from the verifier's log, against budget.txt. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "harness.h"

#include "bmc.skel.h"

#define PROGRAMS_MAX 32
#define LOG_SIZE 65536
#define LOG_STATISTICS 4

struct program {
	char name[64];
	char log[LOG_SIZE];
	unsigned long insns;
	unsigned long stack;
	unsigned long us; /* that the verifier took */
	long limit; /* -1: there is no line */
	char kernel[16]; /* of the line */
};

static struct program programs[PROGRAMS_MAX];
static size_t n_programs;
static char series[32]; /* "6.1" */

static int find_series(void)
{
	struct utsname name;
	unsigned int major, minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return -1;
	snprintf(series, sizeof(series), "%u.%u", major, minor);
	return 0;
}

/* "verification time 567 usec", "stack depth 96+0+8", "processed 1234 insns (limit 1000000) ..." */
static void read_log(struct program *p)
{
	const char *at = strstr(p->log, "processed ");

	if (!at || sscanf(at, "processed %lu insns", &p->insns) != 1)
		p->insns = 0;
	at = strstr(p->log, "stack depth ");
	if (!at || sscanf(at, "stack depth %lu", &p->stack) != 1)
		p->stack = 0;
	at = strstr(p->log, "verification time ");
	if (!at || sscanf(at, "verification time %lu usec", &p->us) != 1)
		p->us = 0;
}

/* The most that can be configured: no loop over ports or interfaces is cut short. */
static int configure(struct bmc_bpf *skel)
{
	struct bmc_config *config = (struct bmc_config *)&skel->rodata->bmc_config;
	int err = harness_configure(skel, HARNESS_FOREVER_NS, 0, HARNESS_BUCKETS);

	config->netns_cookie = 1; /* as it is looked at where it is not 0 */
	config->n_ports = BMC_PORTS_MAX;
	for (int i = 0; i < BMC_PORTS_MAX; i++)
		config->port[i] = (uint16_t)(1000 + i);
	config->n_egress = BMC_EGRESS_MAX;
	for (int i = 0; i < BMC_EGRESS_MAX; i++)
		config->egress[i] = (uint32_t)(1 + i);
	return err;
}

static int load_all(void)
{
	struct bmc_bpf *skel = bmc_bpf__open();
	struct bpf_program *prog;
	int err;

	if (!skel)
		return -errno;
	err = configure(skel);
	bpf_object__for_each_program(prog, skel->obj) {
		struct program *p = &programs[n_programs];

		if (n_programs == PROGRAMS_MAX)
			err = -E2BIG;
		if (err)
			break;
		snprintf(p->name, sizeof(p->name), "%s", bpf_program__name(prog));
		p->limit = -1;
		bpf_program__set_log_level(prog, LOG_STATISTICS);
		err = bpf_program__set_log_buf(prog, p->log, sizeof(p->log));
		n_programs++;
	}
	if (!err)
		err = bmc_bpf__load(skel);
	bmc_bpf__destroy(skel);
	for (size_t i = 0; i < n_programs; i++)
		read_log(&programs[i]);
	return err;
}

/* A line for this kernel goes before one for any. 0, or -1: it names no program. */
static int take_line(const char *name, const char *kernel, long limit)
{
	for (size_t i = 0; i < n_programs; i++) {
		struct program *p = &programs[i];

		if (strcmp(p->name, name) != 0)
			continue;
		if (strcmp(kernel, series) == 0 || (strcmp(kernel, "*") == 0 && p->limit < 0)) {
			p->limit = limit;
			snprintf(p->kernel, sizeof(p->kernel), "%s", kernel);
		}
		return 0;
	}
	print_error("%s: there is no program '%s'\n", BUDGET_FILE, name);
	return -1;
}

static int read_budget(void)
{
	FILE *f = fopen(BUDGET_FILE, "re");
	char line[256], name[64], kernel[16];
	long limit;
	int err = 0;

	if (!f)
		return -1;
	while (!err && fgets(line, sizeof(line), f)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%63s %15s %ld", name, kernel, &limit) != 3) {
			print_error("%s: cannot read '%s'\n", BUDGET_FILE, line);
			err = -1;
		} else {
			err = take_line(name, kernel, limit);
		}
	}
	fclose(f);
	return err;
}

static void test_program(void **state)
{
	const struct program *p = *state;

	assert_true(p->insns > 0);
	expect(p->limit >= 0, "%s: no line in budget.txt for kernel %s; it takes %lu", p->name,
	       series, p->insns);
	expect((long)p->insns <= p->limit + p->limit / 10,
	       "%s: %lu instructions verified, %ld are allowed", p->name, p->insns, p->limit);
}

static int load_error;

static void test_loads(void **state)
{
	(void)state;
	expect(!load_error, "the programs cannot be loaded: %s", strerror(-load_error));
	assert_int_equal(read_budget(), 0);
	print_message("%-20s %8s %9s %8s %8s %s\n", "program", "verified", "allowed", "stack", "ms",
		      "line");
	for (size_t i = 0; i < n_programs; i++)
		print_message("%-20s %8lu %9ld %8lu %8lu %s\n", programs[i].name, programs[i].insns,
			      programs[i].limit, programs[i].stack, programs[i].us / 1000,
			      programs[i].kernel);
}

int main(void)
{
	struct CMUnitTest tests[PROGRAMS_MAX + 1] = { cmocka_unit_test(test_loads) };

	load_error = find_series() ? -ENOSYS : load_all();
	for (size_t i = 0; i < n_programs; i++) {
		tests[i + 1].name = programs[i].name;
		tests[i + 1].test_func = test_program;
		tests[i + 1].initial_state = &programs[i];
	}
	return _cmocka_run_group_tests("budget of verified instructions", tests, n_programs + 1,
				       NULL, NULL) ?
		       1 :
		       0;
}
