// SPDX-License-Identifier: LGPL-2.1-only
#include "tcp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_address.h"
#include "ns.h"
#include "test.h"

int tcp_try(struct tcp *t, const struct ns *ns, const char *address, int port)
{
	struct sockaddr_storage addr;
	socklen_t len = net_address(address, port, &addr);
	struct timeval limit = { .tv_sec = (time_t)test_patience(TEST_ANSWER_S) };
	int one = 1, err;

	memset(t, 0, sizeof(*t));
	t->fd = ns_socket(ns, addr.ss_family, SOCK_STREAM);
	setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	do
		err = connect(t->fd, (struct sockaddr *)&addr, len) ? -errno : 0;
	while (err == -EINTR); /* stopped and back: it waits for the same connection */
	if (err)
		tcp_close(t);
	return err;
}

void tcp_open(struct tcp *t, const struct ns *ns, const char *address, int port)
{
	int err = tcp_try(t, ns, address, port);

	if (err)
		fail_msg("connect to %s port %d: %s", address, port, strerror(-err));
}

void tcp_close(struct tcp *t)
{
	if (t->fd > 0)
		close(t->fd);
	t->fd = 0;
	text_free(&t->in);
}

void tcp_send(struct tcp *t, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = send(t->fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			fail_msg("send: %s", strerror(errno));
		at += n;
		len -= (size_t)n;
	}
}

size_t tcp_send_some(struct tcp *t, const void *bytes, size_t len)
{
	ssize_t n = send(t->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	return n > 0 ? (size_t)n : 0;
}

void tcp_wait_sent(struct tcp *t)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	int queued = 1;

	while (!ioctl(t->fd, SIOCOUTQ, &queued) && queued && test_now() < until)
		test_sleep(0.0005);
	assert_int_equal(queued, 0);
}

int tcp_receive(struct tcp *t, double seconds, struct text *ret)
{
	double until = test_now() + test_patience(seconds);
	struct pollfd fd = { .fd = t->fd, .events = POLLIN };
	char bytes[65536];
	size_t len;

	text_clear(ret);
	while (!(len = text_answer(&t->in))) {
		ssize_t n;

		if (poll(&fd, 1, test_left_ms(until)) <= 0)
			return -ETIMEDOUT;
		n = recv(t->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return -EPIPE;
		if (n > 0)
			text_append(&t->in, bytes, (size_t)n);
	}
	text_append(ret, t->in.data, len);
	text_cut(&t->in, len);
	return 0;
}

void tcp_ask(struct tcp *t, const char *command, struct text *ret)
{
	tcp_send(t, command, strlen(command));
	if (tcp_receive(t, TEST_ANSWER_S, ret))
		fail_msg("no answer over TCP to \"%.40s\"", command);
}

void tcp_expect(struct tcp *t, const char *command, const char *answer)
{
	struct text got = {};
	char want[600];

	tcp_ask(t, command, &got);
	snprintf(want, sizeof(want), "%s\r\n", answer);
	text_assert_is(command, &got, want);
	text_free(&got);
}

void tcp_set(struct tcp *t, const char *key, const void *value, size_t len)
{
	struct text command = {}, got = {};

	text_add(&command, "set %s 0 0 %zu\r\n", key, len);
	text_append(&command, value, len);
	text_append(&command, "\r\n", 2);
	tcp_send(t, command.data, command.len);
	assert_int_equal(tcp_receive(t, TEST_ANSWER_S, &got), 0);
	text_assert_is("set", &got, "STORED\r\n");
	text_free(&command);
	text_free(&got);
}
