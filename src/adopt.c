// SPDX-License-Identifier: LGPL-2.1-only
#include "adopt.h"

#include "collect.h"
#include "cut.h"
#include "fault.h"
#include "hooks.h"
#include "mark.h"
#include "memcached.h"
#include "old.h"
#include "other.h"
#include "pending.h"
#include "quiet.h"
#include "shared.h"
#include "threads.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TRIES 200 /* of 10 ms */

static void pause_10ms(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	nanosleep(&pause, NULL);
}

int bmc_adopt_is_gone(int err)
{
	return err == -ESRCH || err == -EBADF || err == -ENOTSOCK || err == -ENOENT ||
	       err == -EAFNOSUPPORT;
}

/* ---- the servers' processes, and their sockets ---- */

/* A memcached that was there before. */
struct process {
	pid_t pid; /* 0: none */
	struct bmc_threads threads;
	__u64 missed; /* datagrams that were not read, of which it is known that they are carried out */
};

static int is_servers(const struct bmc_adopt *a, const struct bmc_socket *s, int server)
{
	return s->uid == a->config->uid[server] && (!s->tcp || s->listener);
}

/* What the settings have, which the verifier knows and nobody can change, is of the one that was asked before. */
static int is_as_before(const struct bmc_adopt *a, const struct bmc_memcached *m, int server)
{
	return !a->config->version[server] || a->config->version[server] == m->version;
}

/* One that was not there when the servers were asked tells now what it is, and how many threads it has. */
static void ask(struct bmc_adopt *a, const struct bmc_socket *s, int server, pid_t pid)
{
	__u64 off = BMC_OFF_UNTOLD;
	struct bmc_memcached m;

	if (!s->listener || a->asked[server] == pid)
		return;
	a->asked[server] = pid;
	a->threads[server] = 0;
	if (!bmc_memcached_ask_at(s, &m)) {
		a->threads[server] = m.threads;
		off = is_as_before(a, &m, server) ? bmc_memcached_off(&m) : BMC_OFF_UNTOLD;
	}
	if (off && !a->force)
		bmc_shared_off(&a->shared->server[server], off);
}

/* Its pid, 0 if there is none. -EACCES: a socket is nobody's that can be seen; -EEXIST: two processes have some. */
static int look_for_process(struct bmc_adopt *a, int server, pid_t *ret)
{
	struct bmc_socket_list sockets;
	int err = bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets);
	struct bmc_owner owner;
	pid_t pid = 0;

	for (size_t i = 0; !err && i < sockets.n; i++) {
		const struct bmc_socket *s = &sockets.list[i];

		if (!is_servers(a, s, server)) {
			if (!s->tcp)
				bmc_other_mark(a, s, server);
			continue;
		}
		if (bmc_socket_owner(s->inode, &owner))
			err = -EACCES;
		else if (pid && pid != owner.pid)
			err = -EEXIST;
		else
			pid = owner.pid;
		if (!err)
			ask(a, s, server, pid);
	}
	free(sockets.list);
	*ret = pid;
	return err;
}

/* The same, but one that is just going or coming is given its time. */
static int find_process(struct bmc_adopt *a, int server, pid_t *ret)
{
	int err = look_for_process(a, server, ret);

	for (int i = 0; (err == -EACCES || err == -EEXIST) && i < TRIES; i++) {
		pause_10ms();
		err = look_for_process(a, server, ret);
	}
	return err;
}

static int with_copy(struct bmc_adopt *a, const struct bmc_owner *owner, int server,
		     bmc_adopt_fn fn)
{
	__u16 port = ntohs(a->config->port[server]);
	struct bmc_socket s = { 0 };
	int err, fd = bmc_socket_copy(owner->pid, owner->fd);

	if (fd < 0)
		return bmc_adopt_is_gone(fd) ? 0 : fd;
	err = bmc_socket_look(fd, &s);
	if (err == -EPROTONOSUPPORT && (s.port != port || a->force))
		err = 0;
	else if (!err && s.port == port && s.netns == a->config->netns_cookie)
		err = fn(a, fd, owner, &s, server);
	close(fd);
	return bmc_adopt_is_gone(err) ? 0 : err;
}

int bmc_adopt_each(struct bmc_adopt *a, const struct bmc_owner_list *owned, int server,
		   bmc_adopt_fn fn)
{
	int err, n = 0;

	for (size_t i = 0; i < owned->n; i++) {
		err = with_copy(a, &owned->list[i], server, fn);
		if (err < 0)
			return err;
		n += err;
	}
	return n;
}

/* ---- all of it ---- */

static int mark_servers(struct bmc_adopt *a, struct process *p)
{
	int n = (int)a->config->n_ports, err = bmc_hooks_wait();

	for (int i = 0; !err && i < n; i++) {
		err = find_process(a, i, &p[i].pid);
		if (!err)
			err = bmc_mark_all(a, i, p[i].pid);
	}
	if (!err)
		err = bmc_hooks_wait();
	for (int i = 0; i < n; i++)
		p[i].missed = bmc_shared_missed(&a->shared->server[i]);
	bmc_fault_point("sockets marked");
	return err;
}

static int drain_server(struct bmc_adopt *a, int server, struct process *p)
{
	int err;

	if (!p->pid)
		return 0;
	/* threads that cannot be told are no threads: their connections are lost */
	if (a->threads[server])
		bmc_threads_open(p->pid, a->threads[server], &p->threads);
	err = bmc_mark_drained(a, server, p->pid, &p->threads);
	if (!err && bmc_cut_look(a, server))
		err = -EBUSY;
	return err == -EBUSY && a->force ? 0 : err;
}

/* Closes those that are lost, and waits until memcached has closed them too. How many did. */
static int reset_lost(const struct bmc_adopt *a, const struct bmc_olds *olds)
{
	int open = 0, closed = 0;

	for (size_t i = 0; i < olds->n; i++) {
		if (bmc_old_is_lost(&olds->list[i]) && bmc_old_reset(&olds->list[i]) >= 0)
			open++;
	}
	for (int i = 0; closed < open && i < TRIES; i++) {
		closed = 0;
		for (size_t k = 0; k < olds->n; k++)
			closed += bmc_old_is_closed(&olds->list[k]);
		if (a->progress)
			a->progress("old connections closed", (size_t)closed, olds->n);
		if (closed < open)
			pause_10ms();
	}
	return closed;
}

/* Those that are lost: closed, if that is wanted, else named. */
static void count_lost(struct bmc_adopt *a, struct bmc_olds *olds)
{
	if (a->reset)
		a->closed = reset_lost(a, olds);
	for (size_t i = 0; i < olds->n; i++) {
		const struct bmc_old_one *one = &olds->list[i];

		if (!bmc_old_is_lost(one))
			continue;
		if (a->lost < BMC_NAMED_MAX)
			bmc_old_peer(one, a->lost_peer[a->lost], sizeof(a->lost_peer[0]));
		a->lost++;
	}
}

/* Fills may begin: of requests from now on. */
static void open_server(struct bmc_adopt *a, int server)
{
	struct bmc_server *words = &a->shared->server[server];

	bmc_pending_look(ntohs(a->config->port[server]), a->config->uid[server], words);
	bmc_shared_quiet_now(words);
	bmc_shared_off_clear(words, BMC_OFF_STARTING);
}

/* What a memcached got that came while we start, before its sockets were marked, must be carried out first. */
static int drain_late_one(struct bmc_adopt *a, int server, struct process *p)
{
	struct bmc_server *words = &a->shared->server[server];
	int err;

	bmc_shared_missed_end(words);
	err = bmc_hooks_wait(); /* all that are not read are counted, and in their sockets */
	if (err || p->missed == bmc_shared_missed(words))
		return err;
	bmc_threads_close(&p->threads);
	err = find_process(a, server, &p->pid);
	return err ? err : drain_server(a, server, p);
}

int bmc_adopt_run(struct bmc_adopt *a)
{
	struct bmc_olds olds = { 0 };
	struct bmc_threads threads[BMC_PORTS_MAX];
	struct process p[BMC_PORTS_MAX] = { 0 };
	int n = (int)a->config->n_ports, err;

	a->olds = &olds;
	err = bmc_old_open(a->olds_fd, a->n_olds, &olds);
	if (!err)
		err = mark_servers(a, p);
	for (int i = 0; !err && i < n; i++)
		err = p[i].pid ? bmc_collect_run(a, i, p[i].pid) : 0;
	for (int i = 0; !err && i < n; i++)
		err = drain_server(a, i, &p[i]);
	for (int i = 0; i < BMC_PORTS_MAX; i++)
		threads[i] = p[i].threads;
	a->old = (int)olds.n;
	if (!err)
		err = bmc_quiet_run(a, &olds, threads);
	if (!err)
		count_lost(a, &olds);
	for (int i = 0; !err && i < n; i++)
		err = drain_late_one(a, i, &p[i]);
	for (int i = 0; !err && i < n; i++)
		open_server(a, i);
	for (int i = 0; i < n; i++)
		bmc_threads_close(&p[i].threads);
	bmc_old_close(&olds);
	a->olds = NULL;
	return err;
}
