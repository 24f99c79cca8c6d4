// SPDX-License-Identifier: LGPL-2.1-only
/* What a sender's UDP_SEGMENT glues together: skb mode sees it as one packet. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

#define NO_ANSWER_MS 300

/* The device of `ns` takes what is not cut and not summed. */
static void offloads(const struct ns *ns, const char *ifname)
{
	char line[200];

	snprintf(line, sizeof(line),
		 "nsenter --net=/run/netns/%s ethtool -K %s tx on sg on gso on tx-udp-segmentation "
		 "on >/dev/null 2>&1",
		 ns->name, ifname);
	assert_int_equal(system(line), 0);
}

/* Sends `len` bytes as datagrams of `size` bytes, which the device is to cut. -> how many datagrams come back */
static int ask_in_segments(struct udp *u, const void *bytes, size_t len, int size)
{
	struct pollfd fd = { .fd = u->fd, .events = POLLIN };
	char answer[2048];
	int n = 0;

	assert_return_code(setsockopt(u->fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), errno);
	assert_int_equal(send(u->fd, bytes, len, 0), len);
	while (poll(&fd, 1, NO_ANSWER_MS) > 0 && recv(u->fd, answer, sizeof(answer), 0) > 0)
		n++;
	return n;
}

/* Two datagrams, neither of which memcached answers, are one get for who sees them in one piece. */
static void a_get_in_two_segments(void **state)
{
	static const char request[] = "\x77\x01\0\0\0\1\0\0get aaaabbbb\r\n";
	struct world *w = *state;
	long long hits, wrong;

	world_cache(w, "aaaabbbb", "a value that nobody asked for");
	hits = world_stat(w, "hits");
	wrong = world_stat(w, "pass_checksum");
	assert_int_equal(ask_in_segments(&w->udp, request, sizeof(request) - 1, 16), 0);
	assert_int_equal(world_stat(w, "hits"), hits);
	assert_int_equal(world_stat(w, "pass_checksum"), wrong + 1);
}

/* A whole get whose checksum is the device's to make is answered. */
static void a_get_in_one_segment(void **state)
{
	static const char request[] = "\x77\x01\0\0\0\1\0\0get k\r\n";
	struct world *w = *state;
	long long hits;

	world_cache(w, "k", "v");
	hits = world_stat(w, "hits");
	assert_int_equal(ask_in_segments(&w->udp, request, sizeof(request) - 1, 16), 1);
	assert_int_equal(world_stat(w, "hits"), hits + 1);
}

static int setup(void **state)
{
	struct world *w;

	world_setup_memcached(state);
	w = *state;
	world_start_bmc(w, "--max-age 60s --mode skb");
	offloads(&w->client, WORLD_CLIENT_IF);
	offloads(&w->server, WORLD_IF);
	world_open_clients(w);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(a_get_in_two_segments, setup, world_teardown),
	cmocka_unit_test_setup_teardown(a_get_in_one_segment, setup, world_teardown),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
