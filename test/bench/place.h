/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Where a measure is taken: two network namespaces without a name, so that they go with the benchmark, however it
 * ends; a veth pair between them; a cgroup with one folder for the server and one for the client, so that
 * nothing else on the machine is watched or counted.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <limits.h>
#include <stddef.h>

#define BENCH_SERVER_IF "srv0"
#define BENCH_CLIENT_IF "cli0"
#define BENCH_SERVER_IP "10.78.0.1"
#define BENCH_CLIENT_IP "10.78.0.2"
#define BENCH_CLIENT_CPU 0
#define BENCH_SERVER_CPU 1

struct bench_place {
	char name[24]; /* the benchmark's own; bmc's instance here is called so, too */
	const char *bmcctl; /* the program that starts and stops bmc here */
	int home; /* fds of the namespaces */
	int server;
	int client;
	char cgroup[PATH_MAX]; /* both */
	char server_cgroup[PATH_MAX];
	char client_cgroup[PATH_MAX];
	char home_cgroup[PATH_MAX]; /* where the process was before */
};

/* The n-th one of this process, which is in its client's cgroup from then on. To be removed also after a failure, the last one first. */
int bench_place_make(struct bench_place *p, const char *bmcctl, int n);
void bench_place_remove(struct bench_place *p);

/* The sockets that this process makes from now on are those of the place's client. */
int bench_place_enter(const struct bench_place *p);

/* From now on the client's packets leave with whole checksums; by default veth leaves them to nobody. */
int bench_place_checksums(const struct bench_place *p);

/* socket(2) in a namespace. -> fd, or -1 */
int bench_place_socket(const struct bench_place *p, int net, int family, int type);

/* Where cgroup2 is mounted. 0, or -1 (said) */
int bench_cgroup_root(char *ret, size_t size);

/* This process goes into a cgroup. 0 or -errno, nothing is said. */
int bench_cgroup_enter(const char *cgroup);

#endif
