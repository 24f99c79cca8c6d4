/* SPDX-License-Identifier: LGPL-2.1-only */
/* Ethernet frames of our own making, from the client's end of a veth pair. */
#ifndef BMC_TEST_WIRE_H
#define BMC_TEST_WIRE_H

#include "udp.h"

struct ns;

struct wire {
	int fd; /* AF_PACKET */
	int ifindex;
	unsigned char from[6], to[6]; /* MAC addresses */
};

/* From `ifname` in `ns` to `peer_if` in `peer`. */
void wire_open(struct wire *w, const struct ns *ns, const char *ifname, const struct ns *peer,
	       const char *peer_if);
void wire_close(struct wire *w);

/*
 * udp_send(), IPv4 only, as a frame with `padding` bytes behind the packet. IP ignores them; an XDP
 * program that answers has their room for its answer, which a driver like veth gives it no other
 * way.
 */
void wire_send_udp(struct wire *w, struct udp *u, const char *request, size_t padding);

/* The one's complement sum of 16-bit words in network order, added to `sum`; and folded, as a checksum in network order. */
uint32_t wire_sum(const void *bytes, size_t len, uint32_t sum);
uint16_t wire_fold(uint32_t sum);

#endif
