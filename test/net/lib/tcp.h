/* SPDX-License-Identifier: LGPL-2.1-only */
/* A raw client of memcached's text protocol over TCP. */
#ifndef BMC_TEST_TCP_H
#define BMC_TEST_TCP_H

#include <stddef.h>

#include "text.h"

struct ns;

struct tcp {
	int fd;
	struct text in; /* read, not taken yet */
};

/* A connection from `ns`; each send is a segment of its own (TCP_NODELAY). */
void tcp_open(struct tcp *t, const struct ns *ns, const char *address, int port);
/* The same, but 0 or -errno when refused or not answered in a second. */
int tcp_try(struct tcp *t, const struct ns *ns, const char *address, int port);
void tcp_close(struct tcp *t);

void tcp_send(struct tcp *t, const void *bytes, size_t len);
/* Sends what fits into the socket without waiting. -> bytes */
size_t tcp_send_some(struct tcp *t, const void *bytes, size_t len);
/* Waits until the other side has acknowledged all. */
void tcp_wait_sent(struct tcp *t);

/* One answer (see text_answer), at most `seconds`. 0, -ETIMEDOUT or -EPIPE */
int tcp_receive(struct tcp *t, double seconds, struct text *ret);

/* A command and its answer; the test fails without one. */
void tcp_ask(struct tcp *t, const char *command, struct text *ret);
/* ... and the answer must be this line, given without its \r\n. */
void tcp_expect(struct tcp *t, const char *command, const char *answer);
/* set key to a value, with an answer. */
void tcp_set(struct tcp *t, const char *key, const void *value, size_t len);

#endif
