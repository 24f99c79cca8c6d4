// SPDX-License-Identifier: LGPL-2.1-only
#include "prog_time.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "empty.skel.h"
#include "place.h"

enum prog { INGRESS, EGRESS, EMPTY_INGRESS, EMPTY_EGRESS, N_PROGS };

/* The program of a pinned link of the benchmark's instance. -> fd, or -1 */
static int open_program(const struct bench_place *p, const char *name)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[256];
	int link, fd = -1;

	snprintf(path, sizeof(path), "/sys/fs/bpf/bmc/%s/links/%s", p->name, name);
	link = bpf_obj_get(path);
	if (link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &len))
		fd = bpf_prog_get_fd_by_id(info.prog_id);
	if (link >= 0)
		close(link);
	return fd < 0 ? bench_fail("cannot find the program of '%s': %s", path, strerror(errno)) :
			fd;
}

static int attach_empty(struct bench_prog_time *t, const char *cgroup)
{
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	t->empty = empty_bpf__open_and_load();
	if (!t->empty || fd < 0) {
		if (fd >= 0)
			close(fd);
		return bench_fail("cannot load the empty programs: %s", strerror(errno));
	}
	t->empty->links.empty_ingress =
		bpf_program__attach_cgroup(t->empty->progs.empty_ingress, fd);
	t->empty->links.empty_egress = bpf_program__attach_cgroup(t->empty->progs.empty_egress, fd);
	close(fd);
	if (!t->empty->links.empty_ingress || !t->empty->links.empty_egress)
		return bench_fail("cannot attach the empty programs: %s", strerror(errno));
	return 0;
}

int bench_prog_time_start(struct bench_prog_time *t, const struct bench_place *p,
			  const char *cgroup)
{
	*t = (struct bench_prog_time){ .stats = -1, .ingress = -1, .egress = -1 };
	t->ingress = open_program(p, "bmc_ingress");
	t->egress = open_program(p, "bmc_egress");
	if (t->ingress < 0 || t->egress < 0 || attach_empty(t, cgroup))
		return -1;
	t->stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	return t->stats < 0 ?
		       bench_fail("cannot turn the kernel's statistics on: %s", strerror(errno)) :
		       0;
}

void bench_prog_time_stop(struct bench_prog_time *t)
{
	const int fds[] = { t->stats, t->ingress, t->egress };

	for (size_t i = 0; i < BENCH_COUNT(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	empty_bpf__destroy(t->empty);
	*t = (struct bench_prog_time){ .stats = -1, .ingress = -1, .egress = -1 };
}

int bench_prog_time_read(const struct bench_prog_time *t, struct bench_prog_raw *ret)
{
	const int fds[N_PROGS] = { t->ingress, t->egress,
				   bpf_program__fd(t->empty->progs.empty_ingress),
				   bpf_program__fd(t->empty->progs.empty_egress) };

	for (int i = 0; i < N_PROGS; i++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(fds[i], &info, &len))
			return bench_fail("cannot read a program's statistics: %s",
					  strerror(errno));
		ret->runs[i] = info.run_cnt;
		ret->ns[i] = info.run_time_ns;
	}
	return 0;
}

void bench_prog_time_between(const struct bench_prog_raw *before,
			     const struct bench_prog_raw *after, struct bench_prog_counts *ret)
{
	double runs[N_PROGS], ns[N_PROGS];

	for (int i = 0; i < N_PROGS; i++) {
		runs[i] = (double)(after->runs[i] - before->runs[i]);
		ns[i] = (double)(after->ns[i] - before->ns[i]);
	}
	ret->empty_ns =
		(ns[EMPTY_INGRESS] + ns[EMPTY_EGRESS]) / (runs[EMPTY_INGRESS] + runs[EMPTY_EGRESS]);
	ret->ingress = (struct bench_prog_count){ runs[INGRESS],
						  ns[INGRESS] - runs[INGRESS] * ret->empty_ns };
	ret->egress = (struct bench_prog_count){ runs[EGRESS],
						 ns[EGRESS] - runs[EGRESS] * ret->empty_ns };
}
