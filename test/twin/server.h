/* SPDX-License-Identifier: LGPL-2.1-only */
/* A real memcached of this test's own, on a unix socket in a folder of its own. Failures end the test. */
#ifndef BMC_TWIN_SERVER_H
#define BMC_TWIN_SERVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "generate.h"

#define ITEM_MAX 40960
#define UDP_PORT 11311

struct server {
	const char *command;
	pid_t pid;
	int fd; /* a connection that looks */
	int udp; /* on UDP_PORT of 127.0.0.1 instead, TCP and UDP; set before it starts */
	int has_base64; /* in meta commands; known with the version */
	char folder[40];
	char path[60];
};

/* All keys' items, as memcached tells them. */
struct items {
	struct item {
		int there;
		long ttl; /* seconds from `at` on; -1: for ever */
		double at;
		uint64_t cas;
		uint32_t flags;
		size_t len;
		uint64_t sum; /* of the value's bytes */
	} item[GENERATE_KEYS];
};

/* `command`: NULL for the distribution's, or words to be split at spaces. */
void server_start(struct server *s, const char *command);
void server_stop(struct server *s);
void server_restart(struct server *s);
/* Its one thread has done what it got before. -1: it is gone. */
int server_wait(struct server *s);
/* Whether it is gone; then there is another one, without items. */
int server_is_gone(struct server *s);
const char *server_version(struct server *s);
uint32_t version_number(const char *text);

/* A connection with these bytes, up to its end. 0; -1: not closed within seconds. */
int server_feed(struct server *s, const void *bytes, size_t len, void *answers, size_t size,
		size_t *ret_len);

/*
 * The same in n steps, each up to ends[i]: ret_lens[i] is how much it had answered when it had no more, ret_lens[n] all
 * that it answered.
 */
int server_feed_steps(struct server *s, const unsigned char *bytes, const size_t *ends, int n,
		      unsigned char *answers, size_t size, size_t *ret_lens);

void server_items(struct server *s, const struct key *keys, struct items *ret);
/* The keys whose items are not the same, a bit each. */
uint64_t items_changed(const struct items *before, const struct items *after);
/* Seconds until a delayed flush_all happens; 0 or less: none is to come. */
long server_pending(struct server *s);
/* A flush_all with a delay comes when server_pending says that it does. 0 or -1; takes seconds. */
int server_flush_happens(struct server *s);
/* flush_all, which takes a delayed one back. */
void server_flush(struct server *s);
/* Items that would expire while the test goes on go now. */
void server_tidy(struct server *s, const struct key *keys, struct items *items);

#endif
