// SPDX-License-Identifier: LGPL-2.1-only
/* A run of the client: what is due is sent, what comes is checked and timed, what does not come is lost. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "../bench.h"
#include "../child.h"
#include "client_state.h"

#define EXPIRE_NS 1000000ULL /* between two looks for lost requests */
#define SPIN_NS                                                                                    \
	100000ULL /* a wait that is shorter is spent asking, since waking up would take as long */
#define SLEEP_NS 10000000ULL
#define EVENTS 64
#define SAID_MAX 200 /* bytes of a wrong reply that are shown */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * BENCH_SECOND_NS + (uint64_t)ts.tv_nsec;
}

static uint64_t timeout_ns(const struct bench_client *c)
{
	return (uint64_t)(c->job.timeout * (double)BENCH_SECOND_NS);
}

/* ---- what became of a request ---- */

static void record(struct bench_client *c, const struct bench_request *r, uint64_t ns)
{
	bench_histogram_record(r->kind == BENCH_KIND_SET ? &c->result->sets : &c->result->gets, ns);
}

static void end_set(struct bench_item *item, int is_stored)
{
	item->is_writing = 0;
	if (!is_stored)
		item->is_unsure = 1;
	if (!item->is_unsure)
		item->floor = item->newest;
}

static void say_wrong(struct bench_client *c, const struct bench_request *r, const char *text,
		      size_t len)
{
	char key[BENCH_KEY_MAX];
	size_t key_len = bench_item_key(c->items, r->item, key);

	if (!c->has_said)
		bench_fail("a wrong reply to a %s of %.*s: '%.*s'",
			   r->kind == BENCH_KIND_SET ? "set" : "get", (int)key_len, key,
			   (int)(len < SAID_MAX ? len : SAID_MAX), text);
	c->has_said = 1;
}

static enum bench_outcome judge(const struct bench_client *c, const struct bench_request *r,
				const char *text, size_t len)
{
	char request[BENCH_KEY_MAX + 16];

	if (!c->job.is_echo)
		return bench_text_judge(c->items, r, text, len);
	return bench_text_request(c->items, r, request) == len && !memcmp(request, text, len) ?
		       BENCH_HIT :
		       BENCH_WRONG;
}

static int replied(struct bench_channel *channel, struct bench_request *r, const char *text,
		   size_t len, void *arg)
{
	struct bench_client *c = arg;
	enum bench_outcome outcome = judge(c, r, text, len);

	(void)channel;
	c->result->outcomes[outcome]++;
	if (outcome == BENCH_WRONG)
		say_wrong(c, r, text, len);
	record(c, r, now_ns() - r->due);
	r->is_open = 0;
	if (r->kind == BENCH_KIND_SET)
		end_set(&c->items->items[r->item], outcome == BENCH_STORED);
	return 0;
}

static void lose(struct bench_client *c, struct bench_request *r)
{
	c->result->lost++;
	record(c, r, r->sent - r->due + timeout_ns(c));
	r->is_open = 0;
	if (r->kind == BENCH_KIND_SET)
		end_set(&c->items->items[r->item], 0);
}

/* Requests that waited too long. Over TCP nothing that follows would be answered either: the connection is made anew. */
static int expire_channel(struct bench_client *c, struct bench_channel *channel, uint64_t now)
{
	uint64_t timeout = timeout_ns(c);
	int n_lost = 0, all;

	while (bench_channel_in_flight(channel)) {
		struct bench_request *r = bench_channel_at(channel, channel->head);

		all = n_lost && channel->transport == BENCH_TRANSPORT_TCP;
		if (r->is_open && r->sent + timeout > now && !all)
			break;
		n_lost += r->is_open;
		if (r->is_open)
			lose(c, r);
		channel->head++;
	}
	if (!n_lost || channel->transport == BENCH_TRANSPORT_UDP)
		return 0;
	return bench_channel_again(channel, &c->job.address) ? -1 : 1;
}

static int expire_one(struct bench_client *c, struct bench_channel *channel)
{
	int again = expire_channel(c, channel, now_ns());

	return again > 0 ? bench_client_watch(c, channel) : again;
}

static int flush_one(struct bench_client *c, struct bench_channel *channel)
{
	int is_all = channel->n_out || channel->out_len ? bench_channel_flush(channel) : 1;

	(void)c;
	return is_all < 0 ? -1 : !is_all;
}

static int count_one(struct bench_client *c, struct bench_channel *channel)
{
	(void)c;
	return (int)bench_channel_in_flight(channel);
}

/* ---- requests ---- */

/* 1: the next request is in c->waiting; 0: there is none now */
static int draw(struct bench_client *c, uint64_t due)
{
	struct bench_request *r = &c->waiting;

	if (c->is_loading && c->loading == c->items->n)
		return 0;
	*r = (struct bench_request){ .due = due, .is_open = 1, .kind = BENCH_KIND_SET };
	if (c->is_loading) {
		r->item = c->loading++;
		return 1;
	}
	r->item = bench_zipf_draw(&c->zipf, &c->random);
	if (bench_random_unit(&c->random) >= c->job.set_ratio ||
	    c->items->items[r->item].is_writing)
		r->kind = BENCH_KIND_GET;
	return 1;
}

static struct bench_group *group_of(struct bench_client *c, const struct bench_request *r)
{
	return &c->groups[r->kind == BENCH_KIND_SET ? c->job.sets : c->job.gets];
}

/* The next connection in turn with room for one more. NULL: all are full */
static struct bench_channel *find_room(struct bench_client *c, struct bench_group *g)
{
	for (int i = 0; i < c->job.connections; i++) {
		struct bench_channel *channel = &g->channels[g->turn];

		g->turn = (g->turn + 1) % c->job.connections;
		if (bench_channel_in_flight(channel) < channel->size &&
		    (c->job.rate > 0 || bench_channel_in_flight(channel) < c->job.depth))
			return channel;
	}
	return NULL;
}

static void put_waiting(struct bench_client *c, struct bench_channel *channel, uint64_t now)
{
	struct bench_request *r = &c->waiting;
	struct bench_item *item = &c->items->items[r->item];

	r->sent = now;
	r->floor = item->floor;
	if (r->kind == BENCH_KIND_SET) {
		item->newest++;
		item->is_writing = 1;
	}
	bench_channel_put(channel, r, c->items);
	c->result->sent++;
	r->is_open = 0;
}

/* When the next request is due. */
static uint64_t next_due(const struct bench_client *c)
{
	return c->from + (uint64_t)((double)c->n_due * (double)BENCH_SECOND_NS / c->job.rate);
}

/* All that is due and finds a place. */
static void launch(struct bench_client *c, uint64_t now)
{
	for (;;) {
		uint64_t due = c->job.rate > 0 ? next_due(c) : now;
		struct bench_channel *channel;

		if (!c->waiting.is_open) {
			if (due > now || due >= c->until || !draw(c, due))
				return;
			c->n_due++;
		}
		channel = find_room(c, group_of(c, &c->waiting));
		if (!channel)
			return;
		put_waiting(c, channel, now);
	}
}

/* ---- the loop ---- */

/* Requests of an open loop that should have been sent; they still are, until the time-out. */
static int is_behind(const struct bench_client *c, uint64_t now)
{
	return c->job.rate > 0 && now < c->until + timeout_ns(c) &&
	       (c->waiting.is_open || next_due(c) < c->until);
}

/* How long nothing is to be done but wait for replies. */
static uint64_t idle_ns(const struct bench_client *c, uint64_t now, int is_blocked)
{
	uint64_t due;

	if (is_blocked)
		return 0;
	if (!is_behind(c, now))
		return SLEEP_NS;
	due = next_due(c);
	if (c->waiting.is_open || due < now + SPIN_NS)
		return 0;
	return due - now < SLEEP_NS ? due - now : SLEEP_NS;
}

static int receive(struct bench_client *c, uint64_t wait_ns)
{
	struct epoll_event events[EVENTS];
	struct timespec wait = { .tv_nsec = (long)wait_ns };
	int n = epoll_pwait2(c->epoll, events, EVENTS, &wait, NULL);

	if (n < 0 && errno != EINTR)
		return bench_fail("epoll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		if (bench_channel_receive(events[i].data.ptr, replied, c, &c->result->late))
			return -1;
	}
	return 0;
}

/* Requests that never got a place are lost, too. */
static void lose_rest(struct bench_client *c)
{
	if (c->job.rate <= 0)
		return;
	if (c->waiting.is_open)
		c->n_due--;
	for (; next_due(c) < c->until; c->n_due++) {
		c->result->lost++;
		bench_histogram_record(&c->result->gets, timeout_ns(c));
	}
}

static int is_over(struct bench_client *c, uint64_t now)
{
	if (bench_interrupted)
		return 1;
	if (c->is_loading ? c->waiting.is_open || c->loading < c->items->n :
			    now < c->until || is_behind(c, now))
		return 0;
	return !bench_client_each(c, count_one);
}

int bench_client_loop(struct bench_client *c)
{
	uint64_t now = c->from, expired = now;
	double cpu = bench_cpu_here();

	for (; !is_over(c, now); now = now_ns()) {
		int blocked;

		if (now < c->until || is_behind(c, now))
			launch(c, now);
		blocked = bench_client_each(c, flush_one);
		if (blocked < 0 || receive(c, idle_ns(c, now, blocked)))
			return -1;
		if (now - expired < EXPIRE_NS)
			continue;
		expired = now;
		if (bench_client_each(c, expire_one) < 0)
			return -1;
	}
	if (bench_interrupted)
		return bench_fail("interrupted");
	lose_rest(c);
	c->result->cpu = bench_cpu_here() - cpu;
	return 0;
}
