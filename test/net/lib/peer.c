// SPDX-License-Identifier: LGPL-2.1-only
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "world.h"

#define OWN "10.77.0.9"
#define FIRST_PORT 20000
#define FIRST_SEQ 0xfffffff0U /* numbers wrap early */
#define PACKET_MAX 1500
#define FRAME_MAX 70000
#define WINDOW 60000

struct frame {
	struct ether_header eth;
	struct iphdr ip;
	struct tcphdr tcp;
	unsigned char bytes[PACKET_MAX];
} __attribute__((packed));

/* The timestamps option, as Linux has it; no echo. Its length. */
static size_t peer_stamp(struct frame *f, uint32_t stamp)
{
	const uint32_t option[] = { htonl(0x0101080a), htonl(stamp), 0 };

	memcpy(f->bytes, option, sizeof(option));
	return sizeof(option);
}

/* `len` bytes are behind the header without options. */
static void peer_checksums(struct frame *f, size_t len, int spoilt)
{
	struct iphdr ip = f->ip;
	uint32_t sum;

	f->ip.check = wire_fold(wire_sum(&ip, sizeof(ip), 0));
	sum = wire_sum(&ip.saddr, 8, (uint32_t)(IPPROTO_TCP + sizeof(f->tcp) + len));
	sum = wire_sum((unsigned char *)f + offsetof(struct frame, tcp), sizeof(f->tcp) + len, sum);
	f->tcp.check = wire_fold(sum + (uint32_t)spoilt);
}

static void peer_emit(struct peer *p, const struct peer_segment *how, uint8_t flags,
		      const void *bytes, size_t len)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = p->wire.ifindex };
	struct frame f = {};
	size_t options = p->stamp ? peer_stamp(&f, p->stamp + (uint32_t)how->stamp) : 0;
	size_t all = offsetof(struct frame, bytes) + options + len;

	assert_in_range(len, 0, PACKET_MAX - sizeof(f.ip) - sizeof(f.tcp) - options);
	memcpy(f.eth.ether_shost, p->wire.from, 6);
	memcpy(f.eth.ether_dhost, p->wire.to, 6);
	f.eth.ether_type = htons(ETHERTYPE_IP);
	f.ip = (struct iphdr){ .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP };
	f.ip.tot_len = htons((uint16_t)(sizeof(f.ip) + sizeof(f.tcp) + options + len));
	f.ip.saddr = p->address;
	f.ip.daddr = p->server;
	f.tcp.th_sport = p->port;
	f.tcp.th_dport = htons(WORLD_PORT);
	f.tcp.th_seq = htonl(p->seq + (uint32_t)how->seq);
	f.tcp.th_ack = htonl(p->ack + (uint32_t)how->ack);
	f.tcp.th_off = (unsigned)(sizeof(f.tcp) + options) / 4;
	f.tcp.th_flags = flags;
	f.tcp.th_win = htons(WINDOW);
	f.tcp.th_urp = htons(how->urgent);
	memcpy(f.bytes + options, bytes, len);
	peer_checksums(&f, options + len, how->spoilt);
	assert_int_equal(sendto(p->wire.fd, &f, all, 0, (struct sockaddr *)&to, sizeof(to)), all);
}

void peer_send(struct peer *p, const struct peer_segment *how, const void *bytes, size_t len)
{
	peer_emit(p, how, how->flags | TH_ACK, bytes, len);
}

void peer_say(struct peer *p, const char *bytes)
{
	static const struct peer_segment next = { .flags = TH_PUSH };

	peer_send(p, &next, bytes, strlen(bytes));
	p->seq += (uint32_t)strlen(bytes);
}

/* A segment of the server's: what it acknowledges, and its bytes if they are next. */
static void peer_take(struct peer *p, const struct frame *f, size_t len)
{
	static const struct peer_segment plain = {};
	size_t head = sizeof(f->eth) + sizeof(f->ip) + (size_t)f->tcp.th_off * 4;
	size_t end = sizeof(f->eth) + ntohs(f->ip.tot_len);
	uint32_t seq = ntohl(f->tcp.th_seq);

	p->acked = ntohl(f->tcp.th_ack);
	if (f->tcp.th_flags & TH_RST)
		p->reset = 1;
	if (f->tcp.th_flags & TH_SYN) {
		p->ack = seq + 1;
		return;
	}
	if (head > end || end > len || seq != p->ack)
		return;
	text_append(&p->in, (const unsigned char *)f + head, end - head);
	p->ack += (uint32_t)(end - head) + !!(f->tcp.th_flags & TH_FIN);
	if (p->ack != seq)
		peer_send(p, &plain, "", 0);
}

/* One frame, at most until then; whether there was one. */
static int peer_look(struct peer *p, double until)
{
	static unsigned char bytes[FRAME_MAX];
	const struct frame *f = (const struct frame *)bytes;
	struct pollfd fd = { .fd = p->wire.fd, .events = POLLIN };
	ssize_t n;

	if (poll(&fd, 1, test_left_ms(until)) <= 0)
		return 0;
	n = recv(p->wire.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n >= (ssize_t)offsetof(struct frame, bytes) && f->ip.ihl == 5 &&
	    f->ip.protocol == IPPROTO_TCP && f->ip.daddr == p->address &&
	    f->tcp.th_dport == p->port)
		peer_take(p, f, (size_t)n);
	return 1;
}

int peer_receive(struct peer *p, double seconds, struct text *ret)
{
	double until = test_now() + test_patience(seconds);
	size_t len;

	text_clear(ret);
	while (!(len = text_answer(&p->in))) {
		if (!peer_look(p, until))
			return -ETIMEDOUT;
	}
	text_append(ret, p->in.data, len);
	text_cut(&p->in, len);
	return 0;
}

void peer_expect(struct peer *p, const char *answer)
{
	struct text got = {};

	assert_int_equal(peer_receive(p, TEST_ANSWER_S, &got), 0);
	text_assert_is("answer", &got, answer);
	text_free(&got);
}

void peer_wait(struct peer *p)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);

	while (p->acked != p->seq)
		assert_true(peer_look(p, until));
}

static const struct peer_segment plain;

void peer_open(struct peer *p, struct world *w)
{
	peer_open_by(p, w, 0, &plain);
}

void peer_open_stamped(struct peer *p, struct world *w, uint32_t stamp)
{
	peer_open_by(p, w, stamp, &plain);
}

void peer_open_by(struct peer *p, struct world *w, uint32_t stamp, const struct peer_segment *last)
{
	peer_begin(p, w, stamp);
	peer_send(p, last, "", 0);
}

void peer_begin(struct peer *p, struct world *w, uint32_t stamp)
{
	static uint16_t number;
	struct sockaddr_ll all = { .sll_family = AF_PACKET };

	memset(p, 0, sizeof(*p));
	wire_open(&p->wire, &w->client, WORLD_CLIENT_IF, &w->server, WORLD_IF);
	all.sll_ifindex = p->wire.ifindex;
	all.sll_protocol = htons(ETH_P_IP);
	assert_return_code(bind(p->wire.fd, (struct sockaddr *)&all, sizeof(all)), errno);
	child_sh(&w->server,
		 "ip neigh replace " OWN " lladdr %02x:%02x:%02x:%02x:%02x:%02x dev " WORLD_IF,
		 p->wire.from[0], p->wire.from[1], p->wire.from[2], p->wire.from[3],
		 p->wire.from[4], p->wire.from[5]);
	p->address = inet_addr(OWN);
	p->server = inet_addr(WORLD_IP4);
	p->port = htons((uint16_t)(FIRST_PORT + number++));
	p->seq = FIRST_SEQ;
	p->stamp = stamp;
	peer_emit(p, &plain, TH_SYN, "", 0);
	p->seq++;
	peer_wait(p);
	assert_false(p->reset);
}

void peer_close(struct peer *p)
{
	static const struct peer_segment reset = { .flags = TH_RST };

	peer_send(p, &reset, "", 0);
	wire_close(&p->wire);
	text_free(&p->in);
}
