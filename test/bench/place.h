/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Where a measure is taken: two network namespaces without a name, so that they go with the benchmark, however it
 * ends; a veth pair between them; a cgroup with one folder for the server and one for the client, so that
 * nothing else on the machine is watched or counted.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <limits.h>

#define BENCH_SERVER_IF "srv0"
#define BENCH_CLIENT_IF "cli0"
#define BENCH_SERVER_IP "10.78.0.1"
#define BENCH_CLIENT_IP "10.78.0.2"
#define BENCH_CLIENT_CPU 0
#define BENCH_SERVER_CPU 1

struct bench_place {
	const char *bmcctl; /* the program that starts and stops bmc here */
	int home; /* fds of the namespaces */
	int server;
	int client;
	char cgroup[PATH_MAX]; /* both */
	char server_cgroup[PATH_MAX];
	char client_cgroup[PATH_MAX];
	char home_cgroup
		[PATH_MAX]; /* where the benchmark came from; it is in the client's meanwhile */
};

int bench_place_make(struct bench_place *p, const char *bmcctl);
void bench_place_remove(struct bench_place *p);

/* From now on the client's packets leave with whole checksums; by default veth leaves them to nobody. */
int bench_place_checksums(const struct bench_place *p);

/* socket(2) in a namespace. -> fd, or -1 */
int bench_place_socket(const struct bench_place *p, int net, int family, int type);

/* This process goes into a cgroup. 0 or -errno, nothing is said. */
int bench_cgroup_enter(const char *cgroup);

#endif
