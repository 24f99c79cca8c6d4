// SPDX-License-Identifier: LGPL-2.1-only
#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#define SECONDS 10

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

int talk(int fd, const unsigned char *bytes, size_t len, unsigned char *in, size_t size,
	 size_t *ret_len, int (*until)(const unsigned char *, size_t))
{
	double limit = now() + SECONDS;
	size_t sent = 0, got = 0;
	int half = 0;

	while (now() < limit) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (sent < len)
			pfd.events |= POLLOUT;
		poll(&pfd, 1, 100);
		if (sent < len && (pfd.revents & (POLLOUT | POLLERR | POLLHUP))) {
			n = send(fd, bytes + sent, len - sent, MSG_DONTWAIT);
			if (n > 0)
				sent += (size_t)n;
			else if (n < 0 && errno != EAGAIN)
				sent = len; /* closed: nothing more of it is read */
		}
		if (sent == len && !until && !half++)
			shutdown(fd, SHUT_WR);
		n = recv(fd, in + got, size - got, MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
		*ret_len = got;
		if (!n || (n < 0 && errno != EAGAIN))
			return 0;
		if (until && n > 0 && until(in, got))
			return 0;
	}
	return -1;
}

size_t talk_rest(int fd, unsigned char *in, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while ((n = recv(fd, in + got, size - got, MSG_DONTWAIT)) > 0)
		got += (size_t)n;
	return got;
}

int talk_some(int fd, const unsigned char *bytes, size_t len, unsigned char *in, size_t size,
	      size_t *ret_len)
{
	double limit = now() + SECONDS;
	size_t sent = 0;

	*ret_len = 0;
	while (sent < len && now() < limit) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN | POLLOUT };
		ssize_t n = send(fd, bytes + sent, len - sent, MSG_DONTWAIT);

		if (n > 0)
			sent += (size_t)n;
		else if (n < 0 && errno != EAGAIN)
			sent = len; /* closed: nothing more of it is read */
		*ret_len += talk_rest(fd, in + *ret_len, size - *ret_len);
		if (sent < len)
			poll(&pfd, 1, 100);
	}
	return sent < len ? -1 : 0;
}
