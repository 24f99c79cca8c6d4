/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * What most tests need: a namespace with memcached and bmc, one with clients, a wire between them.
 * Each test makes its own, and tears it down however it ends; then nothing of bmc may be left.
 */
#ifndef BMC_TEST_WORLD_H
#define BMC_TEST_WORLD_H

#include "bmcctl.h"
#include "memcached.h"
#include "ns.h"
#include "tcp.h"
#include "test.h"
#include "udp.h"

#define WORLD_IF "srv0" /* the server's end */
#define WORLD_CLIENT_IF "cli0"
#define WORLD_NET 77
#define WORLD_IP4 "10.77.0.1"
#define WORLD_IP6 "fd77:77::1"
#define WORLD_PORT 11211
#define WORLD_PLAIN_PORT 11299 /* a memcached without bmc, for comparison */

#define WORLD_SLOW_MS 40

struct world {
	struct ns server, client;
	struct memcached memcached;
	struct memcached plain; /* started by those who want it */
	struct udp udp; /* from the client to WORLD_IP4 */
	struct udp udp6;
	struct tcp tcp;
	char instance[24];
	unsigned long long cookie; /* the server's namespace */
	int is_tcx; /* TC egress is attached by a link, not by a filter on clsact */
	struct text text; /* the last answer of world_get and friends */
};

/* cmocka's set-up and teardown; *state is a struct world. */
int world_setup_empty(void **state); /* the namespaces */
int world_setup_memcached(void **state); /* and memcached */
int world_setup(void **state); /* and bmc, and the clients */
int world_setup_clsact(
	void **state); /* the same, with a filter on clsact, whatever the kernel has */
int world_setup_slow(
	void **state); /* the same, but memcached's UDP answers leave WORLD_SLOW_MS late */
int world_teardown(void **state);

/* bmcctl start with what every test wants, and more; the test fails unless it succeeds. */
void world_start_bmc(struct world *w, const char *options);
void world_stop_bmc(struct world *w);
/* Opens the three clients. */
void world_open_clients(struct world *w);
/* memcached goes and comes back on the same port. */
void world_restart_memcached(struct world *w);

long long world_stat(struct world *w, const char *counter);

/* A get over UDP; the answer is in w->text. -> was it answered by the kernel? */
int world_get(struct world *w, struct udp *u, const char *key);

/* Gets `key` until it is served by the kernel; the test fails if it never is. */
void world_warm(struct world *w, struct udp *u, const char *key);
/* set over TCP, then world_warm(): the value is in the cache. */
void world_cache(struct world *w, const char *key, const char *value);

/* The answer to `get key` over UDP must be this value, or no item if NULL, twice: from memcached
 * and as it is cached then. */
void world_expect(struct world *w, struct udp *u, const char *key, const char *value);

/*
 * UDP says four times what memcached says over TCP, before and after. While it still carries out what it was sent, its
 * word changes: again. The last answer is in w->text.
 */
void world_expect_truth(struct world *w, struct tcp *truth, struct udp *u, const char *key,
			const char *what);
/* Until memcached itself, asked over that connection, has this value, or no item if NULL. */
void world_await(struct world *w, struct tcp *truth, const char *key, const char *value);
/* A set after a flush_all: one of the same second of memcached's may be flushed as well, then again. */
void world_set_after_flush(struct world *w, const char *key, const char *value);
/* Until something listens at the port of memcached's. The connection is open. */
void world_await_listener(struct world *w, struct tcp *t);

#define WORLD_CLSACT_TEST(name)                                                                    \
	cmocka_unit_test_setup_teardown(name, world_setup_clsact, world_teardown)
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
