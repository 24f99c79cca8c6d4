// SPDX-License-Identifier: LGPL-2.1-only
#include "usage.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "child.h"

/* The number behind `name` at a line's beginning. */
static int read_field(const char *line, const char *name, double *sum)
{
	if (strncmp(line, name, strlen(name)) != 0)
		return 0;
	*sum += strtod(line + strlen(name), NULL);
	return 1;
}

/* /proc/PID/task/TID/status, see proc(5). A thread that has just ended is none. */
static void add_thread(pid_t pid, const char *thread, struct bench_usage *ret)
{
	char path[320], line[256];
	double waits = 0, taken = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, thread);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (!read_field(line, "voluntary_ctxt_switches:", &waits))
			read_field(line, "nonvoluntary_ctxt_switches:", &taken);
	}
	if (file)
		fclose(file);
	ret->waits += waits;
	ret->switches += waits + taken;
}

static int read_threads(pid_t pid, struct bench_usage *ret)
{
	const struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return bench_fail("cannot read '%s': %s", path, strerror(errno));
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			add_thread(pid, entry->d_name, ret);
	}
	closedir(dir);
	return 0;
}

/* /proc/stat: "cpu<N> user nice system idle iowait irq softirq ...", in ticks. */
static int read_softirq(int server_cpu, double *ret)
{
	FILE *file = fopen("/proc/stat", "re");
	double tick = 1.0 / (double)sysconf(_SC_CLK_TCK), softirq;
	char line[512];
	int cpu;

	if (!file)
		return bench_fail("cannot read /proc/stat: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "cpu%d %*f %*f %*f %*f %*f %*f %lf", &cpu, &softirq) == 2 &&
		    cpu != server_cpu)
			*ret += softirq * tick;
	}
	fclose(file);
	return 0;
}

int bench_usage_read(pid_t pid, int server_cpu, struct bench_usage *ret)
{
	*ret = (struct bench_usage){ .cpu = pid > 0 ? bench_cpu_seconds(pid) : 0 };
	if (read_softirq(server_cpu, &ret->softirq))
		return -1;
	return pid > 0 ? read_threads(pid, ret) : 0;
}

void bench_usage_add(const struct bench_usage *before, const struct bench_usage *after,
		     struct bench_usage *sum)
{
	sum->cpu += after->cpu - before->cpu;
	sum->softirq += after->softirq - before->softirq;
	sum->switches += after->switches - before->switches;
	sum->waits += after->waits - before->waits;
}
