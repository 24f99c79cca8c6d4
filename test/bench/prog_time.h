/* SPDX-License-Identifier: LGPL-2.1-only */
/* The kernel's own statistics of the watch's programs, beside those of programs that do nothing. */
#ifndef BENCH_PROG_TIME_H
#define BENCH_PROG_TIME_H

struct bench_place;
struct empty_bpf;

struct bench_prog_time {
	int stats; /* fd that keeps the statistics on */
	int ingress, egress; /* fds of bmc's programs */
	struct empty_bpf *empty;
};

struct bench_prog_count {
	double runs;
	double ns; /* less the statistics' own */
};

struct bench_prog_counts {
	struct bench_prog_count ingress, egress;
	double empty_ns; /* the statistics' own time, of one run */
};

/* From now on the programs of the place's instance are timed, and the empty ones run at the same cgroup. */
int bench_prog_time_start(struct bench_prog_time *t, const struct bench_place *p,
			  const char *cgroup);
void bench_prog_time_stop(struct bench_prog_time *t);

struct bench_prog_raw {
	unsigned long long runs[4], ns[4]; /* ingress, egress, and the empty ones */
};

int bench_prog_time_read(const struct bench_prog_time *t, struct bench_prog_raw *ret);
void bench_prog_time_between(const struct bench_prog_raw *before,
			     const struct bench_prog_raw *after, struct bench_prog_counts *ret);

#endif
