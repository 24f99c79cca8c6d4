// SPDX-License-Identifier: LGPL-2.1-only
#include "awake.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "child.h"
#include "place.h"

static const int cpus[BENCH_AWAKE_CPUS] = { BENCH_CLIENT_CPU, BENCH_SERVER_CPU };

/* Does not return. */
static void loop(const char *cgroup, int cpu)
{
	const struct sched_param none = {};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (bench_cgroup_enter(cgroup) || bench_pin(cpu) ||
	    sched_setscheduler(0, SCHED_IDLE, &none))
		_exit(1);
	for (volatile unsigned int n = 0;;
	     n++) /* no PAUSE: hosts take it for the wait for a lock */
		;
}

/* Where cgroups have shares of the CPUs (the file is there), a process gives way only to those of its own; so the cgroup does. */
static int make_cgroup(struct bench_awake *a)
{
	char root[256], file[PATH_MAX + 16];
	int fd, err = 0;

	if (bench_cgroup_root(root, sizeof(root)))
		return -1;
	snprintf(a->cgroup, sizeof(a->cgroup), "%s/bmc-bench-awake-%d", root, (int)getpid());
	if (mkdir(a->cgroup, 0755)) {
		err = bench_fail("cannot make '%s': %s", a->cgroup, strerror(errno));
		a->cgroup[0] = 0;
		return err;
	}
	snprintf(file, sizeof(file), "%s/cpu.idle", a->cgroup);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, "1", 1) != 1)
		err = bench_fail("cannot write '%s': %s", file, strerror(errno));
	if (fd >= 0)
		close(fd);
	return err;
}

int bench_awake_start(struct bench_awake *a)
{
	if (make_cgroup(a))
		return -1;
	for (int i = 0; i < BENCH_AWAKE_CPUS; i++) {
		a->pids[i] = fork();
		if (!a->pids[i])
			loop(a->cgroup, cpus[i]);
		if (a->pids[i] < 0)
			return bench_fail("cannot start a process: %s", strerror(errno));
	}
	return 0;
}

void bench_awake_stop(struct bench_awake *a)
{
	for (int i = 0; i < BENCH_AWAKE_CPUS; i++) {
		if (a->pids[i] <= 0)
			continue;
		kill(a->pids[i], SIGKILL);
		waitpid(a->pids[i], NULL, 0);
		a->pids[i] = 0;
	}
	if (a->cgroup[0] && rmdir(a->cgroup))
		bench_fail("cannot remove '%s': %s", a->cgroup, strerror(errno));
	a->cgroup[0] = 0;
}
