// SPDX-License-Identifier: LGPL-2.1-only
#include "channel.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "../bench.h"
#include "../place.h"

#define CONNECT_SECONDS 2
#define SOCKET_BUFFER (4 << 20) /* so that no reply is lost on this side */
#define TCP_IN_LEAST 65536

static int make_socket(const struct bench_peer_address *a, int type)
{
	int fd;

	if (a->place)
		return bench_place_socket(a->place, a->net, a->to.ss_family, type);
	fd = socket(a->to.ss_family, type | SOCK_CLOEXEC, 0);
	return fd < 0 ? bench_fail("cannot make a socket: %s", strerror(errno)) : fd;
}

/* Only root may go above the system's limit. */
static void set_buffer(int fd, int force, int plain)
{
	const int size = SOCKET_BUFFER;

	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, plain, &size, sizeof(size));
}

static int fail_to_connect(const struct bench_peer_address *a, const char *transport, int err)
{
	char host[64] = "?", port[8] = "?";

	getnameinfo((const struct sockaddr *)&a->to, a->to_len, host, sizeof(host), port,
		    sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	return bench_fail("cannot connect to %s port %s by %s: %s", host, port, transport,
			  strerror(err));
}

static int connect_socket(struct bench_channel *c, const struct bench_peer_address *a)
{
	const struct timeval limit = { .tv_sec = CONNECT_SECONDS };
	int is_tcp = c->transport == BENCH_TRANSPORT_TCP;
	const int one = 1;

	c->fd = make_socket(a, is_tcp ? SOCK_STREAM : SOCK_DGRAM);
	if (c->fd < 0)
		return -1;
	if (is_tcp)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	else
		set_buffer(c->fd, SO_RCVBUFFORCE, SO_RCVBUF);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)); /* of connect(2), too */
	if (connect(c->fd, (const struct sockaddr *)&a->to, a->to_len))
		return fail_to_connect(a, is_tcp ? "TCP" : "UDP", errno);
	return 0;
}

int bench_channel_open(struct bench_channel *c, enum bench_transport transport,
		       const struct bench_peer_address *a, uint32_t depth, size_t room)
{
	*c = (struct bench_channel){ .transport = transport, .fd = -1, .size = 1, .room = room };
	while (c->size < depth && c->size < BENCH_RING_MAX)
		c->size *= 2;
	c->ring = calloc(c->size, sizeof(*c->ring));
	c->out_size = c->size * room;
	c->out = malloc(c->out_size);
	c->out_lens = calloc(c->size, sizeof(*c->out_lens));
	c->in_size = 2 * room > TCP_IN_LEAST ? 2 * room : TCP_IN_LEAST;
	c->in = malloc(c->in_size);
	if (!c->ring || !c->out || !c->out_lens || !c->in)
		return bench_fail("no memory for a connection");
	return connect_socket(c, a);
}

void bench_channel_close(struct bench_channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->ring);
	free(c->out);
	free(c->out_lens);
	free(c->in);
	*c = (struct bench_channel){ .fd = -1 };
}

int bench_channel_again(struct bench_channel *c, const struct bench_peer_address *a)
{
	close(c->fd);
	c->fd = -1;
	memset(c->ring, 0, c->size * sizeof(*c->ring));
	c->head = c->tail;
	c->out_len = 0;
	c->out_done = 0;
	c->in_len = 0;
	return connect_socket(c, a);
}

void bench_channel_advance(struct bench_channel *c)
{
	while (c->head != c->tail && !bench_channel_at(c, c->head)->is_open)
		c->head++;
}

void bench_channel_put(struct bench_channel *c, const struct bench_request *r,
		       const struct bench_items *t)
{
	uint32_t number = c->tail++;

	*bench_channel_at(c, number) = *r;
	bench_channel_at(c, number)->is_open = 1;
	if (c->transport == BENCH_TRANSPORT_UDP)
		bench_udp_put(c, number, t);
	else
		bench_tcp_put(c, number, t);
}

int bench_channel_flush(struct bench_channel *c)
{
	return c->transport == BENCH_TRANSPORT_UDP ? bench_udp_flush(c) : bench_tcp_flush(c);
}

int bench_channel_receive(struct bench_channel *c, bench_reply_fn fn, void *arg, uint64_t *ret_late)
{
	return c->transport == BENCH_TRANSPORT_UDP ? bench_udp_receive(c, fn, arg, ret_late) :
						     bench_tcp_receive(c, fn, arg);
}
