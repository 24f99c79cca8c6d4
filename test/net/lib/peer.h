/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * A client whose TCP is our own: segments with any numbers, flags and bytes. It has an address at the client's end of
 * the wire that no kernel knows, so that nobody else answers.
 */
#ifndef BMC_TEST_PEER_H
#define BMC_TEST_PEER_H

#include <stdint.h>

#include "text.h"
#include "wire.h"

struct world;

struct peer {
	struct wire wire;
	uint32_t address, server; /* IPv4, network order */
	uint16_t port;
	uint32_t seq; /* of its next byte */
	uint32_t ack; /* of the server's next byte */
	uint32_t acked; /* what the server has acknowledged */
	uint32_t stamp; /* TSval of its segments (RFC 7323); 0: they have none */
	int reset; /* the server did */
	struct text in; /* received, not taken yet */
};

/* Where a segment is not what comes next. */
struct peer_segment {
	int seq; /* further on */
	int ack;
	int stamp;
	uint8_t flags; /* beside ACK: TH_* of netinet/tcp.h */
	uint16_t
		urgent; /* RFC 9293, section 3.8.5: bytes from the first one to that behind the urgent one */
	int spoilt; /* its checksum is wrong */
};

/* Connected to the world's memcached. The test fails if it cannot be. */
void peer_open(struct peer *p, struct world *w);
/* The same, with timestamps: `stamp` is that of all segments until it is set anew. */
void peer_open_stamped(struct peer *p, struct world *w, uint32_t stamp);
/* The same, and `last` is the handshake's last segment. */
void peer_open_by(struct peer *p, struct world *w, uint32_t stamp, const struct peer_segment *last);
/* The same, without it. */
void peer_begin(struct peer *p, struct world *w, uint32_t stamp);
/* Resets the connection. */
void peer_close(struct peer *p);

/* Sends a segment; seq stays as it is. */
void peer_send(struct peer *p, const struct peer_segment *how, const void *bytes, size_t len);
/* Sends what comes next. */
void peer_say(struct peer *p, const char *bytes);
/* One answer, at most `seconds`; what comes is acknowledged. 0 or -ETIMEDOUT */
int peer_receive(struct peer *p, double seconds, struct text *ret);
/* The next answer must be this. */
void peer_expect(struct peer *p, const char *answer);
/* Until the server has acknowledged all up to seq. The test fails if it never does. */
void peer_wait(struct peer *p);

#endif
