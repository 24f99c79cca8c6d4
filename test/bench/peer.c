// SPDX-License-Identifier: LGPL-2.1-only
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "bench.h"
#include "child.h"
#include "client/client.h"
#include "generator.h"
#include "place.h"

#define SH_SECONDS 10

/* The items over loopback: what is watched is memcached's sockets, not the wire. */
static int load(const struct bench_place *p, struct bench_items *items)
{
	struct bench_peer_address to = { .place = p, .net = p->server };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(BENCH_PORT) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	memcpy(&to.to, &address, sizeof(address));
	to.to_len = sizeof(address);
	for (uint32_t i = 0; i < items->n; i++)
		items->items[i] = (struct bench_item){ .key_len = items->items[i].key_len,
						       .value_len = items->items[i].value_len };
	return items->n ? bench_client_load(&to, items) : 0;
}

/* veth takes frames from BPF_PROG_RUN only where it polls: with an XDP program, or with GRO, which costs memcached less. */
static int set_gro(const struct bench_place *p, const char *state)
{
	struct bench_where where = BENCH_HERE;

	where.net = p->server;
	return bench_child_sh(&where, SH_SECONDS, "ethtool -K %s gro %s", BENCH_SERVER_IF, state);
}

static int start_bmc(struct bench_peer *peer, const char *options)
{
	peer->has_bmc = 1;
	return bench_bmc_start(peer->place, peer->place->cgroup, options);
}

int bench_peer_start(struct bench_peer *peer, const struct bench_place *p,
		     const struct bench_peer_kind *kind, const struct bench_options *programs,
		     const char *options, struct bench_items *items, int echo)
{
	*peer = (struct bench_peer){ .place = p };
	if (kind->is_echo) {
		peer->xdp = 1;
		return bench_xdp_attach(p, p->server, BENCH_SERVER_IF, echo) < 0 ? -1 : 0;
	}
	peer->server.is_anywhere = kind->is_anywhere;
	if (bench_server_start(&peer->server, p, kind->has_sr ? programs->memcached_sr : NULL,
			       options))
		return -1;
	if (!kind->bmc) {
		peer->has_gro = 1;
		return set_gro(p, "on") || load(p, items) ? -1 : 0;
	}
	if (kind->is_cold)
		return load(p, items) || start_bmc(peer, kind->bmc) ? -1 : 0;
	return start_bmc(peer, kind->bmc) || load(p, items) ? -1 : 0;
}

int bench_peer_stop(struct bench_peer *peer)
{
	int err = 0;

	if (!peer->place)
		return 0;
	if (peer->xdp)
		err = bench_xdp_attach(peer->place, peer->place->server, BENCH_SERVER_IF, -1) < 0;
	if (peer->has_bmc)
		err |= bench_bmc_stop(peer->place);
	if (peer->has_gro)
		err |= set_gro(peer->place, "off");
	bench_server_stop(&peer->server);
	*peer = (struct bench_peer){};
	return err ? -1 : 0;
}
