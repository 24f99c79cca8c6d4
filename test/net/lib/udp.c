// SPDX-License-Identifier: LGPL-2.1-only
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_address.h"
#include "ns.h"
#include "test.h"

#define FRAME 8

void udp_open(struct udp *u, const struct ns *ns, const char *address, int port)
{
	static uint16_t first;
	struct sockaddr_storage addr;
	socklen_t len = net_address(address, port, &addr);

	memset(u, 0, sizeof(*u));
	u->id = first += 1000;
	u->fd = ns_socket(ns, addr.ss_family, SOCK_DGRAM);
	assert_return_code(connect(u->fd, (struct sockaddr *)&addr, len), errno);
}

void udp_close(struct udp *u)
{
	if (u->fd > 0)
		close(u->fd);
	u->fd = 0;
}

void udp_send(struct udp *u, const void *text, size_t len)
{
	char frame[65536] = {};
	uint16_t id = htons(++u->id), one = htons(1);

	assert_in_range(len, 0, sizeof(frame) - FRAME);
	memcpy(frame, &id, 2);
	memcpy(frame + 4, &one, 2);
	memcpy(frame + FRAME, text, len);
	assert_int_equal(send(u->fd, frame, FRAME + len, 0), FRAME + len);
}

/* One datagram of the answer to `id`. 1: taken, 0: somebody else's, -errno */
static int udp_take(struct udp *u, uint16_t id, struct text *ret)
{
	char frame[65536];
	uint16_t got;
	ssize_t n = recv(u->fd, frame, sizeof(frame), MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (n < FRAME)
		fail_msg("a datagram of %zd bytes: no frame", n);
	memcpy(&got, frame, 2);
	if (ntohs(got) != id)
		return 0;
	u->datagrams++;
	text_append(ret, frame + FRAME, (size_t)n - FRAME);
	return 1;
}

int udp_receive(struct udp *u, uint16_t id, double seconds, struct text *ret)
{
	double until = test_now() + test_patience(seconds);
	struct pollfd fd = { .fd = u->fd, .events = POLLIN };

	text_clear(ret);
	u->datagrams = 0;
	do {
		if (poll(&fd, 1, test_left_ms(until)) <= 0)
			return -ETIMEDOUT;
		udp_take(u, id, ret);
	} while (text_answer(ret) == 0);
	assert_int_equal(text_answer(ret), ret->len);
	return 0;
}

void udp_ask(struct udp *u, const char *request, struct text *ret)
{
	udp_send(u, request, strlen(request));
	if (udp_receive(u, u->id, TEST_ANSWER_S, ret))
		fail_msg("no answer over UDP to \"%.40s\" (%zu bytes came)", request, ret->len);
}

void udp_get(struct udp *u, const char *key, struct text *ret)
{
	char line[300];

	snprintf(line, sizeof(line), "get %s\r\n", key);
	udp_ask(u, line, ret);
}
