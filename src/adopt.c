// SPDX-License-Identifier: LGPL-2.1-only
#include "adopt.h"

#include "hooks.h"
#include "shared.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TRIES 200 /* of 10 ms */

static void pause_10ms(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	nanosleep(&pause, NULL);
}

/* The process is gone, or the number is another file's by now, or not one of IP's: nothing to do. */
static int is_gone(int err)
{
	return err == -ESRCH || err == -EBADF || err == -ENOTSOCK || err == -ENOENT ||
	       err == -EAFNOSUPPORT;
}

/* ---- the server's process, and its sockets ---- */
static int is_servers(const struct bmc_adopt *a, const struct bmc_socket *s, int server)
{
	return s->uid == a->config->uid[server] && (!s->tcp || s->listener);
}

/* Its pid, 0 if there is none. -EACCES: a socket is nobody's that can be seen; -EEXIST: two processes have some. */
static int look_for_process(const struct bmc_adopt *a, int server, pid_t *ret)
{
	struct bmc_socket_list sockets;
	int err = bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets);
	struct bmc_owner owner;
	pid_t pid = 0;

	for (size_t i = 0; !err && i < sockets.n; i++) {
		if (!is_servers(a, &sockets.list[i], server))
			continue;
		if (bmc_socket_owner(sockets.list[i].inode, &owner))
			err = -EACCES;
		else if (pid && pid != owner.pid)
			err = -EEXIST;
		else
			pid = owner.pid;
	}
	free(sockets.list);
	*ret = pid;
	return err;
}

/* The same, but one that is just going or coming is given its time. */
static int find_process(const struct bmc_adopt *a, int server, pid_t *ret)
{
	int err = look_for_process(a, server, ret);

	for (int i = 0; (err == -EACCES || err == -EEXIST) && i < TRIES; i++) {
		pause_10ms();
		err = look_for_process(a, server, ret);
	}
	return err;
}

/* 1: something new was done, 0: nothing was to be done, -errno. */
typedef int (*socket_fn)(struct bmc_adopt *a, int fd, const struct bmc_socket *s, int server);

static int with_copy(struct bmc_adopt *a, const struct bmc_owner *owner, int server, socket_fn fn)
{
	__u16 port = ntohs(a->config->port[server]);
	struct bmc_socket s = { 0 };
	int err, fd = bmc_socket_copy(owner->pid, owner->fd);

	if (fd < 0)
		return is_gone(fd) ? 0 : fd;
	err = bmc_socket_look(fd, &s);
	if (err == -EPROTONOSUPPORT && s.port != port)
		err = 0;
	else if (!err && s.port == port && s.netns == a->config->netns_cookie)
		err = fn(a, fd, &s, server);
	close(fd);
	return is_gone(err) ? 0 : err;
}

/* fn for each socket of the port that the process has, one copy at a time. How many were new, or -errno. */
static int each_socket(struct bmc_adopt *a, const struct bmc_owner_list *owned, int server,
		       socket_fn fn)
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

/* ---- MARK ---- */

/* For a socket that is there: the exchange gives the life, then the mark, which must be new. */
static int mark(struct bmc_adopt *a, int fd, const struct bmc_socket *s, int server)
{
	struct bmc_server *words = &a->shared->server[server];
	struct bmc_mark value = { .server = (__u8)server, .ready = 1, .cookie = s->cookie };
	int err;

	if (s->tcp && !s->listener)
		return 0;
	value.life = bmc_shared_socket_up(words);
	if (!bpf_map_update_elem(a->marks_fd, &fd, &value, BPF_NOEXIST)) {
		a->sockets++;
		return 1;
	}
	err = -errno;
	bmc_shared_socket_undo(words);
	return err == -EEXIST ? 0 : err;
}

/* All of them or none: a listener without mark has connections that nobody follows. */
static int mark_all(struct bmc_adopt *a, int server, pid_t pid)
{
	struct bmc_owner_list owned;
	int err;

	if (!pid)
		return 0;
	err = bmc_sockets_of_process(pid, &owned);
	if (err)
		return is_gone(err) ? 0 : err;
	err = each_socket(a, &owned, server, mark);
	free(owned.list);
	return err < 0 ? err : 0;
}

/* ---- connections that are older than the marks ---- */

/* LOST for a connection that has no state: its hold first. */
static int adopt_connection(struct bmc_adopt *a, int fd, const struct bmc_socket *s, int server)
{
	struct bmc_server *words = &a->shared->server[server];
	static struct bmc_conn conn;
	int err;

	if (!s->tcp || s->listener)
		return 0;
	conn.hold = BMC_HOLD_NEVER;
	conn.lost = BMC_LOST_OLD;
	conn.life = bmc_shared_life(words);
	conn.server = (__u8)server;
	conn.ready = 1;
	if (!bmc_shared_holds_add(words, conn.life, 1))
		return 0; /* that server has gone */
	if (!bpf_map_update_elem(a->conns_fd, &fd, &conn, BPF_NOEXIST)) {
		bmc_shared_epoch_up(words);
		a->old++;
		return 1;
	}
	err = -errno;
	bmc_shared_holds_add(words, conn.life, -1);
	return err == -EEXIST ? 0 : err;
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
		return is_gone(err) ? 0 : err;
	n = each_socket(a, &owned, server, adopt_connection);
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

			if (s->tcp && !s->listener && !(i && bmc_socket_find(&twice[0], s)))
				ret->list[ret->n++] = *s;
		}
	}
	free(twice[0].list);
	free(twice[1].list);
	return err;
}

/* The marks are there. Each connection that may be older is in `old`, until it is known to have its state. */
static int adopt_server(struct bmc_adopt *a, int server, pid_t pid)
{
	struct bmc_socket_list old;
	int n;

	if (!pid)
		return 0;
	n = list_connections(a, server, &old);
	if (n)
		return n;
	n = 1;
	for (int i = 0; n > 0 && i < TRIES; i++) {
		if (i > 1)
			pause_10ms();
		n = adopt_pass(a, server, pid, &old);
	}
	free(old.list);
	return n > 0 ? -ETIMEDOUT : n;
}

int bmc_adopt_run(struct bmc_adopt *a)
{
	int n = (int)a->config->n_ports, err = bmc_hooks_wait();
	pid_t pid[BMC_PORTS_MAX];

	for (int i = 0; !err && i < n; i++) {
		err = find_process(a, i, &pid[i]);
		if (!err)
			err = mark_all(a, i, pid[i]);
	}
	if (!err)
		err = bmc_hooks_wait();
	for (int i = 0; !err && i < n; i++)
		err = adopt_server(a, i, pid[i]);
	for (int i = 0; !err && i < n; i++)
		bmc_shared_off_clear(&a->shared->server[i], BMC_OFF_STARTING);
	return err;
}
