// SPDX-License-Identifier: LGPL-2.1-only
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

#define REOPEN_US 2000
#define BYTES_MAX 80 /* segments of one byte, at the most */
#define CUTS_MAX 6
#define REFUSED "ERROR Too many open connections\r\n"

static socklen_t link_address(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(WORLD_PORT);
		return sizeof(*v6);
	}
	inet_pton(AF_INET, text, &v4->sin_addr);
	v4->sin_family = AF_INET;
	v4->sin_port = htons(WORLD_PORT);
	return sizeof(*v4);
}

int link_open(struct link *l, struct actor *a)
{
	struct timeval wait = { .tv_sec = 1 };
	struct sockaddr_storage addr;
	socklen_t len = link_address(a->address, &addr);
	int one = 1;

	if (l->fd >= 0)
		return 0;
	l->actor = a;
	text_clear(&l->in);
	l->fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	if (connect(l->fd, (struct sockaddr *)&addr, len)) {
		one = -errno;
		link_close(l);
		load_pause(a, REOPEN_US);
		return one;
	}
	a->connections++;
	return 0;
}

void link_close(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

void link_reset(struct link *l)
{
	struct linger now = { .l_onoff = 1 };

	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	link_close(l);
}

void link_half_close(struct link *l)
{
	shutdown(l->fd, SHUT_WR);
}

/* What is there. 0: something, -EAGAIN, -EPIPE */
static int link_take(struct link *l)
{
	char bytes[65536];
	ssize_t n = recv(l->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0)
		text_append(&l->in, bytes, (size_t)n);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return -EAGAIN;
	return n > 0 ? 0 : -EPIPE;
}

/* Waits until something can be received, or sent if `events` says so. */
static int link_wait(struct link *l, short events, int64_t until)
{
	struct pollfd fd = { .fd = l->fd, .events = (short)(POLLIN | events) };

	if (load_now() > until)
		return -ETIMEDOUT;
	if (poll(&fd, 1, 100) > 0 && (fd.revents & POLLIN)) {
		int err = link_take(l);

		return err == -EAGAIN ? 0 : err;
	}
	return 0;
}

static int64_t link_deadline(void)
{
	return load_now() + LINK_SECONDS * 1000000000LL;
}

static int link_send_piece(struct link *l, const char *bytes, size_t len)
{
	int64_t until = link_deadline();

	while (len) {
		ssize_t n = send(l->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		err = link_wait(l, POLLOUT, until);
		if (err)
			return err;
	}
	return 0;
}

int link_send(struct link *l, const char *bytes, size_t len, enum link_cut cut)
{
	int cuts = cut == LINK_WHOLE ? 0 : cut == LINK_BYTES ? BYTES_MAX : CUTS_MAX;
	int err = 0;

	while (!err && len) {
		size_t n = len;

		if (cuts-- > 0)
			n = cut == LINK_BYTES ? 1 : 1 + roll(l->actor, (uint32_t)len);
		err = link_send_piece(l, bytes, n);
		bytes += n;
		len -= n;
	}
	return err;
}

int link_receive(struct link *l, size_t len)
{
	int64_t until = link_deadline();
	int err = 0;

	while (!err && l->in.len < len)
		err = link_wait(l, 0, until);
	return err;
}

/* memcached had too many connections: it closes this one, and reads nothing that was sent. */
static int link_is_refused(const struct link *l)
{
	return l->in.len >= sizeof(REFUSED) - 1 &&
	       !memcmp(l->in.data, REFUSED, sizeof(REFUSED) - 1);
}

long link_answer(struct link *l)
{
	int64_t until = link_deadline();
	size_t len;
	int err;

	while (!(len = text_answer(&l->in))) {
		err = link_wait(l, 0, until);
		if (err)
			return err;
	}
	if (link_is_refused(l))
		return -ECONNREFUSED;
	return (long)len;
}
