/* SPDX-License-Identifier: LGPL-2.1-only */
/* A TCP connection of an actor's: like struct tcp of test/net/lib, but it fails no test. */
#ifndef BMC_STRESS_LINK_H
#define BMC_STRESS_LINK_H

#include "load.h"

#define LINK_SECONDS 4 /* without an answer: the connection is given up */

struct link {
	struct actor *actor;
	int fd; /* -1: not open */
	struct text in; /* received, not taken yet */
};

/* Opens it if it is not open, after a pause when that fails. 0 or -errno */
int link_open(struct link *l, struct actor *a);
void link_close(struct link *l);
void link_reset(struct link *l); /* the peer gets a RST */
void link_half_close(struct link *l);

/* How the bytes of a burst are cut into segments. */
enum link_cut { LINK_WHOLE, LINK_SOME, LINK_BYTES };

/* Sends all, and receives meanwhile what comes. 0 or -errno */
int link_send(struct link *l, const char *bytes, size_t len, enum link_cut cut);

/* At least `len` bytes into `in`. 0 or -errno: -ETIMEDOUT, -EPIPE */
int link_receive(struct link *l, size_t len);
/* One text answer. -> its length, or -errno */
long link_answer(struct link *l);

#endif
