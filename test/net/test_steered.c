// SPDX-License-Identifier: LGPL-2.1-only
/*
 * A connection that a BPF sk_lookup program steers to memcached's listener from another port. The programs look at
 * sockets at the served port only, and so this one cannot be followed.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "steer.skel.h"
#include "world.h"

#define STEERED_PORT 5211
#define FDS_MAX 256

static struct steer_bpf *steer;

/* A duplicate of a process's TCP listener for IPv4, or -1. */
static int listener_of(pid_t pid)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0), found = -1;

	for (int i = 0; process >= 0 && found < 0 && i < FDS_MAX; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, process, i, 0), listens = 0, family = 0;
		socklen_t len = sizeof(listens), family_len = sizeof(family);

		if (fd < 0)
			continue;
		if (!getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) && listens &&
		    !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_len) &&
		    family == AF_INET)
			found = fd;
		else
			close(fd);
	}
	if (process >= 0)
		close(process);
	return found;
}

static void steer_start(struct world *w)
{
	int listener = listener_of(w->memcached.pid);
	__u32 zero = 0;
	__u64 fd = (__u64)listener;

	assert_true(listener >= 0);
	steer = steer_bpf__open();
	assert_non_null(steer);
	steer->rodata->steer_port = STEERED_PORT;
	assert_int_equal(steer_bpf__load(steer), 0);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(steer->maps.steer_listener), &zero, &fd,
					     BPF_ANY),
			 0);
	steer->links.steer = bpf_program__attach_netns(steer->progs.steer, w->server.fd);
	assert_non_null(steer->links.steer);
	close(listener);
}

static int steered_teardown(void **state)
{
	steer_bpf__destroy(steer);
	steer = NULL;
	return world_teardown(state);
}

/* The bug: it was taken for a socket of somebody else, and what it wrote was not seen. */
static void a_write_from_another_port_is_not_missed(void **state)
{
	struct world *w = *state;
	struct tcp other;

	steer_start(w);
	world_cache(w, "k", "old");
	tcp_open(&other, &w->client, WORLD_IP4, STEERED_PORT);
	tcp_expect(&other, "set k 0 0 3\r\nnew\r\n", "STORED");
	world_expect(w, &w->udp, "k", "new");
	tcp_expect(&other, "set k 0 0 5\r\nnewer\r\n", "STORED");
	world_expect(w, &w->udp, "k", "newer");
	assert_int_equal(world_stat(w, "lost"), 1);
	tcp_close(&other);
	world_warm(w, &w->udp, "k");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(a_write_from_another_port_is_not_missed, world_setup,
					steered_teardown),
};

TEST_MAIN(tests, NULL, NULL)
