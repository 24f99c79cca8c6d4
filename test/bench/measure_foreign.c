// SPDX-License-Identifier: LGPL-2.1-only
/* What the watch costs packets of sockets that are not memcached's: datagrams to and fro between two of our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "child.h"
#include "measures.h"
#include "place.h"
#include "prog_time.h"
#include "server.h"

#define PAYLOAD 64
#define AT_ONCE 256 /* round trips between two looks at the clock */
#define ANSWER_SECONDS 2

enum wire { LOOPBACK, VETH };

struct foreign {
	struct bench_server server;
	struct bench_prog_time time;
	int is_up;
	int near, far; /* sockets */
};

static int foreign_setup(struct bench_run *run)
{
	struct foreign *f = calloc(1, sizeof(*f));

	run->state = f;
	if (!f)
		return bench_fail("no memory");
	f->near = f->far = -1;
	f->time = (struct bench_prog_time){ .stats = -1, .ingress = -1, .egress = -1 };
	if (bench_server_start(&f->server, run->place, NULL, "-t 1 -m 64"))
		return -1;
	f->is_up = 1;
	if (bench_bmc_start(run->place, run->place->cgroup, "--mode skb --memory 64M"))
		return -1;
	return bench_prog_time_start(&f->time, run->place, run->place->cgroup);
}

static void foreign_teardown(struct bench_run *run)
{
	struct foreign *f = run->state;

	if (!f)
		return;
	bench_prog_time_stop(&f->time);
	if (f->is_up)
		bench_bmc_stop(run->place);
	bench_server_stop(&f->server);
	free(f);
}

/* A bound socket with a time limit. -> fd, or -1 */
static int open_socket(const struct bench_place *p, int net, const char *address,
		       struct sockaddr_in *ret)
{
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	socklen_t len = sizeof(*ret);
	int fd = bench_place_socket(p, net, AF_INET, SOCK_DGRAM);

	if (fd < 0)
		return -1;
	*ret = (struct sockaddr_in){ .sin_family = AF_INET };
	inet_pton(AF_INET, address, &ret->sin_addr);
	if (!bind(fd, (struct sockaddr *)ret, len) &&
	    !getsockname(fd, (struct sockaddr *)ret, &len) &&
	    !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return fd;
	close(fd);
	return bench_fail("cannot bind a socket to %s: %s", address, strerror(errno));
}

static int open_pair(struct bench_run *run, enum wire wire)
{
	const struct bench_place *p = run->place;
	struct foreign *f = run->state;
	struct sockaddr_in near = {}, far = {};

	f->far = open_socket(p, p->server, wire == VETH ? BENCH_SERVER_IP : "127.0.0.1", &far);
	if (f->far < 0)
		return -1;
	f->near = open_socket(p, wire == VETH ? p->client : p->server,
			      wire == VETH ? BENCH_CLIENT_IP : "127.0.0.1", &near);
	if (f->near < 0)
		return -1;
	if (connect(f->near, (struct sockaddr *)&far, sizeof(far)) ||
	    connect(f->far, (struct sockaddr *)&near, sizeof(near)))
		return bench_fail("cannot connect two sockets: %s", strerror(errno));
	return 0;
}

static int round_trips(const struct foreign *f, int n)
{
	char bytes[PAYLOAD] = {};

	for (int i = 0; i < n; i++) {
		if (send(f->near, bytes, PAYLOAD, 0) != PAYLOAD ||
		    recv(f->far, bytes, PAYLOAD, 0) != PAYLOAD ||
		    send(f->far, bytes, PAYLOAD, 0) != PAYLOAD ||
		    recv(f->near, bytes, PAYLOAD, 0) != PAYLOAD)
			return bench_fail("a datagram was lost: %s", strerror(errno));
	}
	return 0;
}

static int foreign_measure(struct bench_run *run, double *ret_values)
{
	struct foreign *f = run->state;
	struct bench_prog_raw before, after;
	struct bench_prog_counts counts;
	double until;

	if (open_pair(run, run->at ? VETH : LOOPBACK) || bench_prog_time_read(&f->time, &before))
		return -1;
	until = bench_now() + run->options->seconds;
	while (bench_now() < until && !bench_interrupted) {
		if (round_trips(f, AT_ONCE))
			return -1;
	}
	if (bench_prog_time_read(&f->time, &after))
		return -1;
	bench_prog_time_between(&before, &after, &counts);
	ret_values[0] = counts.ingress.ns / counts.ingress.runs;
	ret_values[1] = counts.egress.ns / counts.egress.runs;
	ret_values[2] =
		(counts.ingress.ns + counts.egress.ns) / (counts.ingress.runs + counts.egress.runs);
	ret_values[3] = counts.empty_ns;
	return 0;
}

static int foreign_run(struct bench_run *run, double *ret_values)
{
	struct foreign *f = run->state;
	int err = foreign_measure(run, ret_values);

	if (f->near >= 0)
		close(f->near);
	if (f->far >= 0)
		close(f->far);
	f->near = f->far = -1;
	return err;
}

static const struct bench_target targets[] = {
	{ "*", "packet", "bmc", NULL, BENCH_AT_MOST, 20, .why = "unrelated traffic" },
	{},
};

const struct bench_measure bench_watch_foreign = {
	.name = "watch-foreign",
	.what = "the watch's own time for a packet that is not memcached's",
	.arms = { "bmc" },
	.cases = { "loopback", "veth" },
	.metrics = { { "ingress", "ns/packet", "of a packet on its way in" },
		     { "egress", "ns/packet", "of a packet on its way out" },
		     { "packet", "ns/packet", "of both, for each packet" },
		     { "empty", "ns/run",
		       "the statistics' own time of a run, which is taken off" } },
	.targets = targets,
	.setup = foreign_setup,
	.teardown = foreign_teardown,
	.run = foreign_run,
};
