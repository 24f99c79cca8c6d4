// SPDX-License-Identifier: LGPL-2.1-only
#include "server.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "child.h"
#include "place.h"

#define START_SECONDS 5
#define BMCCTL_SECONDS 60
#define WORDS_MAX 24
#define STATS_MAX 16384
#define PROGRAMS_MAX 64

/* One try to connect. -> 1: it is there, 0: not yet, -1 */
static int answers(const struct bench_place *p)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(BENCH_PORT) };
	int fd = bench_place_socket(p, p->server, AF_INET, SOCK_STREAM), is_there;

	if (fd < 0)
		return -1;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	is_there = !connect(fd, (struct sockaddr *)&to, sizeof(to));
	close(fd);
	return is_there;
}

int bench_server_start(struct bench_server *s, const struct bench_place *p, const char *program,
		       const char *options)
{
	struct bench_where where = { .net = p->server,
				     .cgroup = p->server_cgroup,
				     .cpu = s->is_anywhere ? -1 : BENCH_SERVER_CPU };
	char port[12], name[256], words[256], *save = NULL;
	char *argv[WORDS_MAX + 8] = { name, "-u", "nobody", "-p", port, "-U", port };
	double until = bench_now() + START_SECONDS;
	int n = 7, is_there = 0;

	snprintf(name, sizeof(name), "%s", program ? program : "memcached");
	snprintf(port, sizeof(port), "%d", BENCH_PORT);
	snprintf(words, sizeof(words), "%s", options);
	for (char *w = strtok_r(words, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	s->pid = bench_child_start(&where, argv);
	if (s->pid < 0) {
		s->pid = 0;
		return -1;
	}
	while (!is_there) {
		if (waitpid(s->pid, NULL, WNOHANG)) {
			s->pid = 0;
			return bench_fail("%s ended at once", name);
		}
		if (bench_now() > until)
			return bench_fail("%s does not answer", name);
		bench_sleep(0.01);
		is_there = answers(p);
		if (is_there < 0)
			return -1;
	}
	return 0;
}

void bench_server_stop(struct bench_server *s)
{
	bench_child_stop(s->pid);
	s->pid = 0;
}

/* "STAT cmd_get 123\r\n" among the answer to "stats". */
double bench_server_gets(const struct bench_place *p)
{
	static const char name[] = "STAT cmd_get ";
	const struct timeval limit = { .tv_sec = START_SECONDS };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(BENCH_PORT) };
	int fd = bench_place_socket(p, p->server, AF_INET, SOCK_STREAM);
	char text[STATS_MAX] = "";
	const char *line = NULL;
	size_t len = 0;
	ssize_t n = 0;

	if (fd < 0)
		return NAN;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)) && send(fd, "stats\r\n", 7, 0) == 7)
		n = 1;
	while (n > 0 && !strstr(text, "END\r\n") && len + 1 < sizeof(text)) {
		n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	line = strstr(text, name);
	return line ? strtod(line + sizeof(name) - 1, NULL) : NAN;
}

int bench_bmc_start(const struct bench_place *p, const char *cgroup, const char *options)
{
	struct bench_where where = BENCH_HERE;

	where.net = p->server;
	return bench_child_sh(&where, BMCCTL_SECONDS,
			      "exec %s start --name %s --iface %s --cgroup %s %s", p->bmcctl,
			      p->name, BENCH_SERVER_IF, cgroup, options);
}

int bench_bmc_stop(const struct bench_place *p)
{
	struct bench_where where = BENCH_HERE;

	where.net = p->server;
	return bench_child_sh(&where, BMCCTL_SECONDS, "exec %s stop --name %s", p->bmcctl, p->name);
}

static int is_ingress(__u32 id)
{
	int fd = bpf_prog_get_fd_by_id(id), is_ours;
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	if (fd < 0)
		return 0; /* it has gone */
	is_ours = !bpf_obj_get_info_by_fd(fd, &info, &len) && !strcmp(info.name, "bmc_ingress");
	close(fd);
	return is_ours;
}

/* Programs of bmc's that see what a cgroup is given; those of one alone, or with those of the ones above it. -> how many, or -1 (said) */
static int count_ingress(const char *cgroup, __u32 flags)
{
	int fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = -errno, found = 0;
	__u32 ids[PROGRAMS_MAX] = {}, n = PROGRAMS_MAX;

	if (fd >= 0) {
		err = bpf_prog_query(fd, BPF_CGROUP_INET_INGRESS, flags, NULL, ids, &n);
		close(fd);
	}
	if (err)
		return bench_fail("cannot list the programs of '%s': %s", cgroup, strerror(-err));
	for (__u32 i = 0; i < n; i++)
		found += is_ingress(ids[i]);
	return found;
}

int bench_bmc_check(const struct bench_place *p, int is_up)
{
	static int is_said;
	int own = count_ingress(p->cgroup, 0);
	int all = count_ingress(p->server_cgroup, BPF_F_QUERY_EFFECTIVE);

	if (own < 0 || all < 0)
		return -1;
	if (own != is_up)
		return bench_fail("%d of bmc's programs watch '%s', not %d", own, p->cgroup, is_up);
	if (all > own && !is_said++)
		bench_fail("another bmc watches the whole machine: what is without has that");
	return 0;
}
