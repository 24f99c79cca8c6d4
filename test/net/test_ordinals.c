// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Connections that have answered 2^31 commands and more: a proxy's do so within a day. Ordinals compare modulo 2^32; what
 * was noted long ago must not seem to be still to come.
 */
#include <bpf/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bmc_conn.h"
#include "world.h"

#define FDS_MAX 256
#define QUARTER (1U << 30)
#define QUARTERS 6
#define STEPS 20

static int pinned(const struct world *w, const char *map)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/bpf/bmc/%s/maps/%s", w->instance, map);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	return fd;
}

/* A duplicate of memcached's socket of a connection with so many commands; *ret is its state. */
static int conn_of(const struct world *w, int conns, __u32 commands, struct bmc_conn *ret)
{
	int process = (int)syscall(SYS_pidfd_open, w->memcached.pid, 0), found = -1;

	assert_true(process >= 0);
	for (int i = 0; found < 0 && i < FDS_MAX; i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, process, i, 0);

		if (fd < 0)
			continue;
		if (!bpf_map_lookup_elem(conns, &fd, ret) && ret->cmd == commands)
			found = fd;
		else
			close(fd);
	}
	close(process);
	assert_true(found >= 0);
	return found;
}

/* The connection, which nothing is on its way of, after `by` more commands and answers. */
static void age(const struct world *w, __u32 commands, __u32 by)
{
	int conns = pinned(w, "bmc_conns"), fd;
	struct bmc_conn conn;

	fd = conn_of(w, conns, commands, &conn);
	assert_int_equal(conn.rep, commands);
	conn.cmd += by;
	conn.rep += by;
	assert_int_equal(bpf_map_update_elem(conns, &fd, &conn, BPF_EXIST), 0);
	close(fd);
	close(conns);
}

/* A connection of its own, so that its commands are known by their number. */
static void open_with(struct world *w, struct tcp *t, __u32 commands)
{
	tcp_open(t, &w->client, WORLD_IP4, WORLD_PORT);
	for (__u32 i = 0; i < commands; i++)
		tcp_ask(t, "version\r\n", &w->text);
}

/* The bug: lines that a silent meta command may send were not counted from then on, nor were errors: writes never ended. */
static void answers_behind_half_of_the_ordinals_are_counted(void **state)
{
	struct world *w = *state;
	__u32 commands = STEPS;
	struct tcp t;

	open_with(w, &t, commands);
	for (int i = 0; i < QUARTERS; i++) {
		/* some answers before a quarter of them is full, and some behind it */
		age(w, commands, QUARTER - 2 * STEPS);
		for (__u32 step = 0; step < STEPS; step++) {
			tcp_expect(&t, "ms m 1\r\nx\r\n", "HD");
			tcp_expect(&t, "nothing\r\n", "ERROR");
		}
		commands += QUARTER;
		world_warm(w, &w->udp, "m");
	}
	tcp_close(&t);
}

/* The bug: a write that nothing had filled since, in whose bucket, was in flight again for as many answers more. */
static void a_write_of_half_of_the_ordinals_ago_is_over(void **state)
{
	struct world *w = *state;
	__u32 commands = STEPS;
	struct tcp t;

	open_with(w, &t, commands);
	tcp_set(&t, "early", "value", 5);
	tcp_set(&t, "served", "value", 5);
	world_warm(w, &w->udp, "served");
	commands += 2;
	for (int i = 0; i < QUARTERS; i++) {
		age(w, commands, QUARTER);
		tcp_set(&t, "other", "value", 5);
		commands += QUARTER + 1;
		if (i == 2)
			world_warm(w, &w->udp, "early");
	}
	world_warm(w, &w->udp, "other");
	tcp_close(&t);
}

/* The bug: the same where it has only read since: its answers were told on, until its write was to come again. */
static void a_write_of_who_only_reads_since_is_over(void **state)
{
	struct world *w = *state;
	__u32 commands = STEPS;
	struct tcp t;

	open_with(w, &t, commands);
	tcp_set(&t, "early", "value", 5);
	commands++;
	for (int i = 0; i < QUARTERS; i++) {
		age(w, commands, QUARTER - 2 * STEPS);
		for (__u32 step = 0; step < 2 * STEPS; step++)
			tcp_ask(&t, "version\r\n", &w->text);
		commands += QUARTER;
		if (i == 2)
			world_warm(w, &w->udp, "early");
	}
	tcp_set(&t, "other", "value", 5);
	world_warm(w, &w->udp, "other");
	tcp_close(&t);
}

static const struct CMUnitTest tests[] = {
	WORLD_TEST(answers_behind_half_of_the_ordinals_are_counted),
	WORLD_TEST(a_write_of_half_of_the_ordinals_ago_is_over),
	WORLD_TEST(a_write_of_who_only_reads_since_is_over),
};

TEST_MAIN(tests, NULL, NULL)
