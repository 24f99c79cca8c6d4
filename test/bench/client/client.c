// SPDX-License-Identifier: LGPL-2.1-only
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "../bench.h"
#include "client_state.h"

#define OPEN_DEPTH 1024 /* requests in flight of one connection in an open loop */
#define LOAD_DEPTH 64
#define LOAD_TIMEOUT 10

/* ---- connections ---- */

int bench_client_watch(struct bench_client *c, struct bench_channel *channel)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = channel };

	return epoll_ctl(c->epoll, EPOLL_CTL_ADD, channel->fd, &event) ?
		       bench_fail("epoll: %s", strerror(errno)) :
		       0;
}

static int open_group(struct bench_client *c, enum bench_transport transport)
{
	struct bench_group *g = &c->groups[transport];
	uint32_t depth = c->job.rate > 0 ? OPEN_DEPTH : c->job.depth;

	if (g->channels)
		return 0;
	g->channels = calloc((size_t)c->job.connections, sizeof(*g->channels));
	if (!g->channels)
		return bench_fail("no memory for %d connections", c->job.connections);
	for (int i = 0; i < c->job.connections; i++)
		g->channels[i].fd = -1;
	for (int i = 0; i < c->job.connections; i++) {
		if (bench_channel_open(&g->channels[i], transport, &c->job.address, depth,
				       c->room) ||
		    bench_client_watch(c, &g->channels[i]))
			return -1;
	}
	return 0;
}

/* Calls fn for every connection until one call gives less than 0. -> the sum of what they gave, or -1 */
int bench_client_each(struct bench_client *c, bench_channel_fn fn)
{
	int sum = 0;

	for (int g = 0; g < 2; g++) {
		for (int i = 0; c->groups[g].channels && i < c->job.connections; i++) {
			int n = fn(c, &c->groups[g].channels[i]);

			if (n < 0)
				return -1;
			sum += n;
		}
	}
	return sum;
}

static int close_one(struct bench_client *c, struct bench_channel *channel)
{
	(void)c;
	bench_channel_close(channel);
	return 0;
}

/* ---- open and close ---- */

static int make_client(struct bench_client **ret, const struct bench_client_job *job,
		       struct bench_items *items)
{
	struct bench_client *c = calloc(1, sizeof(*c));

	*ret = c;
	if (!c)
		return bench_fail("no memory");
	c->job = *job;
	c->items = items;
	c->room = bench_text_room(items);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		return bench_fail("epoll: %s", strerror(errno));
	if (open_group(c, job->gets))
		return -1;
	return job->set_ratio > 0 ? open_group(c, job->sets) : 0;
}

static void free_client(struct bench_client *c)
{
	bench_client_each(c, close_one);
	for (int g = 0; g < 2; g++)
		free(c->groups[g].channels);
	bench_zipf_free(&c->zipf);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}

int bench_client_run(struct bench_client *c, double seconds, struct bench_client_result *ret)
{
	struct timespec ts;
	int err;

	*ret = (struct bench_client_result){ .seconds = seconds };
	clock_gettime(CLOCK_MONOTONIC, &ts);
	c->result = ret;
	c->n_due = 0;
	c->waiting.is_open = 0;
	c->from = (uint64_t)ts.tv_sec * BENCH_SECOND_NS + (uint64_t)ts.tv_nsec;
	c->until = c->from + (uint64_t)(seconds * (double)BENCH_SECOND_NS);
	err = bench_client_loop(c);
	c->result = NULL;
	return err;
}

uint64_t bench_client_answered(const struct bench_client_result *r)
{
	return r->outcomes[BENCH_HIT] + r->outcomes[BENCH_MISS] + r->outcomes[BENCH_STORED];
}

int bench_client_load(const struct bench_peer_address *to, struct bench_items *items)
{
	const struct bench_client_job job = { .address = *to,
					      .gets = BENCH_TRANSPORT_TCP,
					      .sets = BENCH_TRANSPORT_TCP,
					      .connections = 1,
					      .depth = LOAD_DEPTH,
					      .timeout = LOAD_TIMEOUT };
	struct bench_client_result *result = calloc(1, sizeof(*result));
	struct bench_client *c = NULL;
	int err;

	if (!result)
		return bench_fail("no memory");
	err = make_client(&c, &job, items);
	if (c && !err) {
		c->is_loading = 1;
		err = bench_client_run(c, (double)UINT32_MAX, result);
	}
	if (!err && result->outcomes[BENCH_STORED] != items->n)
		err = bench_fail("of %u items %llu were stored", items->n,
				 (unsigned long long)result->outcomes[BENCH_STORED]);
	if (c)
		free_client(c);
	free(result);
	return err;
}

static void expect_any(struct bench_items *items)
{
	for (uint32_t i = 0; i < items->n; i++) {
		items->items[i].is_any = 1;
		items->items[i].is_unsure = 1;
	}
}

int bench_client_open(struct bench_client **ret, const struct bench_client_job *job)
{
	struct bench_items *items = calloc(1, sizeof(*items));

	*ret = NULL;
	prctl(PR_SET_TIMERSLACK, 1); /* ns; waits end when they should */
	if (!items ||
	    bench_items_init(items, job->keys, job->sizes, job->key_len, job->value_len)) {
		free(items);
		return -1;
	}
	if (job->is_loaded)
		expect_any(items);
	if ((!job->is_loaded && !job->is_echo && bench_client_load(&job->address, items)) ||
	    make_client(ret, job, items)) {
		if (!*ret) {
			bench_items_free(items);
			free(items);
		}
		return -1;
	}
	return bench_zipf_init(&(*ret)->zipf, job->keys, job->zipf) ?
		       bench_fail("no memory for %u keys", job->keys) :
		       0;
}

void bench_client_close(struct bench_client *c)
{
	struct bench_items *items;

	if (!c)
		return;
	items = c->items;
	free_client(c);
	bench_items_free(items);
	free(items);
}
