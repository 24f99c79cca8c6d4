// SPDX-License-Identifier: LGPL-2.1-only
#include "tcp_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "bench.h"
#include "child.h"
#include "place.h"
#include "server.h"

#define KEY_LEN 16
#define LINE_MAX_LEN 64 /* a command or answer line of ours */
#define ANSWER_SECONDS 2
#define EVENTS 64
#define RECEIVE 65536

struct connection {
	int fd;
	char *request;
	size_t request_len;
	char *answer; /* that must come */
	size_t answer_len;
	size_t got; /* bytes of it */
};

struct bench_tcp {
	struct bench_tcp_job job;
	struct connection *connections;
	int epoll;
	char *buffer;
	int waiting; /* connections whose answer is not all there */
	double ops;
	double server_cpu; /* of all its time, at the end of the last run */
};

/* ---- what is sent, and what must come ---- */

static size_t add_value(char *to, const struct bench_tcp_job *job)
{
	memset(to, 'v', job->value);
	memcpy(to + job->value, "\r\n", 2);
	return job->value + 2;
}

static size_t add_set(char *to, const char *key, const struct bench_tcp_job *job)
{
	size_t n = (size_t)sprintf(to, "set %s 0 0 %zu\r\n", key, job->value);

	return n + add_value(to + n, job);
}

static size_t add_hit(char *to, const char *key, const struct bench_tcp_job *job)
{
	size_t n = (size_t)sprintf(to, "VALUE %s 0 %zu\r\n", key, job->value);

	n += add_value(to + n, job);
	return n + (size_t)sprintf(to + n, "END\r\n");
}

static int make_texts(struct connection *c, int index, const struct bench_tcp_job *job)
{
	size_t room = (size_t)job->depth * (job->value + 2 * LINE_MAX_LEN);

	c->request = malloc(room);
	c->answer = malloc(room);
	if (!c->request || !c->answer)
		return bench_fail("no memory for a connection");
	for (int i = 0; i < job->depth; i++) {
		char key[2 * KEY_LEN];

		snprintf(key, sizeof(key), "key-%06d-%05d", index, i);
		if (job->op == BENCH_SET) {
			c->request_len += add_set(c->request + c->request_len, key, job);
			c->answer_len += (size_t)sprintf(c->answer + c->answer_len, "STORED\r\n");
		} else {
			c->request_len +=
				(size_t)sprintf(c->request + c->request_len, "get %s\r\n", key);
			c->answer_len += add_hit(c->answer + c->answer_len, key, job);
		}
	}
	return 0;
}

/* ---- connections ---- */

static int send_all(const struct connection *c, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return bench_fail("sending to memcached: %s", strerror(errno));
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The items that the gets ask for are there. */
static int store_values(const struct connection *c, int index, const struct bench_tcp_job *job)
{
	struct bench_tcp_job set = *job;
	struct connection copy = { .fd = c->fd };
	char line[16];
	int err;

	if (job->op == BENCH_SET)
		return 0;
	set.op = BENCH_SET;
	err = make_texts(&copy, index, &set);
	if (!err)
		err = send_all(&copy, copy.request, copy.request_len);
	for (int i = 0; !err && i < job->depth; i++) {
		if (recv(c->fd, line, 8, MSG_WAITALL) != 8 || memcmp(line, "STORED\r\n", 8))
			err = bench_fail("memcached does not store the values");
	}
	free(copy.request);
	free(copy.answer);
	return err;
}

static int open_connection(const struct bench_place *p, struct bench_tcp *l, int index)
{
	const struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(BENCH_PORT) };
	struct connection *c = &l->connections[index];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	const int one = 1;

	c->fd = bench_place_socket(p, l->job.net, AF_INET, SOCK_STREAM);
	if (c->fd < 0)
		return -1;
	inet_pton(AF_INET, l->job.address, &to.sin_addr);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)))
		return bench_fail("cannot connect to %s: %s", l->job.address, strerror(errno));
	if (store_values(c, index, &l->job) || make_texts(c, index, &l->job))
		return -1;
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event))
		return bench_fail("epoll: %s", strerror(errno));
	return 0;
}

int bench_tcp_open(struct bench_tcp **ret, const struct bench_place *p,
		   const struct bench_tcp_job *job)
{
	struct bench_tcp *l = calloc(1, sizeof(*l));

	*ret = l;
	if (!l)
		return bench_fail("no memory");
	l->job = *job;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->buffer = malloc(RECEIVE);
	l->connections = calloc((size_t)job->connections, sizeof(*l->connections));
	if (l->epoll < 0 || !l->buffer || !l->connections)
		return bench_fail("no memory for %d connections", job->connections);
	for (int i = 0; i < job->connections; i++)
		l->connections[i].fd = -1;
	for (int i = 0; i < job->connections; i++) {
		if (open_connection(p, l, i))
			return -1;
	}
	l->server_cpu = bench_cpu_seconds(job->server);
	return 0;
}

void bench_tcp_close(struct bench_tcp *l)
{
	if (!l)
		return;
	for (int i = 0; l->connections && i < l->job.connections; i++) {
		if (l->connections[i].fd >= 0)
			close(l->connections[i].fd);
		free(l->connections[i].request);
		free(l->connections[i].answer);
	}
	free(l->connections);
	free(l->buffer);
	if (l->epoll >= 0)
		close(l->epoll);
	free(l);
}

/* ---- the loop ---- */

static int connection_send(struct bench_tcp *l, const struct connection *c)
{
	l->waiting++;
	return send_all(c, c->request, c->request_len);
}

static int connection_ready(struct bench_tcp *l, struct connection *c, int goes_on)
{
	ssize_t n = recv(c->fd, l->buffer, RECEIVE, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? 0 : bench_fail("memcached closed a connection");
	if ((size_t)n > c->answer_len - c->got ||
	    memcmp(l->buffer, c->answer + c->got, (size_t)n) != 0)
		return bench_fail("a wrong answer of memcached's: %.*s", n < 60 ? (int)n : 60,
				  l->buffer);
	c->got += (size_t)n;
	if (c->got < c->answer_len)
		return 0;
	c->got = 0;
	l->waiting--;
	l->ops += l->job.depth;
	return goes_on ? connection_send(l, c) : 0;
}

static int loop_turn(struct bench_tcp *l, double until)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(l->epoll, events, EVENTS, ANSWER_SECONDS * 1000);
	int goes_on = bench_now() < until && !bench_interrupted;

	if (!n)
		return bench_fail("no answer of memcached's in %d s", ANSWER_SECONDS);
	if (n < 0 && errno != EINTR)
		return bench_fail("epoll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (connection_ready(l, events[i].data.ptr, goes_on))
			return -1;
	}
	return 0;
}

static int loop_run(struct bench_tcp *l, double until)
{
	for (int i = 0; i < l->job.connections; i++) {
		if (connection_send(l, &l->connections[i]))
			return -1;
	}
	while (l->waiting) {
		if (loop_turn(l, until))
			return -1;
	}
	return 0;
}

int bench_tcp_run(struct bench_tcp *l, double seconds, struct bench_load *sum)
{
	double client_cpu = bench_cpu_here(), server_cpu = l->server_cpu;
	double from = bench_now(), ops = l->ops;
	int err = loop_run(l, from + seconds);

	sum->seconds += bench_now() - from;
	sum->client_cpu += bench_cpu_here() - client_cpu;
	sum->ops += l->ops - ops;
	l->server_cpu = bench_cpu_seconds(l->job.server);
	sum->server_cpu += l->server_cpu - server_cpu;
	return err;
}
