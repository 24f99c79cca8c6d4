// SPDX-License-Identifier: LGPL-2.1-only
#include "cut.h"

#include "listening.h"
#include "memcached.h"
#include "shared.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOKS 10
#define PAUSE_NS 10000000
#define SOCKETS_MAX 64 /* a number of memcached's each; what is more is taken for one that waits */

/* Its UDP sockets that wait, by its own numbers of them. */
struct waiting {
	int fd[SOCKETS_MAX];
	int n;
	int udp; /* the number that the last line said is one; -1 */
	int full;
};

/* `stats conns`: "STAT 11:addr udp:0.0.0.0:11211", "STAT 11:state conn_nread", "STAT 11:..." */
static int take(const char *line, void *arg)
{
	struct waiting *w = arg;
	char what[16], value[16];
	int fd;

	if (!strcmp(line, "END"))
		return 0;
	if (strncmp(line, "STAT ", 5) != 0)
		return -EPROTO;
	if (sscanf(line, "STAT %d:%15[a-z_A-Z] %15s", &fd, what, value) != 3)
		return BMC_MORE_LINES;
	if (!strcmp(what, "addr"))
		w->udp = strncmp(value, "udp", 3) ? -1 : fd;
	if (fd != w->udp || strcmp(what, "state") != 0 || strcmp(value, "conn_nread") != 0)
		return BMC_MORE_LINES;
	if (w->n < SOCKETS_MAX)
		w->fd[w->n++] = fd;
	else
		w->full = 1;
	return BMC_MORE_LINES;
}

static int has(const struct waiting *w, int fd)
{
	for (int i = 0; i < w->n; i++) {
		if (w->fd[i] == fd)
			return 1;
	}
	return w->full;
}

/* One that did not wait once has what it had from before behind it: what comes later is seen. How many are left, or -errno. */
static int look(const struct bmc_socket *listener, struct waiting *w)
{
	struct waiting now = { .udp = -1 };
	int err, n = 0;

	err = bmc_memcached_talk_at(listener, "stats conns\r\n", take, &now);
	if (err)
		return err;
	for (int i = 0; i < w->n; i++) {
		if (has(&now, w->fd[i]))
			w->fd[n++] = w->fd[i];
	}
	w->n = n;
	w->full &= now.full;
	return n + w->full;
}

static int look_at(const struct bmc_socket *listener)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct waiting w = { .udp = -1 };
	int left = bmc_memcached_talk_at(listener, "stats conns\r\n", take, &w);

	if (!left)
		left = w.n + w.full;
	for (int i = 1; left > 0 && i < LOOKS; i++) {
		nanosleep(&pause, NULL);
		left = look(listener, &w);
	}
	return left;
}

int bmc_cut_look(struct bmc_adopt *a, int server)
{
	struct bmc_socket_list sockets;
	struct bmc_listening l;
	int left = bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets);

	if (left)
		return left;
	bmc_listening_look(&sockets, a->config->uid[server], &l);
	if (l.listener && l.udp)
		left = look_at(l.listener);
	free(sockets.list);
	if (left > 0)
		bmc_shared_udp_for_good(&a->shared->server[server]);
	return left < 0 ? left : 0;
}
