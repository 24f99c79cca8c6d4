// SPDX-License-Identifier: LGPL-2.1-only
#include "mark.h"

#include "bmc_stamp.h"
#include "shared.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define PATIENCE_NS 2000000000ULL
#define ROUND_NS 50000000ULL
#define DATAGRAM_MIN                                                                               \
	512 /* no datagram takes less of a socket's buffer (struct sk_buff and its data) */
#define DATAGRAMS_MORE 64 /* the kernel lets a few too many in */
#define SOCKETS_MAX 64

/* For a socket that is there: the exchange gives the life, then the mark, which must be new. */
static int mark(struct bmc_adopt *a, int fd, const struct bmc_owner *owner,
		const struct bmc_socket *s, int server)
{
	struct bmc_server *words = &a->shared->server[server];
	struct bmc_mark value = { .server = (__u8)server,
				  .ready = s->tcp ? BMC_READY_TCP : BMC_READY_UDP,
				  .cookie = s->cookie };
	int err;

	if (s->tcp && !s->listener)
		return 0;
	value.life = bmc_shared_socket_up(words);
	if (bmc_sees_all_processes()) /* its number is the kernel's too */
		bmc_shared_owner(words, value.life, (__u32)owner->pid);
	if (!bpf_map_update_elem(a->marks_fd, &fd, &value, BPF_NOEXIST))
		return 1;
	err = -errno;
	bmc_shared_socket_undo(words);
	return err == -EEXIST ? 0 : err;
}

int bmc_mark_all(struct bmc_adopt *a, int server, pid_t pid)
{
	struct bmc_owner_list owned;
	int err;

	if (!pid)
		return 0;
	err = bmc_sockets_of_process(pid, &owned);
	if (err)
		return bmc_adopt_is_gone(err) ? 0 : err;
	err = bmc_adopt_each(a, &owned, server, mark);
	free(owned.list);
	return err < 0 ? err : 0;
}

/* ---- datagrams that were there before ---- */

/* Sockets that are known to have been emptied, by cookie. */
static struct {
	__u64 cookie[SOCKETS_MAX];
	int n;
} emptied;

static int is_emptied(__u64 cookie)
{
	for (int i = 0; i < emptied.n; i++) {
		if (emptied.cookie[i] == cookie)
			return 1;
	}
	return 0;
}

/* Empty now, or so much was taken since it was marked that none of what it had can be left. */
static int looks_emptied(const struct bmc_adopt *a, int fd)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };
	socklen_t len = sizeof(int);
	struct bmc_mark value;
	int room;

	if (!poll(&look, 1, 0))
		return 1;
	if (getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len) ||
	    bpf_map_lookup_elem(a->marks_fd, &fd, &value))
		return 0;
	return value.taken > (__u32)room / DATAGRAM_MIN + DATAGRAMS_MORE;
}

/* 1: it may still have datagrams from before. */
static int still_full(struct bmc_adopt *a, int fd, const struct bmc_owner *owner,
		      const struct bmc_socket *s, int server)
{
	(void)owner;
	(void)server;
	if (s->tcp || is_emptied(s->cookie))
		return 0;
	if (!looks_emptied(a, fd) || emptied.n == SOCKETS_MAX)
		return 1;
	emptied.cookie[emptied.n++] = s->cookie;
	return 0;
}

/*
 * Threads of this server that took a request later than `since`: what they took before is carried out. Those that share a
 * place count as one.
 */
static __u32 count_takers(const struct bmc_adopt *a, int server, __u64 since)
{
	struct bmc_stamp stamp;
	__u32 n = 0;

	for (__u32 i = 0; i < BMC_STAMPS; i++) {
		if (!bpf_map_lookup_elem(a->stamps_fd, &i, &stamp) && stamp.time > since &&
		    stamp.time == bmc_stamp_of_server(stamp.time, (__u32)server))
			n++;
	}
	return n;
}

int bmc_mark_drained(struct bmc_adopt *a, int server, pid_t pid, struct bmc_threads *threads)
{
	__u64 now = bmc_clock_ns(CLOCK_MONOTONIC), until = now + PATIENCE_NS, since = 0;
	struct bmc_owner_list owned;
	int err;

	err = bmc_sockets_of_process(pid, &owned);
	if (err)
		return bmc_adopt_is_gone(err) ? 0 : err;
	emptied.n = 0;
	for (err = 1; err > 0 && now < until; now = bmc_clock_ns(CLOCK_MONOTONIC))
		err = bmc_adopt_each(a, &owned, server, still_full);
	free(owned.list);
	since = now;
	while (!err && now < until) {
		if (!bmc_threads_wait(threads, 0, ROUND_NS))
			return 0;
		if (a->threads[server] && count_takers(a, server, since) + 1 >= a->threads[server])
			return 0; /* all but the listener */
		now = bmc_clock_ns(CLOCK_MONOTONIC);
	}
	return err < 0 ? err : -EBUSY;
}
