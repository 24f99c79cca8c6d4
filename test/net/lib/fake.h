/* SPDX-License-Identifier: LGPL-2.1-only */
/* A server that is no memcached: TCP and UDP sockets at a port, and one answer to whatever is asked. */
#ifndef BMC_TEST_FAKE_H
#define BMC_TEST_FAKE_H

#include <sys/types.h>

struct ns;

#define FAKE_NO_UDP 1
#define FAKE_SHARES_PORT 2 /* SO_REUSEPORT */
#define FAKE_LISTENS_LATE 4 /* its TCP socket is bound, and listens at fake_listen() */
#define FAKE_MPTCP 8
#define FAKE_NO_TCP 16
#define FAKE_IS_PROXY 32 /* as its command line says */
#define FAKE_CONNECTS 64 /* its UDP socket, to the first who asks */
#define FAKE_ENDS 128 /* at the first TCP request */

struct fake {
	pid_t pid; /* 0: not running */
};

/*
 * Runs as user id `uid`, bound to address:port. Answers each TCP request with `answer` (NULL: not at all), each
 * datagram with its own first 8 bytes and `answer`. Returns when the sockets are there.
 */
void fake_start(struct fake *f, const struct ns *ns, const char *address, int port, uid_t uid,
		int flags, const char *answer);
/* The sockets of those that start from now on are bound to this interface; NULL: to none. */
void fake_on_device(const char *name);
void fake_listen(struct fake *f);
void fake_stop(struct fake *f);

#endif
