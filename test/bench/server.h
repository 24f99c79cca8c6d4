/* SPDX-License-Identifier: LGPL-2.1-only */
/* The peers: memcached in the server's namespace, cgroup and CPU, and bmc beside it. */
#ifndef BENCH_SERVER_H
#define BENCH_SERVER_H

#include <sys/types.h>

struct bench_place;

#define BENCH_PORT 11211

struct bench_server {
	pid_t pid; /* 0: not running */
	int is_anywhere; /* it is started on all CPUs, not on the server's only */
};

/* `program -p -U <options>`, options by words; returns when it answers. NULL: memcached. */
int bench_server_start(struct bench_server *s, const struct bench_place *p, const char *program,
		       const char *options);
void bench_server_stop(struct bench_server *s);

/* Keys that memcached was asked for so far; NAN if it does not say. */
double bench_server_gets(const struct bench_place *p);

/* bmcctl start on the server's interface, watching `cgroup`, with more options; and stop. The instance has the place's name. */
int bench_bmc_start(const struct bench_place *p, const char *cgroup, const char *options);
int bench_bmc_stop(const struct bench_place *p);

/* It is a failure if bmc watches here and should not, or the other way round. Another one, of the whole machine, is said. */
int bench_bmc_check(const struct bench_place *p, int is_up);

#endif
