// SPDX-License-Identifier: LGPL-2.1-only
#include "cmd.h"
#include "connections.h"
#include "log.h"
#include "pending.h"
#include "progress.h"
#include "reset.h"
#include "shared.h"
#include "util.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TRIES 200 /* of 10 ms */
#define PAUSE_NS 10000000

struct round {
	int first; /* close them; else only count */
	int lost; /* found */
	int closed; /* asked to close */
	int shut_down; /* of these, those that were shut down only */
	int err; /* of the first that could not be closed */
};

static void close_lost(int fd, const struct bmc_connection *c, void *arg)
{
	struct round *r = arg;
	int err;

	if (c->keeps != BMC_KEEPS_LOST)
		return;
	r->lost++;
	if (!r->first)
		return;
	err = bmc_reset_socket(fd);
	if (err < 0) {
		r->err = r->err ? r->err : err;
		bmc_note("cannot close %s: %s", c->peer, strerror(-err));
		return;
	}
	r->closed++;
	r->shut_down += err;
	printf("closed %s (%s)\n", c->peer, bmc_lost_text(c->lost));
}

/* All servers of the instance, once. 0 or -errno. */
static int look(const char *name, const struct bmc_instance *note, const struct bmc_shared *shared,
		struct round *r)
{
	int err = 0;

	for (__u32 i = 0; !err && i < note->config.n_ports && i < BMC_PORTS_MAX; i++) {
		struct bmc_server_sockets s;

		err = bmc_server_sockets_read(ntohs(note->config.port[i]), note->config.uid[i],
					      bmc_server_process(&shared->server[i]), &s);
		if (!err)
			err = bmc_connections_each(name, (int)i, &s, close_lost, r);
		bmc_server_sockets_free(&s);
	}
	return err;
}

/* Until memcached has closed them too. How many it has not, or -errno. */
static int wait_closed(const char *name, const struct bmc_instance *note,
		       const struct bmc_shared *shared, int closed)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	struct round r = { .lost = closed };
	int err = 0;

	for (int i = 0; !err && r.lost && i < TRIES; i++) {
		r.lost = 0;
		err = look(name, note, shared, &r);
		bmc_progress_show("connections that memcached has not closed yet", (size_t)r.lost,
				  (size_t)closed);
		if (r.lost)
			nanosleep(&pause, NULL);
	}
	bmc_progress_end();
	return err ? err : r.lost;
}

int bmc_cmd_reset(const struct bmc_options *options)
{
	static struct bmc_instance note;
	struct bmc_shared *shared = NULL;
	struct round r = { .first = 1 };
	int code, left;
	__u64 here;

	code = bmc_cmd_check_rights();
	if (!code)
		code = bmc_cmd_open(options->name, &note);
	if (code)
		return code;
	if (!bmc_netns_cookie(&here) && here != note.config.netns_cookie)
		return bmc_fail("instance '%s' is in another network namespace: run this there "
				"('nsenter --net=/run/netns/NAME bmcctl reset')",
				options->name);
	left = bmc_shared_open(options->name, &shared);
	if (!left)
		left = look(options->name, &note, shared, &r);
	if (!left && r.closed)
		left = wait_closed(options->name, &note, shared, r.closed);
	for (__u32 i = 0; !left && i < note.config.n_ports && i < BMC_PORTS_MAX; i++)
		bmc_pending_look(ntohs(note.config.port[i]), note.config.uid[i],
				 &shared->server[i]);
	bmc_shared_close(shared);
	if (left < 0)
		return bmc_fail("cannot look at the connections of instance '%s': %s",
				options->name, strerror(-left));
	if (r.shut_down)
		bmc_note("this kernel closes no connections (CONFIG_INET_DIAG_DESTROY): they were "
			 "shut down instead, and memcached closes each when it finds its end");
	printf("%s: %d connection%s closed\n", options->name, r.closed - left,
	       r.closed - left == 1 ? "" : "s");
	if (r.err || left)
		return bmc_fail("%d connection%s open: is memcached stopped?",
				r.lost - r.closed + left,
				r.lost - r.closed + left == 1 ? " is still" : "s are still");
	return BMC_DONE_OK;
}
