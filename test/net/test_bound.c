// SPDX-License-Identifier: LGPL-2.1-only
/*
 * A UDP socket takes datagrams from when it has its port, which is a moment before the programs are told: what comes in
 * between is carried out as well.
 */
#include <bpf/bpf.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bmc_abi.h"
#include "net_address.h"
#include "world.h"

#define NOBODY 65534
#define ROUNDS 300
#define AROUND_S 0.0003 /* that datagrams come before a socket is bound, and behind it */
#define REST_S 0.002 /* until all that were sent have come */

struct shared {
	int is_on; /* datagrams are sent */
	int over;
	int rounds; /* sockets that are bound */
	int is_kept;
	int keeps; /* the next socket stays open, and what it has got stays in it */
	unsigned long long received;
};

static void set_flag(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_SEQ_CST);
}

static int flag_of(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_SEQ_CST);
}

/* Sets, while `is_on`. */
static void send_sets(struct world *w, struct shared *shared)
{
	static const char set[] = "\0\1\0\0\0\1\0\0set k 0 0 1 noreply\r\nx\r\n";

	udp_open(&w->udp, &w->client, WORLD_IP4, WORLD_PORT);
	while (!flag_of(&shared->over)) {
		if (flag_of(&shared->is_on))
			send(w->udp.fd, set, sizeof(set) - 1, MSG_DONTWAIT);
		else
			sched_yield();
	}
}

static unsigned int drain(int fd)
{
	char bytes[2048];
	unsigned int n = 0;

	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

/* One socket of memcached's after the other, bound while sets are sent; what it takes is counted. */
static void bind_sockets(struct world *w, struct shared *shared)
{
	struct sockaddr_storage addr;
	socklen_t len = net_address("0.0.0.0", WORLD_PORT, &addr);
	int one = 1, size = 4 << 20, tcp;

	if (ns_enter(&w->server) || setresuid(NOBODY, NOBODY, NOBODY))
		_exit(3);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* behind setresuid, which clears it */
	tcp = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(tcp, (struct sockaddr *)&addr, len) || listen(tcp, 1))
		_exit(1);
	for (int i = 0; i < shared->rounds; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
		set_flag(&shared->is_on, 1);
		test_sleep(AROUND_S);
		if (bind(fd, (struct sockaddr *)&addr, len))
			_exit(2);
		test_sleep(AROUND_S);
		set_flag(&shared->is_on, 0);
		test_sleep(REST_S);
		while (flag_of(&shared->keeps)) {
			set_flag(&shared->is_kept, 1);
			test_sleep(1);
		}
		shared->received += drain(fd);
		close(fd);
	}
	close(tcp);
}

static void in_child(struct world *w, struct shared *shared,
		     void (*body)(struct world *, struct shared *), pid_t *ret)
{
	*ret = fork();
	assert_true(*ret >= 0);
	if (*ret)
		return;
	body(w, shared);
	_exit(0);
}

static struct shared *map_shared(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(shared != MAP_FAILED);
	return shared;
}

/* The bug: there was no mark yet, and such a write was not seen. */
static void a_write_while_a_socket_is_bound_is_seen(void **state)
{
	struct shared *shared = map_shared();
	struct world *w = *state;
	pid_t sender, binder;
	int status = -1;

	shared->rounds = ROUNDS;
	world_start_bmc(w, "--wait --user nobody");
	in_child(w, shared, send_sets, &sender);
	in_child(w, shared, bind_sockets, &binder);
	assert_int_equal(waitpid(binder, &status, 0), binder);
	set_flag(&shared->over, 1);
	waitpid(sender, NULL, 0);
	assert_int_equal(status, 0);
	assert_true(shared->received > ROUNDS);
	assert_int_equal(world_stat(w, "udp_writes"), (long long)shared->received);
	munmap(shared, sizeof(*shared));
}

static pid_t start_up_to_the_marks(struct world *w)
{
	return bmcctl_paused(&w->server, "sockets marked",
			     "start --name %s --iface " WORLD_IF
			     " --memory 16M --mode native --wait --user nobody",
			     w->instance);
}

/* The words of the instance, as the programs have them. */
static const struct bmc_shared *map_words(struct world *w)
{
	const struct bmc_shared *words;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/bpf/bmc/%s/maps/bmc_shared", w->instance);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	words = mmap(NULL, sizeof(*words), PROT_READ, MAP_SHARED, fd, 0);
	assert_true(words != MAP_FAILED);
	close(fd);
	return words;
}

/*
 * While `start` is at work it sees to what came before it marked the sockets. The bug: what a socket of later got before its
 * mark, nobody saw to; fills began with such a write still in it.
 */
static void a_write_that_nobody_read_is_waited_for_by_start(void **state)
{
	double until = test_now() + test_patience(30);
	struct shared *shared = map_shared();
	const struct bmc_shared *words;
	struct world *w = *state;
	pid_t start, sender, binder;

	shared->rounds = INT_MAX;
	start = start_up_to_the_marks(w);
	words = map_words(w);
	in_child(w, shared, send_sets, &sender);
	in_child(w, shared, bind_sockets, &binder);
	while (*(const volatile __u64 *)&words->server[0].missed == BMC_MISSED_COUNTS) {
		assert_true(test_now() < until);
		test_sleep(0.01);
	}
	set_flag(&shared->keeps, 1);
	while (!flag_of(&shared->is_kept)) {
		assert_true(test_now() < until);
		test_sleep(0.01);
	}
	set_flag(&shared->over, 1);
	waitpid(sender, NULL, 0);
	assert_int_equal(bmcctl_go_on(start), 1);
	child_stop(binder, SIGKILL);
	munmap((void *)words, sizeof(*words));
	munmap(shared, sizeof(*shared));
}

/* One that takes what it got is served, and start ends as always. */
static void one_that_comes_while_start_is_at_work_is_cached(void **state)
{
	struct shared *shared = map_shared();
	struct world *w = *state;
	pid_t start, sender;

	start = start_up_to_the_marks(w);
	in_child(w, shared, send_sets, &sender);
	for (int i = 0; i < 5; i++) {
		set_flag(&shared->is_on, 1);
		memcached_start(&w->memcached, &w->server, WORLD_PORT, NULL);
		set_flag(&shared->is_on, 0);
		if (i < 4)
			memcached_stop(&w->memcached);
	}
	set_flag(&shared->over, 1);
	waitpid(sender, NULL, 0);
	assert_int_equal(bmcctl_go_on(start), 0);
	world_open_clients(w);
	world_cache(w, "other", "value");
	world_expect_truth(w, &w->tcp, &w->udp, "k", "sets over UDP while start was at work");
	munmap(shared, sizeof(*shared));
}

#define EMPTY_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup_empty, world_teardown)

static const struct CMUnitTest tests[] = {
	EMPTY_TEST(a_write_while_a_socket_is_bound_is_seen),
	EMPTY_TEST(a_write_that_nobody_read_is_waited_for_by_start),
	EMPTY_TEST(one_that_comes_while_start_is_at_work_is_cached),
};

TEST_MAIN(tests, NULL, NULL)
