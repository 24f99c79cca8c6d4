// SPDX-License-Identifier: LGPL-2.1-only
/* Headers between Ethernet and UDP that few packets have. */
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "fake.h"
#include "wire.h"
#include "world.h"

#define FRAME_HEADER 8 /* memcached's */
#define EXTENSION 8 /* bytes of each one */

#define TAG 4
#define DAEMON 1 /* another user */

/*
 * What is in front of a UDP or TCP header, from Ethernet on: IPv6 between the ends of `fd`, and extension headers of these
 * types, 8 bytes each. Returns where that header is.
 */
static unsigned char *put_headers(unsigned char *bytes, const struct wire *wire, int fd,
				  const unsigned char *types, size_t n, uint8_t proto, size_t len)
{
	struct sockaddr_in6 source = {}, dest = {};
	struct ether_header *eth = (struct ether_header *)bytes;
	struct ip6_hdr *ip = (struct ip6_hdr *)(eth + 1);
	unsigned char *at = (unsigned char *)(ip + 1);
	socklen_t size = sizeof(source);

	assert_return_code(getsockname(fd, (struct sockaddr *)&source, &size), errno);
	assert_return_code(getpeername(fd, (struct sockaddr *)&dest, &size), errno);
	memcpy(eth->ether_shost, wire->from, 6);
	memcpy(eth->ether_dhost, wire->to, 6);
	eth->ether_type = htons(ETHERTYPE_IPV6);
	ip->ip6_vfc = 0x60;
	ip->ip6_hlim = 64;
	ip->ip6_nxt = n ? types[0] : proto;
	ip->ip6_plen = htons((uint16_t)(n * EXTENSION + len));
	ip->ip6_src = source.sin6_addr;
	ip->ip6_dst = dest.sin6_addr;
	for (size_t i = 0; i < n; i++, at += EXTENSION) {
		at[0] = i + 1 < n ? types[i + 1] : proto;
		if (types[i] != IPPROTO_FRAGMENT) {
			at[2] = 1; /* PadN of 4 bytes: RFC 8200, section 4.2 */
			at[3] = 4;
		}
	}
	memcpy(at, &source.sin6_port, 2); /* where UDP and TCP have them */
	memcpy(at + 2, &dest.sin6_port, 2);
	return at;
}

/* Of `len` bytes from a UDP or TCP header on. */
static uint16_t checksum(const unsigned char *bytes, const void *header, uint8_t proto, size_t len)
{
	const struct ip6_hdr *ip = (const struct ip6_hdr *)(bytes + sizeof(struct ether_header));

	return wire_fold(
		wire_sum(header, len, wire_sum(&ip->ip6_src, 32, (uint32_t)(proto + len))));
}

static void put_on_wire(const struct wire *wire, const unsigned char *bytes, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = wire->ifindex };

	assert_int_equal(sendto(wire->fd, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)), len);
}

/*
 * An IPv6 datagram of u's with extension headers of these types, 8 bytes each, before its UDP header; in a VLAN, if that is
 * not 0.
 */
static void send_behind(struct wire *wire, struct udp *u, uint16_t vlan, const unsigned char *types,
			size_t n, const char *request)
{
	uint16_t tag[2] = { htons(ETHERTYPE_VLAN), htons(vlan) };
	size_t text = strlen(request), udp_len = sizeof(struct udphdr) + FRAME_HEADER + text, len;
	uint16_t id = htons(++u->id), one = htons(1);
	unsigned char bytes[1500] = {}, *at;
	struct udphdr *udp;

	at = put_headers(bytes, wire, u->fd, types, n, IPPROTO_UDP, udp_len);
	udp = (struct udphdr *)at;
	udp->len = htons((uint16_t)udp_len);
	at += sizeof(*udp);
	memcpy(at, &id, 2);
	memcpy(at + 4, &one, 2);
	memcpy(at + FRAME_HEADER, request, text);
	udp->check = checksum(bytes, udp, IPPROTO_UDP, udp_len);
	len = (size_t)(at + FRAME_HEADER + text - bytes);
	if (vlan) {
		at = bytes + offsetof(struct ether_header, ether_type);
		memmove(at + TAG, at, len - 2 * ETHER_ADDR_LEN);
		memcpy(at, tag, TAG);
		len += TAG;
	}
	put_on_wire(wire, bytes, len);
}

/* The number of a connection's next byte: tcp(7) does not tell, but to who repairs one. */
static uint32_t number_of(const struct tcp *t, int queue)
{
	int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF_NO_WP;
	socklen_t len = sizeof(uint32_t);
	uint32_t number = 0;

	assert_return_code(setsockopt(t->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), errno);
	assert_return_code(setsockopt(t->fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)),
			   errno);
	assert_return_code(getsockopt(t->fd, IPPROTO_TCP, TCP_QUEUE_SEQ, &number, &len), errno);
	assert_return_code(setsockopt(t->fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)), errno);
	return number;
}

/* The same of a segment of t's, so much ahead of its turn. */
static void send_tcp_behind(struct wire *wire, const struct tcp *t, uint32_t ahead,
			    const unsigned char *types, size_t n, const char *request)
{
	size_t text = strlen(request), len = sizeof(struct tcphdr) + text;
	unsigned char bytes[1500] = {}, *at;
	struct tcphdr *tcp;

	at = put_headers(bytes, wire, t->fd, types, n, IPPROTO_TCP, len);
	tcp = (struct tcphdr *)at;
	tcp->th_seq = htonl(number_of(t, TCP_SEND_QUEUE) + ahead);
	tcp->th_ack = htonl(number_of(t, TCP_RECV_QUEUE));
	tcp->th_off = sizeof(*tcp) / 4;
	tcp->th_flags = TH_ACK | TH_PUSH;
	tcp->th_win = htons(1000);
	memcpy(tcp + 1, request, text);
	tcp->th_sum = checksum(bytes, tcp, IPPROTO_TCP, len);
	put_on_wire(wire, bytes, (size_t)(at - bytes) + len);
}

static void writes_behind(struct world *w, const unsigned char *types, size_t n)
{
	struct wire wire;

	wire_open(&wire, &w->client, WORLD_CLIENT_IF, &w->server, WORLD_IF);
	world_cache(w, "k", "old");
	world_warm(w, &w->udp6, "k");
	send_behind(&wire, &w->udp6, 0, types, n, "set k 0 0 3\r\nnew\r\n");
	assert_int_equal(udp_receive(&w->udp6, w->udp6.id, TEST_ANSWER_S, &w->text), 0);
	text_assert_is("set", &w->text, "STORED\r\n");
	world_expect(w, &w->udp6, "k", "new");
	world_expect(w, &w->udp, "k", "new");
	world_warm(w, &w->udp6, "k");
	wire_close(&wire);
}

static void a_write_behind_extension_headers(void **state)
{
	static const unsigned char types[] = { IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
					       IPPROTO_DSTOPTS, IPPROTO_DSTOPTS };
	struct world *w = *state;

	for (size_t n = 0; n <= TEST_COUNT(types); n++)
		writes_behind(w, types, n);
}

/* Also those that are not in step: a connection was lost to whoever knew its ports. */
static void segments_behind(struct world *w, const unsigned char *types, size_t n)
{
	struct wire wire;
	struct tcp t;

	wire_open(&wire, &w->client, WORLD_CLIENT_IF, &w->server, WORLD_IF);
	tcp_open(&t, &w->client, WORLD_IP6, WORLD_PORT);
	tcp_expect(&t, "mn\r\n", "MN");
	world_cache(w, "k", "old");
	world_warm(w, &w->udp6, "k");
	send_tcp_behind(&wire, &t, 0x10000000, types, n, "set k 0 0 3\r\nbad\r\n");
	world_expect(w, &w->udp6, "k", "old");
	assert_int_equal(world_stat(w, "lost"), 0);
	send_tcp_behind(&wire, &t, 0, types, n, "set k 0 0 3\r\nnew\r\n");
	world_await(w, &w->tcp, "k", "new");
	world_expect(w, &w->udp6, "k", "new");
	assert_int_equal(world_stat(w, "lost"), 0);
	world_warm(w, &w->udp6, "k");
	tcp_close(&t);
	wire_close(&wire);
}

static void a_segment_behind_extension_headers(void **state)
{
	static const unsigned char types[] = { IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_DSTOPTS,
					       IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT,
					       IPPROTO_DSTOPTS };
	static const size_t some[] = { 0, 3, 4, 5, 7 };

	for (size_t i = 0; i < TEST_COUNT(some); i++)
		segments_behind(*state, types, some[i]);
}

static void a_write_in_an_atomic_fragment(void **state)
{
	static const unsigned char type = IPPROTO_FRAGMENT;

	writes_behind(*state, &type, 1);
}

/* The same address in a VLAN of which memcached's namespace has no interface: another host's. */
static void a_get_in_another_vlan(void **state)
{
	struct world *w = *state;
	struct wire wire;
	long long before;

	wire_open(&wire, &w->client, WORLD_CLIENT_IF, &w->server, WORLD_IF);
	world_cache(w, "k", "ours");
	world_warm(w, &w->udp6, "k");
	before = world_stat(w, "miss_address");
	send_behind(&wire, &w->udp6, 5, NULL, 0, "get k\r\n");
	assert_int_equal(udp_receive(&w->udp6, w->udp6.id, 0.3, &w->text), -ETIMEDOUT);
	assert_int_equal(world_stat(w, "miss_address"), before + 1);
	wire_close(&wire);
}

/* Which counter a get behind a VLAN tag raises by one, of these. */
static const char *what_a_tagged_get_is(struct world *w, struct wire *wire)
{
	static const char *const counters[] = { "pass_others", "miss_address", "misses" };
	long long before[TEST_COUNT(counters)];

	for (size_t i = 0; i < TEST_COUNT(counters); i++)
		before[i] = world_stat(w, counters[i]);
	send_behind(wire, &w->udp6, 5, NULL, 0, "get k\r\n");
	assert_int_equal(udp_receive(&w->udp6, w->udp6.id, 0.1, &w->text), -ETIMEDOUT);
	for (size_t i = 0; i < TEST_COUNT(counters); i++) {
		if (world_stat(w, counters[i]) == before[i] + 1)
			return counters[i];
	}
	return "none";
}

/*
 * Whose a request behind tags is cannot be looked up: once another user's socket was there, all were passed on until
 * `stop`.
 */
static void others_come_and_go(void **state)
{
	static struct fake before, after, loopback;
	struct world *w = *state;
	struct wire wire;

	fake_start(&before, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	world_start_bmc(w, "--max-age 60s");
	world_open_clients(w);
	wire_open(&wire, &w->client, WORLD_CLIENT_IF, &w->server, WORLD_IF);
	tcp_set(&w->tcp, "k", "value", 5);
	world_warm(w, &w->udp6, "k");
	assert_string_equal(what_a_tagged_get_is(w, &wire), "pass_others");
	fake_start(&after, &w->server, "10.77.0.9", WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	fake_start(&loopback, &w->server, "127.0.0.9", WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	fake_stop(&before);
	assert_string_equal(what_a_tagged_get_is(w, &wire), "pass_others");
	fake_stop(&after);
	world_warm(w, &w->udp6, "k");
	assert_string_equal(what_a_tagged_get_is(w, &wire), "miss_address");
	world_warm(w, &w->udp, "k");
	fake_start(&before, &w->server, WORLD_IP4, WORLD_PORT, DAEMON, FAKE_NO_TCP, "END\r\n");
	udp_get(&w->udp, "k", &w->text);
	text_assert_is("that came again", &w->text, "END\r\n");
	assert_string_equal(what_a_tagged_get_is(w, &wire), "pass_others");
	fake_stop(&before);
	fake_stop(&loopback);
	wire_close(&wire);
}

static int others_setup(void **state)
{
	struct world *w;

	world_setup_memcached(state);
	w = *state;
	child_sh(&w->server, "ip addr add 10.77.0.9/24 dev " WORLD_IF);
	return 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(others_come_and_go, others_setup, world_teardown),
	WORLD_TEST(a_get_in_another_vlan),
	WORLD_TEST(a_write_behind_extension_headers),
	WORLD_TEST(a_write_in_an_atomic_fragment),
	WORLD_TEST(a_segment_behind_extension_headers),
};

TEST_MAIN(tests, NULL, NULL)
