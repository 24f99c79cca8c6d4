// SPDX-License-Identifier: BSD-3-Clause
#include "check.h"

#include "procfs.h"
#include "sr.h"
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_HOST "127.0.0.1"
#define DEFAULT_PORT "11211"

/* HOST, HOST:PORT, [ADDRESS]:PORT, and a bare IPv6 address. -1: none of these, or too long. */
static int split(const char *where, char *host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(where, ':'), *begin = where, *end;

	if (*where == '[') {
		begin = where + 1;
		end = strchr(where, ']');
		if (!end)
			return -1;
		*ret_port = end[1] == ':' ? end + 2 : DEFAULT_PORT;
	} else if (colon && strchr(where, ':') == colon) {
		end = colon;
		*ret_port = colon + 1;
	} else {
		end = where + strlen(where);
		*ret_port = DEFAULT_PORT;
	}
	if (end == begin || !**ret_port || (size_t)(end - begin) >= size)
		return -1;
	memcpy(host, begin, (size_t)(end - begin));
	host[end - begin] = 0;
	return 0;
}

/* Sockets of one address are side by side. Returns the index behind them. */
static size_t address_end(const struct sr_udp_list *l, size_t at)
{
	size_t end = at + 1;

	while (end < l->n && !strcmp(l->list[end].address, l->list[at].address))
		end++;
	return end;
}

/* Whether an earlier socket has the same worker. */
static int is_shared(const struct sr_udp *s, size_t at)
{
	for (size_t i = 0; i < at; i++) {
		if (s[i].epoll == s[at].epoll)
			return 1;
	}
	return 0;
}

/* Says how one address is served. Whether it is as it should be. */
static int check_address(const struct sr_udp *s, size_t n, int want)
{
	if (n == 1 && s->epolls > 1) {
		printf("  %s: one socket for %d workers\n", s->address, s->epolls);
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (s[i].epolls != 1) {
			printf("  %s: %zu sockets, one of which %d workers serve\n", s->address, n,
			       s[i].epolls);
			return 0;
		}
		if (is_shared(s, i)) {
			printf("  %s: one worker serves two of its sockets\n", s->address);
			return 0;
		}
	}
	printf("  %s: %zu socket%s, each served by a worker of its own%s\n", s->address, n,
	       n == 1 ? "" : "s", (int)n == want ? "" : ": too few");
	return (int)n == want;
}

static int check_sockets(const struct sr_udp_list *l, int want)
{
	int good = l->n > 0;

	for (size_t at = 0, end; at < l->n; at = end) {
		end = address_end(l, at);
		good &= check_address(&l->list[at], end - at, want);
	}
	return good;
}

static int check_process(const struct sr_stats *stats)
{
	int want = stats->address_list ? 1 : stats->workers, good;
	struct sr_udp_list sockets;

	if (sr_udp_of_process(stats->pid, stats->udp_port, &sockets)) {
		fprintf(stderr,
			"memcached-sr: cannot see the sockets of process %d: %s; run this on its "
			"machine, as its user or root\n",
			stats->pid, strerror(errno));
		return SR_EXIT_FAILED;
	}
	printf("memcached %s, pid %d, %d workers, UDP port %d%s\n", stats->version, stats->pid,
	       stats->workers, stats->udp_port,
	       stats->address_list ? ", several addresses: memcached gives each one worker" : "");
	good = check_sockets(&sockets, want);
	free(sockets.list);
	puts(good ? "every worker that serves UDP has a socket of its own" :
		    "workers share UDP sockets: start it by memcached-sr");
	return good ? SR_EXIT_OK : SR_EXIT_FAILED;
}

int sr_check(const char *where)
{
	char host[256] = DEFAULT_HOST;
	const char *port = DEFAULT_PORT;
	struct sr_stats stats;
	const char *why;

	if (where && split(where, host, sizeof(host), &port)) {
		fprintf(stderr, "memcached-sr: '%s' is not HOST, HOST:PORT or [ADDRESS]:PORT\n",
			where);
		return SR_EXIT_USAGE;
	}
	if (sr_stats_ask(host, port, &stats, &why)) {
		fprintf(stderr, "memcached-sr: cannot ask the memcached at %s port %s: %s\n", host,
			port, why);
		return SR_EXIT_FAILED;
	}
	if (!stats.udp_port) {
		fprintf(stderr,
			"memcached-sr: the memcached at %s port %s has no UDP: give it -U %s\n",
			host, port, port);
		return SR_EXIT_FAILED;
	}
	return check_process(&stats);
}
