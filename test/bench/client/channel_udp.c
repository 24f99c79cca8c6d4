// SPDX-License-Identifier: LGPL-2.1-only
/* UDP: a frame of 8 bytes (id, number, how many, 0; big endian) goes before the text; see memcached's protocol.txt, "UDP protocol". */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "../bench.h"
#include "channel.h"

#define AT_ONCE 64 /* datagrams of one system call */
#define DATAGRAM_MAX 2048 /* of replies; those of several datagrams are not asked for */

struct frame {
	uint16_t id, number, total, reserved;
};

void bench_udp_put(struct bench_channel *c, uint32_t number, const struct bench_items *t)
{
	const struct frame frame = { htons((uint16_t)number), 0, htons(1), 0 };
	char *to = c->out + c->n_out * c->room;

	memcpy(to, &frame, sizeof(frame));
	c->out_lens[c->n_out++] = sizeof(frame) + bench_text_request(t, bench_channel_at(c, number),
								     to + sizeof(frame));
}

/* The socket blocks; an error of an earlier datagram's (nobody listens) is that one's loss. */
int bench_udp_flush(struct bench_channel *c)
{
	struct mmsghdr messages[AT_ONCE];
	struct iovec parts[AT_ONCE];
	uint32_t done = 0;

	while (done < c->n_out) {
		unsigned int n = 0;
		int sent;

		for (; n < AT_ONCE && done + n < c->n_out; n++) {
			parts[n] = (struct iovec){ c->out + (done + n) * c->room,
						   c->out_lens[done + n] };
			messages[n] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[n],
								     .msg_iovlen = 1 } };
		}
		sent = sendmmsg(c->fd, messages, n, 0);
		if (sent < 0 && errno != ECONNREFUSED && errno != EINTR && errno != EAGAIN)
			return bench_fail("sending over UDP: %s", strerror(errno));
		done += sent > 0 ? (uint32_t)sent : 0;
	}
	c->n_out = 0;
	return 1;
}

static int take(struct bench_channel *c, const char *datagram, size_t len, bench_reply_fn fn,
		void *arg, uint64_t *ret_late)
{
	struct bench_request *r;
	struct frame frame;
	uint32_t number;

	if (len < sizeof(frame))
		return bench_fail("a reply of %zu bytes is shorter than its frame", len);
	memcpy(&frame, datagram, sizeof(frame));
	/* The youngest number with this id. */
	number = c->tail - 1 - (uint16_t)((uint16_t)(c->tail - 1) - ntohs(frame.id));
	r = bench_channel_at(c, number);
	if (number - c->head >= bench_channel_in_flight(c) || !r->is_open) {
		++*ret_late;
		return 0;
	}
	return fn(c, r, datagram + sizeof(frame), len - sizeof(frame), arg);
}

int bench_udp_receive(struct bench_channel *c, bench_reply_fn fn, void *arg, uint64_t *ret_late)
{
	static char datagrams[AT_ONCE][DATAGRAM_MAX];
	struct mmsghdr messages[AT_ONCE] = {};
	struct iovec parts[AT_ONCE];
	int n;

	for (int i = 0; i < AT_ONCE; i++) {
		parts[i] = (struct iovec){ datagrams[i], DATAGRAM_MAX };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
	n = recvmmsg(c->fd, messages, AT_ONCE, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNREFUSED ?
			       0 :
			       bench_fail("receiving over UDP: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (take(c, datagrams[i], messages[i].msg_len, fn, arg, ret_late))
			return -1;
	}
	bench_channel_advance(c);
	return 0;
}
