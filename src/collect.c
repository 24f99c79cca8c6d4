// SPDX-License-Identifier: LGPL-2.1-only
#include "collect.h"

#include "shared.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <string.h>
#include <time.h>

#define TRIES 200 /* of 10 ms */

static void pause_10ms(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	nanosleep(&pause, NULL);
}

static int adopt_connection(struct bmc_adopt *a, int fd, const struct bmc_owner *owner,
			    const struct bmc_socket *s, int server)
{
	struct bmc_mark mark;

	if (!s->tcp || s->listener)
		return 0;
	/* born while we start, and lost for want of memory: its mark has its hold */
	if (!bpf_map_lookup_elem(a->marks_fd, &fd, &mark) && mark.taken == BMC_MARK_LOST)
		return 0;
	return bmc_old_add(a->olds, a->conns_fd, fd, owner, s, server,
			   bmc_shared_life(&a->shared->server[server]));
}

/*
 * Whether a connection that was there before may still come to memcached unseen: not accepted yet, or accepted but
 * not in the list of its process's sockets. (Closing ones without inode are nobody's any more.)
 */
static int is_open(const struct bmc_socket *s, pid_t pid, const struct bmc_owner_list *owned)
{
	struct bmc_owner other;

	if (!s->inode)
		return s->state == BPF_TCP_ESTABLISHED || s->state == BPF_TCP_CLOSE_WAIT;
	if (bmc_owner_fd(owned, s->inode) >= 0)
		return 0;
	return bmc_socket_owner(s->inode, &other) || other.pid == pid;
}

/* Leaves in `old` only those that are still open questions, or missed for the first time. How many, or -errno. */
static int keep_open(const struct bmc_adopt *a, int server, pid_t pid,
		     const struct bmc_owner_list *owned, struct bmc_socket_list *old)
{
	struct bmc_socket_list now;
	size_t kept = 0;
	int err;

	if (!old->n)
		return 0;
	err = bmc_sockets_of_port(ntohs(a->config->port[server]), &now);
	if (err)
		return err;
	for (size_t i = 0; i < old->n; i++) {
		const struct bmc_socket *s = bmc_socket_find(&now, &old->list[i]);

		if (s ? is_open(s, pid, owned) : !old->list[i].missed) {
			old->list[kept] = s ? *s : old->list[i];
			old->list[kept++].missed = !s;
		}
	}
	old->n = kept;
	free(now.list);
	return (int)kept;
}

/* One look at all connections of the process. How many were new or are still open, or -errno. */
static int adopt_pass(struct bmc_adopt *a, int server, pid_t pid, struct bmc_socket_list *old)
{
	struct bmc_owner_list owned;
	int err, n;

	err = bmc_sockets_of_process(pid, &owned);
	if (err)
		return bmc_adopt_is_gone(err) ? 0 : err;
	n = bmc_adopt_each(a, &owned, server, adopt_connection);
	if (n >= 0) {
		err = keep_open(a, server, pid, &owned, old);
		n = err < 0 ? err : n + err;
	}
	free(owned.list);
	return n;
}

/* Connections of the port, of two listings: one may leave out some. Free with free(ret->list). 0 or -errno. */
static int list_connections(const struct bmc_adopt *a, int server, struct bmc_socket_list *ret)
{
	struct bmc_socket_list twice[2] = { 0 };
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; !err && i < 2; i++)
		err = bmc_sockets_of_port(ntohs(a->config->port[server]), &twice[i]);
	if (!err) {
		ret->list = calloc(twice[0].n + twice[1].n + 1, sizeof(*ret->list));
		err = ret->list ? 0 : -ENOMEM;
	}
	for (int i = 0; !err && i < 2; i++) {
		for (size_t k = 0; k < twice[i].n; k++) {
			const struct bmc_socket *s = &twice[i].list[k];

			/* one that is not accepted yet has no user of its own */
			if (s->inode && s->uid != a->config->uid[server])
				continue;
			if (s->tcp && !s->listener && !(i && bmc_socket_find(&twice[0], s)))
				ret->list[ret->n++] = *s;
		}
	}
	free(twice[0].list);
	free(twice[1].list);
	return err;
}

/* The marks are there. Each connection that may be older is in `old`, until it is known to have its state. */
int bmc_collect_run(struct bmc_adopt *a, int server, pid_t pid)
{
	struct bmc_socket_list old;
	int n;

	n = list_connections(a, server, &old);
	if (n)
		return n;
	n = 1;
	for (int i = 0; n > 0 && i < TRIES; i++) {
		if (i > 1)
			pause_10ms();
		if (a->progress)
			a->progress("old connections found", a->olds->n, a->olds->n + old.n);
		n = adopt_pass(a, server, pid, &old);
	}
	free(old.list);
	return n > 0 ? -ETIMEDOUT : n;
}
