// SPDX-License-Identifier: LGPL-2.1-only
#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "leaks.h"

#define WARM_TRIES 50

static struct world *world_current; /* made, and not torn down yet */

static void world_make(struct world *w)
{
	static int number;

	snprintf(w->instance, sizeof(w->instance), "t%d-%d", getpid(), number++);
	ns_make(&w->server, "s");
	ns_make(&w->client, "c");
	ns_join(&w->server, WORLD_IF, &w->client, WORLD_CLIENT_IF, WORLD_NET);
	ns_pass_through(&w->client, WORLD_CLIENT_IF);
	w->cookie = ns_cookie(&w->server);
}

/* Ends what runs, removes what was made. -> exit code of bmcctl stop */
static int world_wipe(struct world *w)
{
	int code = 0;

	world_current = NULL;
	udp_close(&w->udp);
	udp_close(&w->udp6);
	tcp_close(&w->tcp);
	text_free(&w->text);
	if (w->server.fd >= 0)
		code = bmcctl(&w->server, "stop --name %s", w->instance);
	memcached_stop(&w->memcached);
	memcached_stop(&w->plain);
	ns_remove(&w->server);
	ns_remove(&w->client);
	return code;
}

/* cmocka runs no teardown after a set-up that failed. */
static void world_wipe_current(void)
{
	if (world_current)
		world_wipe(world_current);
}

int world_setup_empty(void **state)
{
	static int registered;
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	if (!registered++)
		atexit(world_wipe_current);
	world_wipe_current();
	w->server.fd = w->client.fd = -1;
	*state = world_current = w;
	world_make(w);
	return 0;
}

int world_setup_memcached(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
	return 0;
}

int world_setup(void **state)
{
	world_setup_memcached(state);
	world_start_bmc(*state, "--max-age 60s");
	world_open_clients(*state);
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	int code = world_wipe(w);

	if (code)
		fail_msg("bmcctl stop: exit %d: %s", code, bmcctl_result.err);
	leaks_check(w->cookie, w->instance);
	free(w);
	return 0;
}

void world_start_bmc(struct world *w, const char *options)
{
	if (bmcctl(&w->server, "start --name %s --iface " WORLD_IF " --memory 16M --mode native %s",
		   w->instance, options))
		fail_msg("bmcctl start: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
}

void world_stop_bmc(struct world *w)
{
	if (bmcctl(&w->server, "stop --name %s", w->instance))
		fail_msg("bmcctl stop: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
}

void world_open_clients(struct world *w)
{
	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	udp_open(&w->udp6, &w->client, WORLD_IP6, WORLD_PORT);
	tcp_open(&w->tcp, &w->client, WORLD_IP4, WORLD_PORT);
}

void world_restart_memcached(struct world *w)
{
	memcached_stop(&w->memcached);
	memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
}

long long world_stat(struct world *w, const char *counter)
{
	return bmcctl_stat(&w->server, w->instance, counter);
}

int world_get(struct world *w, struct udp *u, const char *key)
{
	long long before = world_stat(w, "hits");

	udp_get(u, key, &w->text);
	return world_stat(w, "hits") > before;
}

void world_warm(struct world *w, struct udp *u, const char *key)
{
	for (int i = 0; i < WARM_TRIES; i++) {
		if (world_get(w, u, key))
			return;
		test_sleep(0.002 * i);
	}
	bmcctl(&w->server, "status --name %s", w->instance);
	fail_msg("'%s' is never served by the kernel\n%s", key, bmcctl_result.out);
}

void world_cache(struct world *w, const char *key, const char *value)
{
	tcp_set(&w->tcp, key, value, strlen(value));
	world_warm(w, &w->udp, key);
}

void world_expect(struct world *w, struct udp *u, const char *key, const char *value)
{
	struct text want = {};

	if (value) {
		text_add(&want, "VALUE %s 0 %zu\r\n", key, strlen(value));
		text_append(&want, value, strlen(value));
		text_add(&want, "\r\n");
	}
	text_add(&want, "END\r\n");
	for (int i = 0; i < 3; i++) {
		udp_get(u, key, &w->text);
		text_assert_equal(key, &w->text, &want);
	}
	text_free(&want);
}
