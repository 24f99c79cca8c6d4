// SPDX-License-Identifier: LGPL-2.1-only
#include "server.h"

#include <arpa/inet.h>
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

const char *bench_bmc_name(void)
{
	static char name[24];

	snprintf(name, sizeof(name), "bench-%d", getpid());
	return name;
}

int bench_bmc_start(const struct bench_place *p, const char *cgroup, const char *options)
{
	struct bench_where where = BENCH_HERE;

	where.net = p->server;
	return bench_child_sh(&where, BMCCTL_SECONDS,
			      "exec %s start --name %s --iface %s --cgroup %s %s", p->bmcctl,
			      bench_bmc_name(), BENCH_SERVER_IF, cgroup, options);
}

int bench_bmc_stop(const struct bench_place *p)
{
	struct bench_where where = BENCH_HERE;

	where.net = p->server;
	return bench_child_sh(&where, BMCCTL_SECONDS, "exec %s stop --name %s", p->bmcctl,
			      bench_bmc_name());
}
