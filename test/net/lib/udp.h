/* SPDX-License-Identifier: LGPL-2.1-only */
/* A raw client of memcached's UDP protocol. */
#ifndef BMC_TEST_UDP_H
#define BMC_TEST_UDP_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

struct ns;

struct udp {
	int fd;
	uint16_t id; /* of the last request */
	unsigned int datagrams; /* of the last answer */
};

/* A socket in `ns`, connected to address:port; IPv6 if the address has a colon. */
void udp_open(struct udp *u, const struct ns *ns, const char *address, int port);
void udp_close(struct udp *u);

/* Sends one request, under a new id. */
void udp_send(struct udp *u, const void *text, size_t len);
/* Collects the answer to request `id`, at most `seconds`; others are passed over. 0 or -ETIMEDOUT
 */
int udp_receive(struct udp *u, uint16_t id, double seconds, struct text *ret);

/* Both, for a request of C string form; the test fails without an answer. */
void udp_ask(struct udp *u, const char *request, struct text *ret);
/* A get of one key. */
void udp_get(struct udp *u, const char *key, struct text *ret);

#endif
