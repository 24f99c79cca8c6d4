// SPDX-License-Identifier: LGPL-2.1-only
/* Replies a second over native veth, all hits, without a memcached: bmc's program against an echo. */
#include <stdlib.h>
#include <unistd.h>

#include "client/draw.h"
#include "generator.h"
#include "loaded.h"
#include "measures.h"
#include "place.h"

#define KEYS 10000
#define ZIPF 0.99
#define BUCKETS 4096

enum { ECHO, BMC };
enum { MANY_KEYS, ONE_KEY, HOT_KEY, OWN_KEYS };

struct wire {
	struct bench_generator generator;
	struct bench_loaded bmc;
	struct bench_items items;
	struct bench_zipf zipf;
	struct bench_random random;
	int parts; /* a power of two, not below the number of CPUs */
};

static int make_items(struct wire *w)
{
	char key[BENCH_KEY_LEN + 1] = "", value[BENCH_VALUE_LEN];

	if (bench_items_init(&w->items, KEYS, BENCH_FIXED, BENCH_KEY_LEN, BENCH_VALUE_LEN))
		return -1;
	for (uint32_t i = 0; i < KEYS; i++) {
		w->items.items[i].newest = 1;
		bench_item_key(&w->items, i, key);
		bench_item_value(&w->items, i, 1, value);
		if (bench_loaded_fill(&w->bmc, BENCH_SERVER_IP, key, value, sizeof(value)))
			return -1;
	}
	return 0;
}

static int wire_setup(struct bench_run *run)
{
	struct wire *w = calloc(1, sizeof(*w));

	run->state = w;
	if (!w || bench_zipf_init(&w->zipf, KEYS, ZIPF))
		return bench_fail("no memory");
	for (w->parts = 1; w->parts < sysconf(_SC_NPROCESSORS_ONLN); w->parts *= 2)
		;
	if (bench_loaded_open(&w->bmc, BUCKETS) || make_items(w))
		return -1;
	return bench_generator_open(&w->generator, run->place) ||
			       bench_generator_attach(&w->generator, run->place) ?
		       -1 :
		       0;
}

static void wire_teardown(struct bench_run *run)
{
	struct wire *w = run->state;

	if (!w)
		return;
	bench_generator_close(&w->generator);
	bench_loaded_close(&w->bmc);
	bench_items_free(&w->items);
	bench_zipf_free(&w->zipf);
	free(w);
}

static int wire_enter(struct bench_run *run)
{
	const struct wire *w = run->state;
	int prog = run->arm == BMC ? w->bmc.xdp : w->generator.echo;

	return bench_xdp_attach(run->place, run->place->server, BENCH_SERVER_IF, prog) < 0 ? -1 : 0;
}

static int wire_leave(struct bench_run *run)
{
	return bench_xdp_attach(run->place, run->place->server, BENCH_SERVER_IF, -1) < 0 ? -1 : 0;
}

static uint32_t pick_zipf(void *arg, uint32_t place)
{
	struct wire *w = arg;

	(void)place;
	return bench_zipf_draw(&w->zipf, &w->random);
}

static uint32_t pick_first(void *arg, uint32_t place)
{
	(void)arg;
	(void)place;
	return 0;
}

/* Each part of the table has one key. */
static uint32_t pick_part(void *arg, uint32_t place)
{
	const struct wire *w = arg;

	return place / (BENCH_FRAMES / (uint32_t)w->parts);
}

static int wire_run(struct bench_run *run, double *ret_values)
{
	static uint32_t (*const picks[])(void *arg, uint32_t place) = { pick_zipf, pick_first,
									pick_first, pick_part };
	struct wire *w = run->state;
	int is_all = run->at == HOT_KEY || run->at == OWN_KEYS;
	struct bench_generator_job job = { .place = run->place,
					   .seconds = run->options->seconds,
					   .cpus = is_all ? (int)sysconf(_SC_NPROCESSORS_ONLN) : 1,
					   .parts = is_all ? w->parts : 1,
					   .expect = run->arm == BMC ? BENCH_EXPECT_HIT :
								       BENCH_EXPECT_ANYTHING };
	struct bench_generator_result result = {};

	w->random.state = 1;
	if (bench_generator_fill(&w->generator, &w->items, picks[run->at], w) ||
	    bench_generator_run(&w->generator, &job, &result))
		return -1;
	if (run->arm == BMC && !result.checked)
		return bench_fail("no reply was looked at");
	ret_values[0] = result.replies / result.seconds;
	ret_values[1] = result.replies / result.sent;
	ret_values[2] = result.checked;
	return 0;
}

static const struct bench_target targets[] = {
	{ "Zipf .99", "rate", "bmc", "echo", BENCH_AT_LEAST, 0.9, .why = "all hits" },
	{ "one key", "rate", "bmc", "echo", BENCH_AT_LEAST, 0.9, .why = "all hits" },
	{ "hot key, all CPUs", "rate", "bmc", "bmc", BENCH_AT_LEAST, 0.9, "own key, all CPUs",
	  "one key from all CPUs against each its own" },
	{},
};

const struct bench_measure bench_wire = {
	.name = "wire",
	.what = "replies over native veth, all hits, requests from the kernel, against an echo",
	.arms = { "echo", "bmc" },
	.cases = { "Zipf .99", "one key", "hot key, all CPUs", "own key, all CPUs" },
	.metrics = { { "rate", "replies/s", "replies that reach the client" },
		     { "answered", "share", "of the requests" },
		     { "checked", "replies", "of these, those that were compared byte for byte" } },
	.targets = targets,
	.setup = wire_setup,
	.teardown = wire_teardown,
	.enter = wire_enter,
	.leave = wire_leave,
	.run = wire_run,
};
