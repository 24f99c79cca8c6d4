// SPDX-License-Identifier: LGPL-2.1-only
#include "learn.h"

#include "dump.h"
#include "fault.h"
#include "memcached.h"
#include "sockets.h"
#include "util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define TICK_NS 100000000 /* the clock is looked at, and at a busy crawler again */
#define ALL_NS 30000000000ULL /* for one memcached */
#define SILENCE_NS 2000000000ULL
#define BUSY_NS 3000000000ULL /* a table that is to grow does so within a second */
#define FRESH_NS 200000000ULL /* what memcached said of its crawler still holds */
#define ITEMS_MOST 20000000ULL
#define BYTES_MOST (4ULL << 30)
#define LINE_MOST 4096 /* the longest has 250 bytes of key, each as three */
#define FULL_AFTER 100000 /* items in a row that found no place */

struct talk {
	struct bmc_learning *l;
	const struct bmc_socket *listener;
	struct bmc_learnt_port *port;
	struct event_base *base;
	struct bufferevent *bev;
	struct bmc_learn item; /* the next one; its server is set */
	__u64 expected; /* items that memcached has */
	__u64 begun, heard; /* when */
	__u64 full; /* items in a row that found no place */
	enum bmc_learn_end not_yet; /* why it is not asked yet; BMC_LEARN_ALL: it is */
};

static void end(struct talk *talk, enum bmc_learn_end how)
{
	talk->port->end = how;
	event_base_loopbreak(talk->base);
}

static void show_progress(const struct talk *talk)
{
	if (talk->l->progress)
		talk->l->progress(BMC_LEARN_PROGRESS, talk->port->items, talk->expected);
}

/* ---- what memcached says ---- */

static int note_item(struct talk *talk)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &talk->item,
		    .data_size_in = sizeof(talk->item));

	if (bpf_prog_test_run_opts(talk->l->prog_fd, &opts))
		return -1;
	return (int)opts.retval;
}

static void take_item(struct talk *talk)
{
	struct bmc_learnt_port *port = talk->port;
	int what = note_item(talk);

	talk->full = what == BMC_LEARN_NO_ROOM ? talk->full + 1 : 0;
	switch (what) {
	case BMC_LEARN_DONE:
		port->learnt++;
		break;
	case BMC_LEARN_BETTER:
		port->better++;
		break;
	case BMC_LEARN_NO_ROOM:
		port->no_room++;
		break;
	case BMC_LEARN_VOID:
		end(talk, BMC_LEARN_FLUSHED);
		break;
	case BMC_LEARN_ODD:
		break;
	default:
		end(talk, BMC_LEARN_FAILED);
	}
	if (talk->full == FULL_AFTER)
		end(talk, BMC_LEARN_FULL);
}

static void take_line(struct talk *talk, const char *line, size_t len)
{
	switch (bmc_dump_line(line, len, &talk->item)) {
	case BMC_DUMP_ITEM:
		talk->port->items++;
		take_item(talk);
		break;
	case BMC_DUMP_ODD:
		talk->port->items++;
		break;
	case BMC_DUMP_BEGIN:
		break;
	case BMC_DUMP_END:
		end(talk, BMC_LEARN_ALL);
		break;
	case BMC_DUMP_BUSY:
		talk->not_yet = BMC_LEARN_BUSY;
		break;
	case BMC_DUMP_REFUSED:
		end(talk, talk->port->items ? BMC_LEARN_UNREADABLE : BMC_LEARN_CRAWLER);
		break;
	}
	if (talk->port->items >= ITEMS_MOST)
		end(talk, BMC_LEARN_MUCH);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct talk *talk = arg;
	size_t before = evbuffer_get_length(in), len;
	char *line;

	show_progress(talk);
	bmc_fault_pause("dump read");
	talk->heard = bmc_clock_ns(CLOCK_MONOTONIC);
	while (!event_base_got_break(talk->base) &&
	       (line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF))) {
		take_line(talk, line, len);
		free(line);
	}
	talk->port->bytes += before - evbuffer_get_length(in);
	if (event_base_got_break(talk->base))
		return;
	if (evbuffer_get_length(in) > LINE_MOST)
		end(talk, BMC_LEARN_UNREADABLE);
	else if (talk->port->bytes >= BYTES_MOST)
		end(talk, BMC_LEARN_MUCH);
}

/* ---- when it is asked ---- */

/* Its table is doubled at the next second once it has more items than one and a half a bucket. */
static int is_to_grow(const struct bmc_memcached *m)
{
	return m->hash_power && m->hash_power < 48 && m->items > 3ULL << m->hash_power >> 1;
}

/*
 * memcached's crawler keeps its lock while the reader of a dump stands still, and a worker that is asked for another
 * dump waits for that lock, with all its connections. If the hash table is to grow meanwhile, memcached stands still
 * for ever: who lets it grow takes that lock, and then waits for every worker.
 */
static enum bmc_learn_end may_ask(struct talk *talk)
{
	__u64 before = bmc_clock_ns(CLOCK_MONOTONIC);
	struct bmc_memcached m;

	if (bmc_memcached_ask_at(talk->listener, &m))
		return BMC_LEARN_SILENT;
	bmc_fault_pause("dump next");
	if (m.crawler < 0)
		return BMC_LEARN_CRAWLER;
	if (is_to_grow(&m))
		return BMC_LEARN_GROWS;
	if (m.crawler)
		return BMC_LEARN_BUSY;
	return bmc_clock_ns(CLOCK_MONOTONIC) - before > FRESH_NS ? BMC_LEARN_TIME : BMC_LEARN_ALL;
}

static void ask(struct talk *talk)
{
	static const char question[] = "lru_crawler metadump all\r\n";

	talk->not_yet = may_ask(talk);
	talk->heard = bmc_clock_ns(CLOCK_MONOTONIC);
	if (talk->not_yet == BMC_LEARN_SILENT || talk->not_yet == BMC_LEARN_CRAWLER)
		end(talk, talk->not_yet);
	else if (talk->not_yet == BMC_LEARN_ALL &&
		 bufferevent_write(talk->bev, question, sizeof(question) - 1))
		end(talk, BMC_LEARN_FAILED);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		ask(arg);
	else
		end(arg, BMC_LEARN_CLOSED);
}

/* ---- bounds ---- */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct talk *talk = arg;
	__u64 now = bmc_clock_ns(CLOCK_MONOTONIC);

	(void)fd;
	(void)what;
	show_progress(talk);
	if (bmc_interrupted())
		end(talk, BMC_LEARN_STOPPED);
	else if (now - talk->begun > ALL_NS)
		end(talk, BMC_LEARN_TIME);
	else if (talk->not_yet != BMC_LEARN_ALL && now - talk->begun > BUSY_NS)
		end(talk, talk->not_yet);
	else if (now - talk->heard > SILENCE_NS)
		end(talk, BMC_LEARN_SILENT);
	else if (talk->not_yet != BMC_LEARN_ALL)
		ask(talk);
}

/* ---- one memcached ---- */
static void converse(struct talk *talk)
{
	const struct timeval tick = { .tv_usec = TICK_NS / 1000 };
	struct sockaddr_storage to;
	struct event *timer;
	int len;

	timer = event_new(talk->base, -1, EV_PERSIST, on_tick, talk);
	if (!timer)
		return;
	bufferevent_setcb(talk->bev, on_read, NULL, on_event, talk);
	if (!bmc_memcached_address(talk->listener, &to, &len) && !event_add(timer, &tick) &&
	    !bufferevent_enable(talk->bev, EV_READ | EV_WRITE)) {
		if (bufferevent_socket_connect(talk->bev, (struct sockaddr *)&to, len))
			talk->port->end = BMC_LEARN_CLOSED;
		else
			event_base_dispatch(talk->base);
	}
	event_free(timer);
}

static void talk_to(struct talk *talk)
{
	talk->port->end = BMC_LEARN_FAILED;
	talk->base = event_base_new();
	talk->bev =
		talk->base ? bufferevent_socket_new(talk->base, -1, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (talk->bev) {
		converse(talk);
		bufferevent_free(talk->bev);
	}
	if (talk->base)
		event_base_free(talk->base);
	talk->port->ns = bmc_clock_ns(CLOCK_MONOTONIC) - talk->begun;
}

/*
 * Whether every write from here on is seen, and noted in this epoch. The epoch is read first: a hold that begins after
 * it was read moves it, if it is one of unknown writes.
 */
static enum bmc_learn_end may_begin(const struct bmc_server *s)
{
	if (__atomic_load_n(&s->epoch, __ATOMIC_SEQ_CST) != BMC_EPOCH_FIRST)
		return BMC_LEARN_FLUSHED;
	if (__atomic_load_n(&s->off, __ATOMIC_SEQ_CST) ||
	    (__u32)__atomic_load_n(&s->word, __ATOMIC_SEQ_CST))
		return BMC_LEARN_HELD;
	return BMC_LEARN_ALL;
}

/* Whether it has the clock that the server's memcached had when it was looked at. */
static int has_clock(const struct bmc_config *config, int server, const struct bmc_memcached *m)
{
	__s64 offset = m->time - (__s64)(bmc_clock_ns(CLOCK_MONOTONIC) / BMC_SECOND_NS);
	__s64 moved = offset - config->offset[server];

	return config->offset[server] == BMC_OFFSET_UNKNOWN ||
	       (moved >= -BMC_SECONDS_LATE && moved <= BMC_SECONDS_LATE);
}

static void learn_from(struct bmc_learning *l, int server, const struct bmc_socket *listener)
{
	struct talk talk = { .l = l, .listener = listener, .port = &l->port[server] };
	struct bmc_memcached m;

	talk.port->end = may_begin(&l->shared->server[server]);
	if (talk.port->end != BMC_LEARN_ALL)
		return;
	if (bmc_memcached_ask_at(listener, &m)) {
		talk.port->end = BMC_LEARN_SILENT;
		return;
	}
	if (!has_clock(l->config, server, &m)) {
		talk.port->end = BMC_LEARN_CLOCK;
		return;
	}
	talk.item.server = (__u32)server;
	talk.expected = m.items;
	talk.begun = talk.heard = bmc_clock_ns(CLOCK_MONOTONIC);
	talk_to(&talk);
}

static void learn_port(struct bmc_learning *l, int server)
{
	struct bmc_socket_list sockets;
	const struct bmc_socket *listener = NULL;

	l->port[server].end = BMC_LEARN_NOBODY;
	if (bmc_sockets_of_port(ntohs(l->config->port[server]), &sockets))
		return;
	for (size_t i = 0; i < sockets.n && !listener; i++) {
		if (sockets.list[i].listener && sockets.list[i].uid == l->config->uid[server])
			listener = &sockets.list[i];
	}
	if (listener)
		learn_from(l, server, listener);
	free(sockets.list);
}

/* ^Z and a terminal that is another's have to wait: while we stand still, so does memcached's crawler. */
void bmc_learn_run(struct bmc_learning *l)
{
	sigset_t stops, before;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTSTP);
	sigaddset(&stops, SIGTTOU);
	sigprocmask(SIG_BLOCK, &stops, &before);
	for (int i = 0; i < (int)l->config->n_ports && !bmc_interrupted(); i++)
		learn_port(l, i);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

const char *bmc_learn_text(enum bmc_learn_end end)
{
	switch (end) {
	case BMC_LEARN_ALL:
		return "all of them";
	case BMC_LEARN_NOBODY:
		return "no memcached is there yet";
	case BMC_LEARN_HELD:
		return "what is written by connections that cannot be followed is not seen";
	case BMC_LEARN_FLUSHED:
		return "a flush_all or another write of any key, or its end, came in between";
	case BMC_LEARN_CLOCK:
		return "it is another memcached than the one that was there before";
	case BMC_LEARN_CRAWLER:
		return "it does not answer 'lru_crawler metadump all': is its LRU crawler "
		       "switched off?";
	case BMC_LEARN_BUSY:
		return "its LRU crawler is busy";
	case BMC_LEARN_GROWS:
		return "its hash table is about to grow";
	case BMC_LEARN_SILENT:
		return "it does not go on";
	case BMC_LEARN_CLOSED:
		return "it closed the connection";
	case BMC_LEARN_TIME:
		return "it took too long";
	case BMC_LEARN_MUCH:
		return "it has more than are looked at";
	case BMC_LEARN_UNREADABLE:
		return "what it says cannot be read";
	case BMC_LEARN_FULL:
		return "there is no room for more: give more --memory";
	case BMC_LEARN_STOPPED:
		return "interrupted";
	default:
		return "it failed on this side";
	}
}
