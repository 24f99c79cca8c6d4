// SPDX-License-Identifier: LGPL-2.1-only
#include "old.h"

#include "reset.h"
#include "shared.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int bmc_old_open(int map_fd, size_t room, struct bmc_olds *ret)
{
	void *at =
		mmap(NULL, room * sizeof(*ret->map), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);

	memset(ret, 0, sizeof(*ret));
	if (at == MAP_FAILED)
		return -errno;
	ret->map = at;
	ret->room = room;
	ret->list = calloc(room, sizeof(*ret->list));
	if (!ret->list) {
		bmc_old_close(ret);
		return -ENOMEM;
	}
	return 0;
}

void bmc_old_close(struct bmc_olds *olds)
{
	if (olds->map)
		munmap(olds->map, olds->room * sizeof(*olds->map));
	free(olds->list);
	memset(olds, 0, sizeof(*olds));
}

int bmc_old_add(struct bmc_olds *olds, int conns_fd, int fd, const struct bmc_owner *owner,
		const struct bmc_socket *s, int server, __u16 life)
{
	struct bmc_conn conn = { .server = (__u8)server, .life = life, .ready = 1 };
	struct bmc_old_one one = {
		.owner = *owner,
		.cookie = s->cookie,
		.life = life,
		.server = (__u8)server,
	};

	if (olds->n == olds->room)
		return -ENOSPC;
	one.place = &olds->map[olds->n]; /* all 0: a candidate */
	conn.old = (__u32)olds->n + 1;
	if (bpf_map_update_elem(conns_fd, &fd, &conn, BPF_NOEXIST))
		return errno == EEXIST ? 0 : -errno;
	olds->list[olds->n++] = one;
	return 1;
}

static __u64 state_of(const struct bmc_old_one *one)
{
	return __atomic_load_n(&one->place->word, __ATOMIC_SEQ_CST);
}

static int change(const struct bmc_old_one *one, __u64 from, enum bmc_old_state to)
{
	return __atomic_compare_exchange_n(&one->place->word, &from, to, 0, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

int bmc_old_undecided(const struct bmc_old_one *one)
{
	__u64 state = state_of(one);

	return state == BMC_OLD_CANDIDATE || state == BMC_OLD_TOUCHED;
}

/* ---- what TCP has of it ---- */

struct queues {
	int in; /* not read by memcached */
	int unsent;
	int writable; /* memcached waits for no room */
	__u64 received;
	__u64 sent;
};

/* A copy of the connection. -ESRCH: it is closed, whatever has its number now. */
static int copy_of(const struct bmc_old_one *one)
{
	int fd = bmc_socket_copy(one->owner.pid, one->owner.fd);
	socklen_t len = sizeof(__u64);
	__u64 cookie;

	if (fd == -EBADF)
		return -ESRCH;
	if (fd < 0)
		return fd;
	if (!getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) && cookie == one->cookie)
		return fd;
	close(fd);
	return -ESRCH;
}

static int read_queues(int fd, struct queues *ret)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	struct pollfd look = { .fd = fd, .events = POLLOUT };

	ret->writable = poll(&look, 1, 0) == 1 && look.revents & POLLOUT;
	/* SIOCINQ and TCP_INFO take the socket's lock, behind what waited for it */
	if (ioctl(fd, SIOCINQ, &ret->in) || ioctl(fd, SIOCOUTQNSD, &ret->unsent) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -errno;
	ret->received = info.tcpi_bytes_received;
	ret->sent = info.tcpi_bytes_sent;
	return 0;
}

/* Whether it is open, and what TCP has of it. A doubt is for the caller: closed is not quiet. */
static int look(const struct bmc_old_one *one, struct queues *ret)
{
	int fd = copy_of(one), err;

	if (fd < 0)
		return 0;
	err = read_queues(fd, ret);
	close(fd);
	return !err;
}

static int is_empty(const struct queues *q)
{
	return !q->in && !q->unsent && q->writable;
}

pid_t bmc_old_thread(const struct bmc_old_one *one)
{
	return (pid_t)__atomic_load_n(&one->place->thread, __ATOMIC_SEQ_CST);
}

int bmc_old_look_first(struct bmc_old_one *one)
{
	struct queues q;

	/* the state first: data that come from here on tell */
	change(one, BMC_OLD_TOUCHED, BMC_OLD_CANDIDATE);
	if (!look(one, &q) || !is_empty(&q))
		return 0;
	one->received = q.received;
	one->sent = q.sent;
	return 1;
}

int bmc_old_look_again(struct bmc_old_one *one)
{
	struct queues q;

	if (!look(one, &q) || !is_empty(&q) || q.received != one->received || q.sent != one->sent)
		return 0;
	__atomic_store_n(&one->place->received, q.received, __ATOMIC_SEQ_CST);
	return change(one, BMC_OLD_CANDIDATE, BMC_OLD_QUIET);
}

void bmc_old_distrust(const struct bmc_old_one *one)
{
	__atomic_store_n(&one->place->received, ~0ULL, __ATOMIC_SEQ_CST);
}

int bmc_old_still_quiet(const struct bmc_old_one *one)
{
	struct queues q;

	if (look(one, &q) && q.received == one->received && q.sent == one->sent)
		return 1;
	return state_of(one) != BMC_OLD_QUIET;
}

void bmc_old_lose(const struct bmc_old_one *one, struct bmc_server *words)
{
	int held = bmc_shared_holds_add(words, one->life, 1);

	bmc_shared_unread_add(words);
	for (__u64 state = state_of(one); state <= BMC_OLD_QUIET; state = state_of(one)) {
		if (change(one, state, BMC_OLD_LOST))
			return;
	}
	if (held)
		bmc_shared_holds_add(words, one->life, -1);
}

int bmc_old_is_lost(const struct bmc_old_one *one)
{
	return state_of(one) == BMC_OLD_LOST;
}

int bmc_old_is_closed(const struct bmc_old_one *one)
{
	return state_of(one) == BMC_OLD_CLOSED;
}

int bmc_old_reset(const struct bmc_old_one *one)
{
	int fd = copy_of(one), err;

	if (fd < 0)
		return fd == -ESRCH ? 0 : fd;
	err = bmc_reset_socket(fd);
	close(fd);
	return err;
}

const char *bmc_old_peer(const struct bmc_old_one *one, char *buf, size_t size)
{
	int fd = copy_of(one);

	*buf = 0;
	if (fd < 0)
		return buf;
	bmc_socket_peer(fd, buf, size);
	close(fd);
	return buf;
}
