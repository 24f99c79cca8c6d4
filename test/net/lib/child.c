// SPDX-License-Identifier: LGPL-2.1-only
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ns.h"
#include "test.h"

extern char **environ;

static void child_exec(const struct ns *ns, char *const argv[], int out, int err)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out < 0 ? null : out, 1) < 0 ||
	    dup2(err < 0 ? null : err, 2) < 0)
		_exit(126);
	if (ns && ns_enter(ns))
		_exit(126);
	execvp(argv[0], argv);
	dprintf(2, "cannot execute '%s': %s\n", argv[0], strerror(errno));
	_exit(127);
}

pid_t child_start(const struct ns *ns, char *const argv[])
{
	pid_t pid = fork();

	if (!pid)
		child_exec(ns, argv, -1, -1);
	return pid < 0 ? -errno : pid;
}

/* Reads what there is; a full buffer swallows the rest. 0: the writer is gone */
static int child_read(int fd, char *buffer, size_t size, size_t *len)
{
	char waste[4096];
	size_t room = size - 1 - *len;
	ssize_t n = room ? read(fd, buffer + *len, room) : read(fd, waste, sizeof(waste));

	if (n <= 0)
		return 0;
	if (room)
		*len += (size_t)n;
	buffer[*len] = 0;
	return 1;
}

static void child_collect(int out, int err, double until, struct child_result *ret)
{
	struct pollfd fds[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
	size_t out_len = 0, err_len = 0;

	while ((fds[0].fd >= 0 || fds[1].fd >= 0) && test_now() < until) {
		poll(fds, 2, 50);
		if (fds[0].revents && !child_read(out, ret->out, sizeof(ret->out), &out_len))
			fds[0].fd = -1;
		if (fds[1].revents && !child_read(err, ret->err, sizeof(ret->err), &err_len))
			fds[1].fd = -1;
	}
}

/* -> exit code as in child_result */
static int child_wait(pid_t pid, double until)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (test_now() > until) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		test_sleep(0.002);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void child_run(const struct ns *ns, char *const argv[], int seconds, struct child_result *ret)
{
	double until = test_now() + test_patience(seconds);
	int out[2], err[2];
	pid_t pid;

	memset(ret, 0, sizeof(*ret));
	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	assert_return_code(pipe2(err, O_CLOEXEC), errno);
	pid = fork();
	if (!pid)
		child_exec(ns, argv, out[1], err[1]);
	assert_true(pid > 0);
	close(out[1]);
	close(err[1]);
	child_collect(out[0], err[0], until, ret);
	close(out[0]);
	close(err[0]);
	ret->code = child_wait(pid, until);
}

void child_sh(const struct ns *ns, const char *format, ...)
{
	static struct child_result result;
	char line[1024];
	char *argv[] = { "sh", "-c", line, NULL };
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	child_run(ns, argv, 20, &result);
	if (result.code)
		fail_msg("`%s`: exit %d: %s", line, result.code, result.err);
}

void child_stop(pid_t pid, int sig)
{
	if (pid <= 0)
		return;
	kill(pid, SIGCONT);
	kill(pid, sig);
	child_wait(pid, test_now() + test_patience(3));
}
