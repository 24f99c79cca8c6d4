/* SPDX-License-Identifier: LGPL-2.1-only */
/* Requests of memcached's binary protocol (protocol_binary.h), and the end of their answers over TCP. */
#ifndef BMC_TEST_PACKET_H
#define BMC_TEST_PACKET_H

#include <stddef.h>

struct tcp;

#define PACKET_MAX 1200

/* One request behind the other. */
struct packet {
	unsigned char bytes[PACKET_MAX];
	size_t len;
};

/* Adds a request; its extras in hexadecimal. */
void packet_add(struct packet *p, unsigned char opcode, const char *extras, const char *key,
		const char *value, size_t value_len);

/* Takes the answers up to that of a no-op (opcode 0x0a), which was sent behind. */
void packet_receive_until_noop(struct tcp *t);

#endif
