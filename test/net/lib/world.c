// SPDX-License-Identifier: LGPL-2.1-only
#include "world.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "leaks.h"
#include "stats.h"

#define WARM_TRIES 50
#define START_TRIES 3
#define TRUTH_GETS 4

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

int world_setup_clsact(void **state)
{
	world_setup_memcached(state);
	world_start_bmc(*state, "--max-age 60s --tc clsact");
	world_open_clients(*state);
	return 0;
}

int world_setup_slow(void **state)
{
	struct world *w;

	world_setup_empty(state);
	w = *state;
	memcached_start_slow(&w->memcached, &w->server, WORLD_PORT, "-t 4", WORLD_SLOW_MS);
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
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
	for (int i = 0; i < START_TRIES; i++) {
		if (!bmcctl(&w->server,
			    "start --name %s --iface " WORLD_IF " --memory 16M --mode native %s",
			    w->instance, options)) {
			w->is_tcx = strstr(bmcctl_result.out, "(tcx)") != NULL;
			return;
		}
		/* the machine may have stood still for it */
		if (!strstr(bmcctl_result.err, "within a second"))
			break;
	}
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

/* What `stats` says, without its process: it is asked for around each get. */
static unsigned long long world_hits(struct world *w)
{
	struct bmc_totals totals;
	char folder[200], path[256];
	int fd, err;

	leaks_pins_path(w->instance, folder, sizeof(folder));
	snprintf(path, sizeof(path), "%s/maps/bmc_stats", folder);
	fd = bpf_obj_get(path);
	if (fd < 0)
		fail_msg("cannot open %s: %s", path, strerror(errno));
	err = bmc_stats_read(fd, &totals);
	close(fd);
	if (err)
		fail_msg("cannot read %s: %s", path, strerror(-err));
	return totals.count[BMC_STAT_HITS];
}

int world_get(struct world *w, struct udp *u, const char *key)
{
	unsigned long long before = world_hits(w);

	udp_get(u, key, &w->text);
	return world_hits(w) > before;
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

/* What a get of the key answers. */
static void answer_of(struct text *ret, const char *key, const char *value)
{
	text_clear(ret);
	if (value) {
		text_add(ret, "VALUE %s 0 %zu\r\n", key, strlen(value));
		text_append(ret, value, strlen(value));
		text_add(ret, "\r\n");
	}
	text_add(ret, "END\r\n");
}

void world_expect(struct world *w, struct udp *u, const char *key, const char *value)
{
	struct text want = {};

	answer_of(&want, key, value);
	for (int i = 0; i < 3; i++) {
		udp_get(u, key, &w->text);
		text_assert_equal(key, &w->text, &want);
	}
	text_free(&want);
}

static int is_same(const struct text *a, const struct text *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

void world_expect_truth(struct world *w, struct tcp *truth, struct udp *u, const char *key,
			const char *what)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	struct text before = {}, after = {}, served[TRUTH_GETS] = {};
	char line[300];

	snprintf(line, sizeof(line), "get %s\r\n", key);
	do {
		assert_true(test_now() < until);
		tcp_ask(truth, line, &before);
		for (int i = 0; i < TRUTH_GETS; i++)
			udp_ask(u, line, &served[i]);
		tcp_ask(truth, line, &after);
	} while (!is_same(&before, &after));
	for (int i = 0; i < TRUTH_GETS; i++)
		text_assert_equal(what, &served[i], &after);
	text_clear(&w->text);
	text_append(&w->text, after.data, after.len);
	for (int i = 0; i < TRUTH_GETS; i++)
		text_free(&served[i]);
	text_free(&before);
	text_free(&after);
}

void world_await(struct world *w, struct tcp *truth, const char *key, const char *value)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	struct text want = {};
	char line[300];

	snprintf(line, sizeof(line), "get %s\r\n", key);
	answer_of(&want, key, value);
	tcp_ask(truth, line, &w->text);
	while (!is_same(&w->text, &want) && test_now() < until) {
		test_sleep(0.01);
		tcp_ask(truth, line, &w->text);
	}
	text_assert_equal(key, &w->text, &want);
	text_free(&want);
}

void world_set_after_flush(struct world *w, const char *key, const char *value)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	char line[300];

	snprintf(line, sizeof(line), "get %s\r\n", key);
	for (;;) {
		tcp_set(&w->tcp, key, value, strlen(value));
		tcp_ask(&w->tcp, line, &w->text);
		if (strstr(w->text.data, "VALUE"))
			return;
		if (test_now() > until)
			fail_msg("the set of %s is flushed", key);
		test_sleep(0.1);
	}
}

void world_await_listener(struct world *w, struct tcp *t)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	while (tcp_try(t, &w->server, WORLD_IP4, WORLD_PORT)) {
		if (test_now() > until)
			fail_msg("nothing listens at port %d", WORLD_PORT);
		test_sleep(0.01);
	}
}
