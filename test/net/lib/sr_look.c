// SPDX-License-Identifier: LGPL-2.1-only
#include "sr_look.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

static int count_sockets(pid_t pid, int port, const char *address)
{
	int v6 = strchr(address, ':') != NULL, n = 0;
	char path[64], line[512], local[40], want[40];
	unsigned char addr[16];
	unsigned int number;
	FILE *f;

	assert_int_equal(inet_pton(v6 ? AF_INET6 : AF_INET, address, addr), 1);
	for (int i = 0; i < (v6 ? 4 : 1); i++) {
		unsigned int word;

		memcpy(&word, addr + 4 * i, 4);
		snprintf(want + 8 * i, 9, "%08X", word);
	}
	snprintf(path, sizeof(path), "/proc/%d/net/udp%s", pid, v6 ? "6" : "");
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %*d: %39[0-9A-F]:%x", local, &number) == 2 &&
		    (int)number == port && !strcmp(local, want))
			n++;
	}
	fclose(f);
	return n;
}

void sr_look_wait(pid_t pid, int port, const char *address, int want)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	int n;

	while ((n = count_sockets(pid, port, address)) != want) {
		if (test_now() > until)
			fail_msg("%d UDP sockets at %s port %d, not %d", n, address, port, want);
		test_sleep(0.01);
	}
}

static void each_thread(pid_t pid, void (*fn)(pid_t pid, pid_t tid, void *arg), void *arg)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			fn(pid, (pid_t)strtol(entry->d_name, NULL, 10), arg);
	}
	closedir(dir);
}

static void take_wakeups(pid_t pid, pid_t tid, void *arg)
{
	struct sr_wakeups *w = arg;
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	f = fopen(path, "re");
	if (!f || w->n == SR_LOOK_THREADS) {
		if (f)
			fclose(f);
		return;
	}
	w->tid[w->n] = tid;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &w->count[w->n]) == 1)
			break;
	}
	fclose(f);
	w->n++;
}

void sr_look_wakeups(pid_t pid, struct sr_wakeups *ret)
{
	memset(ret, 0, sizeof(*ret));
	each_thread(pid, take_wakeups, ret);
}

int sr_look_woken(const struct sr_wakeups *before, const struct sr_wakeups *after, long least)
{
	int n = 0;

	for (int i = 0; i < before->n; i++) {
		for (int k = 0; k < after->n; k++) {
			if (before->tid[i] == after->tid[k] &&
			    after->count[k] - before->count[i] >= least)
				n++;
		}
	}
	return n;
}

struct pinned {
	int n;
	int twice;
	cpu_set_t seen;
};

static void take_pinned(pid_t pid, pid_t tid, void *arg)
{
	struct pinned *p = arg;
	cpu_set_t set;

	(void)pid;
	if (sched_getaffinity(tid, sizeof(set), &set) || CPU_COUNT(&set) != 1)
		return;
	p->n++;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		p->twice |= CPU_ISSET(cpu, &p->seen);
		CPU_SET(cpu, &p->seen);
	}
}

void sr_look_wait_pinned(pid_t pid, int want)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	struct pinned p;

	do {
		memset(&p, 0, sizeof(p));
		each_thread(pid, take_pinned, &p);
		if (p.n == want && !p.twice)
			return;
		test_sleep(0.01);
	} while (test_now() < until);
	fail_msg("%d threads are pinned, %s, not %d", p.n,
		 p.twice ? "some twice" : "each elsewhere", want);
}
