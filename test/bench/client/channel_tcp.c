// SPDX-License-Identifier: LGPL-2.1-only
/* TCP: requests one after another, replies in the same order. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "../bench.h"
#include "channel.h"

/* There is room: the ring has no more requests than `out` has places for, and what was sent is moved away. */
void bench_tcp_put(struct bench_channel *c, uint32_t number, const struct bench_items *t)
{
	if (c->out_done && c->out_len + c->room > c->out_size) {
		memmove(c->out, c->out + c->out_done, c->out_len - c->out_done);
		c->out_len -= c->out_done;
		c->out_done = 0;
	}
	c->out_len += bench_text_request(t, bench_channel_at(c, number), c->out + c->out_len);
}

int bench_tcp_flush(struct bench_channel *c)
{
	ssize_t n;

	if (c->out_done == c->out_len)
		return 1;
	n = send(c->fd, c->out + c->out_done, c->out_len - c->out_done,
		 MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return bench_fail("sending over TCP: %s", strerror(errno));
	c->out_done += n > 0 ? (size_t)n : 0;
	if (c->out_done < c->out_len)
		return 0;
	c->out_done = 0;
	c->out_len = 0;
	return 1;
}

/* The whole replies in `in`; what is left of it stays at its front. */
static int take_replies(struct bench_channel *c, bench_reply_fn fn, void *arg)
{
	size_t done = 0;

	for (;;) {
		ssize_t len = bench_text_reply_len(c->in + done, c->in_len - done);

		if (!len)
			break;
		if (len < 0 || c->head == c->tail)
			return bench_fail("bytes that are no reply: '%.40s'", c->in + done);
		if (fn(c, bench_channel_at(c, c->head), c->in + done, (size_t)len, arg))
			return -1;
		bench_channel_advance(c);
		done += (size_t)len;
	}
	memmove(c->in, c->in + done, c->in_len - done);
	c->in_len -= done;
	return 0;
}

int bench_tcp_receive(struct bench_channel *c, bench_reply_fn fn, void *arg)
{
	size_t room = c->in_size - c->in_len - 1; /* a 0 for the message above */
	ssize_t n = recv(c->fd, c->in + c->in_len, room, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ?
			       0 :
			       bench_fail("receiving over TCP: %s", strerror(errno));
	if (!n)
		return bench_fail("the connection was closed by the other side");
	c->in_len += (size_t)n;
	c->in[c->in_len] = 0;
	return take_replies(c, fn, arg);
}
