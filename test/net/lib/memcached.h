/* SPDX-License-Identifier: LGPL-2.1-only */
/* A memcached of our own in a namespace. */
#ifndef BMC_TEST_MEMCACHED_H
#define BMC_TEST_MEMCACHED_H

#include <sys/types.h>

struct ns;

struct memcached {
	pid_t pid; /* 0: not running */
};

/* `memcached -u nobody -p port -U port <options>`; options are words with spaces between. Returns
 * when it answers. */
void memcached_start(struct memcached *m, const struct ns *ns, int port, const char *options);
/* The same without waiting for an answer. */
void memcached_launch(struct memcached *m, const struct ns *ns, int port, const char *options);
/* The same by memcached-sr: a UDP socket for each worker. */
void memcached_start_sr(struct memcached *m, const struct ns *ns, int port, const char *options);
/* Its UDP answers leave `ms` late; on all threads but that one life goes on. */
void memcached_start_slow(struct memcached *m, const struct ns *ns, int port, const char *options,
			  int ms);
/* Its wall clock is `seconds` ahead of ours when it begins, and steps back within two seconds. */
void memcached_start_shifted(struct memcached *m, const struct ns *ns, int port, int seconds);
void memcached_stop(struct memcached *m);

/* SIGSTOP, and back when it is known to stand still. */
void memcached_freeze(struct memcached *m);
void memcached_thaw(struct memcached *m);

#endif
