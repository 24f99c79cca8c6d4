/* SPDX-License-Identifier: LGPL-2.1-only */
/* The connections that memcached had before `start`: each one's place in bmc_olds, and its state (struct bmc_old). */
#ifndef BMC_OLD_H
#define BMC_OLD_H

#include "bmc_conn.h"
#include "process.h"
#include "sockets.h"

#include <stddef.h>

struct bmc_old_one {
	struct bmc_owner owner;
	__u64 cookie;
	struct bmc_old *place;
	__u64 received; /* what bmc_old_look_first saw */
	__u64 sent;
	__u16 life; /* of its server */
	__u8 server;
};

struct bmc_olds {
	struct bmc_old *map; /* mapped */
	struct bmc_old_one *list;
	size_t n;
	size_t room;
};

/* Maps bmc_olds, of `room` places. Unmap with bmc_old_close. 0 or -errno. */
int bmc_old_open(int map_fd, size_t room, struct bmc_olds *ret);
void bmc_old_close(struct bmc_olds *olds);

/*
 * A connection, of which `fd` is a copy, gets its conn: a candidate. 1; 0: it has one already; -ENOSPC: no place is
 * left; -errno.
 */
int bmc_old_add(struct bmc_olds *olds, int conns_fd, int fd, const struct bmc_owner *owner,
		const struct bmc_socket *s, int server, __u16 life);

/* Whether it is still a candidate. */
int bmc_old_undecided(const struct bmc_old_one *one);

/* The thread that last sent an answer on it; 0: not known. */
pid_t bmc_old_thread(const struct bmc_old_one *one);

/* T1: whether nothing of it is inside TCP but answers on their way; then its byte counts are noted. */
int bmc_old_look_first(struct bmc_old_one *one);

/* T2: as T1, no data since, its counts unchanged: quiet. Whether it is. */
int bmc_old_look_again(struct bmc_old_one *one);

/* A quiet one that is not: it is lost with its first data, unless it is taken up already. */
void bmc_old_distrust(const struct bmc_old_one *one);

/* Whether a quiet one has the counts of then; or it is taken up, or closed. */
int bmc_old_still_quiet(const struct bmc_old_one *one);

/* LOST, its hold first; not if it is closed or taken up. */
void bmc_old_lose(const struct bmc_old_one *one, struct bmc_server *words);

int bmc_old_is_lost(const struct bmc_old_one *one);
int bmc_old_is_closed(const struct bmc_old_one *one);

/* Closes it from outside (bmc_reset_socket). 0 or -errno. */
int bmc_old_reset(const struct bmc_old_one *one);

/* "10.0.0.1:4711", of its peer; "" if it is closed. Returns buf. */
const char *bmc_old_peer(const struct bmc_old_one *one, char *buf, size_t size);

#endif
