// SPDX-License-Identifier: LGPL-2.1-only
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "place.h"

#define STOP_SECONDS 3
#define CHILD_FAILED 126
#define REST_SECONDS 0.0001

double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

void bench_sleep(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

int bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (cpu < 0 || i == cpu)
			CPU_SET((size_t)i, &set);
	}
	return sched_setaffinity(0, sizeof(set), &set) ?
		       bench_fail("cannot run on CPU %d: %s", cpu, strerror(errno)) :
		       0;
}

double bench_cpu_seconds(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	bench_sleep(REST_SECONDS);
	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double bench_cpu_here(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void child_exec(const struct bench_where *where, char *const argv[], int err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(err < 0 ? null : err, 2) < 0)
		_exit(CHILD_FAILED);
	if (where->net >= 0 && setns(where->net, CLONE_NEWNET))
		_exit(CHILD_FAILED);
	if (where->cgroup && bench_cgroup_enter(where->cgroup))
		_exit(CHILD_FAILED);
	if (bench_pin(where->cpu))
		_exit(CHILD_FAILED);
	execvp(argv[0], argv);
	dprintf(2, "cannot execute '%s': %s\n", argv[0], strerror(errno));
	_exit(CHILD_FAILED);
}

pid_t bench_child_start(const struct bench_where *where, char *const argv[])
{
	pid_t pid = fork();

	if (!pid)
		child_exec(where, argv, -1);
	return pid < 0 ? bench_fail("cannot start '%s': %s", argv[0], strerror(errno)) : pid;
}

/* Waits until `until`, then kills. -> exit code, 128 + signal, or -1: killed for its time */
static int child_wait(pid_t pid, double until)
{
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (bench_now() > until) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		bench_sleep(0.002);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void bench_child_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	child_wait(pid, bench_now() + STOP_SECONDS);
}

int bench_child_sh(const struct bench_where *where, int seconds, const char *format, ...)
{
	char line[1024], said[2048];
	char *argv[] = { "sh", "-c", line, NULL };
	FILE *err = tmpfile(); /* a pipe could fill and stop the child */
	size_t n = 0;
	va_list args;
	pid_t pid;
	int code;

	if (!err)
		return bench_fail("cannot make a temporary file: %s", strerror(errno));
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	pid = fork();
	if (!pid)
		child_exec(where, argv, fileno(err));
	code = pid < 0 ? -1 : child_wait(pid, bench_now() + seconds);
	if (code) {
		rewind(err);
		n = fread(said, 1, sizeof(said) - 1, err);
	}
	said[n] = 0;
	fclose(err);
	return code ? bench_fail("`%s` failed (%d): %s", line, code, said) : 0;
}
