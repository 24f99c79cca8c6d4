// SPDX-License-Identifier: LGPL-2.1-only
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define LOOPBACK "127.0.0.1"

static void *actor_main(void *arg)
{
	struct actor *a = arg;

	if (ns_enter(a->ns))
		load_wrong(a, "cannot enter its namespace", "", 0);
	else
		a->run(a);
	return NULL;
}

struct crew {
	int n;
	void (*run)(struct actor *a);
	const struct ns *ns;
	const char *address;
};

static int crew_start(struct load *load, const struct crew *crew, int n_constant)
{
	for (int i = 0; i < crew->n; i++) {
		struct actor *a = &load->actor[load->n_actors];

		if (load->n_actors == ACTORS_MAX)
			return -E2BIG;
		a->load = load;
		a->ns = crew->ns;
		a->address = crew->address;
		a->run = crew->run;
		a->index = load->n_actors++;
		a->constant_id = i < n_constant;
		a->seed = 88172645463325252ULL * (uint64_t)(a->index + 1);
	}
	return 0;
}

static int crews_make(struct load *load, const struct scenario *s, struct world *w)
{
	const struct crew crews[] = {
		{ s->writers, actor_text_writer, &w->client, WORLD_IP4 },
		{ s->loopback_writers, actor_text_writer, &w->server, LOOPBACK },
		{ s->ip6_writers, actor_text_writer, &w->client, WORLD_IP6 },
		{ s->binary_writers, actor_binary_writer, &w->client, WORLD_IP4 },
		{ s->stuck_writers, actor_stuck_writer, &w->client, WORLD_IP4 },
		{ s->crowd, actor_crowd, &w->client, WORLD_IP4 },
		{ s->tcp_readers, actor_tcp_reader, &w->client, WORLD_IP4 },
		{ s->udp_readers, actor_udp_reader, &w->client, WORLD_IP4 },
		{ s->ip6_readers, actor_udp_reader, &w->client, WORLD_IP6 },
	};
	const struct crew constant = { s->constant_readers, actor_udp_reader, &w->client,
				       WORLD_IP4 };
	const struct crew udp_writers = { s->udp_writers, actor_udp_writer, &w->client, WORLD_IP4 };
	int err = 0;

	for (size_t i = 0; !err && i < TEST_COUNT(crews); i++)
		err = crew_start(load, &crews[i], 0);
	if (!err)
		err = crew_start(load, &constant, constant.n);
	if (!err)
		err = crew_start(load, &udp_writers, udp_writers.n / 2);
	return err;
}

int load_start(struct load *load, const struct scenario *scenario, struct world *world)
{
	int err;

	memset(load, 0, sizeof(*load));
	load->own = *scenario;
	if (!load->own.burst)
		load->own.burst = BURST_DEFAULT;
	if (!load->own.pause_us)
		load->own.pause_us = PAUSE_DEFAULT_US;
	if (!load->own.flush_every)
		load->own.flush_every = FLUSH_EVERY_DEFAULT;
	/* what a connection that is gone still does to the own key would not be known */
	if (load->own.faults & FAULT_BREAK)
		load->own.commands &= ~(uint32_t)CMD_OWN;
	load->scenario = &load->own;
	load->n_shared = scenario->keys;
	pthread_mutex_init(&load->general, NULL);
	for (int i = 0; i < load->n_shared; i++)
		snprintf(load->key[i], KEY_SIZE, "k%d", i);
	for (int i = 0; i < ACTORS_MAX; i++)
		snprintf(load->key[SHARED_KEYS_MAX + i], KEY_SIZE, "own%d", i);
	err = crews_make(load, scenario, world);
	for (int i = 0; !err && i < load->n_actors; i++) {
		struct actor *a = &load->actor[i];

		err = -pthread_create(&a->thread, NULL, actor_main, a);
		a->started = !err;
	}
	if (err)
		load_stop(load);
	return err;
}

void load_stop(struct load *load)
{
	atomic_store(&load->stop, 1);
	for (int i = 0; i < load->n_actors; i++) {
		if (load->actor[i].started)
			pthread_join(load->actor[i].thread, NULL);
		load->actor[i].started = 0;
	}
}

/* ---- afterwards ---- */
static int history_join(struct history *all, const struct history *part)
{
	int err = 0;

	for (size_t i = 0; !err && i < part->n; i++)
		err = history_add(all, &part->ops[i]);
	return err;
}

/* All that happened to a key, by all actors. */
static int load_check_key(struct load *load, int key, FILE *explain, struct load_sums *ret)
{
	struct lin_verdict verdict = {};
	struct history all = {};
	int err = history_join(&all, &load->removed);

	memcpy(all.key, load->key[key], KEY_SIZE);
	for (int i = 0; !err && i < load->n_actors; i++)
		err = history_join(&all, &load->actor[i].history[key]);
	if (!err && all.n)
		err = lin_check(all.ops, all.n, &verdict);
	ret->violations += verdict.violations;
	if (!err && verdict.violations)
		history_explain(explain, &all, &verdict);
	free(all.ops);
	return err;
}

int load_check(struct load *load, FILE *explain, struct load_sums *ret)
{
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; i < load->n_actors; i++) {
		const struct actor *a = &load->actor[i];

		ret->ops += a->ops;
		ret->udp_reads += a->udp_reads;
		ret->lost += a->lost;
		ret->connections += a->connections;
		ret->wrong += a->wrong;
		if (a->wrong && !ret->first_wrong)
			ret->first_wrong = a->first_wrong;
	}
	for (int key = 0; !err && key < KEYS_MAX; key++)
		err = load_check_key(load, key, explain, ret);
	return err;
}

void load_free(struct load *load)
{
	for (int i = 0; i < load->n_actors; i++)
		for (int key = 0; key < KEYS_MAX; key++)
			free(load->actor[i].history[key].ops);
	free(load->removed.ops);
	memset(load, 0, sizeof(*load));
}
