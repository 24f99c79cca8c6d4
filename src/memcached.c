// SPDX-License-Identifier: LGPL-2.1-only
#include "memcached.h"

#include "bmc_abi.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PATIENCE_S 1
#define PATIENCE_LONG_S 10 /* with an answer that has lines for each of its connections */

struct talk {
	struct event_base *base;
	const char *question;
	bmc_line_fn take;
	void *arg;
	int patience; /* seconds */
	int result;
};

/* "1.6.18" and the like as BMC_VERSION_OF; 0: none that is known. */
static __u32 version_number(const char *text)
{
	unsigned int major, minor, patch;

	if (sscanf(text, "%u.%u.%u", &major, &minor, &patch) != 3 || major > 255 || minor > 255 ||
	    patch > 255)
		return 0;
	return BMC_VERSION_OF(major, minor, patch);
}

static int take_line(const char *line, void *arg)
{
	struct bmc_memcached *m = arg;
	char version[32];

	if (sscanf(line, "VERSION %31s", version) == 1) {
		m->version = version_number(version);
		return 0;
	}
	if (sscanf(line, "STAT maxconns %llu", &m->maxconns) == 1 ||
	    sscanf(line, "STAT curr_items %llu", &m->items) == 1 ||
	    sscanf(line, "STAT time %lld", &m->time) == 1 ||
	    sscanf(line, "STAT uptime %lld", &m->uptime) == 1 ||
	    sscanf(line, "STAT oldest %lld", &m->oldest) == 1 ||
	    sscanf(line, "STAT udpport %llu", &m->udp_port) == 1 ||
	    sscanf(line, "STAT hash_power_level %u", &m->hash_power) == 1 ||
	    sscanf(line, "STAT lru_crawler_running %d", &m->crawler) == 1)
		return BMC_MORE_LINES;
	if (sscanf(line, "STAT num_threads %u", &m->threads) == 1)
		m->threads++;
	if (!strcmp(line, "STAT ssl_enabled yes"))
		m->ssl = 1;
	if (!strcmp(line, "STAT proxy_enabled yes"))
		m->proxy = 1;
	if (!strcmp(line, "STAT binding_protocol ascii") ||
	    (!strncmp(line, "STAT inter ", 11) && strstr(line, "proto[ascii]")))
		m->text_only = 1;
	if (!strncmp(line, "CLIENT_ERROR", 12) || !strncmp(line, "ERROR", 5))
		return strcmp(line, "ERROR Too many open connections") ?
			       -EACCES : /* authentication comes first */
			       -EMFILE;
	return BMC_MORE_LINES;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct talk *talk = arg;
	int more = BMC_MORE_LINES;
	char *line;

	while (more == BMC_MORE_LINES && (line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF))) {
		more = talk->take(line, talk->arg);
		free(line);
	}
	if (more == BMC_MORE_LINES)
		return;
	talk->result = more;
	event_base_loopbreak(talk->base);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct talk *talk = arg;

	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		return;
	if (what & BEV_EVENT_ERROR)
		talk->result = -EVUTIL_SOCKET_ERROR();
	else if (what & BEV_EVENT_EOF)
		talk->result = -ECONNRESET;
	event_base_loopbreak(talk->base);
}

static int make_address(const char *addr, __u16 port, struct sockaddr_storage *ret, int *ret_len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, addr, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		*ret_len = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, addr, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		*ret_len = sizeof(*v6);
		return 0;
	}
	return -EINVAL;
}

static int converse(struct talk *talk, struct bufferevent *bev, struct sockaddr_storage *to,
		    int len)
{
	struct timeval patience = { .tv_sec = talk->patience };

	bufferevent_setcb(bev, on_read, NULL, on_event, talk);
	if (bufferevent_enable(bev, EV_READ | EV_WRITE) ||
	    bufferevent_write(bev, talk->question, strlen(talk->question)) ||
	    bufferevent_socket_connect(bev, (struct sockaddr *)to, len))
		return -EIO;
	event_base_loopexit(talk->base, &patience);
	event_base_dispatch(talk->base);
	return talk->result;
}

static int talk_to(struct talk *talk, const char *addr, __u16 port)
{
	struct sockaddr_storage to;
	struct bufferevent *bev;
	int err, len;

	err = make_address(addr, port, &to, &len);
	if (err)
		return err;
	talk->base = event_base_new();
	if (!talk->base)
		return -ENOMEM;
	bev = bufferevent_socket_new(talk->base, -1, BEV_OPT_CLOSE_ON_FREE);
	err = bev ? converse(talk, bev, &to, len) : -ENOMEM;
	if (bev)
		bufferevent_free(bev);
	event_base_free(talk->base);
	return err;
}

int bmc_memcached_ask(const char *addr, __u16 port, struct bmc_memcached *ret)
{
	struct talk talk = {
		.question = "stats\r\nstats settings\r\nversion\r\n",
		.take = take_line,
		.arg = ret,
		.patience = PATIENCE_S,
		.result = -ETIMEDOUT,
	};

	*ret = (struct bmc_memcached){ .uptime = -1, .oldest = -1, .crawler = -1 };
	return talk_to(&talk, addr, port);
}

static const char *address_of(const struct bmc_socket *listener)
{
	if (!listener->any)
		return listener->addr;
	return strchr(listener->addr, ':') ? "::1" : "127.0.0.1";
}

int bmc_memcached_ask_at(const struct bmc_socket *listener, struct bmc_memcached *ret)
{
	return bmc_memcached_ask(address_of(listener), listener->port, ret);
}

int bmc_memcached_talk_at(const struct bmc_socket *listener, const char *question, bmc_line_fn take,
			  void *arg)
{
	struct talk talk = {
		.question = question,
		.take = take,
		.arg = arg,
		.patience = PATIENCE_LONG_S,
		.result = -ETIMEDOUT,
	};

	return talk_to(&talk, address_of(listener), listener->port);
}

int bmc_memcached_address(const struct bmc_socket *listener, struct sockaddr_storage *ret,
			  int *ret_len)
{
	return make_address(address_of(listener), listener->port, ret, ret_len);
}

__u64 bmc_memcached_off(const struct bmc_memcached *m)
{
	return (m->proxy ? BMC_OFF_PROXY : 0) | (m->text_only ? BMC_OFF_TEXT_ONLY : 0) |
	       (m->ssl ? BMC_OFF_UNTOLD : 0);
}
