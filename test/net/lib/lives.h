/* SPDX-License-Identifier: LGPL-2.1-only */
/* How long items are served, against how long memcached has them: of one memcached as clients reach it. */
#ifndef BMC_TEST_LIVES_H
#define BMC_TEST_LIVES_H

#include "memcached.h"
#include "tcp.h"
#include "udp.h"

#define LIVES_KEYS_MAX 128

struct lives {
	struct memcached *memcached;
	struct tcp *tcp;
	struct udp *udp;
	struct text text; /* the last answer */
	/* what lives_watch() looks at */
	const char *key[LIVES_KEYS_MAX];
	int n;
};

/* Keys to be watched: they stay the caller's. */
void lives_add(struct lives *l, const char *const *keys, int n);

/* Sends commands and takes so many answers, which are not looked at. */
void lives_say(struct tcp *t, const char *commands, int answers);

/* Gets a key often enough for it to be cached, if it may be. */
void lives_warm(struct lives *l, const char *key);

/* Whether the kernel serves it: memcached stands still. It is waited for if it is expected. */
int lives_is_cached(struct lives *l, const char *key, int expected);

/* The first of them that the kernel does not serve, or NULL. */
const char *lives_not_cached(struct lives *l, const char *const *keys, int n);

/* The kernel serves all of them. */
void lives_assert_cached(struct lives *l, const char *const *keys, int n);

/* After more than `age` seconds without memcached the kernel still serves all of them, or none any more. */
void lives_assert_after(struct lives *l, const char *const *keys, int n, double age, int served);

/* For so many seconds what memcached alone no longer serves is not served, whose keys were added. */
void lives_watch(struct lives *const *servers, int n, double seconds);

#endif
