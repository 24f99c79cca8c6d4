// SPDX-License-Identifier: LGPL-2.1-only
/* The memcached behind each port. */
#include "check.h"
#include "check_watch.h"
#include "listening.h"
#include "log.h"
#include "memcached.h"
#include "sockets.h"
#include "util.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECTIONS_DEFAULT 1024
#define CONNECTIONS_LEAST 16
#define CONNECTIONS_MOST 1000000 /* as --connections */
#define OLDS_MORE 1024 /* connections that may come between check and start */
#define LOOKS 10
#define LOOK_NS 50000000

/* What is known of the memcached at port i goes into the plan. */
static void plan_server(struct bmc_plan *plan, int i, const struct bmc_look *look,
			const struct bmc_memcached *server)
{
	plan->config.uid[i] = look->at.uid;
	plan->config.version[i] = server->version;
	plan->udp_each[i] = bmc_sockets_udp_each(look->sockets, look->at.uid);
	plan->threads[i] = server->threads;
	plan->asked[i] = look->pid;
	if (server->time)
		plan->config.offset[i] = server->time - (__s64)(look->asked / BMC_SECOND_NS);
	plan->n_olds += look->at.connections;
}

/* Nobody of its user listens: it comes later, or it is not there. */
static int check_absent(const struct bmc_options *options, const struct bmc_socket_list *sockets,
			__u16 port)
{
	char name[BMC_USER_MAX];
	__u32 other;

	if (options->wait && !options->user)
		return bmc_fail("no memcached listens on port %u yet, so --wait needs --user: "
				"whose will it be?",
				port);
	if (options->user && bmc_listening_anyone(sockets, &other)) {
		if (!options->wait)
			return bmc_fail(
				"the memcached at port %u runs as user %s, not as --user %s", port,
				bmc_format_user(other, name, sizeof(name)), options->user);
		bmc_note("user %s listens on port %u, who is not --user %s: that is not watched",
			 bmc_format_user(other, name, sizeof(name)), port, options->user);
	}
	if (options->wait)
		return 0;
	if (bmc_listening_udp(sockets))
		return bmc_fail(
			"at port %u there is UDP, but nobody listens: bmc asks memcached over TCP "
			"what it is, and takes UDP alone for that of one whose TCP is at another "
			"port, which is not seen; it must have both at one port (-p %u -U %u)",
			port, port, port);
	return bmc_fail(
		"no memcached listens on port %u in this network namespace: start it, or let it "
		"come later with --wait --user USER",
		port);
}

/* One look. The exit code, or BMC_LOOK_AGAIN. */
static int look_once(const struct bmc_options *options, struct bmc_plan *plan, int i, int patient,
		     __u64 *connections)
{
	__u16 port = options->port[i];
	struct bmc_socket_list sockets;
	struct bmc_look look = {
		.options = options,
		.plan = plan,
		.sockets = &sockets,
		.port = port,
		.patient = patient,
	};
	struct bmc_memcached server = { 0 };
	int code, err, found;
	__u32 uid;

	err = bmc_sockets_of_port(port, &sockets);
	if (err)
		return bmc_fail("cannot list the sockets of port %u: %s", port, strerror(-err));
	found = bmc_listening_user(options, &sockets, &uid);
	bmc_listening_look(&sockets, uid, &look.at);
	if (found < 0)
		code = bmc_fail("several users listen on port %u: say with --user which one is "
				"memcached's",
				port);
	else if (found > 0)
		code = patient ? BMC_LOOK_AGAIN : check_absent(options, &sockets, port);
	else
		code = bmc_check_watchable(&look, &server);
	if (!code && !found) {
		plan_server(plan, i, &look, &server);
		*connections += server.maxconns;
	}
	free(sockets.list);
	return code;
}

static int check_server(const struct bmc_options *options, struct bmc_plan *plan, int i,
			__u64 *connections)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int code = BMC_LOOK_AGAIN;

	plan->config.port[i] = htons(options->port[i]);
	plan->config.uid[i] = options->uid;
	plan->config.offset[i] = BMC_OFFSET_UNKNOWN;
	for (int n = 1; code == BMC_LOOK_AGAIN && n <= LOOKS; n++) {
		if (n > 1)
			nanosleep(&pause, NULL);
		code = look_once(options, plan, i, n < LOOKS, connections);
	}
	return code;
}

int bmc_check_servers(const struct bmc_options *options, struct bmc_plan *plan)
{
	__u64 connections = 0;
	int code;

	plan->config.n_ports = (__u32)options->n_ports;
	plan->n_olds = 0;
	for (int i = 0; i < options->n_ports; i++) {
		code = check_server(options, plan, i, &connections);
		if (code)
			return code;
	}
	if (options->connections)
		connections = options->connections;
	else if (!connections)
		connections = CONNECTIONS_DEFAULT;
	if (connections < CONNECTIONS_LEAST)
		connections = CONNECTIONS_LEAST;
	if (connections > CONNECTIONS_MOST)
		connections = CONNECTIONS_MOST;
	plan->n_olds = 2 * plan->n_olds + OLDS_MORE;
	plan->config.n_writers = (__u32)connections * BMC_WRITERS_PER_CONNECTION;
	return 0;
}
