/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * One connection of the client's: a UDP socket with requests told apart by their ids, or a TCP connection, whose answers come in
 * turn. The requests in flight are a ring, in the order in which they were sent.
 */
#ifndef BENCH_CHANNEL_H
#define BENCH_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "text.h"

#define BENCH_RING_MAX 4096 /* requests in flight of one connection; ids of UDP have 16 bits */

struct bench_place;

/* Where to connect, and from where. */
struct bench_peer_address {
	const struct bench_place *place; /* NULL: this process's own network namespace */
	int net; /* with a place: fd of the namespace */
	struct sockaddr_storage to;
	socklen_t to_len;
};

enum bench_transport { BENCH_TRANSPORT_UDP, BENCH_TRANSPORT_TCP };

struct bench_channel {
	enum bench_transport transport;
	int fd; /* -1: closed */
	struct bench_request *ring;
	uint32_t size; /* of it, a power of two */
	uint32_t head,
		tail; /* the oldest request's number, and the next one's; those between may be answered already */
	size_t room; /* for the text of a request or reply */
	/* What is still to be sent. UDP: n_out datagrams, one every `room`, of out_lens; TCP: out_len bytes behind out_done. */
	char *out;
	size_t out_len, out_done, out_size;
	uint32_t n_out;
	size_t *out_lens;
	/* TCP: bytes of a reply that is not all there yet */
	char *in;
	size_t in_len, in_size;
};

/* What a received reply is given to. -> 0, or -1 to stop */
typedef int (*bench_reply_fn)(struct bench_channel *c, struct bench_request *r, const char *text,
			      size_t len, void *arg);

/* `room`: see bench_text_room(). To be closed also after a failure. 0 or -1 (said). */
int bench_channel_open(struct bench_channel *c, enum bench_transport transport,
		       const struct bench_peer_address *a, uint32_t depth, size_t room);
void bench_channel_close(struct bench_channel *c);
/* TCP: a new connection in place of one with requests that were not answered; they are forgotten. */
int bench_channel_again(struct bench_channel *c, const struct bench_peer_address *a);

static inline uint32_t bench_channel_in_flight(const struct bench_channel *c)
{
	return c->tail - c->head;
}

static inline struct bench_request *bench_channel_at(const struct bench_channel *c, uint32_t number)
{
	return &c->ring[number & (c->size - 1)];
}

/* Gives the request its place and queues its text. The caller sees to it that there is room: in_flight < size. */
void bench_channel_put(struct bench_channel *c, const struct bench_request *r,
		       const struct bench_items *t);
/* Sends what is queued, as far as the socket takes it. -> 1: all; 0: the rest waits; -1 (said) */
int bench_channel_flush(struct bench_channel *c);
/* All replies that are there, to `fn`. *ret_late: UDP replies whose request is not waited for any more. 0 or -1 (said) */
int bench_channel_receive(struct bench_channel *c, bench_reply_fn fn, void *arg,
			  uint64_t *ret_late);
/* The head moves over requests that are not open any more. */
void bench_channel_advance(struct bench_channel *c);

/* The transports' own parts; see channel_udp.c and channel_tcp.c. */
int bench_udp_flush(struct bench_channel *c);
int bench_udp_receive(struct bench_channel *c, bench_reply_fn fn, void *arg, uint64_t *ret_late);
void bench_udp_put(struct bench_channel *c, uint32_t number, const struct bench_items *t);
int bench_tcp_flush(struct bench_channel *c);
int bench_tcp_receive(struct bench_channel *c, bench_reply_fn fn, void *arg);
void bench_tcp_put(struct bench_channel *c, uint32_t number, const struct bench_items *t);

#endif
