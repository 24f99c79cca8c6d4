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
#define NUMBER_MAX (1 << 24)

struct look {
	struct bmc_cut *cut;
	int udp; /* what is asked for */
	int is_udp; /* the socket that the last line is about */
};

int bmc_cut_has(const struct bmc_cut *cut, int fd)
{
	return fd >= 0 && (size_t)fd < cut->room && cut->is[fd];
}

void bmc_cut_free(struct bmc_cut *cut)
{
	free(cut->is);
	*cut = (struct bmc_cut){ 0 };
}

static int add(struct bmc_cut *cut, int fd)
{
	if (fd < 0 || fd > NUMBER_MAX)
		return -EPROTO;
	if ((size_t)fd >= cut->room) {
		size_t room = 2 * (size_t)fd + 64;
		__u8 *grown = realloc(cut->is, room);

		if (!grown)
			return -ENOMEM;
		memset(grown + cut->room, 0, room - cut->room);
		cut->is = grown;
		cut->room = room;
	}
	cut->is[fd] = 1;
	return BMC_MORE_LINES;
}

/* "STAT 11:addr udp:0.0.0.0:11211", and behind it "STAT 11:state conn_nread"; others between. */
static int take(const char *line, void *arg)
{
	char what[16], value[16];
	struct look *l = arg;
	int fd;

	if (!strcmp(line, "END"))
		return 0;
	if (strncmp(line, "STAT ", 5) != 0)
		return -EPROTO;
	if (sscanf(line, "STAT %d:%15[a-z_A-Z] %15s", &fd, what, value) != 3)
		return BMC_MORE_LINES;
	if (!strcmp(what, "addr"))
		l->is_udp = !strncmp(value, "udp", 3);
	if (strcmp(what, "state") != 0 || l->is_udp != l->udp)
		return BMC_MORE_LINES;
	/* what is swallowed of a datagram is no item's */
	if (l->udp ? !strcmp(value, "conn_nread") :
		     strcmp(value, "conn_read") != 0 && strcmp(value, "conn_waiting") != 0)
		return add(l->cut, fd);
	return BMC_MORE_LINES;
}

static int ask(const struct bmc_adopt *a, int server, int udp, struct bmc_cut *ret)
{
	struct look l = { .cut = ret, .udp = udp };
	struct bmc_socket_list sockets;
	struct bmc_listening there;
	int err;

	*ret = (struct bmc_cut){ 0 };
	err = bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets);
	if (err)
		return err;
	bmc_listening_look(&sockets, a->config->uid[server], &there);
	if (there.listener)
		err = bmc_memcached_talk_at(there.listener, "stats conns\r\n", take, &l);
	free(sockets.list);
	return err;
}

int bmc_cut_connections(const struct bmc_adopt *a, int server, struct bmc_cut *ret)
{
	return ask(a, server, 0, ret);
}

/* Those of `cut` stay that are in `now` too. How many. */
static int keep_common(struct bmc_cut *cut, const struct bmc_cut *now)
{
	int n = 0;

	for (size_t i = 0; i < cut->room; i++) {
		cut->is[i] &= (__u8)bmc_cut_has(now, (int)i);
		n += cut->is[i];
	}
	return n;
}

int bmc_cut_look(struct bmc_adopt *a, int server)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct bmc_cut cut, now;
	int err = ask(a, server, 1, &cut), left = err ? 0 : keep_common(&cut, &cut);

	/* one that did not wait once has what it had from before behind it: what comes later is seen */
	for (int i = 1; !err && left && i < LOOKS; i++) {
		nanosleep(&pause, NULL);
		err = ask(a, server, 1, &now);
		left = err ? 0 : keep_common(&cut, &now);
		bmc_cut_free(&now);
	}
	bmc_cut_free(&cut);
	if (left)
		bmc_shared_udp_for_good(&a->shared->server[server]);
	return err;
}
