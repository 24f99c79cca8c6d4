// SPDX-License-Identifier: LGPL-2.1-only
#include "adopt.h"

#include "shared.h"
#include "sockets.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define QUEUE_TRIES 200 /* of 10 ms */
#define PASSES 8 /* over the connections, until none is new */

/* After it no program runs that began before it: all that runs sees what was attached, or marked. */
static int all_programs_see(void)
{
	return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) ? -errno : 0;
}

static int is_servers(const struct bmc_adopt *a, const struct bmc_socket *s, int server)
{
	return s->uid == a->config->uid[server] && (!s->tcp || s->listener);
}

/* MARK, for a socket that is there: the exchange gives the life, then the mark, which must be new. */
static int mark(struct bmc_adopt *a, int fd, int server)
{
	struct bmc_server *words = &a->shared->server[server];
	struct bmc_mark value = { .server = (__u8)server, .ready = 1 };
	socklen_t len = sizeof(value.cookie);

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value.cookie, &len))
		return -errno;
	value.life = bmc_shared_socket_up(words);
	if (!bpf_map_update_elem(a->marks_fd, &fd, &value, BPF_NOEXIST)) {
		a->sockets++;
		return 0;
	}
	bmc_shared_socket_undo(words);
	return errno == EEXIST ? 0 : -errno;
}

/* -ESRCH: the process is gone, or the number is another file's by now: nothing to do. */
static int gone(int err)
{
	return err == -ESRCH || err == -EBADF || err == -ENOTSOCK || err == -ENOENT;
}

static int mark_one(struct bmc_adopt *a, const struct bmc_socket *s, int server)
{
	struct bmc_owner owner;
	int err, fd;

	err = bmc_socket_owner(s->inode, &owner);
	if (err)
		return gone(err) ? 0 : err;
	fd = bmc_socket_copy(owner.pid, owner.fd);
	if (fd < 0)
		return gone(fd) ? 0 : fd;
	err = mark(a, fd, server);
	close(fd);
	return gone(err) ? 0 : err;
}

static int mark_all(struct bmc_adopt *a, int server)
{
	struct bmc_socket_list sockets;
	int err = bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets);

	for (size_t i = 0; !err && i < sockets.n; i++) {
		if (is_servers(a, &sockets.list[i], server))
			err = mark_one(a, &sockets.list[i], server);
	}
	free(sockets.list);
	return err;
}

/* Whether every listener's accept queue is empty: who was not marked before is accepted by now. */
static int queues_empty(const struct bmc_adopt *a, int server)
{
	struct bmc_socket_list sockets;
	int empty = 1;

	if (bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets))
		return 0;
	for (size_t i = 0; i < sockets.n; i++) {
		if (sockets.list[i].listener && sockets.list[i].queued)
			empty = 0;
	}
	free(sockets.list);
	return empty;
}

static int wait_for_queues(const struct bmc_adopt *a, int server)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	for (int i = 0; i < QUEUE_TRIES; i++) {
		if (queues_empty(a, server))
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

/* LOST for a connection that has no state: its hold first. 1: it was new. */
static int adopt_connection(struct bmc_adopt *a, int fd, int server)
{
	struct bmc_server *words = &a->shared->server[server];
	static struct bmc_conn conn;
	__u16 life =
		(__u16)(__atomic_load_n(&words->word, __ATOMIC_SEQ_CST) >> BMC_WORD_LIFE_SHIFT);

	conn.hold = BMC_HOLD_NEVER;
	conn.lost = BMC_LOST_OLD;
	conn.life = life;
	conn.server = (__u8)server;
	conn.ready = 1;
	if (!bmc_shared_holds_add(words, life, 1))
		return 0; /* that server has gone */
	if (!bpf_map_update_elem(a->conns_fd, &fd, &conn, BPF_NOEXIST)) {
		bmc_shared_epoch_up(words);
		return 1;
	}
	bmc_shared_holds_add(words, life, -1);
	return errno == EEXIST ? 0 : -errno;
}

static int adopt_one(struct bmc_adopt *a, const struct bmc_owner *owner, int server)
{
	int err, fd = bmc_socket_copy(owner->pid, owner->fd);

	if (fd < 0)
		return gone(fd) ? 0 : fd;
	err = adopt_connection(a, fd, server);
	close(fd);
	return gone(err) ? 0 : err;
}

/* One look at all connections of one process. How many were new, or -errno. */
static int adopt_pass(struct bmc_adopt *a, const struct bmc_socket_list *sockets, pid_t pid,
		      int server)
{
	struct bmc_owner_list owned;
	int err, n = 0;

	err = bmc_sockets_of_process(pid, &owned);
	if (err)
		return gone(err) ? 0 : err;
	for (size_t i = 0; i < sockets->n && err >= 0; i++) {
		const struct bmc_socket *s = &sockets->list[i];
		struct bmc_owner owner = { .pid = pid,
					   .fd = bmc_owner_fd(&owned, s->inode),
					   .inode = s->inode };

		if (!s->tcp || s->listener || owner.fd < 0)
			continue;
		err = adopt_one(a, &owner, server);
		n += err > 0;
	}
	free(owned.list);
	return err < 0 ? err : n;
}

static int adopt_server(struct bmc_adopt *a, int server)
{
	int err = 1;

	for (int pass = 0; pass < PASSES && err > 0; pass++) {
		struct bmc_socket_list sockets;
		pid_t last = 0;

		err = bmc_sockets_of_port(ntohs(a->config->port[server]), &sockets);
		for (size_t i = 0; i < sockets.n && err >= 0; i++) {
			struct bmc_owner owner;
			int n;

			if (!is_servers(a, &sockets.list[i], server) ||
			    bmc_socket_owner(sockets.list[i].inode, &owner) || owner.pid == last)
				continue;
			last = owner.pid;
			n = adopt_pass(a, &sockets, owner.pid, server);
			err = n < 0 ? n : err + n;
			a->old += n > 0 ? n : 0;
		}
		free(sockets.list);
	}
	return err < 0 ? err : 0;
}

int bmc_adopt_run(struct bmc_adopt *a)
{
	int n = (int)a->config->n_ports, err = all_programs_see();

	for (int i = 0; !err && i < n; i++)
		err = mark_all(a, i);
	if (!err)
		err = all_programs_see();
	for (int i = 0; !err && i < n; i++) {
		if (wait_for_queues(a, i))
			a->unaccepted = 1;
		err = adopt_server(a, i);
	}
	if (a->unaccepted && !err)
		err = -ETIMEDOUT; /* connections that nobody can see yet would be followed by nobody */
	for (int i = 0; !err && i < n; i++)
		bmc_shared_off_clear(&a->shared->server[i], BMC_OFF_STARTING);
	return err;
}
