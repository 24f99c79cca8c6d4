// SPDX-License-Identifier: LGPL-2.1-only
#include "threads.h"

#include "util.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 1024
#define FIND_NS 1000000000ULL
#define SPINS 64 /* looks at all of them before there is a pause */
#define PAUSE_NS 200000

struct bmc_thread {
	pid_t number;
	int fd; /* its /proc/PID/task/TID/syscall */
	__u8 waits; /* was ever seen waiting for events */
	__u8 seen; /* since the last bmc_threads_wait began, or gone */
};

static int is_wait(long number)
{
	static const long waits[] = {
#ifdef SYS_epoll_wait
		SYS_epoll_wait,
#endif
		SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
		SYS_epoll_pwait2,
#endif
	};

	for (size_t i = 0; i < BMC_ARRAY_SIZE(waits); i++) {
		if (number == waits[i])
			return 1;
	}
	return 0;
}

/*
 * proc(5), /proc/pid/syscall: "running", or the number of the system call that a thread sleeps in and its arguments.
 * With a time-out of 0 (the fourth argument of all but epoll_pwait2) there is more to do at once: it does not wait.
 * 1, 0; -ESRCH: the thread is gone; -errno.
 */
static int looks_idle(const struct bmc_thread *t)
{
	unsigned long timeout;
	char text[256];
	ssize_t len = pread(t->fd, text, sizeof(text) - 1, 0);
	long number;

	if (len < 0)
		return -errno;
	if (!len)
		return -ESRCH;
	text[len] = 0;
	if (sscanf(text, "%ld %*x %*x %*x %lx", &number, &timeout) != 2)
		return 0;
	return is_wait(number) && timeout;
}

static int look(struct bmc_thread *t)
{
	int idle = looks_idle(t);

	if (idle == -ESRCH)
		t->seen = 1;
	else if (idle < 0)
		return idle;
	else if (idle)
		t->waits = t->seen = 1;
	return 0;
}

static int add_thread(struct bmc_threads *threads, int dir, const char *name)
{
	char path[64];
	int fd;

	if (!isdigit((unsigned char)name[0]))
		return 0;
	if (threads->n == THREADS_MAX)
		return -E2BIG;
	snprintf(path, sizeof(path), "%.20s/syscall", name);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	threads->list[threads->n].number = (pid_t)strtol(name, NULL, 10);
	threads->list[threads->n++].fd = fd;
	return 0;
}

static int add_all(pid_t pid, struct bmc_threads *threads)
{
	struct dirent *entry;
	char path[64];
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir)))
		err = add_thread(threads, dirfd(dir), entry->d_name);
	closedir(dir);
	return err;
}

static void rest(unsigned int round)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };

	if (round >= SPINS)
		nanosleep(&pause, NULL);
}

/* Looks until `enough` have been seen waiting. */
static int find(struct bmc_threads *threads, size_t enough)
{
	__u64 until = bmc_clock_ns(CLOCK_MONOTONIC) + FIND_NS;

	for (unsigned int round = 0;; round++) {
		size_t found = 0;

		for (size_t i = 0; i < threads->n; i++) {
			int err = look(&threads->list[i]);

			if (err)
				return err;
			found += threads->list[i].waits;
		}
		threads->all = found >= enough;
		if (threads->all || bmc_clock_ns(CLOCK_MONOTONIC) >= until)
			return 0;
		rest(round);
	}
}

int bmc_threads_open(pid_t pid, size_t least, struct bmc_threads *ret)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->list = calloc(THREADS_MAX, sizeof(*ret->list));
	if (!ret->list)
		return -ENOMEM;
	err = add_all(pid, ret);
	if (!err)
		err = find(ret, least);
	if (err)
		bmc_threads_close(ret);
	return err;
}

void bmc_threads_close(struct bmc_threads *threads)
{
	for (size_t i = 0; i < threads->n; i++)
		close(threads->list[i].fd);
	free(threads->list);
	memset(threads, 0, sizeof(*threads));
}

int bmc_threads_has(const struct bmc_threads *threads, pid_t one)
{
	for (size_t i = 0; i < threads->n; i++) {
		if (threads->list[i].number == one)
			return 1;
	}
	return 0;
}

/* Looks once at those that are waited for and were not seen yet. How many of them are left, or -errno. */
static int look_at_missing(struct bmc_threads *threads, pid_t one)
{
	int left = 0;

	for (size_t i = 0; i < threads->n; i++) {
		struct bmc_thread *t = &threads->list[i];
		int err;

		if (t->seen || (one ? t->number != one : !t->waits))
			continue;
		err = look(t);
		if (err)
			return err;
		left += !t->seen;
	}
	return left;
}

int bmc_threads_wait(struct bmc_threads *threads, pid_t one, __u64 patience_ns)
{
	__u64 until = bmc_clock_ns(CLOCK_MONOTONIC) + patience_ns;

	if (one ? !bmc_threads_has(threads, one) : !threads->all)
		return -ESRCH;
	for (size_t i = 0; i < threads->n; i++)
		threads->list[i].seen = 0;
	for (unsigned int round = 0;; round++) {
		int left = look_at_missing(threads, one);

		if (left <= 0)
			return left;
		if (bmc_clock_ns(CLOCK_MONOTONIC) >= until)
			return -ETIMEDOUT;
		rest(round);
	}
}
