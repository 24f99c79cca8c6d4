// SPDX-License-Identifier: LGPL-2.1-only
#include "packet.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tcp.h"
#include "test.h"

#define HEADER 24

static size_t from_hex(const char *hex, unsigned char *bytes)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (unsigned char)byte;
	}
	return n;
}

void packet_add(struct packet *p, unsigned char opcode, const char *extras, const char *key,
		const char *value, size_t value_len)
{
	unsigned char *h = p->bytes + p->len;
	size_t n = from_hex(extras, h + HEADER), key_len = strlen(key);
	size_t body = n + key_len + value_len;

	assert_true(p->len + HEADER + body <= sizeof(p->bytes));
	memset(h, 0, HEADER);
	h[0] = 0x80;
	h[1] = opcode;
	h[3] = (unsigned char)key_len;
	h[4] = (unsigned char)n;
	h[10] = (unsigned char)(body >> 8);
	h[11] = (unsigned char)body;
	memcpy(h + HEADER + n, key, key_len);
	memcpy(h + HEADER + n + key_len, value, value_len);
	p->len += HEADER + body;
}

static void receive(struct tcp *t, unsigned char *bytes, size_t len)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	for (size_t have = 0; have < len;) {
		struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&pfd, 1, test_left_ms(until)), 1);
		n = recv(t->fd, bytes + have, len - have, MSG_DONTWAIT);
		if (n > 0)
			have += (size_t)n;
		else
			assert_true(n < 0);
	}
}

void packet_receive_until_noop(struct tcp *t)
{
	unsigned char header[HEADER], body[PACKET_MAX];

	for (int i = 0; i < 100; i++) {
		size_t len;

		receive(t, header, HEADER);
		assert_int_equal(header[0], 0x81);
		len = (size_t)header[10] << 8 | header[11];
		assert_true(len <= sizeof(body));
		receive(t, body, len);
		if (header[1] == 0x0a)
			return;
	}
	fail_msg("100 answers and no no-op among them");
}
