/* SPDX-License-Identifier: LGPL-2.1-only */
/* The connections of a server that is running, and what each one keeps out of the cache. Reads only. */
#ifndef BMC_CONNECTIONS_H
#define BMC_CONNECTIONS_H

#include "bmc_conn.h"
#include "process.h"
#include "sockets.h"

/* What a connection does to fills. */
enum bmc_keeps {
	BMC_KEEPS_NOTHING,
	BMC_KEEPS_LOST, /* holds all of them until it closes: it cannot be followed */
	BMC_KEEPS_HELD, /* holds all of them until its command is answered */
	BMC_KEEPS_UNCONFIRMED, /* the same, but that command is silent: until a later one is answered */
	BMC_KEEPS_SILENT, /* those of the keys of its last silent commands, until a later one is answered */
};

struct bmc_connection {
	const char *peer; /* address and port; "?": it is closed, but not by memcached yet */
	enum bmc_keeps keeps;
	enum bmc_lost lost; /* why */
};

/* The server's sockets: those of its port and user, and of the process that has them. */
struct bmc_server_sockets {
	struct bmc_socket_list all; /* of its port, of whatever user */
	struct bmc_owner_list owned;
	pid_t pid; /* 0: it is not running, or not to be seen */
	pid_t other; /* a second process of its user that has sockets of its port; 0: none */
	__u32 uid;
};

/*
 * `process`: the one that has the server, if there are several; 0: not known. Free with bmc_server_sockets_free. 0 or
 * -errno.
 */
int bmc_server_sockets_read(__u16 port, __u32 uid, pid_t process, struct bmc_server_sockets *ret);

/* The process that has the server now, as its words say; 0: not known. */
pid_t bmc_server_process(const struct bmc_server *words);
void bmc_server_sockets_free(struct bmc_server_sockets *s);

/* fd: a copy of the connection's socket, closed when fn returns. */
typedef void (*bmc_connection_fn)(int fd, const struct bmc_connection *c, void *arg);

/* fn for each connection of server `server` that has a state, one copy at a time. 0 or -errno. */
int bmc_connections_each(const char *instance, int server, const struct bmc_server_sockets *s,
			 bmc_connection_fn fn, void *arg);

/* Why a connection is not followed, in words. */
const char *bmc_lost_text(enum bmc_lost why);

#endif
