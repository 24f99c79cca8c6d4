// SPDX-License-Identifier: LGPL-2.1-only
#include "faults.h"

#include "bad_wire.h"
#include "wire.skel.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_S 0.004
#define SLOW_MS "20"
#define SLOW_EVERY "4"
#define SLOW_AFTER_MS "3"
#define FREEZE_EVERY 5 /* steps */
#define FROZEN_S 0.006
#define NEIGHBOUR_EVERY 8
#define RESTART_EVERY_S 0.7

void faults_memcached(struct world *w, const struct scenario *s)
{
	const char *options = s->options ? s->options : "-t 4";

	if (s->faults & (FAULT_SLOW_UDP | FAULT_SLOW_TCP)) {
		setenv("BMC_SLOW_EVERY", SLOW_EVERY, 1);
		setenv("BMC_SLOW_AFTER", s->faults & FAULT_SLOW_TCP ? SLOW_AFTER_MS : "0", 1);
		memcached_start_slow(&w->memcached, &w->server, WORLD_PORT, options,
				     s->faults & FAULT_SLOW_UDP ? atoi(SLOW_MS) : 0);
		unsetenv("BMC_SLOW_EVERY");
		unsetenv("BMC_SLOW_AFTER");
		return;
	}
	memcached_start(&w->memcached, &w->server, WORLD_PORT, options);
}

static struct bad_wire wire; /* while it is bad */

void faults_prepare(struct world *w, const struct scenario *s)
{
	if (s->faults & FAULT_WIRE) {
		bad_wire_attach(&wire, &w->client, WORLD_CLIENT_IF);
		wire.skel->bss->wire.set = (struct wire_set){
			.lose = 10000, .hold = 30000, .behind = 3, .twice = 10000
		};
	}
	/* sysfs shows the namespace of who mounts it */
	if (s->faults & FAULT_RPS)
		child_sh(NULL,
			 "ip netns exec %s sh -c 'echo 3 > /sys/class/net/" WORLD_IF
			 "/queues/rx-0/rps_cpus'",
			 w->server.name);
}

static void freeze(struct world *w)
{
	memcached_freeze(&w->memcached);
	test_sleep(FROZEN_S);
	memcached_thaw(&w->memcached);
}

/* All that it had is gone, at some time in between. */
static void restart(struct world *w, struct load *load)
{
	int64_t start = load_now();

	memcached_stop(&w->memcached);
	faults_memcached(w, load->scenario);
	load_note_removed(load, start, load_now());
}

void faults_run(struct world *w, struct load *load, double seconds,
		int (*enough)(const struct load *load))
{
	double until = test_now() + seconds, next_restart = test_now() + RESTART_EVERY_S;
	uint32_t faults = load->scenario->faults;

	for (int step = 1; test_now() < until && !enough(load); step++) {
		if (faults & FAULT_FREEZE && step % FREEZE_EVERY == 0)
			freeze(w);
		if (faults & FAULT_NEIGHBOUR && step % NEIGHBOUR_EVERY == 0)
			child_sh(&w->server, "ip neigh flush dev " WORLD_IF);
		if (faults & FAULT_RESTART && test_now() > next_restart) {
			restart(w, load);
			next_restart = test_now() + RESTART_EVERY_S;
		}
		test_sleep(STEP_S);
	}
}

void faults_end(void)
{
	if (wire.skel) {
		memset(&wire.skel->bss->wire.set, 0, sizeof(wire.skel->bss->wire.set));
		bad_wire_close(&wire);
	}
	memset(&wire, 0, sizeof(wire));
}
